"""What the suites over all operations need of a service: a server with something of everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar, cast

from aconnect._client.bound import ChannelOwner
from aconnect._client.operation import REGISTRY, Operation
from aconnect._client.resource import Resource

S = TypeVar("S")
C = TypeVar("C")


class Scene(Generic[S, C]):
    """A server with something of everything, and what its things are called."""

    def __init__(self, server: S, client: C) -> None:
        self.server = server
        self.client = client
        self.ids: dict[str, dict[str, str]] = {}
        """What names stand for, by resource group; by operation where that needs something else."""
        self.bodies: dict[str, dict[str, Any]] = {}
        """Arguments that are no ids, by operation."""

    async def set_up(self) -> None:
        """Make what the seed does not have, and learn what things are called."""
        raise AssertionError("each service has its own")

    def call(self, key: str) -> Callable[[], Awaitable[Any]]:
        """Give the call of an operation, ready to be made."""
        declared = REGISTRY[key]
        group: type[Resource] = getattr(
            import_module(declared.function.__module__),
            declared.function.__qualname__.partition(".")[0],
        )
        ids = {**self.ids.get(group._name, {}), **self.ids.get(declared.name, {})}
        own = set(declared.signature.arguments)
        places = {name for name, *_ in declared.signature.path}
        resource = group(
            cast("ChannelOwner", self.client), {name: ids[name] for name in places - own}
        )
        given = dict(self.bodies.get(declared.name, {}))
        for name in declared.signature.required - given.keys():
            if name not in ids:
                raise AssertionError(
                    f"{declared.name} needs a value for {name!r}: add one to its scene's ids or "
                    "bodies"
                )
            given[name] = ids[name]
        method = getattr(resource, declared.function.__name__)

        async def call() -> Any:
            return await method(**given)

        return call


@dataclass(frozen=True)
class Setting:
    """How a service is simulated and called."""

    server: Callable[[Operation], Any]
    """Takes the operation: retired ones need an old server."""
    client: Callable[..., Any]
    """Takes the server and options of the client."""
    scenario: Callable[[Any, Any], Scene[Any, Any]]

"""What the suites over all operations need: a server with objects of every type."""

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
    """A server with objects of every type, and their ids."""

    def __init__(self, server: S, client: C) -> None:
        self.server = server
        self.client = client
        self.ids: dict[str, dict[str, str]] = {}
        """The values of path arguments, by resource or by operation."""
        self.bodies: dict[str, dict[str, Any]] = {}
        """Arguments other than ids, by operation."""

    async def set_up(self) -> None:
        """Create what the seed does not have, and record the ids."""
        raise AssertionError("each service has its own")

    def arguments(self, key: str) -> tuple[Resource, dict[str, Any]]:
        """Return the resource of an operation, and what to pass to it."""
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
        return resource, given

    def call(self, key: str) -> Callable[[], Awaitable[Any]]:
        """Return the call of an operation."""
        resource, given = self.arguments(key)
        method = getattr(resource, REGISTRY[key].function.__name__)

        async def call() -> Any:
            return await method(**given)

        return call


@dataclass(frozen=True)
class Setting:
    """How to simulate a service and create its client."""

    server: Callable[[Operation], Any]
    """Takes the operation: removed ones need an old server."""
    client: Callable[..., Any]
    """Takes the server and options of the client."""
    scenario: Callable[[Any, Any], Scene[Any, Any]]

"""Environment variables of content.

The server never returns a value; it only lists the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, TypedDict, TypeVar

from aconnect._client.derived import first_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource
from aconnect.errors import InvalidArgumentError

V_co = TypeVar("V_co", covariant=True)


class _HasKeys(Protocol[V_co]):
    def keys(self) -> Iterable[str]: ...

    def __getitem__(self, name: str, /) -> V_co: ...


Variables = _HasKeys[V_co] | Iterable[tuple[str, V_co]]
"""Names and values, as `dict` takes them: a mapping, anything with `keys()`, or pairs."""


class EnvironmentVariableParams(TypedDict):
    """A variable to set; None deletes it."""

    name: str
    value: str | None
    """None deletes the variable."""


def _values(given: Mapping[str, Any]) -> list[object]:
    """Return the values of the variables, which are secret."""
    return [variable.get("value") for variable in given["body"]]


class EnvironmentVariables(
    ConnectResource, name="content.environment_variables", scope=("guid",), since="1.8.6"
):
    """The environment variables of one content item; the server never returns their values."""

    @paged("/v1/content/{guid}/environment", by=Unpaged())
    def find(self) -> Paged[str]:
        """List the names."""
        ...

    find_one: Final = first_of(find)
    count: Final = total_of(find)

    async def create(self, name: str, value: str) -> list[str]:
        """Set one variable and return all names."""
        return await self._patch(_body({name: value}))

    async def delete(self, name: str) -> list[str]:
        """Delete one variable and return the remaining names."""
        return await self.update({name: None})

    async def update(self, values: Variables[str | None] = (), /, **more: str | None) -> list[str]:
        """Set the given variables, delete those whose value is None, and keep the others.

        They are given as `dict.update` takes them: a mapping or pairs, and keyword arguments.
        """
        return await self._patch(_body(values, more, deletes=True))

    async def replace(self, values: Variables[str]) -> list[str]:
        """Set the given variables, a mapping or pairs, and delete all others."""
        return await self._put(_body(values))

    async def clear(self) -> None:
        """Delete all variables."""
        await self._put([])

    @endpoint("PATCH", "/v1/content/{guid}/environment", idempotent=True, secret=_values)
    async def _patch(self, body: list[EnvironmentVariableParams]) -> list[str]:
        """Set the given variables, delete those whose value is None, and keep the others."""
        ...

    @endpoint("PUT", "/v1/content/{guid}/environment", secret=_values)
    async def _put(self, body: list[EnvironmentVariableParams]) -> list[str]:
        """Set the given variables and delete all others."""
        ...


def _body(
    values: Variables[str | None],
    more: Mapping[str, str | None] = MappingProxyType({}),
    *,
    deletes: bool = False,
) -> list[EnvironmentVariableParams]:
    # Callers that are not type-checked pass anything.
    given: Any = values
    try:
        variables: dict[Any, Any] = {**dict(given), **more}
    except (TypeError, ValueError):
        # Their errors quote a value.
        raise InvalidArgumentError(
            "environment variables are a mapping or pairs of name and value; a "
            f"{type(values).__name__} that is neither was passed"
        ) from None
    for name, value in variables.items():
        if not (isinstance(name, str) and (isinstance(value, str) or (deletes and value is None))):
            raise InvalidArgumentError(
                f"cannot set the environment variable {name!r} to a value of type "
                f"{type(value).__name__}; names and values are text, and None in `update` deletes "
                "a variable"
            )
    return [{"name": name, "value": value} for name, value in variables.items()]

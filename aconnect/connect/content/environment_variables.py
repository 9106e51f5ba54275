"""Environment variables of content.

The server never returns a value; it only lists the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from aconnect._client.derived import first_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


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
        return await self.update({name: value})

    async def delete(self, name: str) -> list[str]:
        """Delete one variable and return the remaining names."""
        return await self.update({name: None})

    async def update(self, values: Mapping[str, str | None]) -> list[str]:
        """Set the given variables, delete those whose value is None, and keep the others."""
        return await self._patch(_pairs(values))

    async def replace(self, values: Mapping[str, str]) -> list[str]:
        """Set the given variables and delete all others."""
        return await self._put(_pairs(values))

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


def _pairs(values: Mapping[str, str | None]) -> list[EnvironmentVariableParams]:
    return [{"name": name, "value": value} for name, value in values.items()]

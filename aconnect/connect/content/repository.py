"""Git repositories that content is deployed from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._client.resource import resource
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class Repository(ConnectBound, kw_only=True):
    """The location in Git that content is deployed from, and the result of the last fetch."""

    repository: str = ""
    """Its address, with `http` or `https`."""
    branch: str | None = None
    directory: str | None = None
    """The folder of the content's `manifest.json` in the repository; `.` is its top."""
    polling: bool | None = None
    """Whether the server checks for new commits and deploys them."""
    last_error: str | None = None
    """The error of the last fetch; empty or None if it succeeded."""
    last_known_commit: str | None = None
    last_fetched_time: datetime | None = None

    _repository = resource(lambda: ContentRepository)

    async def refresh(self) -> Repository:
        """Reload the location."""
        return await self._repository.get()

    async def update(self, **fields: Unpack[RepositoryUpdateParams]) -> Repository:
        """Change the given fields and return the updated location."""
        return await self._repository.update(**fields)

    async def delete(self) -> None:
        """Disconnect the content from Git; deployed bundles are kept."""
        await self._repository.delete()


class RepositoryUpdateParams(TypedDict, total=False):
    """Fields of a location that can be changed."""

    repository: str
    """Its address, with `http` or `https`."""
    branch: str
    directory: str
    """The folder of `manifest.json` in the repository; `.` is its top."""
    polling: bool
    """Whether the server checks for new commits and deploys them."""


class RepositoryPutParams(TypedDict, total=False):
    """Fields of a new location."""

    repository: Required[str]
    """Its address, with `http` or `https`."""
    branch: str
    directory: str
    """The folder of `manifest.json` in the repository; `.` is its top."""
    polling: bool
    """Whether the server checks for new commits and deploys them."""


def _password(given: Mapping[str, Any]) -> list[object]:
    """Return the password or token that an address may contain."""
    user, _, _ = str(given.get("repository", "")).rpartition("@")
    return [user.rpartition(":")[2].removeprefix("//")]


class ContentRepository(
    ConnectResource, name="content.repository", scope=("guid",), since="2022.12.0"
):
    """The Git repository of one content item; content has one or none."""

    @endpoint("GET", "/v1/content/{guid}/repository")
    async def get(self) -> Repository:
        """Get the location; `NotFoundError` if the content is not deployed from Git."""
        ...

    @endpoint("PUT", "/v1/content/{guid}/repository", secret=_password)
    async def put(self, **fields: Unpack[RepositoryPutParams]) -> Repository:
        """Deploy the content from Git from now on; replaces the previous location."""
        ...

    @endpoint("PATCH", "/v1/content/{guid}/repository", idempotent=True, secret=_password)
    async def update(self, **fields: Unpack[RepositoryUpdateParams]) -> Repository:
        """Change the given fields; `ConflictError` if the content is not deployed from Git."""
        ...

    @endpoint("DELETE", "/v1/content/{guid}/repository")
    async def delete(self) -> None:
        """Disconnect the content from Git; deployed bundles are kept."""
        ...

"""Caches: the packages that content needs, kept by the server."""

from __future__ import annotations

from typing import Final, Literal, Required, TypedDict, Unpack, overload

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import resource
from aconnect.connect._base.paging import UnpagedEnvelope
from aconnect.connect._base.resource import ConnectBound, ConnectResource
from aconnect.connect.tasks import Task, TaskStatus
from aconnect.errors import DecodeError

RuntimeCacheLanguage = Literal["Python", "R"] | str
"""The language of a cache."""


class RuntimeCache(ConnectBound, kw_only=True):
    """The installed packages of one language version in one execution environment."""

    language: str = ""
    """`R` or `Python`."""
    version: str = ""
    image_name: str = ""
    """`Local`, or the name of an image."""

    @overload
    async def delete(self, *, dry_run: Literal[True]) -> None: ...

    @overload
    async def delete(self, *, dry_run: Literal[False] = False) -> Task[TaskStatus]: ...

    @overload
    async def delete(self, *, dry_run: bool) -> Task[TaskStatus] | None: ...

    async def delete(self, *, dry_run: bool = False) -> Task[TaskStatus] | None:
        """Start the deletion of the cache; with `dry_run`, only check whether it is possible."""
        caches = self.client.system.caches.runtime
        task = await caches.delete(
            language=self.language,
            version=self.version,
            image_name=self.image_name,
            dry_run=dry_run,
        )
        if task is None and not dry_run:
            raise DecodeError(
                f"the server started no task to delete the cache of {self.language} {self.version} "
                f"in {self.image_name}; check whether it still exists"
            )
        return task


class RuntimeCacheDeleteParams(TypedDict, total=False):
    """The cache to delete."""

    language: Required[RuntimeCacheLanguage]
    version: Required[str]
    image_name: Required[str]
    dry_run: bool
    """Only check whether it is possible."""


class RuntimeCaches(
    ConnectResource, name="system.caches.runtime", since="2023.05.0", role="administrator"
):
    """The caches of packages that content needs."""

    @paged("/v1/system/caches/runtime", by=UnpagedEnvelope("caches"))
    def find(self) -> Paged[RuntimeCache]:
        """List all caches."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("DELETE", "/v1/system/caches/runtime")
    async def delete(self, **fields: Unpack[RuntimeCacheDeleteParams]) -> Task[TaskStatus] | None:
        """Start the deletion of a cache; a dry run starts no task."""
        ...


class SystemCaches(ConnectResource, name="system.caches"):
    """The caches of the server."""

    runtime: Final = resource(RuntimeCaches)

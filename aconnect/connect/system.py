"""System: the hosts, caches and documentation of what content runs on.

Checks and service tokens, which are reached from here, have modules of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Required, TypedDict, Unpack, overload

from aconnect._core.endpoint import endpoint, paged
from aconnect._core.model import Model
from aconnect._core.paging import Paged
from aconnect._core.styles import Whole
from aconnect.connect.base import ConnectBound, ConnectResource
from aconnect.connect.checks import SystemChecks
from aconnect.connect.service_tokens import ServiceTokens
from aconnect.connect.storage import SystemStorage
from aconnect.connect.styles import Wrapped
from aconnect.connect.tasks import Task, TaskStatus
from aconnect.errors import ConnectError


class Host(Model, kw_only=True):
    """A machine that Connect runs on, or did."""

    hostname: str = ""
    version: str | None = None
    """Of the Connect there."""
    last_seen: datetime | None = None


class ServiceAccounts(Model, kw_only=True):
    """The service accounts of Kubernetes that were found when Connect started."""

    enabled: bool | None = None
    """Whether content may choose one of its own."""
    default: str | None = None
    accounts: list[str] = []


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
        """Start to delete the cache; with `dry_run` only ask whether that could be done."""
        caches = self.client.system.caches.runtime
        task = await caches.delete(
            language=self.language,
            version=self.version,
            image_name=self.image_name,
            dry_run=dry_run,
        )
        if task is None and not dry_run:
            raise ConnectError(
                f"the server started no task to delete the cache of {self.language} {self.version} "
                f"in {self.image_name}; see whether it is still there"
            )
        return task


class RuntimeCacheDelete(TypedDict, total=False):
    """Which cache to delete."""

    language: Required[str]
    version: Required[str]
    image_name: Required[str]
    dry_run: bool
    """Only ask whether that could be done."""


class RuntimeCaches(
    ConnectResource, name="system.caches.runtime", since="2023.05.0", role="administrator"
):
    """The caches of packages that content needs."""

    @paged("/v1/system/caches/runtime", by=Wrapped("caches"))
    def find(self) -> Paged[RuntimeCache]:
        """Find all caches."""
        ...

    @endpoint("DELETE", "/v1/system/caches/runtime")
    async def delete(self, **fields: Unpack[RuntimeCacheDelete]) -> Task[TaskStatus] | None:
        """Start to delete a cache; a dry run starts no task."""
        ...


class SystemCaches(ConnectResource, name="system.caches"):
    """What the server keeps to be faster."""

    @property
    def runtime(self) -> RuntimeCaches:
        """The caches of packages that content needs."""
        return RuntimeCaches(self._client)


class SystemDocumentation(Model, kw_only=True):
    """What the administrators have written about their server."""

    content: str = ""
    """Markdown."""
    created_time: datetime | None = None


class DocumentationPut(TypedDict):
    """What to write about the server."""

    content: str
    """Markdown, up to 500,000 characters."""


class CustomDocumentation(ConnectResource, name="system.documentation"):
    """What the administrators have written about their server; there is one or none."""

    @endpoint("GET", "/v1/system/documentation")
    async def get(self) -> SystemDocumentation:
        """Get the documentation; `NotFoundError` where there is none."""
        ...

    @endpoint("POST", "/v1/system/documentation", idempotent=True, role="administrator")
    async def put(self, **fields: Unpack[DocumentationPut]) -> None:
        """Write the documentation, in place of what there was."""
        ...

    @endpoint("DELETE", "/v1/system/documentation", role="administrator")
    async def delete(self) -> None:
        """Delete the documentation; `NotFoundError` where there is none."""
        ...


class System(ConnectResource, name="system"):
    """The system that content runs on."""

    @property
    def caches(self) -> SystemCaches:
        """What the server keeps to be faster."""
        return SystemCaches(self._client)

    @property
    def checks(self) -> SystemChecks:
        """The tests that the server makes of itself."""
        return SystemChecks(self._client)

    @property
    def documentation(self) -> CustomDocumentation:
        """What the administrators have written about their server."""
        return CustomDocumentation(self._client)

    @property
    def service_tokens(self) -> ServiceTokens:
        """Keys for machines, which belong to no user."""
        return ServiceTokens(self._client)

    @property
    def storage(self) -> SystemStorage:
        """What all content takes up."""
        return SystemStorage(self._client)

    @paged("/v1/system/hosts", by=Whole(), role="administrator")
    def hosts(self, *, active: bool | None = None) -> Paged[Host]:
        """Find the hosts; with `active` only those heard of within the last minute."""
        ...

    @endpoint("GET", "/v1/system/offhost/service-accounts", role="publisher")
    async def service_accounts(self) -> ServiceAccounts:
        """Get the service accounts of Kubernetes, where content runs there."""
        ...

"""The system that content runs on: hosts, and the resources below it.

Caches, checks, documentation, service tokens and storage have their own modules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import resource
from aconnect._core.model import Model
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.system.caches import SystemCaches
from aconnect.connect.system.checks import SystemChecks
from aconnect.connect.system.documentation import CustomDocumentation
from aconnect.connect.system.service_tokens import ServiceTokens
from aconnect.connect.system.storage import SystemStorage


class Host(Model, kw_only=True):
    """A machine that runs Connect, or did."""

    hostname: str = ""
    version: str | None = None
    """The version of Connect on it."""
    last_seen: datetime | None = None


class ServiceAccounts(Model, kw_only=True):
    """The Kubernetes service accounts that existed when Connect started."""

    enabled: bool | None = None
    """Whether content can use its own."""
    default: str | None = None
    accounts: list[str] = []


class System(ConnectResource, name="system"):
    """The system that content runs on."""

    caches: Final = resource(SystemCaches)

    checks: Final = resource(SystemChecks)

    documentation: Final = resource(CustomDocumentation)

    service_tokens: Final = resource(ServiceTokens)

    storage: Final = resource(SystemStorage)

    @paged("/v1/system/hosts", by=Unpaged(), role="administrator")
    def hosts(self, *, active: bool | None = None) -> Paged[Host]:
        """List the hosts.

        Args:
            active: Whether to list only those seen within the last minute.
        """
        ...

    @endpoint("GET", "/v1/system/offhost/service-accounts", role="publisher")
    async def service_accounts(self) -> ServiceAccounts:
        """Get the Kubernetes service accounts, if content runs there."""
        ...

"""Machines of a project."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Confidential, OpenEnum
from aconnect.cloudendure.base import CloudEndureModel, CloudEndureResource, Items
from aconnect.cloudendure.projects import Project


class ReplicationStatus(OpenEnum):
    """Whether a machine replicates."""

    STOPPED = "STOPPED"
    PAUSED = "PAUSED"
    STARTED = "STARTED"


class PointInTime(CloudEndureModel, kw_only=True):
    """A recovery point."""

    id: str = ""
    date_time: datetime | None = None
    """None if there is no later one."""


class Machine(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """A source machine of a project."""

    _hidden: ClassVar[tuple[str, ...]] = ("replication_configuration",)
    _key: ClassVar[str] = "id"

    id: str = ""
    source_properties: dict[str, Any] | None = None
    """What the agent reports: `name`, `os`, `disks`, `machineCloudId` and others."""
    replication_info: dict[str, Any] | None = None
    license: dict[str, Any] | None = None
    life_cycle: dict[str, Any] | None = None
    tags: list[str] = []
    restore_servers: list[str] = []
    """Ids."""
    replication_status: ReplicationStatus | None = None
    replica: str | None = None
    """Id of the target machine that was launched last, if there is one."""
    is_agent_installed: bool | None = None
    from_point_in_time: PointInTime | None = None
    replication_configuration: dict[str, Any] | None = None
    """It may contain the password of a proxy, so it is not printed."""

    @property
    def name(self) -> str:
        """The name in the source environment; empty if the server does not send it."""
        name = (self.source_properties or {}).get("name")
        return name if isinstance(name, str) else ""


class Machines(CloudEndureResource, name="machines"):
    """Machines that are replicated."""

    @paged("/projects/{projectId}/machines", by=Items())
    def find(
        self,
        project_id: Project | str,
        *,
        all: bool | None = None,  # noqa: A002  the vendor's noun
        types: str | None = None,
    ) -> Paged[Machine]:
        """List the machines of a project that replicate; `all=True` lists the others as well.

        The server returns source machines unless `types` selects others.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/projects/{projectId}/machines/{machineId}")
    async def get(self, project_id: Project | str, machine_id: Machine | str) -> Machine:
        """Get one machine."""
        ...

    @endpoint("POST", "/projects/{projectId}/machines/{machineId}/forceRescan")
    async def force_rescan(self, project_id: Project | str, machine_id: Machine | str) -> None:
        """Rescan all volumes of a machine; `BadRequestError` if that is not possible."""
        ...

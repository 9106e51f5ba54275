"""Machines of a project."""

from __future__ import annotations

from aconnect._client.endpoint import endpoint
from aconnect.cloudendure.base import CloudEndureResource


class Machines(CloudEndureResource, name="machines"):
    """Machines that are replicated."""

    @endpoint("POST", "/projects/{projectId}/machines/{machineId}/forceRescan")
    async def force_rescan(self, project_id: str, machine_id: str) -> None:
        """Rescan all volumes of a machine; `BadRequestError` if that is not possible."""
        ...

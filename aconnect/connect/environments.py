"""Execution environments: the container images that content may run in, and who may use them.

They exist where content runs off the host, in Kubernetes.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Required, TypedDict, Unpack, cast

from aconnect._client.endpoint import (
    ResourceBelow,
    endpoint,
    first_of,
    match_of,
    paged,
    resource,
    total_of,
)
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class EnvironmentMatching(OpenEnum):
    """When the server chooses an environment for content."""

    ANY = "any"
    """By itself, or where a manifest names it."""
    EXACT = "exact"
    """Only where a manifest names it."""
    NONE = "none"
    """Never."""


class EnvironmentInstallation(Model, kw_only=True):
    """An interpreter within an image."""

    version: str = ""
    path: str | None = None
    """Of the executable, from the root on."""


class EnvironmentInstallations(Model, kw_only=True):
    """The interpreters of one language within an image."""

    installations: list[EnvironmentInstallation] = []


class VolumeSource(Model, kw_only=True):
    """Where a volume comes from: an NFS server, or a claim in Kubernetes."""

    volume_type: str | None = None
    nfs_host: str | None = None
    nfs_export_path: str | None = None
    pvc_name: str | None = None


class VolumeTarget(Model, kw_only=True):
    """Where content sees a volume."""

    path: str | None = None
    read_only: bool | None = None


class VolumeMount(Model, kw_only=True):
    """A volume that content in an environment can use."""

    source: VolumeSource | None = None
    target: VolumeTarget | None = None


class Environment(ConnectBound, kw_only=True):
    """An image to run content in, and what is installed in it."""

    id: Id | None = None
    guid: str = ""
    created_time: datetime | None = None
    updated_time: datetime | None = None
    title: str | None = None
    description: str | None = None
    cluster_name: str | None = None
    name: str = ""
    """The container image."""
    environment_type: str | None = None
    matching: EnvironmentMatching | None = None
    supervisor: str | None = None
    """Path of the program within the image that starts content."""
    managed_by: str | None = None
    """What manages it, such as a configuration file; None if the API may change it."""
    python: EnvironmentInstallations | None = None
    nodejs: EnvironmentInstallations | None = None
    quarto: EnvironmentInstallations | None = None
    r: EnvironmentInstallations | None = None
    tensorflow: EnvironmentInstallations | None = None
    volume_mounts: list[VolumeMount] | None = None

    permissions: ClassVar[ResourceBelow[EnvironmentPermissions]] = resource(
        lambda: EnvironmentPermissions
    )

    async def refresh(self) -> Environment:
        """Reload the environment."""
        return await self.client.environments.get(self.guid)

    async def update(self, **fields: Unpack[EnvironmentUpdateParams]) -> Environment:
        """Change the given fields and return the updated environment.

        The others are sent as they are here, because the server may take the whole.
        """
        own = {name: getattr(self, name) for name in _CHANGEABLE}
        kept = {name: value for name, value in own.items() if value is not None}
        whole = cast("EnvironmentUpdateParams", {**kept, **fields})
        return await self.client.environments.update(self.guid, **whole)

    async def delete(self) -> None:
        """Delete the environment; `ConflictError` with code 265 where a file manages it."""
        await self.client.environments.delete(self.guid)


class InstallationParams(TypedDict, total=False):
    """An interpreter within an image: its version, and the absolute path of its executable."""

    version: Required[str]
    path: Required[str]


class InstallationsParams(TypedDict):
    """The interpreters of one language within an image."""

    installations: list[InstallationParams]


class VolumeSourceParams(TypedDict, total=False):
    """Where a volume comes from; the type says which of the others are needed."""

    volume_type: Required[str]
    nfs_host: str | None
    nfs_export_path: str | None
    pvc_name: str | None


class VolumeTargetParams(TypedDict, total=False):
    """Where content sees a volume."""

    path: Required[str]
    read_only: bool | None


class VolumeMountParams(TypedDict):
    """A volume that content in an environment can use."""

    source: VolumeSourceParams
    target: VolumeTargetParams


class EnvironmentUpdateParams(TypedDict, total=False):
    """Fields of an environment that can be changed."""

    title: str | None
    """1 to 64 characters."""
    description: str | None
    matching: str | None
    """As in `EnvironmentMatching`."""
    supervisor: str | None
    python: InstallationsParams
    nodejs: InstallationsParams
    quarto: InstallationsParams
    r: InstallationsParams
    tensorflow: InstallationsParams
    volume_mounts: list[VolumeMountParams]


_CHANGEABLE: Final = tuple(EnvironmentUpdateParams.__annotations__)


class EnvironmentCreateParams(EnvironmentUpdateParams, total=False):
    """Fields of a new environment; servers before 2024 need a title too."""

    name: Required[str]
    """The container image."""
    cluster_name: Required[str]
    """`Kubernetes` is the only one known."""


class EnvironmentPermission(ConnectBound, kw_only=True):
    """A user or group that may use an environment."""

    id: Id | None = None
    guid: str = ""
    environment_guid: str | None = None
    user_guid: str | None = None
    """None if it is a group."""
    group_guid: str | None = None
    """None if it is a user."""

    _permissions = resource(lambda: EnvironmentPermissions, guid="environment_guid")

    async def delete(self) -> None:
        """Remove the right."""
        await self._permissions.delete(self.guid)


class EnvironmentPermissionCreateParams(TypedDict, total=False):
    """Who may use an environment: a user or a group, and not both."""

    user_guid: str | None
    group_guid: str | None


class EnvironmentPermissions(
    ConnectResource, name="environments.permissions", scope=("guid",), role="administrator"
):
    """Who may use one environment; if nobody is named, all publishers may."""

    @paged("/v1/environments/{guid}/permissions", by=Unpaged())
    def find(self) -> Paged[EnvironmentPermission]:
        """List who may use the environment."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/environments/{guid}/permissions/{permission_guid}")
    async def get(self, permission_guid: str) -> EnvironmentPermission:
        """Get one permission."""
        ...

    @endpoint("POST", "/v1/environments/{guid}/permissions")
    async def create(
        self, **fields: Unpack[EnvironmentPermissionCreateParams]
    ) -> EnvironmentPermission:
        """Let a user or a group use the environment; code 247 where it may already."""
        ...

    @endpoint("DELETE", "/v1/environments/{guid}/permissions/{permission_guid}")
    async def delete(self, permission_guid: str) -> None:
        """Remove a right."""
        ...


class Environments(ConnectResource, name="environments", since="2023.05.0"):
    """The execution environments of the server."""

    @paged("/v1/environments", by=Unpaged(), role="publisher")
    def find(self) -> Paged[Environment]:
        """List the environments that the key's owner may use."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/environments/{guid}", role="publisher")
    async def get(self, guid: str) -> Environment:
        """Get one environment."""
        ...

    @endpoint("POST", "/v1/environments", role="administrator")
    async def create(self, **fields: Unpack[EnvironmentCreateParams]) -> Environment:
        """Create an environment; `ConflictError` with code 175 where the name is taken."""
        ...

    @endpoint("PUT", "/v1/environments/{guid}", role="administrator")
    async def update(self, guid: str, **fields: Unpack[EnvironmentUpdateParams]) -> Environment:
        """Change an environment; give all fields, for the server may drop what is not sent.

        `Environment.update` sends the others itself. Servers before 2024 need a title.
        """
        ...

    @endpoint("DELETE", "/v1/environments/{guid}", role="administrator")
    async def delete(self, guid: str) -> None:
        """Delete an environment; `ConflictError` with code 265 where a file manages it."""
        ...

"""Execution environments: the container images that content can run in, and their permissions.

They exist if content runs off-host, in Kubernetes.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Literal, Required, TypedDict, Unpack, cast

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class EnvironmentMatching(OpenEnum):
    """When the server chooses an environment for content."""

    ANY = "any"
    """Automatically, or if a manifest names it."""
    EXACT = "exact"
    """Only if a manifest names it."""
    NONE = "none"
    """Never."""


EnvironmentMatchingName = Literal["any", "exact", "none"] | str
"""The name of a matching type."""


class EnvironmentInstallation(Model, kw_only=True):
    """An interpreter within an image."""

    version: str = ""
    path: str | None = None
    """The absolute path of the executable."""


class EnvironmentInstallations(Model, kw_only=True):
    """The interpreters of one language within an image."""

    installations: list[EnvironmentInstallation] = []


class VolumeSource(Model, kw_only=True):
    """The source of a volume: an NFS server, or a claim in Kubernetes."""

    volume_type: str | None = None
    nfs_host: str | None = None
    nfs_export_path: str | None = None
    pvc_name: str | None = None


class VolumeTarget(Model, kw_only=True):
    """The mount point of a volume."""

    path: str | None = None
    read_only: bool | None = None


class VolumeMount(Model, kw_only=True):
    """A volume that content in an environment can use."""

    source: VolumeSource | None = None
    target: VolumeTarget | None = None


class Environment(ConnectBound, kw_only=True):
    """A container image that content can run in, and its installed interpreters."""

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
    """What manages it, such as a configuration file; None if the API can change it."""
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

        The current values of the other fields are sent as well, because the server may replace all.
        """
        own = {name: getattr(self, name) for name in _CHANGEABLE}
        kept = {name: value for name, value in own.items() if value is not None}
        whole = cast("EnvironmentUpdateParams", {**kept, **fields})
        return await self.client.environments.update(self.guid, **whole)

    async def delete(self) -> None:
        """Delete the environment; `ConflictError` with code 265 if a file manages it."""
        await self.client.environments.delete(self.guid)


class InstallationParams(TypedDict, total=False):
    """An interpreter within an image: its version, and the absolute path of its executable."""

    version: Required[str]
    path: Required[str]


class InstallationsParams(TypedDict):
    """The interpreters of one language within an image."""

    installations: list[InstallationParams]


class VolumeSourceParams(TypedDict, total=False):
    """The source of a volume; the type determines which of the other fields are required."""

    volume_type: Required[str]
    nfs_host: str | None
    nfs_export_path: str | None
    pvc_name: str | None


class VolumeTargetParams(TypedDict, total=False):
    """The mount point of a volume."""

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
    matching: EnvironmentMatchingName | None
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
    """Fields of a new environment; servers before 2024 require a title as well."""

    name: Required[str]
    """The container image."""
    cluster_name: Required[str]
    """`Kubernetes` is the only documented value."""


class EnvironmentPermission(ConnectBound, kw_only=True):
    """A user or group that can use an environment."""

    id: Id | None = None
    guid: str = ""
    environment_guid: str | None = None
    user_guid: str | None = None
    """None if it is a group."""
    group_guid: str | None = None
    """None if it is a user."""

    _permissions = resource(lambda: EnvironmentPermissions, guid="environment_guid")

    async def delete(self) -> None:
        """Remove the permission."""
        await self._permissions.delete(self.guid)


class EnvironmentPermissionCreateParams(TypedDict, total=False):
    """Fields of a new permission: either a user or a group."""

    user_guid: str | None
    group_guid: str | None


class EnvironmentPermissions(
    ConnectResource, name="environments.permissions", scope=("guid",), role="administrator"
):
    """The permissions of one environment; without any, all publishers can use it."""

    @paged("/v1/environments/{guid}/permissions", by=Unpaged())
    def find(self) -> Paged[EnvironmentPermission]:
        """List the permissions."""
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
        """Allow a user or a group to use the environment; code 247 if it is allowed already."""
        ...

    @endpoint("DELETE", "/v1/environments/{guid}/permissions/{permission_guid}")
    async def delete(self, permission_guid: str) -> None:
        """Remove a permission."""
        ...


class Environments(ConnectResource, name="environments", since="2023.05.0"):
    """The execution environments of the server."""

    @paged("/v1/environments", by=Unpaged(), role="publisher")
    def find(self) -> Paged[Environment]:
        """List the environments that the key's owner can use."""
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
        """Create an environment; `ConflictError` with code 175 if the name is taken."""
        ...

    @endpoint("PUT", "/v1/environments/{guid}", role="administrator")
    async def update(self, guid: str, **fields: Unpack[EnvironmentUpdateParams]) -> Environment:
        """Change an environment; pass all fields, because the server may drop the others.

        `Environment.update` sends the others itself. Servers before 2024 require a title.
        """
        ...

    @endpoint("DELETE", "/v1/environments/{guid}", role="administrator")
    async def delete(self, guid: str) -> None:
        """Delete an environment; `ConflictError` with code 265 if a file manages it."""
        ...

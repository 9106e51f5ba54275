"""What the server says of itself: settings and installed languages."""

from __future__ import annotations

from typing import Any

from aconnect._core.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect.base import ConnectResource
from aconnect.connect.version import ServerVersion


class Installation(Model, kw_only=True):
    """One installed version of a language or tool."""

    version: str = ""
    cluster_name: str | None = None
    image_name: str | None = None


class RInstallations(Model, kw_only=True):
    """The versions of R."""

    installations: list[Installation] = []


class QuartoInstallations(Model, kw_only=True):
    """The versions of Quarto."""

    installations: list[Installation] = []


class PythonInfo(Model, kw_only=True):
    """The versions of Python, and whether APIs written in it may run."""

    installations: list[Installation] = []
    api_enabled: bool | None = None


class ServerSettings(Model, kw_only=True):
    """What a server says of itself; it says more than this, and less to some keys.

    Use `client.detailed(client.server_settings.get)` to read the rest from the body.
    """

    version: str | None = None
    """Empty or absent where the administrator hides it."""
    build: str | None = None
    about: str | None = None
    hostname: str | None = None
    authentication: dict[str, Any] | None = None
    license: dict[str, Any] | None = None
    dashboard_path: str | None = None
    system_display_name: str | None = None
    runtimes: list[str] | None = None
    git_enabled: bool | None = None
    git_available: bool | None = None
    metrics_instrumentation: bool | None = None
    maximum_app_image_size: int | None = None
    """In bytes."""
    execution_type: str | None = None
    default_image_selection_enabled: bool | None = None
    enable_runtime_constraints: bool | None = None
    enable_image_management: bool | None = None
    self_registration: bool | None = None
    prohibited_usernames: list[str] | None = None
    username_validator: str | None = None
    public_warning: str | None = None
    logged_in_warning: str | None = None
    mail_configured: bool | None = None
    mail_all: bool | None = None

    @property
    def server_version(self) -> ServerVersion | None:
        """The version to compare with; None where it is hidden."""
        return ServerVersion.parse(self.version)


class Server(ConnectResource, name="server_settings"):
    """Settings of the server."""

    @endpoint("GET", "/server_settings")
    async def get(self) -> ServerSettings:
        """Get the general settings; the operation has no version in its path and no contract."""
        ...

    @endpoint("GET", "/v1/server_settings/r")
    async def r(self) -> RInstallations:
        """Get the installed versions of R."""
        ...

    @endpoint("GET", "/v1/server_settings/python")
    async def python(self) -> PythonInfo:
        """Get the installed versions of Python."""
        ...

    @endpoint("GET", "/v1/server_settings/quarto")
    async def quarto(self) -> QuartoInstallations:
        """Get the installed versions of Quarto."""
        ...

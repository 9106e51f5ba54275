"""Server settings and installed languages."""

from __future__ import annotations

from typing import Any

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect._base.version import ServerVersion


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
    """The versions of Python, and whether APIs written in it can run."""

    installations: list[Installation] = []
    api_enabled: bool | None = None


class NodeJsInfo(Model, kw_only=True):
    """The versions of Node.js, and whether content written for it can run."""

    installations: list[Installation] = []
    enabled: bool | None = None
    """Whether the settings and the license allow it."""


class TensorFlowInstallations(Model, kw_only=True):
    """The versions of TensorFlow."""

    installations: list[Installation] = []


class PublicSettings(Model, kw_only=True):
    """The public settings of a server, for its login page."""

    authentication: dict[str, Any] | None = None
    self_registration: bool | None = None
    """Whether visitors can create an account."""
    system_display_name: str | None = None
    public_warning: str | None = None
    """Shown on the login page; may be HTML."""
    customized_landing: bool | None = None
    mail_configured: bool | None = None
    prohibited_usernames: list[str] | None = None
    username_validator: str | None = None
    """`default`, or `permissive` with most external providers."""


class ServerSettings(Model, kw_only=True):
    """The settings of a server; it returns more than these, and fewer to some keys.

    Use `client.with_response(client.server_settings.get)` to read the rest from the body.
    """

    version: str | None = None
    """Empty or absent if the administrator hides it."""
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
        """The version to compare with; None if it is hidden."""
        return ServerVersion.parse(self.version)


class Server(ConnectResource, name="server_settings"):
    """Settings of the server."""

    @endpoint("GET", "/server_settings")
    async def get(self) -> ServerSettings:
        """Get the general settings; this operation is unversioned and undocumented."""
        ...

    @endpoint("GET", "/v1/server_settings/r", role="publisher")
    async def r(self) -> RInstallations:
        """Get the installed versions of R."""
        ...

    @endpoint("GET", "/v1/server_settings/python", role="publisher")
    async def python(self) -> PythonInfo:
        """Get the installed versions of Python."""
        ...

    @endpoint("GET", "/v1/server_settings/quarto", since="2021.08.0", role="publisher")
    async def quarto(self) -> QuartoInstallations:
        """Get the installed versions of Quarto."""
        ...

    @endpoint("GET", "/v1/server_settings/nodejs", role="publisher")
    async def nodejs(self) -> NodeJsInfo:
        """Get the installed versions of Node.js."""
        ...

    @endpoint("GET", "/v1/server_settings/tensorflow", since="2024.05.0", role="publisher")
    async def tensorflow(self) -> TensorFlowInstallations:
        """Get the installed versions of TensorFlow."""
        ...

    @endpoint("GET", "/v1/server_settings/public", role="anonymous")
    async def public(self) -> PublicSettings:
        """Get the public settings, for the login page."""
        ...

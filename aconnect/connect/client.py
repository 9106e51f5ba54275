"""The client of Posit Connect."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, ClassVar, Final, ParamSpec, TypeVar, Unpack

from aconnect._client.client import BaseClient, setting
from aconnect._client.polling import PollPolicy
from aconnect._client.resource import resource
from aconnect._core.decoding import refuse_page
from aconnect._core.message import Request, Response
from aconnect._core.redaction import Secret
from aconnect._transport.options import Connection, options_of
from aconnect.connect._base.address import API, api_root
from aconnect.connect._base.dialect import ConnectDialect
from aconnect.connect._base.resource import own_guid
from aconnect.connect._base.version import ServerVersion
from aconnect.connect.audit_logs import AuditLogs
from aconnect.connect.bootstrap import Bootstrap
from aconnect.connect.content.content import Content, ContentItem
from aconnect.connect.environments import Environments
from aconnect.connect.examples import Examples
from aconnect.connect.experimental import Experimental
from aconnect.connect.feature_usage import FeatureUsage
from aconnect.connect.groups import Groups
from aconnect.connect.instrumentation import Instrumentation
from aconnect.connect.metrics import Metrics
from aconnect.connect.oauth.oauth import OAuth
from aconnect.connect.packages import Packages
from aconnect.connect.queue import Queue
from aconnect.connect.server_settings import Server
from aconnect.connect.system.system import System
from aconnect.connect.tags import Tags
from aconnect.connect.tasks import Tasks
from aconnect.connect.timezones import TimeZones
from aconnect.connect.users import User, Users
from aconnect.connect.vanities import Vanities
from aconnect.errors import ApiError, InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")


class _Version:
    """The server's version, which concurrent callers ask for once."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        """None before it is known; empty if the server hides it."""
        self.asking = asyncio.Lock()


class Client(BaseClient):
    """A client of one Posit Connect server.

    Without arguments it reads `CONNECT_SERVER` and `CONNECT_API_KEY`. The address may be the
    server's, the API's (`…/__api__`) or one of the dashboard (`…/connect/…`), below any path
    prefix. No request is made before the first call.
    """

    content: Final = resource(Content)
    users: Final = resource(Users)
    groups: Final = resource(Groups)
    tags: Final = resource(Tags)
    tasks: Final = resource(Tasks)
    audit_logs: Final = resource(AuditLogs)
    feature_usage: Final = resource(FeatureUsage)
    instrumentation: Final = resource(Instrumentation)
    oauth: Final = resource(OAuth)
    vanities: Final = resource(Vanities)
    metrics: Final = resource(Metrics)
    packages: Final = resource(Packages)
    queue: Final = resource(Queue)
    environments: Final = resource(Environments)
    system: Final = resource(System)
    server_settings: Final = resource(Server)
    timezones: Final = resource(TimeZones)
    bootstrap: Final = resource(Bootstrap)
    examples: Final = resource(Examples)
    experimental: Final = resource(Experimental)

    _address = ("CONNECT_SERVER", API)
    _inner: ClassVar[Collection[str]] = ("key_header",)

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        polling: PollPolicy | None = None,
        snowflake_token: str | None = None,
        version: str | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Create a client; makes no request.

        Args:
            url: The server; by default CONNECT_SERVER.
            api_key: By default CONNECT_API_KEY.
            polling: How tasks and jobs are followed, and for how long.
            snowflake_token: The token for the platform, if the server is hosted in Snowflake.
                The key is then sent as `X-RSC-Authorization`.
            version: The server's version, such as `2025.06.0`, if the server hides it.
            connection: See `Connection`.
        """
        key = Secret(setting(api_key, "CONNECT_API_KEY", "api_key"))
        root = api_root(url if url is not None else os.environ.get("CONNECT_SERVER", ""))
        secrets = [key]
        credentials: dict[str, str] = {}
        self._key_header = "authorization"
        if snowflake_token is not None:
            secrets.append(Secret(snowflake_token))
            credentials["authorization"] = f'Snowflake Token="{snowflake_token}"'
            self._key_header = "x-rsc-authorization"
        credentials |= self.key_header(key)
        super().__init__(
            root,
            credentials=credentials,
            dialect=ConnectDialect(),
            secrets=tuple(secrets),
            options=options_of(connection),
        )
        self.polling: PollPolicy = polling or PollPolicy()
        """How tasks and jobs are followed."""
        if version is not None and ServerVersion.parse(version) is None:
            raise InvalidArgumentError(
                f"{version!r} is not a version of the server; write it as 2025.06.0"
            )
        self._version = _Version(version)

    @property
    def url(self) -> str:
        """The server's address, without the API's part."""
        return self.api_root.removesuffix(API)

    async def me(self) -> User:
        """Get the owner of the key."""
        return await self.users.me()

    async def version(self) -> ServerVersion | None:
        """Return the server's version, as passed to the client or from the server; None if hidden.

        Makes at most one request, also for the clients that were made of this one.
        """
        known = self._version
        if known.text is None:
            self._pipeline.check_loop()
            async with known.asking:
                if known.text is None:
                    known.text = (await self.server_settings.get()).version or ""
        return ServerVersion.parse(known.text)

    async def ping(self) -> None:
        """Check that the server responds and that its license is valid; needs no rights.

        Raises:
            LicenseExpiredError: The license of the server has ended.
            ApiError: The server, or a proxy in front of it, returned another error.
            DecodeError: A page responds instead, such as the login of a proxy.
            TransportError: There was no response.
        """
        ping = Request(
            operation="ping", method="GET", target="/__ping__", base="server", idempotent=True
        )
        response = await self.channel.send(ping)
        refuse_page(response.content_type, f"GET {self.url}{ping.target}")

    async def fetch(
        self,
        item: ContentItem | str,
        path: str = "",
        *,
        method: str = "GET",
        params: Mapping[str, object] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Response:
        """Send a request to a content item itself, such as a deployed API, with the client's key.

        Redirects are followed within the server, but not into its API. Errors are raised as by
        `request`, and have `from_content`; they do not slow the client's other calls down. The body
        is read into memory, up to the client's `max_body`.

        Args:
            item: The content item, or its guid.
            path: The path below the address of the content, sent unchanged: percent-encode what you
                insert into it.
            method: The HTTP method.
            params: The query.
            json: The body.
            headers: Further headers; not those with which the client signs in.
            idempotent: Whether the request may be sent again if its response is lost, or if the
                content fails; by default, as HTTP defines it for the method.

        Raises:
            InvalidArgumentError: An argument is invalid, or the path leaves the content; no request
                was made.
            ApiError: The content returned an error.
            VerificationError: A login page responds instead of the content.
            BodyTooLargeError: The body is larger than `max_body`.
            TransportError: The request could not be sent, or its response was lost or late.
        """
        from aconnect.connect.content.visiting import fetched  # noqa: PLC0415  rarely needed

        return await fetched(
            self.channel,
            own_guid(item),
            path,
            method=method,
            params=params,
            json=json,
            headers=headers,
            idempotent=idempotent,
        )

    async def ensure_deleted(
        self, call: Callable[P, Coroutine[Any, Any, object]], *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Delete something; return True if deleted, False if it did not exist.

        If the response to an earlier attempt was lost and the object is gone when the call is
        retried, the result is True: that attempt deleted it, or somebody else did in the meantime.
        Nobody can tell the two apart.

        `await client.ensure_deleted(client.content.delete, guid)`, or a bound object's method:
        `await client.ensure_deleted(item.delete)`. Only Connect's own errors for missing objects
        (codes 4 and 17) count; others are raised.

        Raises:
            AconnectError: As the operation, except for a missing object.
        """
        try:
            await call(*args, **kwargs)
        except ApiError as error:
            if error.method == "DELETE" and self.channel.dialect.is_gone(error):
                return False
            raise
        return True

    async def with_user_session_token(self, token: str, audience: str | None = None) -> Client:
        """Return a client that acts as the viewer of a session token.

        The token is exchanged for an API key of that viewer, through the content's integration
        with Connect's own API, and again before the key expires. The client shares connections,
        limits and subscribers with this one. A service with many viewers uses `Viewers`.

        Args:
            token: From the header `Posit-Connect-User-Session-Token` of a request to the content.
            audience: The guid of that integration; by default it is found among those of the
                content that CONNECT_CONTENT_GUID names, if there are several.

        Raises:
            InvalidArgumentError: The token is empty.
            ViewerError: The server does not accept the token.
        """
        from aconnect.connect.viewers import one_viewer  # noqa: PLC0415  few programs need it

        return await one_viewer(self, token, audience)

    def key_header(self, key: Secret) -> dict[str, str]:
        """Return the header that carries a key."""
        return {self._key_header: f"Key {key.reveal()}"}

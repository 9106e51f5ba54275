"""The viewers of running content: which client makes the calls of which viewer.

Connect sends the session token of its viewer with each request to content. It is exchanged for an
API key of that viewer, through the content's integration with Connect's own API. Decides for how
long the clients of viewers are kept, and who may act with the content's own key: nobody, unless the
program does not run on Connect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from types import TracebackType
from typing import Final, Protocol, Self, cast

from aconnect._core.redaction import Secret
from aconnect._transport.signin import Credentials, SignIn
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.dialect import ConnectDialect
from aconnect.connect.client import Client
from aconnect.connect.oauth.credentials import (
    OAuthCredentials,
    OAuthTokenType,
    given_token,
    runs_on_connect,
)
from aconnect.errors import (
    AconnectError,
    ApiError,
    AuthenticationError,
    ClientClosedError,
    DecodeError,
    InvalidArgumentError,
    PermissionDeniedError,
    ViewerError,
)

USER_SESSION_TOKEN: Final = "Posit-Connect-User-Session-Token"  # noqa: S105  a header's name
"""The header in which content gets the session token of its viewer."""

# The token is none, has expired, or its viewer has to log in again.
_NOT_ACCEPTED: Final = frozenset(
    {
        ApiErrorCode.OAUTH_CREDENTIAL_SUBJECT_TOKEN,
        ApiErrorCode.OAUTH_CREDENTIAL_ISS_CLAIM,
        ApiErrorCode.OAUTH_CREDENTIAL_SUB_CLAIM,
        ApiErrorCode.OAUTH_ACCESS_TOKEN_REFRESH_FAILURE,
        ApiErrorCode.OAUTH_SESSION_NOT_FOUND,
        ApiErrorCode.OAUTH_INVALID_REFRESH_TOKEN,
    }
)
# The content has other integrations than when they were looked up.
_OTHER_INTEGRATIONS: Final = frozenset(
    {
        ApiErrorCode.OAUTH_CREDENTIALS_INVALID_AUDIENCE,
        ApiErrorCode.OAUTH_CREDENTIALS_INVALID_ASSOCIATION_COUNT,
    }
)


class Headers(Protocol):
    """The headers of a request, as every web framework has them."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names and values."""
        ...


class Viewers:
    """The clients of the viewers of the content that this program runs as.

    ::

        viewers = Viewers(client)

        @app.get("/content")
        async def content(request: Request):
            async with viewers.client(request.headers) as viewer:
                return [item.to_dict(json=True) async for item in viewer.content.find()]

    A viewer's client makes its calls with the permissions of that viewer. It shares connections,
    limits and subscribers with the client that the viewers were created with, which must be that of
    the content's owner. The session token of a viewer is exchanged for a key once, with the first
    call, and again before the key expires.

    Outside Connect, where requests have no session token, calls are made with the developer's own
    client. On Connect this never happens: a request without a token is refused, because the owner's
    permissions are not for anonymous visitors.
    """

    def __init__(
        self,
        client: Client,
        *,
        audience: str | None = None,
        max_viewers: int = 1000,
        idle_timeout: float = 900.0,
    ) -> None:
        """Create it; makes no request.

        Args:
            client: The client of the content's owner, `Client()` on Connect. Close it after this.
            audience: The guid of the integration with Connect's own API, if the content has
                several; by default it is looked up once.
            max_viewers: How many clients to keep; those in use count, and are always kept.
            idle_timeout: Seconds after its last use until a client is closed.
        """
        if not isinstance(cast("object", client), Client):
            raise InvalidArgumentError(f"Viewers() got client={client!r}; pass a client of Connect")
        if max_viewers < 1 or idle_timeout < 0:
            raise InvalidArgumentError(
                f"max_viewers={max_viewers!r} and idle_timeout={idle_timeout!r}: pass at least one "
                "viewer, and no negative time"
            )
        self._client = client
        self._audience = _Audience(client, audience)
        self._max_viewers = max_viewers
        self._idle_timeout = idle_timeout
        self._leased: dict[Secret, _Lease] = {}
        # The one that has been idle longest is the first.
        self._idle: dict[Secret, _Lease] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the clients of all viewers, also those in use; the owner's client stays open."""
        self._closed = True
        for lease in [*self._leased.values(), *self._idle.values()]:
            await lease.client.aclose()
        self._leased.clear()
        self._idle.clear()

    @property
    def count(self) -> int:
        """How many viewers have a client, in use or idle."""
        return len(self._leased) + len(self._idle)

    def __repr__(self) -> str:
        return f"<aconnect.Viewers of {self._client.url}: {self.count}>"

    @asynccontextmanager
    async def client(self, viewer: Headers | str | None) -> AsyncGenerator[Client, None]:
        """Lend the client of a viewer: `async with viewers.client(request.headers) as client`.

        It is kept for the next request of the viewer; do not use it after the block.

        Args:
            viewer: The headers of the request, or the session token from its header
                `Posit-Connect-User-Session-Token`; None or an empty text if there is none.

        Raises:
            ViewerError: There is no token although the program runs on Connect, or two different
                ones. The calls of the client raise it if the server does not accept the token.
            ClientClosedError: The viewers were closed.
            InvalidArgumentError: These are no headers with names and values of type `str`.
        """
        if self._closed:
            raise ClientClosedError("the viewers are closed; create other ones")
        token = Secret(session_token(viewer))
        if not token and runs_on_connect():
            raise _anonymous()
        if not token:
            yield self._client
            return
        lease = self._leased.get(token) or self._idle.pop(token, None)
        if lease is None or lease.client.closed:
            lease = _Lease(acting_as_viewer(self._client, token, self._audience))
        self._leased[token] = lease
        lease.uses += 1
        try:
            yield lease.client
        finally:
            lease.uses -= 1
            # Closing drops all leases, and one whose client the caller has closed is replaced.
            if not lease.uses and self._leased.get(token) is lease:
                del self._leased[token]
                lease.idle_since = self._client.clock.monotonic()
                self._idle[token] = lease
            await self._close_surplus()

    async def _close_surplus(self) -> None:
        """Close the clients that have been idle for too long, or are too many."""
        oldest = self._client.clock.monotonic() - self._idle_timeout
        while self._idle:
            token, lease = next(iter(self._idle.items()))
            if lease.idle_since > oldest and self.count <= self._max_viewers:
                return
            del self._idle[token]
            await lease.client.aclose()


class _Lease:
    """The client of a viewer, and how often it is in use."""

    __slots__ = ("client", "idle_since", "uses")

    def __init__(self, client: Client) -> None:
        self.client = client
        self.uses = 0
        self.idle_since = 0.0


class _Audience:
    """The guid of the content's integration with Connect's own API, looked up once for all."""

    def __init__(self, client: Client, given: str | None = None) -> None:
        self._client = client
        self._given = given
        self._task: asyncio.Task[str | AconnectError | None] | None = None
        """A look-up that is running or was successful."""

    async def get(self) -> str | None:
        """Return it; None if it need not be named. Callers share a look-up and its outcome."""
        if self._given is not None:
            return self._given
        task = self._task
        if task is None:
            task = self._task = asyncio.create_task(self._look_up(), name="aconnect audience")
        await asyncio.wait({task})
        outcome = task.result()
        if isinstance(outcome, AconnectError):
            raise outcome
        return outcome

    async def _look_up(self) -> str | AconnectError | None:
        try:
            return await self._client.oauth.own_api_integration()
        except BaseException as error:
            self._task = None
            if isinstance(error, AconnectError):
                return error
            raise

    def forget(self, stale: str | None) -> None:
        """Look it up again, unless another caller has done so already."""
        if self._task is not None and self._task.done() and self._task.result() == stale:
            self._task = None


def acting_as_viewer(client: Client, token: Secret, audience: _Audience) -> Client:
    """Return a client that acts as the viewer of a session token; makes no request."""
    key: Secret | None = None

    async def sign_in() -> Credentials:
        nonlocal key
        found = await _exchange(client, token, audience)
        old, key = key, _key_of(client, found)
        viewer.redact_also(key, replaces=old)
        return Credentials(client.key_header(key), found.expires_in)

    async def sign_out(headers: Mapping[str, str]) -> None:
        """Do nothing: the key ends by itself."""

    auth = SignIn(sign_in, sign_out=sign_out, clock=client.clock)
    viewer = client.with_sign_in(auth, _ViewerDialect())
    return viewer


class _ViewerDialect(ConnectDialect):
    """Says of a viewer what is otherwise said of the owner of the client's key."""

    hints = {
        AuthenticationError: "the server refuses the key that it has issued for the viewer; is the "
        "content's integration one with Connect's own API?",
        PermissionDeniedError: "the viewer is not allowed to do this",
    }


async def one_viewer(client: Client, token: str, audience: str | None) -> Client:
    """Return a client that acts as the viewer of a session token, which is exchanged now."""
    text = given_token(token, "user session token", f"it is in the header {USER_SESSION_TOKEN}")
    viewer = acting_as_viewer(client, Secret(text), _Audience(client, audience))
    await viewer.sign_in()
    return viewer


async def _exchange(client: Client, token: Secret, audience: _Audience) -> OAuthCredentials:
    """Exchange a session token for a key of its viewer."""
    chosen = await audience.get()
    try:
        return await _exchange_for(client, token, chosen)
    except ApiError as error:
        if error.code not in _OTHER_INTEGRATIONS:
            raise
        audience.forget(chosen)
        other = await audience.get()
        if other == chosen:
            raise
    return await _exchange_for(client, token, other)


async def _exchange_for(client: Client, token: Secret, audience: str | None) -> OAuthCredentials:
    try:
        return await client.oauth.get_credentials(token.reveal(), OAuthTokenType.API_KEY, audience)
    except ApiError as error:
        if error.code not in _NOT_ACCEPTED:
            raise
        raise ViewerError(
            f"{client.url} does not accept the session token of the viewer ({error.message}), who "
            "has to load the page again, and to log in to the integration if it asks for that"
        ) from error


def _key_of(client: Client, found: OAuthCredentials) -> Secret:
    key = found.access_token or ""
    # Servers may leave out what they have issued. What is for other services must not be sent.
    is_key = found.issued_token_type not in {
        OAuthTokenType.ACCESS_TOKEN,
        OAuthTokenType.AWS_CREDENTIALS,
    }
    # It becomes a header.
    if not (is_key and key.isascii() and key.isprintable() and key.strip()):
        raise DecodeError(
            f"{client.url} returned no API key for the user session token; is the content's "
            "integration one with Connect's own API?"
        )
    return Secret(key)


def session_token(viewer: Headers | str | None) -> str:
    """Return the session token among the headers of a request; empty if there is none."""
    if viewer is None or isinstance(viewer, str):
        return (viewer or "").strip()
    pairs = list(viewer.items()) if hasattr(viewer, "items") else None
    # In another form, such as that of ASGI or WSGI, they would seem to have no token.
    parts: Iterable[object] = chain.from_iterable(pairs or ())
    if pairs is None or not all(isinstance(part, str) for part in parts):
        raise InvalidArgumentError(
            "pass the headers of the request with names and values of type str, such as "
            f"request.headers, or the session token itself, but not this {type(viewer).__name__}"
        )
    wanted = USER_SESSION_TOKEN.lower()
    found = {value.strip() for name, value in pairs if name.lower() == wanted}
    if len(found) > 1:
        raise ViewerError(
            f"the request has {len(found)} different headers {USER_SESSION_TOKEN}, so nobody knows "
            "who its viewer is; Connect sends one"
        )
    return found.pop() if found else ""


def _anonymous() -> ViewerError:
    return ViewerError(
        f"the request has no header {USER_SESSION_TOKEN}: its visitor is not signed in, or the "
        "content has no integration with Connect's own API. Allow only users who signed in to view "
        "the content, and associate that integration with it"
    )

"""The proxy in front of apps that run elsewhere, such as in the process of a test.

Decides what an app receives of a request: the path below the content, the headers that Connect adds
for the viewer, and none by which a visitor could pretend to be somebody else. Bodies are passed on
in pieces, as they arrive, so that streams and WebSockets work.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeAlias

import msgspec
from aiohttp import (
    ClientError,
    ClientPayloadError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    DummyCookieJar,
    TCPConnector,
    WSCloseCode,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from aconnect.testing.connect.dialect import Call
from aconnect.testing.connect.routes.oauth.oauth import viewer_token
from aconnect.testing.connect.state import App
from aconnect.testing.wire import Response

SESSION_TOKEN = "Posit-Connect-User-Session-Token"  # noqa: S105  the name of a header
CREDENTIALS = "RStudio-Connect-Credentials"
BASE_URL = "RStudio-Connect-App-Base-URL"

_OF_CONNECT = frozenset(
    name.lower() for name in (SESSION_TOKEN, CREDENTIALS, BASE_URL, "X-RSC-Authorization")
)
_OF_CONNECTION = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that concern one connection only, so that they are not passed on."""

_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add."""

_Socket: TypeAlias = ClientWebSocketResponse | web.WebSocketResponse
_Headers: TypeAlias = CIMultiDict[str]


class Proxy:
    """Forwards requests to apps."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    def app(self, url: str) -> App:
        """Return the app that listens at a URL."""
        base = url.rstrip("/")

        def respond(call: Call) -> Response:
            query = f"?{call.query_string}" if call.query_string else ""
            target = URL(f"{base}{call.path}{query}", encoded=True)
            return Response(stream=lambda: self._forward(call, target))

        return respond

    async def close(self) -> None:
        """Close the connections to the apps."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _forward(self, call: Call, target: URL) -> web.StreamResponse:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=0),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                timeout=ClientTimeout(total=None),
            )
        is_socket = call.request.headers.get("Upgrade", "").lower() == "websocket"
        forward = _forward_socket if is_socket else _forward_request
        return await forward(self._session, call, target)


async def _forward_request(session: ClientSession, call: Call, target: URL) -> web.StreamResponse:
    """Send a request to an app, and its response to the client."""
    try:
        received = await session.request(
            call.request.method,
            target,
            headers=_request_headers(call),
            skip_auto_headers=_AUTOMATIC,
            data=call.chunks() if call.request.can_read_body else None,
            allow_redirects=False,
        )
    except ClientError as error:
        return _unavailable(error)
    async with received:
        headers = _passed_on(received.headers.items())
        for cookie in call.cookies:
            headers.add("Set-Cookie", cookie)
        sent = web.StreamResponse(status=received.status, reason=received.reason, headers=headers)
        await sent.prepare(call.request)
        try:
            async for chunk in received.content.iter_any():
                await sent.write(chunk)
        except ClientPayloadError:
            # The client sees the same.
            if call.request.transport is not None:
                call.request.transport.abort()
        return sent


async def _forward_socket(session: ClientSession, call: Call, target: URL) -> web.StreamResponse:
    """Connect a WebSocket of the client with one of the app."""
    protocols = call.request.headers.get("Sec-WebSocket-Protocol", "")
    try:
        app = await session.ws_connect(
            target,
            headers=_request_headers(call),
            protocols=[name.strip() for name in protocols.split(",") if name.strip()],
            timeout=ClientWSTimeout(ws_close=1.0),  # pyright: ignore[reportCallIssue]  aiohttp's
            max_msg_size=0,
        )
    except WSServerHandshakeError as error:
        return web.Response(status=error.status)
    except ClientError as error:
        return _unavailable(error)
    try:
        client = web.WebSocketResponse(
            protocols=[app.protocol] if app.protocol else [],
            timeout=1.0,
            max_msg_size=0,
            autoclose=False,  # by the code of the other side
        )
        await client.prepare(call.request)
        await asyncio.gather(_pass_on(client, app), _pass_on(app, client))
        return client
    finally:
        # The server cancels this when the client disconnects without a word.
        await app.close(code=WSCloseCode.GOING_AWAY)


async def _pass_on(source: _Socket, sink: _Socket) -> None:
    """Pass on messages until one side closes the connection, and then close the other side."""
    code, reason = WSCloseCode.GOING_AWAY.value, ""  # if the connection breaks
    with suppress(ConnectionError):
        while True:
            message = await source.receive()
            if message.type is WSMsgType.TEXT:
                await sink.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            else:
                if message.type is WSMsgType.CLOSE:
                    code, reason = message.data or WSCloseCode.OK, message.extra or ""
                break
    await sink.close(code=code, message=reason.encode())


def _request_headers(call: Call) -> _Headers:
    """Return the headers that the app receives, without the credentials for Connect."""
    headers = _passed_on(call.request.headers.items())
    for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
        headers.popall(name, None)
    # Servers of WSGI take `_` for `-`.
    for name in [name for name in headers if name.lower().replace("_", "-") in _OF_CONNECT]:
        headers.popall(name, None)
    mount = call.request.raw_path.partition("?")[0].removesuffix(call.path)
    headers[BASE_URL] = f"{URL(call.host.url).origin()}{mount}"
    if call.user:
        headers.popall("Authorization", None)
        headers[CREDENTIALS] = _credentials(call)
        if call.features.session_tokens:
            guid, user = call.args["guid"], call.user["guid"]
            headers[SESSION_TOKEN] = viewer_token(call.state, user, guid)
    return headers


def _credentials(call: Call) -> str:
    """Return the name of the viewer and the names of its groups as JSON."""
    state, user = call.state, call.user
    names = [
        row["name"] for guid, row in state.groups.items() if user["guid"] in state.members[guid]
    ]
    return msgspec.json.encode({"user": user["username"], "groups": names}).decode()


def _passed_on(headers: Iterable[tuple[str, str]]) -> _Headers:
    return CIMultiDict(
        (name, value) for name, value in headers if name.lower() not in _OF_CONNECTION
    )


def _unavailable(error: ClientError) -> web.Response:
    return web.Response(status=502, text=f"The app does not respond: {type(error).__name__}.\n")

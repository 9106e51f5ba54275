"""One connection pool to one origin; with `failures`, all that knows aiohttp's client.

It sends one attempt and returns the response or raises an `AconnectError`. It does not judge
responses, does not retry, follows redirects only within the origin and if they keep the request as
it is, and keeps no cookies: the calls of a task carry their own.
"""

from __future__ import annotations

import asyncio
import math
import os
import ssl as ssl_module
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import lru_cache, partial
from posixpath import normpath
from threading import Lock
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
import anyio
from yarl import URL

from aconnect._core.message import CallOptions, Request, Response, StreamingResponse, Upload
from aconnect._core.redaction import Secret, credentials_in
from aconnect._core.text import excerpt, of_another_loop
from aconnect._core.url import decoded_path, has_controls, origin_of
from aconnect._transport.body import UploadBody
from aconnect._transport.coding import ACCEPTED, CONTENT_ENCODING, BodyDecoder
from aconnect._transport.connection import Connection
from aconnect._transport.failures import FAILURES, failure, shown_cause, too_slow
from aconnect._transport.options import Options, Timeout
from aconnect._transport.watchdog import Deadline, TimeoutWatchdog
from aconnect.errors import (
    AconnectError,
    BodyTooLargeError,
    ClientClosedError,
    DecodeError,
    EventLoopError,
    RedirectRefusedError,
)

if TYPE_CHECKING:
    from aconnect._core.proxies import Proxy

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# RFC 9110, 15.4: these keep the method and the body; clients may turn the others into GET.
_SAME_REQUEST: Final = frozenset({307, 308})
_MAX_REDIRECTS: Final = 5
# Some gateways send cookies and policies of several times the 8 KiB and 128 that aiohttp allows.
_MAX_HEADER: Final = 64 * 1024
_MAX_HEADERS: Final = 1024
_MAX_ERROR_BODY: Final = 64 * 1024
# aiohttp declares the body of a change that is not there as application/octet-stream. To say so for
# all requests of a session costs five per cent of a small one.
_NO_TYPE: Final = ("Content-Type",)
_CLOSE_TIMEOUT: Final = 5.0
# A server that was asked to hold a response back for n seconds gets n plus this before we give up.
_WAIT_SLACK: Final = 15.0

_claims: Final = WeakKeyDictionary[asyncio.AbstractEventLoop, "WeakSet[Session]"]()
_claiming: Final = Lock()


def sessions_of(loop: asyncio.AbstractEventLoop) -> list[Session]:
    """Return the sessions that belong to an event loop."""
    return list(_claims.get(loop, ()))


class Session:
    """A connection pool to one API root, opened on first use."""

    def __init__(
        self,
        api_root: str,
        headers: Mapping[str, str],
        options: Options,
        redact: Callable[[str, Sequence[Secret]], str],
    ) -> None:
        self.api_root: str = api_root
        self._redact = redact
        self.server = api_root
        """The server's address as users write it."""
        self.variable = ""
        """The environment variable that holds it."""
        self.origin: str = origin_of(api_root)
        self._base = URL(self.origin)
        self._scheme, _, self._authority = self.origin.partition("://")
        self._prefix: str = urlsplit(api_root).path
        self._options = options
        self._proxy = _proxy(self.origin, options)
        self._headers = {"accept-encoding": ACCEPTED, **headers}
        # aiohttp sends a session's own headers to the proxy as well, the key among them.
        self._request_headers = None if self._proxy is None else self._headers
        self._proxy_headers: dict[str, str] = {}
        if self._proxy is not None:
            authorization = options.proxy_authorization or self._proxy.authorization
            if authorization is not None:
                self._proxy_headers = {"Proxy-Authorization": authorization.reveal()}
            if self.origin.startswith("http:"):
                # There is no tunnel: the proxy reads the request itself.
                self._request_headers = {**self._headers, **self._proxy_headers}
        self._watchdog = TimeoutWatchdog()
        self._aiohttp: aiohttp.ClientSession | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop of the first call, which all that waits and the connections belong to."""
        self.closed: bool = False

    def rebase(self, path: str) -> None:
        """Make all calls from now on below another path of the origin."""
        if path != self._prefix:
            self._prefix = path
            self.api_root = self.origin + path

    def root(self, request: Request) -> str:
        """Return the address that the target of a request is below."""
        return self.api_root if request.base == "api" else self.server

    def claim(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to this event loop from now on; raise if that cannot be."""
        # Threads may make their first calls at the same time.
        with _claiming:
            if self.closed:
                raise ClientClosedError("the client is closed; create another one")
            if self.loop is None:
                self.loop = loop
                _claims.setdefault(loop, WeakSet()).add(self)
            elif self.loop is not loop:
                raise EventLoopError(
                    of_another_loop("the client", "in which it made its first call")
                )

    def _open(self) -> aiohttp.ClientSession:
        """Open the aiohttp session in the event loop of the client."""
        if self.closed:
            raise ClientClosedError("the client is closed; create another one")
        loop, options = asyncio.get_running_loop(), self._options
        tls: ssl_module.SSLContext | bool = options.ssl or not options.insecure_tls
        # The pipeline limits the calls in flight, because its limit changes.
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        # aiohttp has no public way to choose the class of its connections.
        vars(connector)["_factory"] = partial(Connection, loop=loop)
        self._aiohttp = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers if self._request_headers is None else None,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=None if self._proxy is None else self._proxy.url,
            auto_decompress=False,
            max_field_size=_MAX_HEADER,
            max_headers=_MAX_HEADERS,
        )
        # aiohttp repeats an idempotent request if a pooled connection is dead, but repeating is the
        # decision of the retry policy, which counts. A middleware could prevent it without this
        # attribute, at two per cent of a small call; the tests count at the server.
        self._aiohttp._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._aiohttp

    async def close(self) -> None:
        """Close all connections, within a bounded time and even if cancelled."""
        self.closed = True
        self._watchdog.close()
        session, self._aiohttp = self._aiohttp, None
        if session is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_TIMEOUT):
                await session.close()

    async def send(
        self,
        request: Request,
        options: Options,
        call: CallOptions,
        credentials: Mapping[str, str] | None,
        remaining: float | None,
    ) -> Response:
        """Send a request once and read the whole response; `remaining` seconds for the call."""
        session = self._aiohttp
        if session is None:
            session = self._open()
        response: aiohttp.ClientResponse | None = None
        idle, total = _time_limits(options, call, remaining)
        upload: UploadBody | None = None
        if isinstance(request.body, Upload):
            # How long an upload takes depends on its size; its pieces extend the limit.
            deadline = self._watchdog.start(idle)
            upload = self._upload(request, request.body, options, deadline)
        else:
            deadline = self._watchdog.start(_minimum(idle, total))
        try:
            response = await self._respond(session, request, upload, options, call, credentials)
            content, headers = response.content, response.headers
            body = await content.readany()
            if not content.at_eof() or len(body) > options.max_body or CONTENT_ENCODING in headers:
                body = await self._read_on(request, response, body, options, deadline, idle, total)
            return Response(
                status=response.status,
                headers=headers,
                body=body,
                set_cookies=tuple(headers.getall("Set-Cookie", ())),
                url=response.url,
            )
        except asyncio.CancelledError as error:
            if deadline is None or not deadline.is_ours():
                raise
            raise self._too_slow(request, upload, began=response is not None) from error
        except FAILURES as error:
            if response is None:
                raise
            sent = response.request_info.headers
            raise self._failure(request, error, sent, began=True) from shown_cause(error)
        finally:
            self._watchdog.stop(deadline)
            if response is not None and not response.content.at_eof():
                response.close()
            if upload is not None:
                await upload.aclose()

    async def _read_on(
        self,
        request: Request,
        response: aiohttp.ClientResponse,
        body: bytes,
        options: Options,
        deadline: Deadline | None,
        idle: float | None,
        total: float | None,
    ) -> bytes:
        """Read what follows the first chunk of a body, and decode it."""
        content, most = response.content, options.max_body
        decoder = BodyDecoder(response.headers)
        now = asyncio.get_running_loop().time
        end = math.inf if total is None else now() + total
        pieces: list[bytes] = []
        size = 0
        while True:
            for piece in decoder.decode(body):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    raise self._too_large(request, most)
            if content.at_eof():
                decoder.finish()
                return b"".join(pieces)
            if deadline is not None:
                # Later than before, so the timer that is set suffices.
                deadline.expires = end if idle is None else min(now() + idle, end)
            body = await content.readany()

    @asynccontextmanager
    async def stream(
        self,
        request: Request,
        options: Options,
        call: CallOptions,
        credentials: Mapping[str, str] | None,
    ) -> AsyncGenerator[StreamingResponse, None]:
        """Send a request once and yield the response before its body.

        The body of an error is read first, up to 64 KiB, with a limit for the whole of it.
        """
        session = self._aiohttp
        if session is None:
            session = self._open()
        idle, _ = _time_limits(options, call, None)
        deadline = self._watchdog.start(idle)
        upload: UploadBody | None = None
        if isinstance(request.body, Upload):
            upload = self._upload(request, request.body, options, deadline)
        response: aiohttp.ClientResponse | None = None
        try:
            try:
                response = await self._respond(
                    session, request, upload, options, call, credentials, is_streamed=True
                )
                chunks = self._chunks(request, response)
                if response.status >= 300:
                    chunks = await _error_body(chunks, deadline, idle)
            except asyncio.CancelledError as error:
                if deadline is None or not deadline.is_ours():
                    raise
                raise self._too_slow(request, upload, began=response is not None) from error
            finally:
                self._watchdog.stop(deadline)
            yield StreamingResponse(
                status=response.status, headers=response.headers, chunks=chunks, url=response.url
            )
        finally:
            if response is not None:
                # Not released to the pool: the rest of the body would have to be read first.
                response.close()
            if upload is not None:
                await upload.aclose()

    async def _chunks(
        self, request: Request, response: aiohttp.ClientResponse
    ) -> AsyncGenerator[bytes, None]:
        decoder = BodyDecoder(response.headers)
        try:
            async for chunk in response.content.iter_any():
                for piece in decoder.decode(chunk):
                    yield piece
            decoder.finish()
        except FAILURES as error:
            sent = response.request_info.headers
            raise self._failure(request, error, sent, began=True) from shown_cause(error)

    async def _respond(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        upload: UploadBody | None,
        options: Options,
        call: CallOptions,
        credentials: Mapping[str, str] | None,
        *,
        is_streamed: bool = False,
    ) -> aiohttp.ClientResponse:
        url = self._url(request)
        headers = request.headers
        data: object = request.body
        if upload is not None:
            headers = {**(headers or {}), **upload.upload.headers}
            data = upload
        if call.cookies:
            headers = {**(headers or {}), "Cookie": call.cookies}
        if self._request_headers is not None:
            headers = {**self._request_headers, **(headers or {})}
        if credentials is not None:
            headers = {**(headers or {}), **credentials}
        is_change = request.method not in {"GET", "HEAD"}
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                response = await session.request(
                    request.method,
                    url,
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    skip_auto_headers=_NO_TYPE if data is None and is_change else None,
                    timeout=_timeout(options.timeout, is_streamed),
                    proxy_headers=self._proxy_headers or None,
                )
            except BaseException as error:  # noqa: BLE001  raised by what follows
                self._interrupted(request, error, upload, headers)
            if response.status >= 200 and response.status not in _REDIRECTS:
                if upload is not None and upload.problem and response.status < 300:
                    # The server did not wait for the end of the body.
                    response.close()
                    raise upload.problem
                return response
            response.close()
            url = URL(self._redirected(request, str(url), response), encoded=True)
            if upload is not None:
                await upload.aclose()
        raise RedirectRefusedError(
            f"{self._title(request)} was redirected {_MAX_REDIRECTS + 1} times; check the "
            "server's address"
        )

    def _upload(
        self, request: Request, body: Upload, options: Options, deadline: Deadline | None
    ) -> UploadBody:
        """Return the body of an attempt to upload something."""
        shown = partial(self._shown, request, self._headers)
        return UploadBody(body, deadline, options.timeout.read, shown)

    def _too_slow(
        self, request: Request, upload: UploadBody | None, *, began: bool
    ) -> AconnectError:
        """Return the error of an attempt that ran out of time."""
        if upload is not None and upload.is_reading and not began:
            return upload.stalled()
        return too_slow(self._title(request), request, began=began)

    def _interrupted(
        self,
        request: Request,
        error: BaseException,
        upload: UploadBody | None,
        headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Raise what a request without a response has failed with."""
        if not isinstance(error, FAILURES):
            raise error
        if upload is not None and upload.problem is not None:
            raise upload.problem from upload.problem.__cause__
        sent = {**self._headers, **self._proxy_headers, **(headers or {})}
        raise self._failure(request, error, sent, began=False) from shown_cause(error)

    def _url(self, request: Request) -> URL:
        """Return the URL of a request, without parsing what is known already."""
        path, mark, query = request.target.partition("?")
        prefix = self._prefix if request.base == "api" else urlsplit(self.server).path
        if not mark:
            return self._base.with_path(prefix + path, encoded=True)
        return URL.build(
            scheme=self._scheme,
            authority=self._authority,
            path=prefix + path,
            query_string=query,
            encoded=True,
        )

    def _redirected(self, request: Request, url: str, response: aiohttp.ClientResponse) -> str:
        came = f"{self._title(request)} returned {response.status}"
        if response.status not in _REDIRECTS:
            raise DecodeError(
                f"{came}, but no other protocol was asked for; check the server's address, and the "
                "proxy in front of it"
            )
        location = response.headers.get("Location", "").strip()
        if not location:
            raise RedirectRefusedError(
                f"{came} without a Location header; check the server's address, and the proxy in "
                "front of it"
            )
        try:
            target = urljoin(url, location)
            # aiohttp refuses to send control characters.
            origin = "" if has_controls(target) else origin_of(target)
        except ValueError:
            target = origin = ""
        sent = response.request_info.headers
        if origin != self.origin:
            raise self._refused(came, self._shown(request, sent, origin))
        if request.to_content and self._is_api(target):
            raise RedirectRefusedError(
                f"{came} and redirects to the API; not followed, because content must not decide "
                "what is done with the credentials"
            )
        if request.method not in {"GET", "HEAD"} and response.status not in _SAME_REQUEST:
            address = self._shown(request, sent, target.partition("?")[0])
            raise RedirectRefusedError(
                f"{came} and redirects to {address}; not followed, because this redirect may lose "
                "the method and the body. Use that address"
            )
        if request.is_used_up:
            address = self._shown(request, sent, target.partition("?")[0])
            raise RedirectRefusedError(
                f"{came} and redirects to {address}; not followed, because the source of the "
                "upload can be read only once. Use that address"
            )
        return target

    def _is_api(self, url: str) -> bool:
        """Return True if an address is one of the API, however it is written."""
        path = normpath("/" + decoded_path(urlsplit(url).path).lstrip("/"))
        return f"{path}/".casefold().startswith(f"{self._prefix}/".casefold())

    def _refused(self, came: str, origin: str) -> RedirectRefusedError:
        """Return the error of a redirect to another origin, with the address to use."""
        here, there = urlsplit(self.origin), urlsplit(origin)
        if (here.scheme, there.scheme, here.hostname) == ("http", "https", there.hostname):
            address = origin + urlsplit(self.server).path
            setting = f" (set {self.variable}={address})" if self.variable else ""
            error = RedirectRefusedError(
                f"{came} and redirects to https; not followed, because each call would send the "
                f"credentials unencrypted first. Use the address {address}{setting}, and consider "
                "replacing the credentials that have been sent"
            )
            error.address = address
            return error
        return RedirectRefusedError(
            f"{came} and redirects to {origin or 'no valid address'}; not followed, because "
            "credentials never go to another origin. If that is your server, use its address"
        )

    def _too_large(self, request: Request, most: int) -> BodyTooLargeError:
        error = BodyTooLargeError(f"{self._title(request)} returned more than {most} bytes")
        error.limit = most
        error.hint = "stream the response, or raise max_body= if you expect that much"
        return error

    def _title(self, request: Request) -> str:
        return f"{request.method} {self.root(request)}{request.path}"

    def _failure(
        self, request: Request, error: BaseException, sent: Mapping[str, str], *, began: bool
    ) -> Exception:
        if self.closed:
            return ClientClosedError(
                f"{self._title(request)}: the client was closed during the call; if it was sent, "
                "the server may have acted on it"
            )
        shown = partial(self._shown, request, sent)
        return failure(self._title(request), request, error, self._proxy, shown, began=began)

    def _shown(self, request: Request, sent: Mapping[str, str], text: str) -> str:
        """Return the beginning of a text from the server, without any secret."""
        secrets = (*request.secrets, *credentials_in(sent))
        return excerpt(text, lambda text: self._redact(text, secrets))


def _proxy(origin: str, options: Options) -> Proxy | None:
    # Not aiohttp's own way, which also reads .netrc and fails where that knows the server.
    if options.proxy is None and not options.trust_env:
        return None
    from aconnect._core.proxies import (  # noqa: PLC0415  few clients have one
        environment_proxy,
        parse_proxy,
    )

    if options.proxy is not None:
        return parse_proxy(options.proxy, "proxy=")
    if getproxies_environment():
        return environment_proxy(origin, os.environ)
    # Windows and macOS have settings of their own, which urllib reads.
    parts = urlsplit(origin)
    address = getproxies().get(parts.scheme)
    if address is None or proxy_bypass(parts.hostname or ""):
        return None
    return parse_proxy(address, "the proxy of the system's settings")


def _time_limits(
    options: Options, call: CallOptions, remaining: float | None
) -> tuple[float | None, float | None]:
    """Return the seconds between two chunks, and for the whole attempt."""
    timeout = options.timeout
    idle = timeout.read
    if call.wait_seconds and idle is not None:
        idle = max(idle, call.wait_seconds + _WAIT_SLACK)
    return idle, _minimum(timeout.total, options.retry.deadline if remaining is None else remaining)


def _minimum(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


@lru_cache(maxsize=64)
def _timeout(timeout: Timeout, is_streamed: bool) -> aiohttp.ClientTimeout:
    """Return the time limits that aiohttp itself watches."""
    # Without a connection nothing was sent, and the error must say so, however short the time for
    # a response is.
    connect = _minimum(timeout.connect, timeout.read and timeout.read * 0.9)
    return aiohttp.ClientTimeout(
        total=None,
        connect=connect,
        sock_connect=connect,
        sock_read=timeout.read if is_streamed else None,
    )


async def _error_body(
    chunks: AsyncGenerator[bytes, None], deadline: Deadline | None, seconds: float | None
) -> AsyncGenerator[bytes, None]:
    """Read the body of an error, up to 64 KiB, and return an iterator over what was read."""
    if deadline is not None and seconds is not None:
        deadline.extend(seconds)
    body = b""
    async with aclosing(chunks):
        async for chunk in chunks:
            body += chunk
            if len(body) > _MAX_ERROR_BODY:
                break
    return _once(body)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body

"""One connection pool to one origin; with `failures`, all that knows aiohttp's client.

It sends one attempt and returns the response or raises a `TransportError`. It does not judge
responses, does not retry, follows only GET and HEAD redirects within the origin, and keeps no
cookies: the calls of a task carry their own.
"""

from __future__ import annotations

import asyncio
import math
import ssl as ssl_module
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
from yarl import URL

from aconnect._core.message import CallOptions, Request, Response, StreamingResponse, Upload
from aconnect._core.url import origin_of
from aconnect._transport.body import UploadBody
from aconnect._transport.failures import (
    FAILURES,
    excerpt_without,
    failure,
    shown_cause,
    too_slow,
)
from aconnect._transport.options import Options, Timeout
from aconnect._transport.watchdog import Deadline, TimeoutWatchdog
from aconnect.errors import BodyTooLargeError, RedirectRefusedError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 5
_CLOSE_TIMEOUT: Final = 5.0
# A server that was asked to hold a response back for n seconds gets n plus this before we give up.
_WAIT_SLACK: Final = 15.0


class Session:
    """A connection pool to one API root, opened on first use."""

    def __init__(self, api_root: str, headers: Mapping[str, str], options: Options) -> None:
        self.api_root = api_root
        self.origin = origin_of(api_root)
        self._base = URL(self.origin)
        self._prefix = urlsplit(api_root).path
        self._options = options
        self._proxy = options.proxy or (_environment_proxy(api_root) if options.trust_env else None)
        self._headers = dict(headers)
        # aiohttp sends a session's own headers to the proxy as well, the key among them.
        self._request_headers = None if self._proxy is None else self._headers
        self._proxy_headers: dict[str, str] = {}
        if self._proxy is not None and options.proxy_authorization is not None:
            self._proxy_headers = {"Proxy-Authorization": options.proxy_authorization.reveal()}
            if self.origin.startswith("http:"):
                # There is no tunnel: the proxy reads the request itself.
                self._request_headers = {**self._headers, **self._proxy_headers}
        self._watchdog = TimeoutWatchdog()
        self._aiohttp: aiohttp.ClientSession | None = None
        self._closed = False

    def rebase(self, path: str) -> None:
        """Make all calls from now on below another path of the origin."""
        if path != self._prefix:
            self._prefix = path
            self.api_root = self.origin + path

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("the client is closed; open another one")
        options = self._options
        tls: ssl_module.SSLContext | bool = options.ssl or not options.insecure_tls
        self._aiohttp = aiohttp.ClientSession(
            # The pipeline limits the calls in flight, because its limit changes.
            connector=aiohttp.TCPConnector(limit=0, ssl=tls),
            headers=self._headers if self._request_headers is None else None,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._proxy,
            # aiohttp declares a body that is not there as application/octet-stream.
            skip_auto_headers={"Content-Type"},
        )
        # aiohttp repeats an idempotent request if a pooled connection is dead, but repeating is the
        # decision of the retry policy, which counts. A middleware could prevent it without this
        # attribute, at two per cent of a small call; the tests count at the server.
        self._aiohttp._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._aiohttp

    async def close(self) -> None:
        """Close all connections, within a bounded time and even if cancelled."""
        self._closed = True
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
        response: aiohttp.ClientResponse | None = None
        idle, total = _time_limits(options, request, call, remaining)
        deadline = self._watchdog.start(_minimum(idle, total))
        try:
            response = await self._respond(request, options, call, credentials)
            content = response.content
            body = await content.readany()
            if not content.at_eof() or len(body) > options.max_body:
                body = await self._read_on(request, response, body, options, deadline, idle, total)
            headers = response.headers
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
            raise too_slow(self._title(request), began=response is not None) from error
        except FAILURES as error:
            failed = self._failure(request, error, began=response is not None)
            raise failed from shown_cause(error)
        finally:
            self._watchdog.stop(deadline)
            if response is not None and not response.content.at_eof():
                response.close()

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
        """Read what follows the first chunk of a body."""
        content, most = response.content, options.max_body
        now = asyncio.get_running_loop().time
        end = math.inf if total is None else now() + total
        chunks, size = [body], len(body)
        while not content.at_eof() and size <= most:
            if deadline is not None:
                # Later than before, so the timer that is set suffices.
                deadline.expires = end if idle is None else min(now() + idle, end)
            chunk = await content.readany()
            chunks.append(chunk)
            size += len(chunk)
        if size > most:
            raise BodyTooLargeError(
                f"{self._title(request)} returned more than {most} bytes; stream the response, or "
                "raise max_body if you expect that much"
            )
        return b"".join(chunks)

    @asynccontextmanager
    async def stream(
        self,
        request: Request,
        options: Options,
        call: CallOptions,
        credentials: Mapping[str, str] | None,
    ) -> AsyncGenerator[StreamingResponse, None]:
        """Send a request once and yield the response before its body."""
        try:
            response = await self._respond(request, options, call, credentials, is_streamed=True)
        except FAILURES as error:
            raise self._failure(request, error, began=False) from shown_cause(error)
        try:
            yield StreamingResponse(
                status=response.status,
                headers=response.headers,
                chunks=self._chunks(request, response),
            )
        finally:
            # Not released to the pool: the rest of the body would have to be read first.
            response.close()

    async def _chunks(
        self, request: Request, response: aiohttp.ClientResponse
    ) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        except FAILURES as error:
            raise self._failure(request, error, began=True) from shown_cause(error)

    async def _respond(
        self,
        request: Request,
        options: Options,
        call: CallOptions,
        credentials: Mapping[str, str] | None,
        *,
        is_streamed: bool = False,
    ) -> aiohttp.ClientResponse:
        session = self._aiohttp or self._open()
        url = self._url(request.target)
        headers, body = request.headers, request.body
        data: bytes | UploadBody | None
        if isinstance(body, Upload):
            headers = {**(headers or {}), **body.headers}
            data = UploadBody(body)
        else:
            data = body
        if call.cookies:
            headers = {**(headers or {}), "Cookie": call.cookies}
        if self._request_headers is not None:
            headers = {**self._request_headers, **(headers or {})}
        if credentials is not None:
            headers = {**(headers or {}), **credentials}
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                response = await session.request(
                    request.method,
                    url,
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    timeout=_timeout(options.timeout, is_streamed or isinstance(body, Upload)),
                    proxy_headers=self._proxy_headers or None,
                )
            except FAILURES:
                if isinstance(data, UploadBody) and data.problem is not None:
                    raise data.problem from data.problem.__cause__
                raise
            if response.status not in _REDIRECTS:
                return response
            response.close()
            url = URL(self._redirected(request, str(url), response), encoded=True)
        raise RedirectRefusedError(
            f"{self._title(request)} was redirected {_MAX_REDIRECTS + 1} times; check the "
            "server's address"
        )

    def _url(self, target: str) -> URL:
        """Return the URL of a quoted target, without parsing what is known already."""
        if "?" in target:
            return URL(self.api_root + target, encoded=True)
        return self._base.with_path(self._prefix + target, encoded=True)

    def _redirected(self, request: Request, url: str, response: aiohttp.ClientResponse) -> str:
        location = response.headers.get("Location", "")
        shown = partial(excerpt_without, response.request_info, request)
        try:
            target = urljoin(url, location)
            origin = origin_of(target)
        except ValueError:
            target = origin = ""
        if origin != self.origin or not location:
            raise RedirectRefusedError(
                f"{self._title(request)} returned {response.status} and redirects to "
                f"{shown(origin) or 'no valid address'}; not followed, because credentials never "
                "go to another origin. If that is your server, use its address"
            )
        keeps_body = response.status in {307, 308} and not isinstance(request.body, Upload)
        if request.method not in {"GET", "HEAD"} and not keeps_body:
            raise RedirectRefusedError(
                f"{self._title(request)} returned {response.status} and redirects to "
                f"{shown(target.partition('?')[0])}; not followed, because a redirect may lose the "
                "body. Use that address"
            )
        return target

    def _title(self, request: Request) -> str:
        return f"{request.method} {self.api_root}{request.path}"

    def _failure(self, request: Request, error: BaseException, *, began: bool) -> Exception:
        return failure(self._title(request), request, error, self._proxy, began=began)


def _environment_proxy(url: str) -> str | None:
    # Not aiohttp's own way, which also reads .netrc and fails where that knows the server.
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _time_limits(
    options: Options, request: Request, call: CallOptions, remaining: float | None
) -> tuple[float | None, float | None]:
    """Return the seconds between two chunks, and for the whole attempt."""
    if isinstance(request.body, Upload):
        # Left to aiohttp's timer between two reads, which starts when the body has been sent.
        return None, None
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
def _timeout(timeout: Timeout, is_transfer: bool) -> aiohttp.ClientTimeout:
    """Return the time limits that aiohttp itself watches."""
    # Without a connection nothing was sent, and the error must say so, however short the time for
    # a response is.
    connect = _minimum(timeout.connect, timeout.read and timeout.read * 0.9)
    return aiohttp.ClientTimeout(
        total=None,
        connect=connect,
        sock_connect=connect,
        sock_read=timeout.read if is_transfer else None,
    )

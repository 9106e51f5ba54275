"""One connection pool to one origin; with `failures.py`, all that knows aiohttp's client.

It sends one attempt and brings back the answer or a `TransportError`. It does not judge answers,
does not repeat anything, follows only GET and HEAD redirects within the origin, and keeps no
cookies: what a task needs, its calls carry themselves.
"""

from __future__ import annotations

import asyncio
import math
import ssl as ssl_module
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
from yarl import URL

from aconnect._core.message import Request, Response, StreamingResponse, Upload
from aconnect._core.url import origin_of
from aconnect._transport.body import Body
from aconnect._transport.failures import FAILURES, failure, too_slow
from aconnect._transport.options import Options, Timeout
from aconnect._transport.watchdog import TimeoutWatchdog, Watched
from aconnect.errors import BodyTooLargeError, RedirectRefusedError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_CLOSING: Final = 5.0
# A server that was asked to hold an answer for n seconds gets n and this before we give up.
_HOLD_SLACK: Final = 15.0


class Session:
    """A connection pool to `root`, opened on first use."""

    def __init__(self, root: str, headers: Mapping[str, str], options: Options) -> None:
        self.root = root
        self.origin = origin_of(root)
        self._options = options
        self._proxy = options.proxy or (_proxy_of_environment(root) if options.trust_env else None)
        self._headers = dict(headers)
        # aiohttp tells a session's own headers to the proxy as well, the key among them.
        self._each_time = None if self._proxy is None else self._headers
        self._proxy_headers: dict[str, str] = {}
        if self._proxy is not None and options.proxy_authorization is not None:
            self._proxy_headers = {"Proxy-Authorization": options.proxy_authorization.reveal()}
            if self.origin.startswith("http:"):
                # There is no tunnel to set up: the request itself is what the proxy reads.
                self._each_time = {**self._headers, **self._proxy_headers}
        self._watch = TimeoutWatchdog()
        self._aiohttp: aiohttp.ClientSession | None = None
        self._closed = False

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("the client is closed; open another one")
        options = self._options
        tls: ssl_module.SSLContext | bool = options.ssl or not options.insecure_tls
        self._aiohttp = aiohttp.ClientSession(
            # How many calls are in flight is limited by the pipeline, which can change its mind.
            connector=aiohttp.TCPConnector(limit=0, ssl=tls),
            headers=self._headers if self._each_time is None else None,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._proxy,
        )
        # aiohttp repeats an idempotent request when a pooled connection is dead. Repeating is
        # the retry policy's decision: it is what counts. A middleware could stop it without this
        # attribute, for two per cent of a small call; the tests count at the server.
        self._aiohttp._retry_connection = False
        return self._aiohttp

    async def close(self) -> None:
        """Close all connections; not interrupted by a cancellation, and bounded in time."""
        self._closed = True
        self._watch.close()
        session, self._aiohttp = self._aiohttp, None
        if session is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSING):
                await session.close()

    async def send(self, request: Request, options: Options, left: float | None) -> Response:
        """Send a request once and read the whole answer; `left` seconds remain for the call."""
        response: aiohttp.ClientResponse | None = None
        idle, whole = _patience(options, request, left)
        watched = self._watch.begin(_least(idle, whole))
        try:
            response = await self._respond(request, options)
            content = response.content
            body = await content.readany()
            if not content.at_eof() or len(body) > options.max_body:
                body = await self._read_on(request, response, body, options, watched, idle, whole)
            headers = response.headers
            return Response(
                status=response.status,
                headers=headers,
                body=body,
                set_cookies=tuple(headers.getall("Set-Cookie", ())),
            )
        except asyncio.CancelledError as error:
            if watched is None or not watched.is_ours():
                raise
            raise too_slow(self._name(request), began=response is not None) from error
        except FAILURES as error:
            raise self._failure(request, error, began=response is not None) from error
        finally:
            self._watch.end(watched)
            if response is not None and not response.content.at_eof():
                response.close()

    async def _read_on(
        self,
        request: Request,
        response: aiohttp.ClientResponse,
        body: bytes,
        options: Options,
        watched: Watched | None,
        idle: float | None,
        whole: float | None,
    ) -> bytes:
        """Read what comes after the first piece of a body."""
        content, most = response.content, options.max_body
        now = asyncio.get_running_loop().time
        end = math.inf if whole is None else now() + whole
        pieces, size = [body], len(body)
        while not content.at_eof() and size <= most:
            if watched is not None:
                # Later than before, so the timer that is set will do.
                watched.expires = end if idle is None else min(now() + idle, end)
            piece = await content.readany()
            pieces.append(piece)
            size += len(piece)
        if size > most:
            raise BodyTooLargeError(
                f"{self._name(request)} answered with more than {most} bytes; stream it, or raise "
                "max_body if you expect that much"
            )
        return b"".join(pieces)

    @asynccontextmanager
    async def stream(
        self, request: Request, options: Options
    ) -> AsyncGenerator[StreamingResponse, None]:
        """Send a request once and hand out the body piece by piece."""
        try:
            response = await self._respond(request, options)
        except FAILURES as error:
            raise self._failure(request, error, began=False) from error
        try:
            yield StreamingResponse(
                status=response.status,
                headers=response.headers,
                chunks=self._chunks(request, response),
            )
        finally:
            # Closing and not releasing: what the caller did not read would have to be read first.
            response.close()

    async def _chunks(
        self, request: Request, response: aiohttp.ClientResponse
    ) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        except FAILURES as error:
            raise self._failure(request, error, began=True) from error

    async def _respond(self, request: Request, options: Options) -> aiohttp.ClientResponse:
        session = self._aiohttp or self._open()
        url = self.root + request.target
        headers, body = request.headers, request.body
        data: bytes | Body | None = None
        if isinstance(body, Upload):
            headers = {**(headers or {}), **body.headers}
            data = Body(body)
        else:
            data = body
        if request.cookies:
            headers = {**(headers or {}), "Cookie": request.cookies}
        if self._each_time is not None:
            headers = {**self._each_time, **(headers or {})}
        if request.credentials is not None:
            headers = {**(headers or {}), **request.credentials}
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                response = await session.request(
                    request.method,
                    URL(url, encoded=True),
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    timeout=_timers(options.timeout, request.transfer),
                    proxy_headers=self._proxy_headers or None,
                )
            except FAILURES:
                if isinstance(data, Body) and data.problem is not None:
                    raise data.problem from data.problem.__cause__
                raise
            if response.status not in _REDIRECTS:
                return response
            response.close()
            url = self._redirected(request, url, response)
        raise RedirectRefusedError(
            f"{self._name(request)} was redirected {_MOST_REDIRECTS + 1} times; check the "
            "server's address"
        )

    def _redirected(self, request: Request, url: str, response: aiohttp.ClientResponse) -> str:
        location = response.headers.get("Location", "")
        try:
            target = urljoin(url, location)
            origin = origin_of(target)
        except ValueError:
            target = origin = ""
        if origin != self.origin or not location:
            raise RedirectRefusedError(
                f"{self._name(request)} answered {response.status} and points to "
                f"{origin or 'no valid address'}; not followed, because credentials never go to "
                "another origin. If that is your server, use its address"
            )
        if request.method not in {"GET", "HEAD"}:
            raise RedirectRefusedError(
                f"{self._name(request)} answered {response.status} and points to "
                f"{target.partition('?')[0]}; not followed, because a redirect may lose the body. "
                "Use that address"
            )
        return target

    def _name(self, request: Request) -> str:
        return f"{request.method} {self.root}{request.target.partition('?')[0]}"

    def _failure(self, request: Request, error: BaseException, *, began: bool) -> Exception:
        return failure(self._name(request), request, error, self._proxy, began=began)


def _proxy_of_environment(root: str) -> str | None:
    # Not aiohttp's own way, which also reads .netrc and fails where that knows the server.
    parts = urlsplit(root)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _patience(
    options: Options, request: Request, left: float | None
) -> tuple[float | None, float | None]:
    """Give the seconds to wait for something to come, and for the whole attempt."""
    timeout = options.timeout
    idle = timeout.read
    if request.hold and idle is not None:
        idle = max(idle, request.hold + _HOLD_SLACK)
    if request.transfer:
        # aiohttp's timer between two reads watches it, which begins when the body is sent.
        return None, None
    return idle, _least(timeout.total, options.retry.deadline if left is None else left)


def _least(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


@lru_cache(maxsize=64)
def _timers(timeout: Timeout, transfer: bool) -> aiohttp.ClientTimeout:
    """Give what aiohttp itself is to watch."""
    # Without a connection nothing was sent, and the error must say so, however short the time for
    # an answer is.
    connect = _least(timeout.connect, timeout.read and timeout.read * 0.9)
    return aiohttp.ClientTimeout(
        total=None,
        connect=connect,
        sock_connect=connect,
        sock_read=timeout.read if transfer else None,
    )

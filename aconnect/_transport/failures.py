"""What aiohttp's errors mean, in this library's terms.

Each says what was tried, what came and what to do, without the query, which may name people, and
without anything that was sent.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from aconnect._core.message import Request
from aconnect._core.redaction import shown_url
from aconnect.errors import (
    CertificateError,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidArgumentError,
    ReadTimeoutError,
)

FAILURES: Final = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
"""What an attempt may fail with."""


def failure(
    what: str, request: Request, error: BaseException, proxy: str | None, *, began: bool
) -> Exception:
    """Translate what an attempt failed with; `what` names the call, `began` is of the answer."""
    why = _why(request, error)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(
                f"{what}: no connection in time (Timeout.connect); is the address right, and is "
                "the server reachable from here?"
            )
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return ConnectionFailedError(
                f"{what}: no connection through the proxy {shown_url(proxy or '')} ({why})"
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return CertificateError(
                f"{what}: no secure connection ({why}); for a private authority pass "
                "ssl=ssl.create_default_context(cafile=...)"
            )
        case aiohttp.ClientConnectorError():
            through = f" through the proxy {shown_url(proxy)}" if proxy is not None else ""
            return ConnectionFailedError(
                f"{what}: could not connect{through} ({error.os_error.strerror or why}); is the "
                "address right, and is the server up?"
            )
        case asyncio.TimeoutError():
            return too_slow(what, began=began)
        case aiohttp.InvalidURL():
            return InvalidArgumentError(f"{what} is not a valid address: {why}")
        case _:
            part = "within" if began else "before"
            return ConnectionLostError(f"{what}: the connection broke {part} the answer ({why})")


def too_slow(what: str, *, began: bool) -> ReadTimeoutError:
    """Make the error of an attempt that ran out of time."""
    part = "the rest of the answer" if began else "an answer"
    return ReadTimeoutError(
        f"{what}: waited too long for {part}; if the server needs that long, raise "
        "timeout=Timeout(read=...)"
    )


def _why(request: Request, error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{error.status} {error.message}"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer was not HTTP"
    text = str(error) or type(error).__name__
    query = request.target.partition("?")[2]
    return text.replace(query, "...") if query else text

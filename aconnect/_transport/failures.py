"""aiohttp's errors in this library's terms.

Each message says what was tried, what came back and what to do, without the query, which may name
people, and without anything that was sent.
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
    call: str, request: Request, error: BaseException, proxy: str | None, *, began: bool
) -> Exception:
    """Translate what an attempt failed with; `began` is whether the response had begun."""
    reason = _reason(request, error)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(
                f"{call}: could not connect in time (Timeout.connect); check the address, and that "
                "the server is reachable from here"
            )
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return ConnectionFailedError(
                f"{call}: could not connect through the proxy {shown_url(proxy or '')} ({reason})"
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return CertificateError(
                f"{call}: could not establish a secure connection ({reason}); for a private "
                "certificate authority pass ssl=ssl.create_default_context(cafile=...)"
            )
        case aiohttp.ClientConnectorError():
            through = f" through the proxy {shown_url(proxy)}" if proxy is not None else ""
            return ConnectionFailedError(
                f"{call}: could not connect{through} ({error.os_error.strerror or reason}); check "
                "the address, and that the server is running"
            )
        case asyncio.TimeoutError():
            return too_slow(call, began=began)
        case aiohttp.InvalidURL():
            return InvalidArgumentError(f"{call} is not a valid address: {reason}")
        case _:
            part = "during" if began else "before"
            return ConnectionLostError(
                f"{call}: the connection broke {part} the response ({reason})"
            )


def too_slow(call: str, *, began: bool) -> ReadTimeoutError:
    """Return the error of an attempt that ran out of time."""
    part = "the rest of the response" if began else "a response"
    return ReadTimeoutError(
        f"{call}: waited too long for {part}; if the server needs that long, raise "
        "timeout=Timeout(read=...)"
    )


def _reason(request: Request, error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{error.status} {error.message}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the response is not valid HTTP: {error.message}"
    text = str(error) or type(error).__name__
    query = request.target.partition("?")[2]
    return text.replace(query, "...") if query else text

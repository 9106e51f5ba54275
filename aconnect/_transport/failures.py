"""aiohttp's errors in this library's terms.

Each message says what was tried, what came back and what to do, without the query, which may name
people, and without anything that was sent.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import aiohttp

from aconnect._core.message import Request
from aconnect._core.redaction import credentials_in, redact, shown_url
from aconnect._core.text import excerpt, one_line
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

_REPEATS: Final = (
    aiohttp.ClientResponseError,
    aiohttp.ClientPayloadError,
    aiohttp.ServerDisconnectedError,
)
# How aiohttp quotes the response; what it has cut could end with half a secret.
_QUOTED: Final = re.compile(r":\s*b?(['\"]).*\1.*", re.DOTALL)
_CUT: Final = re.compile(r":\s*b?(['\"]).*\.\.\.\1.*", re.DOTALL)


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


def shown_cause(error: BaseException) -> BaseException | None:
    """Return an error as a cause; None if it has the headers that were sent, or the response."""
    return None if isinstance(error, _REPEATS) else error


def excerpt_without(sent: aiohttp.RequestInfo, request: Request, text: str) -> str:
    """Return the beginning of a text from the server, without what was sent and is secret."""
    secrets = (*request.secrets, *credentials_in(sent.headers))
    return excerpt(text, lambda text: redact(text, secrets))


def _reason(request: Request, error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        message = excerpt_without(error.request_info, request, _CUT.sub("", error.message))
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return f"{error.status} {message}"
        return f"the response is not valid HTTP: {message.rstrip(' ^')}"
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        return "its headers were incomplete"
    if isinstance(error, aiohttp.ClientPayloadError):
        return one_line(_QUOTED.sub("", str(error)))
    text = str(error) or type(error).__name__
    query = request.target.partition("?")[2]
    return text.replace(query, "...") if query else text

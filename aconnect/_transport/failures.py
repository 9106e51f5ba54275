"""aiohttp's errors in this library's terms.

Each message says what was tried, what came back and what to do, without the query, which may name
people, and without anything that was sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from aconnect._core.message import Request, Upload
from aconnect._core.redaction import shown_url
from aconnect.errors import (
    CertificateError,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectTimeoutError,
    DecodeError,
    InvalidArgumentError,
    ReadTimeoutError,
)

FAILURES: Final = (
    aiohttp.ClientError,
    HttpProcessingError,
    asyncio.TimeoutError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What an attempt may fail with."""

_TOO_LARGE: Final = ("Got more than", "Too many headers")
# What aiohttp quotes of the response, and cuts, so that it could end with half a secret.
_QUOTED: Final = re.compile(r":?\s*b?(['\"]).*", re.DOTALL)
# These have the headers that were sent, or a part of the response.
_REPEATS: Final = (
    aiohttp.ClientResponseError,
    aiohttp.ClientPayloadError,
    aiohttp.ServerDisconnectedError,
    HttpProcessingError,
    ValueError,
)


def failure(
    call: str,
    request: Request,
    error: BaseException,
    proxy: str | None,
    shown: Callable[[str], str],
    *,
    began: bool,
) -> Exception:
    """Translate what an attempt failed with.

    `shown` returns a text from the server as it may be shown, and `began` is whether the response
    had begun.
    """
    reason = shown(_reason(request, error))
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
            return too_slow(call, request, began=began)
        case aiohttp.InvalidURL():
            return InvalidArgumentError(f"{call} is not a valid address: {reason}")
        case ContentEncodingError():
            return DecodeError(f"{call}: {reason}")
        case aiohttp.ClientResponseError() | HttpProcessingError() if error.message.startswith(
            _TOO_LARGE
        ):
            return DecodeError(
                f"{call}: the headers of the response are too large ({_parser_reason(error)})"
            )
        case ValueError() if not isinstance(error, OSError):
            # aiohttp refuses it before it sends anything, such as a header with a line break.
            return InvalidArgumentError(f"{call} cannot be sent: {reason}")
        case _:
            part = "during" if began else "before"
            return ConnectionLostError(
                f"{call}: the connection broke {part} the response ({reason})"
            )


def too_slow(call: str, request: Request, *, began: bool) -> ReadTimeoutError:
    """Return the error of an attempt that ran out of time."""
    if began:
        part = "the rest of the response"
    elif isinstance(request.body, Upload):
        part = "the server to read the upload, or for a response"
    else:
        part = "a response"
    return ReadTimeoutError(
        f"{call}: waited too long for {part}; if the server needs that long, raise "
        "timeout=Timeout(read=...)"
    )


def shown_cause(error: BaseException) -> BaseException | None:
    """Return an error as a cause; None if it has the headers that were sent, or the response."""
    return None if isinstance(error, _REPEATS) else error


def _reason(request: Request, error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{error.status} {error.message}"
    if isinstance(error, ContentEncodingError):
        return error.message
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return f"the response is not valid HTTP: {_parser_reason(error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        return "its headers were incomplete"
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientPayloadError):
        return _QUOTED.sub("", text)
    query = request.target.partition("?")[2]
    return text.replace(query, "...") if query else text


def _parser_reason(error: aiohttp.ClientResponseError | HttpProcessingError) -> str:
    # Without the part of the response that it quotes.
    return _QUOTED.sub("", error.message.partition(":")[0]).removesuffix(" when reading")

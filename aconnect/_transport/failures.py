"""aiohttp's errors in this library's terms.

Each message says what was tried, what came back and what to do, without the query, which may name
people, and without anything that was sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from aconnect._core.message import Request, Upload
from aconnect.errors import (
    CertificateError,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectTimeoutError,
    DecodeError,
    InvalidArgumentError,
    ProxyRefusedError,
    ReadTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    from aconnect._core.proxies import Proxy

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
    proxy: Proxy | None,
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
        case (
            aiohttp.ConnectionTimeoutError()
            | aiohttp.ClientHttpProxyError()
            | aiohttp.ClientConnectorError()
        ):
            return _not_connected(call, error, reason, proxy)
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
    error = ReadTimeoutError(f"{call}: waited too long for {part}")
    error.hint = "if the server needs that long, raise timeout= (Timeout.read)"
    return error


def _not_connected(
    call: str,
    error: aiohttp.ConnectionTimeoutError
    | aiohttp.ClientHttpProxyError
    | aiohttp.ClientConnectorError,
    reason: str,
    proxy: Proxy | None,
) -> TransportError:
    """Translate a failure to connect, which is the server's, the proxy's or between them."""
    through = "" if proxy is None else f" through the proxy {proxy.url}"
    address = "the address" if proxy is None else f"the address and the proxy ({proxy.source})"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectTimeoutError(
            f"{call}: could not connect{through} in time (Timeout.connect); check {address}, and "
            "that the server is reachable from here"
        )
    if isinstance(error, aiohttp.ClientHttpProxyError):
        message = f"{call}: could not connect{through} ({reason}); check {address}"
        if error.status == 407:
            return ProxyRefusedError(f"{message}, and its user name and password")
        return ConnectionFailedError(message)
    reason = error.os_error.strerror or reason
    if proxy is not None and (error.host, error.port) == ((at := URL(proxy.url)).host, at.port):
        plain = "; without TLS, its address is http://host:port" if at.scheme == "https" else ""
        return ConnectionFailedError(
            f"{call}: could not connect to the proxy {proxy.url} ({reason}); check its address "
            f"({proxy.source}), and that it is running{plain}"
        )
    if isinstance(error, aiohttp.ClientSSLError):
        untrusted = CertificateError(
            f"{call}: could not establish a secure connection{through} ({reason})"
        )
        untrusted.hint = (
            "for a private certificate authority, set SSL_CERT_FILE to the file with its "
            "certificate, or pass ssl="
        )
        return untrusted
    return ConnectionFailedError(
        f"{call}: could not connect{through} ({reason}); check {address}, and that the server is "
        "running"
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

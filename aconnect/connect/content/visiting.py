"""Content as its visitors get it: requested at its own address, and not through the API.

Decides what counts as a response of the content, which a login page in its place does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from aconnect._core import decoding
from aconnect._core.channel import Channel
from aconnect._core.message import Request, Response, StreamingResponse, is_idempotent
from aconnect._core.redaction import credentials_in
from aconnect._core.url import (
    check_header,
    check_method,
    check_path,
    query_string,
    quote_guid,
    quote_segment,
)
from aconnect.errors import (
    ApiError,
    AuthenticationError,
    InvalidArgumentError,
    LicenseExpiredError,
    PermissionDeniedError,
    RedirectRefusedError,
    VerificationError,
)

_LOGIN: Final = ("/__login__/", "/connect/")
"""The paths below the server's address that are those of the dashboard and its login."""
_NO_RIGHT: Final = "check that the key's owner may view the content"
_OWN_HEADERS: Final = frozenset(
    {
        *("authorization", "proxy-authorization", "x-rsc-authorization"),
        *("connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""The headers with which the client signs in, and those of the connection."""


async def verified(channel: Channel, guid: str, bundle_id: str | None = None) -> int:
    """Request content, or a draft of it, and return the HTTP status.

    Raises:
        VerificationError: It does not respond.
        LicenseExpiredError: The license of the server has ended, so it serves no content.
    """
    target = _target(guid)
    if bundle_id is not None:
        target += f"_bundle{quote_segment('bundle', bundle_id)}/"
    request = Request(
        operation="content.verify",
        method="GET",
        target=target,
        idempotent=True,
        base="server",
        to_content=True,
        success_below=500,
    )
    url = channel.server + target
    try:
        async with channel.stream(request) as response:
            _refuse_login(channel, request, response)
            return response.status
    except RedirectRefusedError as error:
        refused = VerificationError(f"the content does not respond: {error}", url=url)
        refused.attempts = error.attempts
        refused.hint = "content that itself redirects there cannot be verified"
        raise refused from error
    except LicenseExpiredError:
        raise
    except ApiError as error:
        if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # A 429 that does not pass: the content itself limits its callers.
            return error.status
        failed = VerificationError(
            f"the content does not respond: GET {url} returned {error.status}",
            url=url,
            status=error.status,
        )
        failed.attempts = error.attempts
        failed.hint = "read the log of its newest job, correct the content and deploy it again"
        raise failed from error


async def fetched(
    channel: Channel,
    guid: str,
    path: str,
    *,
    method: str,
    params: Mapping[str, object] | None,
    json: Any,
    headers: Mapping[str, str] | None,
    idempotent: bool | None,
) -> Response:
    """Request a path of content and return its response; see `Client.fetch`."""
    method = check_method(method)
    target = _target(guid) + check_path(path, "the address of the content, such as 'health'")[1:]
    query = query_string(params or {})
    if query:
        target += f"{'&' if '?' in target else '?'}{query}"
    own = _checked_headers(headers or {})
    body = None
    if json is not None:
        body = decoding.encode_body(json, "content.fetch")
        own = {"content-type": "application/json", **own}
    request = Request(
        operation="content.fetch",
        method=method,
        target=target,
        body=body,
        headers=own,
        secrets=credentials_in(own),
        idempotent=is_idempotent(method) if idempotent is None else idempotent,
        base="server",
        to_content=True,
    )
    try:
        response = await channel.send(request)
    except (AuthenticationError, PermissionDeniedError, RedirectRefusedError) as error:
        error.hint = _NO_RIGHT
        raise
    _refuse_login(channel, request, response)
    return response


def _target(guid: str) -> str:
    return f"/content/{quote_guid('guid', guid)}/"


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers in lower case; refuse those that are the client's own."""
    own = {name.lower(): check_header(name, value) for name, value in headers.items()}
    if refused := own.keys() & _OWN_HEADERS:
        raise InvalidArgumentError(
            f"the client itself sets the header {min(refused)!r}; pass others, or leave it out"
        )
    return own


def _refuse_login(
    channel: Channel, request: Request, response: Response | StreamingResponse
) -> None:
    """Raise VerificationError if the login or the dashboard responds instead of the content."""
    url = channel.server + request.path
    path = urlsplit(str(response.url)).path.removeprefix(urlsplit(channel.server).path) + "/"
    if path.startswith(_LOGIN):
        raise VerificationError(
            f"{request.method} {url} leads to the login page {path[:-1]}; {_NO_RIGHT}, and that "
            "no proxy removes the Authorization header",
            url=url,
            status=response.status,
        )

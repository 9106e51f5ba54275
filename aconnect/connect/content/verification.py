"""Whether content responds; the request goes to the content itself and not to the API.

Decides what counts as a response of the content: any status below 500, unless it is a login page
that responds in its place.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aconnect._core.channel import Channel
from aconnect._core.message import Request
from aconnect._core.url import quote_guid, quote_segment
from aconnect.errors import ApiError, RedirectRefusedError, VerificationError

_LOGIN: Final = ("/__login__/", "/connect/")
"""The paths below the server's address that are those of the dashboard and its login."""


async def verified(channel: Channel, guid: str, bundle_id: str | None = None) -> int:
    """Request content, or a draft of it, and return the HTTP status.

    Raises:
        VerificationError: It does not respond.
    """
    target = f"/content/{quote_guid('guid', guid)}/"
    if bundle_id is not None:
        target += f"_bundle{quote_segment('bundle', bundle_id)}/"
    request = Request(
        operation="content.verify",
        method="GET",
        target=target,
        idempotent=True,
        base="server",
        to_content=True,
    )
    url = channel.server + target
    try:
        async with channel.stream(request) as response:
            status, final = response.status, urlsplit(str(response.url))
    except RedirectRefusedError as error:
        refused = VerificationError(f"the content does not respond: {error}", url=url)
        refused.attempts = error.attempts
        refused.hint = "content that itself redirects there cannot be verified"
        raise refused from error
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
    path = final.path.removeprefix(urlsplit(channel.server).path) + "/"
    if path.startswith(_LOGIN):
        raise VerificationError(
            f"GET {url} leads to the login page {path[:-1]}; check that the key's owner may view "
            "the content, and that no proxy removes the Authorization header",
            url=url,
            status=status,
        )
    return status

"""Where a Connect server is: every way in which users write its address."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

from aconnect._core.url import origin_of
from aconnect.errors import InvalidArgumentError

API: Final = "/__api__"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# What may stand in a path segment as it is (RFC 3986), and what is quoted already.
_SAFE: Final = "%:@!$&'()*+,;=~"


def server_root(address: str) -> str:
    """Reduce an address to the server's root, without a trailing slash.

    Takes the root itself, perhaps below a path prefix, the API's address (`…/__api__`), and any
    address of the dashboard (`…/connect/#/apps/…`).
    """
    address = address.strip()
    if not address:
        raise InvalidArgumentError(
            "no server address: pass it as Client('https://connect.example.com') or set "
            "CONNECT_SERVER"
        )
    if _CONTROL.search(address):
        raise InvalidArgumentError(
            f"the address {address!r} contains control characters; write it without them"
        )
    origin = origin_of(address)
    segments = [segment for segment in urlsplit(address).path.split("/") if segment]
    # The last one counts: a server may itself live below a path called connect.
    for mark in ("__api__", "connect"):
        if mark in segments:
            end = len(segments) - 1 - segments[::-1].index(mark)
            segments = segments[:end]
            break
    return "/".join([origin, *(quote(segment, safe=_SAFE) for segment in segments)])


def api_root(address: str) -> str:
    """Give the address that the paths of the API begin with."""
    return server_root(address) + API

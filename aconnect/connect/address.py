"""Where a Connect server is: every way in which users write its address."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from aconnect._core.url import origin_of
from aconnect.errors import InvalidArgumentError

API: Final = "/__api__"
_TAIL: Final = re.compile(r"/(__api__|connect)(/.*)?$")


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
    origin = origin_of(address)
    path = re.sub(r"/+", "/", urlsplit(address).path).rstrip("/")
    return origin + _TAIL.sub("", path)


def api_root(address: str) -> str:
    """Give the address that the paths of the API begin with."""
    return server_root(address) + API

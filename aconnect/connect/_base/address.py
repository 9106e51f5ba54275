"""The address of a Connect server, in every form that users write it."""

from __future__ import annotations

from typing import Final

from aconnect._core.url import split_address
from aconnect.errors import InvalidArgumentError

API: Final = "/__api__"


def server_root(address: str) -> str:
    """Reduce an address to the server's root, without a trailing slash.

    Accepts the root itself, perhaps below a path prefix, the API's address (`…/__api__`), and any
    address of the dashboard (`…/connect/#/apps/…`).
    """
    address = address.strip()
    if not address:
        raise InvalidArgumentError(
            "no server address: pass url= (such as 'https://connect.example.com') or set "
            "CONNECT_SERVER"
        )
    origin, segments = split_address(address)
    # The last one counts: a server may itself be below a path called connect.
    for mark in ("__api__", "connect"):
        if mark in segments:
            end = len(segments) - 1 - segments[::-1].index(mark)
            segments = segments[:end]
            break
    return "/".join([origin, *segments])


def api_root(address: str) -> str:
    """Return the address that the paths of the API begin with."""
    return server_root(address) + API

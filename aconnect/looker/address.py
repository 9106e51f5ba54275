"""The address of a Looker instance, with or without the path of the API."""

from __future__ import annotations

from typing import Final

from aconnect._core.url import split_address
from aconnect.errors import InvalidArgumentError

API: Final = "/api/4.0"


def api_root(address: str) -> str:
    """Return the address that the paths of the API begin with."""
    address = address.strip()
    if not address:
        raise InvalidArgumentError(
            "no address of Looker: pass it as Client('https://looker.example.com:19999') or set "
            "LOOKERSDK_BASE_URL"
        )
    origin, segments = split_address(address)
    if segments[-2:-1] == ["api"] and segments[-1] != "4.0":
        raise InvalidArgumentError(
            f"the address ends with version {segments[-1]} of the API, and this client speaks 4.0; "
            f"write it as {'/'.join([origin, *segments[:-2]])}{API}"
        )
    if segments[-2:] == ["api", "4.0"]:
        del segments[-2:]
    elif segments[-1:] == ["api"]:
        del segments[-1:]
    return "/".join([origin, *segments]) + API

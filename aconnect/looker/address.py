"""Where a Looker instance is: its address with or without the path of the API."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from aconnect._core.url import check_path, origin_of
from aconnect.errors import InvalidArgumentError

API: Final = "/api/4.0"
_VERSIONED: Final = re.compile(r"/api(?:/([^/]*))?$")


def api_root(address: str) -> str:
    """Give the address that the paths of the API begin with."""
    address = address.strip()
    if not address:
        raise InvalidArgumentError(
            "no address of Looker: pass it as Client('https://looker.example.com:19999') or set "
            "LOOKERSDK_BASE_URL"
        )
    origin = origin_of(address)
    path = urlsplit(address).path.rstrip("/")
    found = _VERSIONED.search(path)
    if found is not None:
        if found[1] not in {None, "4.0"}:
            raise InvalidArgumentError(
                f"the address ends with version {found[1]} of the API, and this client speaks 4.0; "
                f"write it as {origin}{path[: found.start()]}{API}"
            )
        path = path[: found.start()]
    root = path + API
    check_path(root)
    return origin + root

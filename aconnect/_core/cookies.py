"""Cookies that a response sets, as the Cookie header of later requests.

Names and values are sent back exactly as they came, whatever they contain: a load balancer knows
its own cookie again only then. Attributes that say where a cookie belongs are for browsers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from aconnect._core.retry import parse_http_date

# What cannot be in a header. Bytes that are not UTF-8 are read as surrogates.
_UNSENDABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff;]")
_MOST: Final = 50
"""As many as browsers keep at least (RFC 6265, 6.1)."""


def updated_cookies(
    cookies: Mapping[str, str], set_cookies: Iterable[str], date: str | None = None
) -> dict[str, str]:
    """Return the cookies after a response with these Set-Cookie headers.

    A cookie that has ended is left out. `date` is the Date header, which its end is compared with:
    the clocks of server and client may differ.
    """
    updated = dict(cookies)
    for header in set_cookies:
        pair, *attributes = header.split(";")
        name, mark, value = (part.strip() for part in pair.partition("="))
        if mark and name and is_sendable(f"{name}{value}"):
            updated.pop(name, None)
            if not _has_ended(attributes, date):
                updated[name] = value
    return dict(list(updated.items())[-_MOST:])


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Return the value of the Cookie header; empty if there are no cookies."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def is_sendable(text: str) -> bool:
    """Return True if a name or value can be part of a Cookie header."""
    return _UNSENDABLE.search(text) is None


def _has_ended(attributes: Iterable[str], date: str | None) -> bool:
    values: dict[str, str] = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        values[name.strip().lower()] = value.strip()
    try:
        # Max-Age takes precedence (RFC 6265, 4.1.2.2).
        return int(values["max-age"]) <= 0
    except (KeyError, ValueError):
        end, now = parse_http_date(values.get("expires", "")), parse_http_date(date or "")
        return end is not None and now is not None and end <= now

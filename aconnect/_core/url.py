"""Addresses: which server, which path, which query, all quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Final, cast
from urllib.parse import quote, urlsplit

from msgspec import UNSET, UnsetType

from aconnect.errors import InvalidArgumentError

_PLAIN: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_HAS_OFFSET: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)"
)

QueryValue = (
    str | int | float | bool | datetime | Enum | Iterable[str | int | Enum] | UnsetType | None
)
"""What a query parameter may be; None and UNSET are left out."""


def origin_of(url: str) -> str:
    """Give scheme, host and port of an http(s) address, or refuse it with the reason."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgumentError(f"{url!r} is not a web address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidArgumentError(
            f"{url!r} is not a web address; write it as https://host or https://host/path"
        )
    if parts.username or parts.password:
        raise InvalidArgumentError(
            f"the address of {parts.hostname} contains a user name or password; pass "
            "credentials as arguments, where they are kept out of logs"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def is_loopback(origin: str) -> bool:
    """Tell whether an origin is this very machine."""
    host = urlsplit(origin).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")


def quote_segment(name: str, value: object) -> str:
    """Quote one path segment; refuse what would change which resource is addressed."""
    text = value if isinstance(value, str) else _scalar(name, value)
    if _PLAIN.fullmatch(text):
        return text
    if text in {"", ".", ".."}:
        raise InvalidArgumentError(
            f"{name} is {text!r}, which would address another resource; pass its real value"
        )
    return quote(text, safe="")


def query_string(values: Mapping[str, object], separators: Mapping[str, str] | None = None) -> str:
    """Encode query parameters: None left out, booleans lower-case, lists joined, RFC 3339 times."""
    pairs: list[str] = []
    for name, value in values.items():
        if value is None or value is UNSET:
            continue
        if isinstance(value, str | int | float | datetime | date | Enum):
            text = _scalar(name, value)
        elif isinstance(value, Iterable):
            items = [_scalar(name, item) for item in cast("Iterable[object]", value)]
            if not items:
                continue
            text = (separators or {}).get(name, ",").join(items)
        else:
            text = _scalar(name, value)
        pairs.append(f"{name}={quote(text, safe='')}")
    return "&".join(pairs)


def _scalar(name: str, value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return rfc3339(name, value)
    raise InvalidArgumentError(
        f"{name} cannot be a {type(value).__name__}; pass a text, number, boolean or datetime"
    )


def rfc3339(name: str, value: datetime) -> str:
    """Write a time as the wire has it; refuse one that says no time zone."""
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidArgumentError(
            f"{name}={value.isoformat()} has no time zone; write, for example, "
            "datetime(2026, 1, 31, tzinfo=timezone.utc)"
        )
    return value.isoformat().replace("+00:00", "Z")


def timestamp(name: str, value: datetime | str | None) -> datetime | str | None:
    """Check a time given as text or `datetime`; text goes out as it came, with all its digits."""
    if isinstance(value, datetime):
        rfc3339(name, value)
    elif isinstance(value, str) and not _HAS_OFFSET.fullmatch(value):
        raise InvalidArgumentError(
            f"{name}={value!r} is not a time in RFC 3339; write it as 2026-01-31T00:00:00Z"
        )
    return value


def check_header(name: str, value: str) -> str:
    """Refuse a header value that would smuggle in another header."""
    if any(c in value for c in "\r\n\0"):
        raise InvalidArgumentError(
            f"the value of the header {name} contains a line break or NUL; remove it"
        )
    return value

"""Addresses: server, path and query, all quoted and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from math import isfinite
from typing import Final, cast
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from msgspec import UNSET

from aconnect._core.arguments import canonical_guid, is_canonical
from aconnect.errors import InvalidArgumentError

_PLAIN: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_NO_HOST: Final = re.compile(r"[\s\x00-\x1f\\<>\"^`{|}]")
# RFC 9110, 5.6.2: names of methods and headers.
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TARGET: Final = re.compile(r"/[!-\"$-~]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# What may stand in a path segment as it is (RFC 3986), and what is quoted already.
_SAFE: Final = "%:@!$&'()*+,;=~"
_MINUTE: Final = timedelta(minutes=1)
# Lists that filter nothing: an empty one requests nothing more.
_NO_FILTERS: Final = frozenset({"fields", "include", "sorts"})


def origin_of(url: str) -> str:
    """Return scheme, host and port of an http(s) address; raise if it is invalid."""
    # What precedes an @ may be a password, whatever else is wrong with the address.
    shown = f"***@{url.rpartition('@')[2]}" if "@" in url else url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgumentError(f"{shown!r} is not a web address") from (
            None if "@" in url else error
        )
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host or port == 0 or _NO_HOST.search(host):
        raise InvalidArgumentError(
            f"{shown!r} is not a web address; write it as https://host or https://host/path"
        )
    if "@" in parts.netloc:
        raise InvalidArgumentError(
            f"the address of {host} contains a user name or password; pass credentials as "
            "arguments, where they are kept out of logs"
        )
    try:
        name = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise InvalidArgumentError(f"{host!r} cannot be the name of a host") from error
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{name}" + (f":{port}" if port and port != default else "")


def split_address(address: str) -> tuple[str, list[str]]:
    """Split a server's address, as users write it, into origin and quoted path segments."""
    address = address.strip()
    if has_controls(address):
        raise InvalidArgumentError(
            f"the address {address!r} contains control characters; write it without them"
        )
    origin = origin_of(address)
    path = urlsplit(address).path
    return origin, [quote(part, safe=_SAFE) for part in path.split("/") if part]


def has_controls(text: str) -> bool:
    """Return True if a text has control characters, which cannot be part of an address."""
    return _CONTROL.search(text) is not None


def is_loopback(origin: str) -> bool:
    """Return True if an origin is this machine."""
    host = urlsplit(origin).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def quote_segment(name: str, value: object) -> str:
    """Quote one path segment; refuse values that would address another resource."""
    text = value if isinstance(value, str) else _scalar(name, value)
    # Most are GUIDs and numbers, which this tells in a third of the time of the expression.
    if (text.isascii() and text.replace("-", "").isalnum()) or _PLAIN.fullmatch(text):
        return text
    if text in {"", ".", ".."}:
        raise InvalidArgumentError(
            f"{name} is {text!r}, which would address another resource; pass its real value"
        )
    return _quoted(name, text)


def quote_guid(name: str, value: object) -> str:
    """Quote a GUID, in whatever spelling; what is not a UUID is quoted like any other text."""
    if isinstance(value, str) and is_canonical(value):
        return value
    return quote_segment(name, canonical_guid(name, value))


def quote_segments(name: str, value: object) -> str:
    """Quote a path of several segments, each by the rules for one."""
    return "/".join(quote_segment(name, part) for part in str(value).split("/"))


def _quoted(name: str, text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            # Without the text, which may be a secret.
            f"{name} is not valid text: {error.reason}; pass text that UTF-8 can encode"
        ) from error


def query_string(values: Mapping[str, object], separators: Mapping[str, str] | None = None) -> str:
    """Encode query parameters; None is omitted, lists are joined, times are RFC 3339.

    The separator `&` repeats the parameter for each item. An empty list is refused, unless it is
    one that filters nothing.
    """
    pairs: list[str] = []
    for name, value in values.items():
        if value is None or value is UNSET:
            continue
        if isinstance(value, list | tuple | set | frozenset | Iterator):
            items = [_scalar(name, item) for item in cast("Iterable[object]", value)]
            if not items and name in _NO_FILTERS:
                continue
            check_filter(name, items)
            separator = (separators or {}).get(name, ",")
            if separator == "&":
                pairs += [f"{_quoted('a name', name)}={_quoted(name, item)}" for item in items]
                continue
            text = separator.join(items)
        else:
            text = _scalar(name, value)
        pairs.append(f"{_quoted('a name', name)}={_quoted(name, text)}")
    return "&".join(pairs)


def check_filter(name: str, value: object) -> None:
    """Refuse an empty text or list, or one with an empty text: servers ignore such a filter."""
    if value in ("", []) or (isinstance(value, list) and "" in value):
        raise InvalidArgumentError(
            f"{name} is {value!r}, which would match everything; pass its real value, or leave it "
            "out"
        )


def _scalar(name: str, value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return str(value)
    if isinstance(value, datetime):
        return rfc3339(name, value)
    if isinstance(value, UUID):
        return str(value)
    if value is None:
        raise InvalidArgumentError(
            f"{name} is None, such as the result of a look-up that found nothing; pass its real "
            "value"
        )
    shown = repr(value) if isinstance(value, float) else f"a {type(value).__name__}"
    hint = f"its {name}" if hasattr(value, name) else "a text, number, boolean, UUID or datetime"
    raise InvalidArgumentError(f"{name} cannot be {shown}; pass {hint}")


def rfc3339(name: str, value: datetime) -> str:
    """Format a time as RFC 3339; refuse one without a time zone, and what is no time."""
    if not isinstance(cast("object", value), datetime):
        raise InvalidArgumentError(
            f"{name}={value!r} is not a datetime; write, for example, "
            "datetime(2026, 1, 31, tzinfo=timezone.utc)"
        )
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidArgumentError(
            f"{name}={value.isoformat()} has no time zone; write, for example, "
            "datetime(2026, 1, 31, tzinfo=timezone.utc)"
        )
    offset = value.utcoffset()
    if offset is not None and offset % _MINUTE:
        # The standard has offsets in whole minutes only; some historical ones are not.
        value = value.astimezone(UTC)
    return value.isoformat().replace("+00:00", "Z")


def timestamp(name: str, value: datetime | str | None) -> datetime | str | None:
    """Check a time given as text or `datetime`; text is sent unchanged, with all its digits."""
    if isinstance(value, str):
        _check_rfc3339(name, value)
    elif value is not None and cast("object", value) is not UNSET:
        rfc3339(name, value)
    return value


def _check_rfc3339(name: str, text: str) -> None:
    cause: ValueError | None = None
    if _RFC3339.fullmatch(text):
        try:
            datetime.fromisoformat(text.upper())
        except ValueError as error:
            cause = error
        else:
            return
    raise InvalidArgumentError(
        f"{name}={text!r} is not a time in RFC 3339; write it as 2026-01-31T00:00:00Z"
    ) from cause


def check_header(name: str, value: str) -> str:
    """Return a header's value; refuse a header that would inject another one."""
    if not _TOKEN.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} is not a valid header name; use letters, digits and hyphens"
        )
    if any(c in value for c in "\r\n\0"):
        raise InvalidArgumentError(
            f"the value of the header {name} contains a line break or NUL; remove it"
        )
    return value


def check_method(method: str) -> str:
    """Return an HTTP method in upper case; refuse anything else."""
    if not _TOKEN.fullmatch(method):
        raise InvalidArgumentError(
            f"{method!r} is not an HTTP method; pass one such as GET or POST"
        )
    return method.upper()


def check_path(path: str, below: str = "the API's address, such as '/v1/user'") -> str:
    """Return a path passed by the caller, with a leading slash.

    Refuse one that would break the request or leave the address that it is below, and whole
    addresses.
    """
    target = path if path.startswith("/") else f"/{path}"
    segments = decoded_path(target.partition("?")[0]).split("/")
    leaves = any(segment.partition(";")[0] == ".." for segment in segments)
    if not _TARGET.fullmatch(target) or leaves or segments[1].endswith(":"):
        raise InvalidArgumentError(
            f"the path {path!r} must be one below {below}, and be percent-encoded, without '..', "
            "blanks or non-ASCII characters"
        )
    return target


def decoded_path(path: str) -> str:
    """Return a path as servers may read it: decoded, perhaps more than once."""
    while (decoded := unquote(path)) != path:
        path = decoded
    return path.replace("\\", "/")

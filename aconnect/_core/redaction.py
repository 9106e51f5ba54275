"""Secrets stay secret: values that cannot be printed, and what may be shown of a message.

Logs use an allow-list: a header is hidden unless it is known to be harmless, so that an unforeseen
header cannot leak.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn
from urllib.parse import quote

from aconnect._core.guards import is_dict, is_list

HIDDEN: Final = "***"
_SHORTEST: Final = 4

SHOWN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "via",
        "x-content-checksum",
        "x-correlation-id",
        "x-deprecated-endpoint",
        "x-request-id",
    }
)

# Query values that filter or page; anything else in a query may be a person's name or a secret.
_SHOWN_QUERY: Final = frozenset(
    {"first", "from", "include", "limit", "offset", "order", "page", "page_size", "sort", "to"}
)


_USERINFO: Final = re.compile(r"^(\s*[a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)


class Secret:
    """A value that is neither printed, nor logged, nor pickled; `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; the one place to look for when auditing."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; pass the value where it is needed instead")


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Copy headers for a log, hiding every value not known to be harmless."""
    return {k: v if k.lower() in SHOWN_HEADERS else HIDDEN for k, v in headers.items()}


def shown_target(target: str, shown: frozenset[str] = frozenset()) -> str:
    """Copy a path with its query for a log, hiding every query value not known to be harmless.

    `shown` are the names of further values that a service considers harmless.
    """
    path, mark, query = target.partition("?")
    if not mark:
        return path
    return path + mark + "&".join(_shown_pair(pair, shown) for pair in query.split("&"))


def _shown_pair(pair: str, shown: frozenset[str]) -> str:
    name, mark, _ = pair.partition("=")
    return (
        pair
        if name in _SHOWN_QUERY or name in shown
        else f"{name}{mark}{HIDDEN}"
        if mark
        else HIDDEN
    )


def redact_all(value: Any, secrets: Sequence[Secret]) -> Any:
    """Apply `redact` to every string within plain JSON values."""
    if isinstance(value, str):
        return redact(value, secrets)
    if is_list(value):
        return [redact_all(item, secrets) for item in value]
    if is_dict(value):
        return {redact(name, secrets): redact_all(item, secrets) for name, item in value.items()}
    return value


def shown_url(url: str) -> str:
    """Copy an address for a log, without user name and password."""
    # A password may contain what ends a host elsewhere, such as a slash.
    return _USERINFO.sub(rf"\1{HIDDEN}@", url)


def secrets_of(values: Iterable[object]) -> tuple[Secret, ...]:
    """Wrap strings as secrets, except short ones, which would turn up in every message."""
    return tuple(Secret(v) for v in values if isinstance(v, str) and len(v) >= _SHORTEST)


def credentials_in(*headers: Mapping[str, str] | None) -> tuple[Secret, ...]:
    """Return the values of headers not known to be harmless, without schemes and cookie names."""
    hidden = [
        part
        for some in headers
        for name, value in (some or {}).items()
        if name.lower() not in SHOWN_HEADERS
        for part in value.split(";")
    ]
    return secrets_of(
        text
        for part in hidden
        for text in (part.strip().rpartition(" ")[2], part.partition("=")[2])
    )


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """Replace every secret that a foreign text, such as a server's message, happens to repeat."""
    pattern = _pattern(tuple(secrets))
    return text if pattern is None else pattern.sub(HIDDEN, text)


@lru_cache(maxsize=32)
def _pattern(secrets: tuple[Secret, ...]) -> re.Pattern[str] | None:
    spellings = {spelling for secret in secrets for spelling in _spellings(secret.reveal())}
    if not spellings:
        return None
    longest_first = sorted(spellings, key=len, reverse=True)
    # The name of a host is repeated in lower case.
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


def _spellings(value: str) -> set[str]:
    """Return a value as it is, as in JSON, and as in an address; a server may repeat any."""
    if not value:
        return set()
    escaped = (json.dumps(value, ensure_ascii=known)[1:-1] for known in (True, False))
    return {value, *escaped, quote(value, safe="", errors="replace")}

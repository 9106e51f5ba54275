"""Pages as on the real server: by keyset, with cursors, and by page number.

Decides cursors, links and the form of both kinds of page, and keeps encoded keyset pages for re-
use. It does not decide which rows exist (`series`) nor which filters an operation has
(`routes`).
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aconnect.testing.connect.dialect import Call, bad_request
from aconnect.testing.connect.series import Key, Selection, Series
from aconnect.testing.wire import Response, Row, ok

MAX_LIMIT = 500

START: Key = (-(1 << 62), 0, 0)
END: Key = (1 << 62, 0, 0)

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class PageCache:
    """A cache of the most recently used encoded pages."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._pages: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, key: tuple[object, ...]) -> bytes | None:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def put(self, key: tuple[object, ...], page: bytes) -> None:
        self._pages[key] = page
        if len(self._pages) > self.size:
            self._pages.popitem(last=False)

    def clear(self) -> None:
        self._pages.clear()


def cursor_of(place: Key) -> str:
    """Encode a position as an opaque cursor."""
    return urlsafe_b64encode(".".join(map(str, place)).encode()).decode().rstrip("=")


def split_address(cursor: str) -> Key:
    """Decode a cursor made by `cursor_of`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        first, second, third = urlsafe_b64decode(padded).decode().split(".")
        return int(first), int(second), int(third)
    except ValueError as cause:
        raise bad_request(f"{cursor!r} is not a valid cursor.") from cause


def time_of(call: Call, name: str) -> datetime | None:
    """Parse an RFC 3339 query parameter, if it is present."""
    given = call.value(name)
    return None if not given else parse_time(given, name)


def parse_time(given: str, name: str) -> datetime:
    """Parse an RFC 3339 time; `from` rounds up to microseconds, everything else down."""
    match = _TIME.fullmatch(given)
    if match is None:
        raise bad_request(f"{name} must be an RFC 3339 timestamp; got {given!r}.")
    digits = (match[2] or "").ljust(9, "0")
    zone = "+00:00" if match[3] in "Zz" else match[3]
    try:
        time = datetime.fromisoformat(match[1] + "." + digits[:6] + zone).astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise bad_request(f"{name} must be an RFC 3339 timestamp; got {given!r}.") from cause
    if name == "from" and digits[6:] != "000":
        time += timedelta(microseconds=1)
    return time


def keyset(
    call: Call, series: Series, selection: Selection, *, ascending: bool, limit: int
) -> Response:
    """Return the page of the query's cursor."""
    state = call.state
    following, preceding = call.value("next"), call.value("previous")
    if following and preceding:
        raise bad_request("next and previous exclude each other.")
    backward = bool(preceding)
    cursor = preceding or following
    place = split_address(cursor) if cursor else None
    forward = ascending != backward
    found = series.page(place, selection, ascending=forward, limit=limit)
    beyond = len(found) > limit
    found = found[:limit]
    before = (
        place is not None
        and bool(found)
        and series.any_after(found[0][0], selection, ascending=not forward)
    )
    if backward:
        found.reverse()
        beyond, before = before, beyond
    if found and state.empty_last_page and not backward:
        beyond = True
    following = cursor_of(found[-1][0]) if found and beyond else None
    preceding = cursor_of(found[0][0]) if found and before else None
    paging = _links(call, following, preceding, ascending=ascending)
    if following is None and state.end_cursor == "absent":
        del paging["next"], paging["cursors"]["next"]
    return ok({"results": [row for _, row in found], "paging": paging})


def _links(call: Call, following: str | None, preceding: str | None, *, ascending: bool) -> Row:
    base = f"{origin(call)}/__api__{call.path}"
    kept = [
        (name, value)
        for name in (
            "content_guid",
            "min_data_version",
            "from",
            "to",
            "limit",
            "asc_order",
            "ascOrder",
        )
        if (value := call.value(name)) is not None
    ]

    def link(**cursor: str) -> str:
        query = urlencode([*kept, *cursor.items()])
        return f"{base}?{query}" if query else base

    return {
        "first": link(),
        "previous": link(previous=preceding) if preceding else None,
        "next": link(next=following) if following else None,
        "last": link(previous=cursor_of(END if ascending else START)),
        "cursors": {"previous": preceding, "next": following},
    }


def origin(call: Call) -> str:
    """Return the address on which links are based, which a proxy may have changed."""
    if call.state.public_url is not None:
        return call.state.public_url
    host = call.request.headers.get("X-Forwarded-Host")
    if host is None:
        return call.host.url
    scheme = call.request.headers.get("X-Forwarded-Proto", "http")
    return f"{scheme}://{host}"


def offset(
    call: Call, rows: Sequence[Row], *, size: int = 20, high: int = MAX_LIMIT, single: bool = False
) -> Response:
    """Return a page by number; see `cut`."""
    return ok(cut(call, rows, size=size, high=high, single=single))


def cut(
    call: Call, rows: Sequence[Row], *, size: int = 20, high: int = MAX_LIMIT, single: bool = False
) -> Row:
    """Return a page by number, out of all rows.

    Args:
        call: Its query says which page.
        rows: All rows found.
        size: Page size unless the query says it.
        high: Greatest page size allowed.
        single: Only page 1 has rows, whatever the total.
    """
    number = call.integer("page_number", 1, 1)
    size = call.integer("page_size", size, 1, high)
    begin = (number - 1) * size
    found = rows[:0] if single and number > 1 else rows[begin : begin + size]
    return {"current_page": number, "total": len(rows), "results": found}

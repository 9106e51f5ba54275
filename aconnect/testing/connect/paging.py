"""Keyset pages with cursors, and pages by number, as on the real server.

Decides the cursors, the links and the format of both types of page, and caches encoded keyset
pages. The rows are in `series`; the filters of an operation are in `routes`.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aconnect.testing.connect.added import Key
from aconnect.testing.connect.dialect import Call, bad_request
from aconnect.testing.connect.series import Selection, Series
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Response, Row, ok

MAX_LIMIT = 500

START: Key = (-(1 << 62), 0, 0)
END: Key = (1 << 62, 0, 0)

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class PageCache:
    """A cache of encoded pages that discards the least recently used page."""

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


def cursor_of(position: Key) -> str:
    """Encode a position as an opaque cursor."""
    return urlsafe_b64encode(".".join(map(str, position)).encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> Key:
    """Decode a cursor made by `cursor_of`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        first, second, third = urlsafe_b64decode(padded).decode().split(".")
        return int(first), int(second), int(third)
    except ValueError as cause:
        raise bad_request(f"{cursor!r} is not a valid cursor.") from cause


def time_of(call: Call, name: str) -> datetime | None:
    """Parse an RFC 3339 query parameter; return None if it is missing."""
    value = call.value(name)
    return None if not value else parse_time(value, name)


def parse_time(value: str, name: str) -> datetime:
    """Parse an RFC 3339 time; round `from` up to microseconds, and other parameters down."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise bad_request(f"{name} must be an RFC 3339 timestamp; got {value!r}.")
    digits = (match[2] or "").ljust(9, "0")
    zone = "+00:00" if match[3] in "Zz" else match[3]
    try:
        time = datetime.fromisoformat(match[1] + "." + digits[:6] + zone).astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise bad_request(f"{name} must be an RFC 3339 timestamp; got {value!r}.") from cause
    if name == "from" and digits[6:] != "000":
        time += timedelta(microseconds=1)
    return time


def keyset(
    call: Call,
    series: Series,
    selection: Selection,
    *,
    ascending: bool,
    limit: int,
    object_type: str = "",
) -> Response:
    """Return the keyset page for the cursor in the query, or the first page.

    Its rows are downgraded to the version of the server as those of `object_type`.
    """
    state = call.state
    following, preceding = call.value("next"), call.value("previous")
    if following and preceding:
        raise bad_request("next and previous exclude each other.")
    backward = bool(preceding)
    cursor = preceding or following
    position = parse_cursor(cursor) if cursor else None
    forward = ascending != backward
    page = series.page(position, selection, ascending=forward, limit=limit)
    has_next = len(page) > limit
    page = page[:limit]
    has_previous = (
        position is not None
        and bool(page)
        and series.any_after(page[0][0], selection, ascending=not forward)
    )
    if backward:
        page.reverse()
        has_next, has_previous = has_previous, has_next
    if page and state.empty_last_page and not backward:
        has_next = True
    following = cursor_of(page[-1][0]) if page and has_next else None
    preceding = cursor_of(page[0][0]) if page and has_previous else None
    paging = _links(call, following, preceding, ascending=ascending)
    if following is None and state.end_cursor == "absent":
        del paging["next"], paging["cursors"]["next"]
    rows = [downgrade(object_type, row, call.features) for _, row in page]
    return ok({"results": rows, "paging": paging})


def _links(call: Call, following: str | None, preceding: str | None, *, ascending: bool) -> Row:
    base = f"{origin(call)}/__api__{call.path}"
    parameters = [
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
        query = urlencode([*parameters, *cursor.items()])
        return f"{base}?{query}" if query else base

    return {
        "first": link(),
        "previous": link(previous=preceding) if preceding else None,
        "next": link(next=following) if following else None,
        "last": link(previous=cursor_of(END if ascending else START)),
        "cursors": {"previous": preceding, "next": following},
    }


def origin(call: Call) -> str:
    """Return the base URL of links, which a proxy can change with its headers."""
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
    """Return the response with a page by number; see `offset_page` for the arguments."""
    return ok(offset_page(call, rows, size=size, high=high, single=single))


def offset_page(
    call: Call, rows: Sequence[Row], *, size: int = 20, high: int = MAX_LIMIT, single: bool = False
) -> Row:
    """Return a page by number as an object.

    Args:
        call: The call whose query contains the page number and the page size.
        rows: All rows that match.
        size: The default page size.
        high: The maximum page size.
        single: Return rows on page 1 only, regardless of the total.
    """
    number = call.integer("page_number", 1, 1)
    size = call.integer("page_size", size, 1, high)
    begin = (number - 1) * size
    results = rows[:0] if single and number > 1 else rows[begin : begin + size]
    return {"current_page": number, "total": len(rows), "results": results}

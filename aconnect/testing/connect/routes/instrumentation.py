"""Visits, Shiny usage and hits."""

from collections.abc import Iterator
from itertools import islice

import msgspec

from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.paging import MAX_LIMIT, keyset, time_of
from aconnect.testing.connect.series import Selection, Series, Test
from aconnect.testing.wire import Response, Row

MOST_GUIDS = 40
"""The maximum number of GUIDs in `content_guid`."""

_CHUNK = 2000


@route("GET", "/v1/instrumentation/content/visits", role="publisher", since=(1, 7, 0))
def get_visits(call: Call) -> Response:
    """Return a keyset page of visits."""
    return _cached(call, call.state.visits, min_version=3)


@route("GET", "/v1/instrumentation/shiny/usage", role="publisher", since=(1, 7, 0))
def get_shiny_usage(call: Call) -> Response:
    """Return a keyset page of sessions that overlap the window."""
    return _cached(call, call.state.shiny_usage, min_version=1, overlap=True)


def _cached(call: Call, series: Series, *, min_version: int, overlap: bool = False) -> Response:
    """Return a page, encoded once for all equal requests until the rows change."""
    state = call.state
    forwarded = call.request.headers.get("X-Forwarded-Host")
    key = (
        call.path,
        call.query_string,
        state.end_cursor,
        state.empty_last_page,
        state.public_url,
        forwarded,
        series.revision,
        call.version,
    )
    body = state.pages.get(key)
    if body is not None:
        return Response(body)
    response = _page(call, series, min_version, overlap=overlap)
    state.pages.put(key, response.body)
    return response


def _page(call: Call, series: Series, min_version: int, *, overlap: bool) -> Response:
    agent = call.value("user_agent")
    guids = call.value("content_guid")
    selection = Selection(
        time_of(call, "from"),
        time_of(call, "to"),
        call.integer("min_data_version", min_version),
        filter_key=f"{guids}\n{agent}",
        test=_test(guids, None if overlap else agent),
        overlap=overlap,
    )
    limit = call.integer("limit", 20, 1, MAX_LIMIT)
    ascending = call.flag("asc_order", default=True)
    return keyset(
        call,
        series,
        selection,
        ascending=ascending,
        limit=limit,
        object_type="session" if overlap else "visit",
    )


def _test(guids: str | None, agent: str | None = None) -> Test | None:
    if not guids and not agent:
        return None
    wanted = frozenset(guids.split("|")) if guids else None
    if wanted is not None and len(wanted) > MOST_GUIDS:
        raise bad_request(f"content_guid takes at most {MOST_GUIDS} guids; got {len(wanted)}.")

    def test(row: Row) -> bool:
        if wanted is not None and row["content_guid"] not in wanted:
            return False
        return not agent or agent in (row.get("user_agent") or "")

    return test


@route("GET", "/v1/instrumentation/content/hits", role="publisher", since=(2025, 4, 0))
def get_hits(call: Call) -> Response:
    """Return all hits at once; before 2026.01, `content_guid` is ignored."""
    guids = call.value("content_guid") if call.features.hits_filter else None
    selection = Selection(
        time_of(call, "from"), time_of(call, "to"), filter_key=guids or "", test=_test(guids)
    )
    return Response(pieces=_array(call.state.hits.rows(selection)))


def _array(rows: Iterator[Row]) -> Iterator[bytes]:
    """Encode an array of any length in pieces."""
    lead = b"["
    while chunk := list(islice(rows, _CHUNK)):
        yield lead + msgspec.json.encode(chunk)[1:-1]
        lead = b","
    yield b"[]" if lead == b"[" else b"]"

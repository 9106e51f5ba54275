"""Audit logs: the whole history by keyset, and the search of newer servers."""

import shlex
from datetime import datetime

from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.histories import ACTIONS
from aconnect.testing.connect.paging import MAX_LIMIT, keyset, parse_time
from aconnect.testing.connect.routes._checks import is_descending
from aconnect.testing.connect.series import Selection
from aconnect.testing.wire import Response, Row, ok

_NEW = (2024, 1, 0)
_FIELDS = ("action", "user_guid", "user_id")


@route("GET", "/v1/audit_logs", role="administrator")
def get_audit_logs(call: Call) -> Response:
    """Return a keyset page of all entries."""
    limit = call.integer("limit", 20, 1, MAX_LIMIT)
    ascending = call.flag("ascOrder", default=True)
    return keyset(call, call.state.audit_logs, Selection(), ascending=ascending, limit=limit)


@route("GET", "/v1/audit/actions", role="administrator", since=_NEW)
def get_audit_actions(_: Call) -> Response:
    """List the actions that entries may have."""
    return ok([{"action": name, "description": text} for name, text in ACTIONS.items()])


@route("GET", "/v1/search/auditlogs", role="administrator", since=_NEW)
def search_audit_logs(call: Call) -> Response:
    """Search with the query language, by page number."""
    selection = _parse(call.value("q") or "")
    size = call.integer("page_size", 20, 1, MAX_LIMIT)
    skip = (call.integer("page_number", 1, 1) - 1) * size
    logs = call.state.audit_logs
    rows = logs.slice(selection, ascending=not is_descending(call, "desc"), skip=skip, limit=size)
    return ok({"total": logs.total(selection), "results": rows})


def _parse(q: str) -> Selection:
    """Parse terms such as `from:2025-01-01T00:00:00Z -action:user_login text`; all must match."""
    start: datetime | None = None
    end: datetime | None = None
    terms: list[tuple[str, str, bool]] = []
    try:
        words = shlex.split(q)
    except ValueError as cause:
        raise bad_request(f"The query {q!r} cannot be read: {cause}.") from cause
    for word in words:
        negated = word.startswith("-")
        name, colon, value = word.removeprefix("-").partition(":")
        if colon and name in {"from", "to"}:
            if negated:
                raise bad_request(f"{name}: cannot be negated.")
            if name == "from":
                start = parse_time(value, name)
            else:
                end = parse_time(value, name)
        elif colon and name in _FIELDS:
            terms.append((name, value, negated))
        elif colon:
            raise bad_request(f"The query does not know {name!r}.")
        else:
            terms.append(("", word.removeprefix("-").lower(), negated))
    if not terms:
        return Selection(start, end)

    def test(row: Row) -> bool:
        return all(_holds(row, name, value) != negated for name, value, negated in terms)

    return Selection(start, end, filter_key=repr(terms), test=test)


def _holds(row: Row, name: str, value: str) -> bool:
    if name:
        return bool(row[name] == value)
    return value in f"{row['user_description']} {row['action']} {row['event_description']}".lower()

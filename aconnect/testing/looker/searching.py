"""Lists and searches, shared by all of Looker's objects."""

import re
from collections.abc import Callable, Iterable

from aconnect.testing.looker.state import LookerCall
from aconnect.testing.wire import Response, Row, ok

_TRUTHS = frozenset({"all_access", "built_in", "internal"})


def listed(call: LookerCall, rows: Iterable[Row]) -> Response:
    """Return all rows."""
    return ok(with_fields(call, rows))


def with_fields(call: LookerCall, rows: Iterable[Row]) -> list[Row]:
    """Keep only the requested fields."""
    fields = call.value("fields")
    if not fields:
        return list(rows)
    names = {name.strip() for name in fields.split(",")}
    return [{name: row[name] for name in row if name in names} for row in rows]


def found(call: LookerCall, rows: Iterable[Row], filters: dict[str, str]) -> Response:
    """Search: filter, sort, then apply `limit` and `offset`."""
    for name, field in filters.items():
        if field in _TRUTHS:
            call.flag(name, default=False)
    tests = [
        _test(field, wanted)
        for name, field in filters.items()
        if (wanted := call.value(name)) is not None
    ]
    match = any if call.flag("filter_or", default=False) else all
    found = [row for row in rows if not tests or match(test(row) for test in tests)]
    for key in reversed((call.value("sorts") or "").split(",")):
        name, _, direction = key.strip().partition(" ")
        if name:
            found.sort(key=lambda row: str(row.get(name)), reverse=direction.strip() == "desc")
    offset = call.integer("offset", 0)
    limit = call.integer("limit", len(found))
    return ok(with_fields(call, found[offset : offset + limit]))


def _test(field: str, wanted: str) -> Callable[[Row], bool]:
    """Return the test of a filter: NULL, a list of ids, a boolean, or a pattern."""
    if wanted.upper() in {"IS NULL", "NOT NULL"}:
        return lambda row: (row.get(field) is None) is (wanted.upper() == "IS NULL")
    if field == "id" or field.endswith("_id"):
        return lambda row: row.get(field) in wanted.split(",")
    if field in _TRUTHS:
        return lambda row: row.get(field) is (wanted == "true")
    if field in {"models", "permissions"}:
        patterns = [_pattern(part) for part in wanted.split(",")]
        return lambda row: all(any(p.fullmatch(v) for v in row.get(field) or ()) for p in patterns)
    pattern = _pattern(wanted)
    return lambda row: pattern.fullmatch(row.get(field) or "") is not None


def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)

"""List and search operations, for all types of Looker objects."""

import re
from collections.abc import Callable, Iterable

from aconnect.testing.looker.state import LookerCall
from aconnect.testing.wire import Response, Row, ok

_BOOLEAN_FIELDS = frozenset(
    {
        "all_access",
        "built_in",
        "can_manage_api3_creds",
        "embed_user",
        "externally_managed",
        "externally_orphaned",
        "internal",
        "is_disabled",
        "is_service_account",
        "verified_looker_employee",
    }
)


def list_response(call: LookerCall, rows: Iterable[Row]) -> Response:
    """Return all rows, with the requested fields."""
    return ok(with_fields(call, rows))


def with_fields(call: LookerCall, rows: Iterable[Row]) -> list[Row]:
    """Return rows with only the requested fields."""
    fields = call.value("fields")
    if not fields:
        return list(rows)
    names = {name.strip() for name in fields.split(",")}
    return [{name: row[name] for name in row if name in names} for row in rows]


def search_response(call: LookerCall, rows: Iterable[Row], filters: dict[str, str]) -> Response:
    """Filter and sort rows, then apply `limit` and `offset`.

    `filters` maps the names of query parameters to those of fields.
    """
    for name, field in filters.items():
        if field in _BOOLEAN_FIELDS:
            call.flag(name, default=False)
    tests = [
        _test(field, value)
        for name, field in filters.items()
        if (value := call.value(name)) is not None
    ]
    combine = any if call.flag("filter_or", default=False) else all
    matches = [row for row in rows if not tests or combine(test(row) for test in tests)]
    for key in reversed((call.value("sorts") or "").split(",")):
        name, _, direction = key.strip().partition(" ")
        if name:
            matches.sort(key=lambda row: str(row.get(name)), reverse=direction.strip() == "desc")
    offset = call.integer("offset", 0)
    limit = call.integer("limit", len(matches))
    if call.state.max_limit is not None:
        limit = min(limit, call.state.max_limit)
    return ok(with_fields(call, matches[offset : offset + limit]))


def _test(field: str, value: str) -> Callable[[Row], bool]:
    """Return the test for a filter value: NULL, a list of ids, a boolean, or a pattern."""
    if value.upper() in {"IS NULL", "NOT NULL"}:
        return lambda row: (row.get(field) is None) is (value.upper() == "IS NULL")
    if field == "id" or field.endswith("_id"):
        return lambda row: row.get(field) in value.split(",")
    if field == "group_ids":
        return lambda row: value in row[field]
    if field in _BOOLEAN_FIELDS:
        return lambda row: row.get(field, False) is (value == "true")
    if field in {"models", "permissions"}:
        patterns = [_pattern(part) for part in value.split(",")]
        return lambda row: all(any(p.fullmatch(v) for v in row.get(field) or ()) for p in patterns)
    pattern = _pattern(value)
    return lambda row: pattern.fullmatch(row.get(field) or "") is not None


def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)

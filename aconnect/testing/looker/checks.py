"""Checks of requests, and error responses, for all types of Looker objects."""

from typing import cast

from aconnect.testing.looker.state import DOCUMENTATION, LookerCall
from aconnect.testing.wire import Row, ServiceFault

Problems = list[tuple[str, str, str]]
"""The errors in a request body: the field, code and message of each."""


def existing_ids(body: object, rows: dict[str, Row], object_type: str) -> list[str]:
    """Parse a list of ids; raise a fault if one of them does not exist."""
    if not is_string_list(body):
        raise ServiceFault(400, "The request body must be a list of ids.")
    ids = cast("list[str]", body)
    field = f"{object_type}_ids"
    reject([(field, "invalid", f"{i} does not exist.") for i in ids if i not in rows])
    return list(dict.fromkeys(ids))


def not_found() -> ServiceFault:
    """Return the fault for an object that does not exist."""
    return ServiceFault(404, "Not found")


def existing_row(rows: dict[str, Row], row_id: str) -> Row:
    """Return the row with an id; raise a fault if there is none."""
    row = rows.get(row_id)
    if row is None:
        raise not_found()
    return row


def existing(rows: dict[str, Row], call: LookerCall, *, changes: bool = False) -> Row:
    """Return the row whose id is in the path; with `changes`, reject built-in objects."""
    row = existing_row(rows, call.args["id"])
    if changes and (row.get("built_in") or row.get("internal")):
        raise ServiceFault(405, f"{row['name']} is built in and cannot be modified.")
    return row


def is_string_list(value: object) -> bool:
    """Return True if the value is a list of strings."""
    return isinstance(value, list) and all(isinstance(v, str) for v in cast("list[object]", value))


def name_problems(row: Row, current: Row | None) -> Problems:
    """Return the errors in a name; only a new object (`current` is None) must have one."""
    if current is not None and "name" not in row:
        return []
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        return [("name", "missing_field", "must not be empty.")]
    return []


def reject(problems: Problems) -> None:
    """Raise a fault if there are errors in the request body."""
    if problems:
        details = [
            {"field": f, "code": c, "message": m, "documentation_url": DOCUMENTATION}
            for f, c, m in problems
        ]
        raise ServiceFault(422, "Validation Failed", details=details)


def reject_used_name(rows: dict[str, Row], row: Row, current: Row | None) -> None:
    """Raise a fault if another object than `current` has the name."""
    for other in rows.values():
        if other is not current and other["name"] == row.get("name"):
            if current is not None:
                # According to the contract, an update does not return 409.
                reject([("name", "already_exists", "is already in use.")])
            raise ServiceFault(409, f"{row['name']} already exists.")

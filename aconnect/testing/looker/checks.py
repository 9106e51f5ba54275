"""What the operations on all of Looker's objects share: checks and refusals."""

from typing import cast

from aconnect.testing.looker.state import DOCUMENTATION, LookerCall
from aconnect.testing.wire import Row, ServiceFault

Problems = list[tuple[str, str, str]]
"""The errors in a body: field, code and message of each."""


def existing_ids(body: object, known: dict[str, Row], kind: str) -> list[str]:
    """Parse a list of ids, each of which must exist."""
    if not texts(body):
        raise ServiceFault(400, "The request body must be a list of ids.")
    ids = cast("list[str]", body)
    refuse([(f"{kind}_ids", "invalid", f"{i} does not exist.") for i in ids if i not in known])
    return list(dict.fromkeys(ids))


def not_found() -> ServiceFault:
    """Report that the object does not exist."""
    return ServiceFault(404, "Not found")


def existing(rows: dict[str, Row], call: LookerCall, *, changes: bool = False) -> Row:
    """Return the row in the path; refuse to change what is built in."""
    row = rows.get(call.args["id"])
    if row is None:
        raise not_found()
    if changes and (row.get("built_in") or row.get("internal")):
        raise ServiceFault(405, f"{row['name']} is built in and cannot be modified.")
    return row


def texts(value: object) -> bool:
    """Return True if a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(v, str) for v in cast("list[object]", value))


def name_problems(row: Row, known: Row | None) -> Problems:
    """Return the errors in a name, which a new object must have."""
    if known is not None and "name" not in row:
        return []
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        return [("name", "missing_field", "must not be empty.")]
    return []


def refuse(problems: Problems) -> None:
    """Refuse a body with errors."""
    if problems:
        details = [
            {"field": f, "code": c, "message": m, "documentation_url": DOCUMENTATION}
            for f, c, m in problems
        ]
        raise ServiceFault(422, "Validation Failed", details=details)


def refuse_taken(rows: dict[str, Row], row: Row, known: Row | None) -> None:
    """Refuse a name that another object has; `known` is the object itself."""
    for other in rows.values():
        if other is not known and other["name"] == row.get("name"):
            if known is not None:
                # By the contract, an update does not return 409.
                refuse([("name", "already_exists", "is already in use.")])
            raise ServiceFault(409, f"{row['name']} already exists.")

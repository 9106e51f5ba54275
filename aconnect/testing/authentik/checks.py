"""Checks of body fields, and the errors of the simulated authentik server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from aconnect.testing.authentik.state import AuthentikCall, AuthentikState
from aconnect.testing.wire import Row, ServiceFault

Check: TypeAlias = Callable[[AuthentikState, Any], str]
"""Returns the error message for a value, or an empty string if it is valid."""

_NULL: Final = "This field may not be null."


async def fields(call: AuthentikCall, checks: dict[str, Check], required: set[str]) -> Row:
    """Return the fields of the body that have a check; report all errors together."""
    body = await call.json()
    if not isinstance(body, dict):
        type_name = type(body).__name__
        message = f"Invalid data. Expected a dictionary, but got {type_name}."
        raise ServiceFault(400, message, details={"non_field_errors": [message]})
    row = cast("Row", body)
    errors = {name: ["This field is required."] for name in sorted(required - row.keys())}
    for name, check in checks.items():
        if name in row and (error := check(call.state, row[name])):
            errors[name] = [error]
    if errors:
        raise ServiceFault(400, "Invalid input.", details=errors)
    return {name: row[name] for name in checks if name in row}


def text(state: AuthentikState, value: Any) -> str:
    """Check that the value is a string that is not blank."""
    del state
    if value is None:
        return _NULL
    if not isinstance(value, str):
        return "Not a valid string."
    return "" if value.strip() else "This field may not be blank."


def choice(*choices: str) -> Check:
    """Return a check that the value is one of several choices."""

    def check(state: AuthentikState, value: Any) -> str:
        del state
        return "" if value in choices else f'"{value}" is not a valid choice.'

    return check


def existing_provider(state: AuthentikState, value: Any) -> str:
    """Check that the value is the key of a provider."""
    if value is None:
        return _NULL
    exists = isinstance(value, int) and value in state.providers
    return "" if exists else f'Invalid pk "{value}" - object does not exist.'


def existing_endpoint(state: AuthentikState, value: Any) -> str:
    """Check that the value is the key of an endpoint."""
    if value is None:
        return _NULL
    if not is_uuid(value):
        return f"“{value}” is not a valid UUID."
    return "" if value in state.endpoints else f'Invalid pk "{value}" - object does not exist.'


def uuid(state: AuthentikState, value: Any) -> str:
    """Check that the value is a UUID."""
    del state
    return "" if is_uuid(value) else "Must be a valid UUID."


def is_uuid(value: Any) -> bool:
    """Return True if the value is a string with a UUID."""
    try:
        UUID(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def integer(state: AuthentikState, value: Any) -> str:
    """Check that the value is an integer."""
    del state
    return "" if isinstance(value, int) else "A valid integer is required."


def anything(state: AuthentikState, value: Any) -> str:
    """Accept any value."""
    del state, value
    return ""

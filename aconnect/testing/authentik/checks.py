"""The checks of body fields, and the errors that a simulated authentik returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from aconnect.testing.authentik.state import AuthentikCall, AuthentikState
from aconnect.testing.wire import Row, ServiceFault

Check: TypeAlias = Callable[[AuthentikState, Any], str]
"""Returns the errors of a value; none if it is valid."""

_NULL: Final = "This field may not be null."


async def fields(call: AuthentikCall, checks: dict[str, Check], required: set[str]) -> Row:
    """Check the known fields of a body; all errors are reported together."""
    body = await call.json()
    if not isinstance(body, dict):
        kind = type(body).__name__
        message = f"Invalid data. Expected a dictionary, but got {kind}."
        raise ServiceFault(400, message, details={"non_field_errors": [message]})
    given = cast("Row", body)
    wrong = {name: ["This field is required."] for name in sorted(required - given.keys())}
    for name, check in checks.items():
        if name in given and (said := check(call.state, given[name])):
            wrong[name] = [said]
    if wrong:
        raise ServiceFault(400, "Invalid input.", details=wrong)
    return {name: given[name] for name in checks if name in given}


def text(state: AuthentikState, value: Any) -> str:
    """Expect a string that is not blank."""
    del state
    if value is None:
        return _NULL
    if not isinstance(value, str):
        return "Not a valid string."
    return "" if value.strip() else "This field may not be blank."


def choice(*choices: str) -> Check:
    """Expect one of several values."""

    def check(state: AuthentikState, value: Any) -> str:
        del state
        return "" if value in choices else f'"{value}" is not a valid choice.'

    return check


def existing_provider(state: AuthentikState, value: Any) -> str:
    """Expect the key of a provider."""
    if value is None:
        return _NULL
    known = isinstance(value, int) and value in state.providers
    return "" if known else f'Invalid pk "{value}" - object does not exist.'


def existing_endpoint(state: AuthentikState, value: Any) -> str:
    """Expect the key of an endpoint."""
    if value is None:
        return _NULL
    if not is_uuid(value):
        return f"“{value}” is not a valid UUID."
    return "" if value in state.endpoints else f'Invalid pk "{value}" - object does not exist.'


def uuid(state: AuthentikState, value: Any) -> str:
    """Expect a UUID."""
    del state
    return "" if is_uuid(value) else "Must be a valid UUID."


def is_uuid(value: Any) -> bool:
    """Return True if a value is a UUID as a string."""
    try:
        UUID(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def integer(state: AuthentikState, value: Any) -> str:
    """Expect an integer."""
    del state
    return "" if isinstance(value, int) else "A valid integer is required."


def anything(state: AuthentikState, value: Any) -> str:
    """Accept any value."""
    del state, value
    return ""

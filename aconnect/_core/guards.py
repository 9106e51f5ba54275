"""Type guards for plain JSON values, in a form that both type checkers understand."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return True if it is an array."""
    return isinstance(value, list)


def is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return True if it is an object."""
    return isinstance(value, dict)

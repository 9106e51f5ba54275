"""What the models of every service are made of.

Answers differ between server versions, so nothing here is strict: unknown fields are ignored, an
unknown enum value stays a text, an id is a `str` whether it came as a number or not. Reading an
answer that differs even more is `decoding.py`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Self

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    Id = str
else:

    class _AnyText(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, str)

    class Id(metaclass=_AnyText):
        """Marks a field whose id is a number on some versions; its values are plain `str`.

        msgspec hands fields of a type it does not know to `decode_hook`, and asks `isinstance`
        whether the outcome fits; a subclass of `str` would do too, but could not be encoded again.
        """


def decode_hook(kind: type, value: object) -> object:
    """Decode the types that msgspec does not know."""
    if kind is Id and isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    # Not msgspec's own error, which would lose the place in the answer.
    raise ValueError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


class Model(Struct, kw_only=True, repr_omit_defaults=True):
    """Base of all models: keyword-only, unknown fields ignored."""

    def to_dict(self) -> dict[str, Any]:
        """Copy into plain Python values, as JSON would have them but with real datetimes."""
        data: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(datetime,))
        return data


class Bound(Model, kw_only=True, dict=True):
    """A model with behaviour: it knows the client it came from."""

    def _bind(self, client: Any, scope: Mapping[str, Any]) -> Self:
        self._origin = (client, scope)
        return self

    @property
    def _context(self) -> tuple[Any, Mapping[str, Any]]:
        """The client and the path arguments of the call that this came from."""
        try:
            return self._origin
        except AttributeError:
            raise RuntimeError(
                f"this {type(self).__name__} did not come from a client, so it cannot make calls; "
                "get it from one"
            ) from None


class Row(Struct, kw_only=True, frozen=True, gc=False, repr_omit_defaults=True):
    """A lean row of a high-volume answer: immutable, not tracked by the garbage collector."""


def id_text(value: str | int | None) -> str | None:
    """Give an id as text, whichever way this server version writes it."""
    return str(value) if isinstance(value, int) else value


class OpenEnum(StrEnum):
    """An enum of texts that later versions may extend: an unknown value is kept as it is."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class OpenIntEnum(IntEnum):
    """An enum of numbers that later versions may extend: an unknown value is kept as it is."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

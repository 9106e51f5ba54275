"""What the models of every service are made of.

Answers differ between server versions, so nothing here is strict: unknown fields are ignored, an
unknown enum value stays a text, an id is a `str` whether it came as a number or not. Reading an
answer that differs even more is `decoding.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import msgspec
from msgspec import Struct

from aconnect._core.redaction import HIDDEN

if TYPE_CHECKING:
    Id = str
else:
    # A number on some versions; `Model` makes it text.
    Id = str | int

_IDS: Final = ("Id", "Id | None", Id, Id | None)
_TIMES: Final = ("datetime | None", datetime | None)
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
"""What Go writes for a time that was never set."""


class Model(Struct, kw_only=True, repr_omit_defaults=True):
    """Base of all models: keyword-only, unknown fields ignored.

    Fields annotated `Id` are text, whichever way this server version writes them. Fields annotated
    `datetime | None` are None where the server has written a time that was never set.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ids = [name for name, kind in cls.__annotations__.items() if kind in _IDS]
        times = [name for name, kind in cls.__annotations__.items() if kind in _TIMES]
        if ids or times:
            before = getattr(cls, "__post_init__", None)
            # An assignment would be a declaration to type checkers, of an unknown type.
            setattr(cls, "__post_init__", _settled(ids, times, before))  # noqa: B010

    def to_dict(self) -> dict[str, Any]:
        """Copy into plain Python values, as JSON would have them but with real datetimes."""
        data: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(datetime,))
        return data


def _settled(
    ids: list[str], times: list[str], before: Callable[[Model], None] | None
) -> Callable[[Model], None]:
    """Make what msgspec runs after it has decoded a model: a hook for each field costs far more."""
    # The first twice, since one name alone gives no tuple.
    times_of = attrgetter(times[0], *times) if times else None

    def __post_init__(self: Model) -> None:  # noqa: N807  msgspec's name
        if before is not None:
            before(self)
        for name in ids:
            value = getattr(self, name)
            if type(value) is int:
                setattr(self, name, str(value))
        if times_of is not None and _NEVER in times_of(self):
            for name in times:
                if getattr(self, name) == _NEVER:
                    setattr(self, name, None)

    return __post_init__


class Confidential(Model, kw_only=True):
    """A model some of whose fields are as good as a password: they are read, but not printed."""

    _hidden: ClassVar[tuple[str, ...]] = ()

    def _shown(self) -> Self:
        hidden = {name: HIDDEN for name in self._hidden if getattr(self, name)}
        return msgspec.structs.replace(self, **hidden)

    def __repr__(self) -> str:
        return Struct.__repr__(self._shown())

    def __rich_repr__(self) -> Any:
        # Rich prints tables of fields, and asks for them here.
        return Struct.__rich_repr__(self._shown())


class _Tied:
    # A slot costs less than a dict for each object.
    __slots__ = ("_origin",)

    _origin: tuple[Any, Mapping[str, Any]]


class Bound(_Tied, Model, kw_only=True):
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

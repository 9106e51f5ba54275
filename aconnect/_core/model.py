"""What the models of every service are made of.

Responses differ between server versions, so nothing here is strict: unknown fields are ignored, an
unknown enum value is kept as text, an id is a `str` whether the server sends a number or not.
Decoding responses that differ even more is the business of `decoding`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import partial
from operator import attrgetter
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Self,
    Union,
    get_args,
    get_origin,
)

import msgspec
from msgspec import Struct

from aconnect._core.plain import Record
from aconnect._core.redaction import HIDDEN
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    Id = str
    LogTime = datetime
else:
    # Some server versions send numbers; `Model` and `Row` convert them to text. The text in the
    # annotation is what tells this marker from any other union of these types.
    Id = Annotated[str | int, "an id"]
    # Logs have nanoseconds. msgspec rounds them, and a line may get a later time than the next one;
    # `Model` cuts them, which is as fast. An invalid time is None, so that the line is kept.
    LogTime = Annotated[str, "a time in a log"]

_CLASS_VAR: Final = re.compile(r"[\w.'\"]*\bClassVar\b")
_UNIONS: Final = (Union, UnionType)
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
"""What Go writes for a time that was never set."""


class Model(Record, Struct, kw_only=True, repr_omit_defaults=True):
    """Base of all models: keyword-only, unknown fields ignored.

    A class with a `_key` names the field that identifies its objects: where an argument takes the
    class or a key, the key is sent.

    Fields of type `Id` are text, regardless of the server version. Times that were never set, which
    Go writes as the year 1, are None, and are left out of lists. Times of type `LogTime` are cut
    to microseconds.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        converters = list(_converters(cls))
        if converters:
            before = getattr(cls, "__post_init__", None)
            # An assignment would be a declaration to type checkers, of an unknown type.
            setattr(cls, "__post_init__", _post_init(converters, before))  # noqa: B010


class _Converter(Struct, frozen=True):
    """How the values of one field are converted after decoding."""

    field: str
    marker: Any
    is_list: bool


_hints: dict[tuple[str, str], tuple[Any, list[Any]]] = {}
"""Resolved annotations and their markers by module and text: the same few recur in every module."""


def _converters(cls: type[Struct]) -> Iterator[_Converter]:
    """Find the ids and times of a class; raise TypeError for a use that cannot be converted."""
    for name, annotation in inspect.get_annotations(cls).items():
        if isinstance(annotation, str):
            if _CLASS_VAR.match(annotation):
                # What is inside may be defined later.
                continue
            key = (cls.__module__, annotation)
            if key not in _hints:
                resolved = _resolve(cls, name, annotation)
                _hints[key] = resolved, _markers(resolved)
            hint, markers = _hints[key]
        else:
            hint, markers = annotation, _markers(annotation)
        for marker in markers:
            yield _converter(cls, name, hint, marker)


def _markers(hint: Any) -> list[Any]:
    """Return what in an annotation is converted; nothing in a class variable."""
    origin: Any = get_origin(hint)
    if origin is ClassVar:
        return []
    return [marker for marker in (Id, LogTime, datetime) if mentions(hint, marker)]


def _resolve(cls: type[Struct], name: str, annotation: str) -> Any:
    names = {**vars(sys.modules[cls.__module__]), cls.__name__: cls}
    hint: Any = annotation
    try:
        while isinstance(hint, str):
            hint = eval(hint, names)  # noqa: S307  our own source, as typing.get_type_hints does
    except NameError as error:
        if hint is not annotation:
            # Quoted, and defined later: a model, which converts its own fields.
            return hint
        raise TypeError(
            f"{cls.__qualname__}.{name}: cannot resolve the annotation {annotation!r}: {error}; "
            "define the type above the model, or quote it"
        ) from error
    return hint


def _converter(cls: type[Struct], name: str, hint: Any, marker: Any) -> _Converter:
    choices = [choice for choice in union_members(hint) if choice is not type(None)]
    if choices == [marker] and (marker is not datetime or len(union_members(hint)) > 1):
        return _Converter(name, marker, is_list=False)
    if choices == [list[marker]] and marker is not LogTime:
        return _Converter(name, marker, is_list=True)
    label = {Id: "Id", LogTime: "LogTime"}.get(marker, "datetime")
    single = "Id" if marker is Id else f"{label} | None"
    raise TypeError(
        f"{cls.__qualname__}.{name}: {label} can only be used as {single}, Id | None or "
        f"list[{label}], not as {hint!r}"
    )


def union_members(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself."""
    return get_args(hint) if get_origin(hint) in _UNIONS else (hint,)


def mentions(hint: Any, type_: Any) -> bool:
    """Return True if a type is, or contains, another one."""
    return hint == type_ or any(mentions(part, type_) for part in get_args(hint))


def _post_init(
    converters: list[_Converter], before: Callable[[Model], None] | None
) -> Callable[[Model], None]:
    """Return what msgspec runs after decoding a model: a hook for each value costs far more."""
    ids = [one.field for one in converters if one.marker is Id and not one.is_list]
    times = [one.field for one in converters if one.marker is datetime and not one.is_list]
    others: list[tuple[str, Callable[[Any], Any]]] = [
        (one.field, partial(_convert_list, marker=one.marker) if one.is_list else _log_time)
        for one in converters
        if one.is_list or one.marker is LogTime
    ]
    # The first twice, since a single name gives no tuple.
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
        for name, convert in others:
            value = getattr(self, name)
            # Most lists are empty, and need no conversion; an empty text is no time.
            if value or value == "":
                setattr(self, name, convert(value))

    return __post_init__


def _log_time(value: str | datetime) -> datetime | None:
    """Return a time, cut to microseconds; None if it is invalid or was never set."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return None if time == _NEVER else time


def _convert_list(values: list[Any], marker: Any) -> list[Any]:
    if marker is Id:
        return [str(value) if type(value) is int else value for value in values]
    return [value for value in values if value != _NEVER]


class _ShownAsCopy:
    """Shows a copy of the object where the object would be shown."""

    __slots__ = ()

    def _shown(self) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return Struct.__repr__(self._shown())

    def __rich_repr__(self) -> Any:
        # Rich prints tables of fields, and gets them from here.
        return Struct.__rich_repr__(self._shown())


class Confidential(_ShownAsCopy, Model, kw_only=True):
    """A model with fields as sensitive as a password: they are decoded, but not printed.

    A web service that returns such an object does not send them either; only `to_dict` shows them.
    """

    _hidden: ClassVar[tuple[str, ...]] = ()

    def _stars(self) -> dict[str, str]:
        return {name: HIDDEN for name in self._hidden if getattr(self, name)}

    def _shown(self) -> Self:
        return msgspec.structs.replace(self, **self._stars())

    def _concealed(self) -> dict[str, Any]:
        return super()._concealed() | self._stars()


class Row(
    _ShownAsCopy, Record, Struct, kw_only=True, frozen=True, gc=False, repr_omit_defaults=True
):
    """A lean row of a high-volume response: immutable, not tracked by the garbage collector.

    Fields of type `Id` are converted to text when they are read, not when they are decoded.
    """

    _ids: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ids = tuple(one.field for one in _converters(cls) if one.marker is Id)
        cls._ids = (*cls._ids, *ids)
        for name in ids:
            # msgspec decodes into the slot without looking at the class.
            setattr(cls, name, _row_id(vars(cls)[name]))

    def _shown(self) -> Self:
        return msgspec.structs.replace(self, **{name: getattr(self, name) for name in self._ids})


def _row_id(slot: Any) -> property:
    read = slot.__get__

    def get(row: Row) -> str | None:
        value = read(row)
        return str(value) if isinstance(value, int) else value

    return property(get, doc="As text, regardless of the server version.")


def key_name(type_: Any) -> str:
    """Return the field that identifies the objects of a class; empty if there is none."""
    name: str = getattr(type_, "_key", "")
    return name


def key_of(name: str, value: Any, *types: type[Model]) -> Any:
    """Return the key of an object of one of these types, or what was passed instead of one.

    Raises:
        InvalidArgumentError: It is an object of another type, or one without a key.
    """
    if not isinstance(value, Model):
        return value
    type_ = type(value)
    if not isinstance(value, types):
        wanted = " or ".join(each.__name__ for each in types)
        raise InvalidArgumentError(
            f"{name} cannot be an object of type {type_.__name__}; pass one of type {wanted}, or "
            f"its {key_name(types[0])}"
        )
    key = getattr(value, key_name(type_))
    if not key:
        raise InvalidArgumentError(
            f"{name}: this {type_.__name__} has no {key_name(type_)}; get it from the server"
        )
    return key


def keyed_types(hint: Any) -> tuple[type[Model], ...]:
    """Return the classes whose objects an argument with this annotation takes for their keys."""
    return tuple(one for one in union_members(hint) if key_name(one))


class OpenEnum(StrEnum):
    """A string enum that later server versions may extend: unknown values are kept."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class OpenIntEnum(IntEnum):
    """An integer enum that later server versions may extend: unknown values are kept."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

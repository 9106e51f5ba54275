"""From the values of one field to an Arrow array.

A field has a JSON type, which is decoded at full speed, and an Arrow type. A value that matches
neither is null and counted; the other values of its row are kept. Needs pyarrow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum, IntEnum
from types import GenericAlias
from typing import Any, Final, cast

import msgspec
import pyarrow as pa
from msgspec import Raw, Struct
from pyarrow import compute as pc

from aconnect._core import decoding
from aconnect._core.model import LogTime, Row, union_members
from aconnect.collect.dataset import is_id
from aconnect.collect.oddities import Oddities
from aconnect.collect.sink import as_microseconds

POOL: Final = pa.system_memory_pool()
"""The default pool keeps memory that is no longer used."""
NULL: Final = Raw(b"null")

_NANOSECONDS: Final = pa.timestamp("ns", tz="UTC")
_MICROSECONDS: Final = pa.timestamp("us", tz="UTC")
_FIRST: Final = as_microseconds(datetime(2, 1, 1, tzinfo=UTC))
_LAST: Final = as_microseconds(datetime.max.replace(tzinfo=UTC))
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_PLAIN: Final[dict[Any, tuple[pa.DataType, str]]] = {
    str: (pa.string(), "not text"),
    bool: (pa.bool_(), "not true or false"),
    int: (pa.int64(), "not an integer"),
    float: (pa.float64(), "not a number"),
    list[str]: (pa.list_(pa.string()), "not a list of text"),
}
_SMALL: Final = frozenset({"data_version"})
"""Integers that fit in 32 bits."""


def array(values: Iterable[Any], type_: pa.DataType) -> pa.Array:
    """Return an Arrow array; None is null."""
    return pa.array(values, type_, from_pandas=False, memory_pool=POOL)


def joined(raw: Sequence[Raw]) -> bytes:
    """Return a JSON array of values."""
    return b"".join((b"[", b",".join(cast("Sequence[bytes]", raw)), b"]"))


def list_of(type_: Any) -> Any:
    """Return the type of a list of values of a type that is not known to type checkers."""
    return GenericAlias(list, (type_,))


class Field:
    """A field whose JSON type has an Arrow type of its own."""

    json_type: Any
    """What a value is decoded to."""
    default: Any = None
    """Stands for a value that is missing."""

    def __init__(self, name: str, json_type: Any, type_: pa.DataType, misfit: str) -> None:
        self.name = name
        self.json_type = json_type
        self.type = type_
        self._misfit = misfit

    def from_values(self, values: Sequence[Any], oddities: Oddities) -> pa.Array:
        """Return an array of decoded values."""
        try:
            return array(values, self.type)
        except (pa.ArrowInvalid, OverflowError):
            return array([self._within_range(value, oddities) for value in values], self.type)

    def _within_range(self, value: Any, oddities: Oddities) -> Any:
        try:
            pa.scalar(value, self.type)
        except (pa.ArrowInvalid, OverflowError):
            oddities.add(self.name, "out of range")
            return None
        return value

    def from_raw(
        self, raw: Sequence[Raw], oddities: Oddities, extras: Sequence[dict[str, Any]]
    ) -> pa.Array:
        """Return an array of values of which some may not match.

        Unknown fields inside them are added to `extras`, one for each value.
        """
        return self.from_values(self.decode(raw, oddities), oddities)

    def decode(self, raw: Sequence[Raw], oddities: Oddities) -> list[Any]:
        """Decode values, those that do not match to None."""
        try:
            values: list[Any] = decoding.decoder_for(list_of(self.json_type))(joined(raw))
        except decoding.FAILURES:
            values = [self._decode_one(one, oddities) for one in raw]
        return values

    def _decode_one(self, raw: Raw, oddities: Oddities) -> Any:
        data: Any = raw
        try:
            return msgspec.json.decode(data, type=self.json_type)
        except msgspec.ValidationError:
            damaged = False
        except decoding.FAILURES:
            damaged = True
        try:
            data = _repaired(raw) if damaged else raw
            # A number in quotes is a number, as in rows that are decoded elsewhere.
            strict = bytes(data)[:1] != b'"'
            value = msgspec.json.decode(data, type=self.json_type, strict=strict)
        except (*decoding.FAILURES, ValueError):
            oddities.add(self.name, self._misfit)
            return None
        oddities.add(self.name, "invalid text, replaced", int(damaged))
        return value


def _repaired(raw: Raw) -> bytes:
    """Return JSON with U+FFFD for what is not text; raise ValueError if it is not JSON at all."""
    value = json.loads(str(raw, "utf-8", "replace"), strict=False)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub("\ufffd", text).encode()


class IdField(Field):
    """An id, which some server versions send as a number."""

    def __init__(self, name: str) -> None:
        super().__init__(name, str | int | None, pa.string(), "not an id")

    def from_values(self, values: Sequence[Any], oddities: Oddities) -> pa.Array:
        try:
            return array(values, self.type)
        except pa.ArrowTypeError:
            texts = [str(value) if isinstance(value, int) else value for value in values]
            return array(texts, self.type)


class TimeField(Field):
    """A time: in UTC, cut to microseconds."""

    def __init__(self, name: str) -> None:
        super().__init__(name, str | None, _MICROSECONDS, "not a time")

    def from_values(self, values: Sequence[Any], oddities: Oddities) -> pa.Array:
        try:
            # Servers send up to nine digits, which cannot be cast to microseconds.
            times = array(values, pa.string()).cast(_NANOSECONDS, memory_pool=POOL)
        except pa.ArrowInvalid:
            # A single value that is no time in the range of nanoseconds.
            return array([self._parse(value, oddities) for value in values], self.type)
        earliest = pc.min(times, memory_pool=POOL).value
        if earliest is not None and earliest < 0:
            # The cast would cut towards 1970.
            times = pc.floor_temporal(times, unit="microsecond", memory_pool=POOL)
        return times.cast(self.type, safe=False, memory_pool=POOL)

    def _parse(self, text: str | None, oddities: Oddities) -> int | None:
        if text is None:
            return None
        try:
            # It cuts, whereas msgspec rounds.
            parsed = datetime.fromisoformat(text.upper())
        except ValueError:
            oddities.add(self.name, self._misfit)
            return None
        if parsed.tzinfo is None:
            oddities.add(self.name, "no time zone, taken as UTC")
            parsed = parsed.replace(tzinfo=UTC)
        time = as_microseconds(parsed)
        if _FIRST <= time <= _LAST:
            return time
        # Go writes the year 1 for a time that was never set.
        oddities.add(self.name, "never set (the year 1)" if time < _FIRST else "out of range")
        return None


class JsonField(Field):
    """A value without an Arrow type of its own, such as a model: JSON text, as received."""

    default = NULL

    def __init__(self, name: str) -> None:
        super().__init__(name, Raw, pa.string(), "not JSON")

    def from_values(self, values: Sequence[Any], oddities: Oddities) -> pa.Array:
        return array([self._text(value, oddities) for value in values], self.type)

    def decode(self, raw: Sequence[Raw], oddities: Oddities) -> list[Any]:
        return list(raw)

    def _text(self, raw: Raw, oddities: Oddities) -> str | None:
        try:
            text = str(raw, "utf-8")
        except UnicodeDecodeError:
            text = str(raw, "utf-8", "replace")
            oddities.add(self.name, "invalid text, replaced")
        return None if text == "null" else text


class RecordField(Field):
    """A nested row."""

    def __init__(self, name: str, row_type: type[Struct]) -> None:
        self._record = Record(row_type, f"{name}.")
        self._empty = self._record.json_type()
        super().__init__(
            name,
            self._record.json_type | None,
            pa.struct(
                [(field.name.removeprefix(f"{name}."), field.type) for field in self._record.fields]
            ),
            "not an object",
        )
        self._objects = Field(name, dict[str, Raw] | None, self.type, self._misfit)

    def from_values(self, values: Sequence[Any], oddities: Oddities) -> pa.Array:
        rows = [self._empty if value is None else value for value in values]
        return self._struct(values, self._record.from_rows(rows, oddities))

    def from_raw(
        self, raw: Sequence[Raw], oddities: Oddities, extras: Sequence[dict[str, Any]]
    ) -> pa.Array:
        objects = self._objects.decode(raw, oddities)
        arrays, unknown = self._record.from_objects([one or {} for one in objects], oddities)
        for extra, inner in zip(extras, unknown, strict=True):
            if inner:
                extra[self.name] = inner
        return self._struct(objects, arrays)

    def _struct(self, values: Sequence[Any], arrays: list[pa.Array]) -> pa.Array:
        missing = array([value is None for value in values], pa.bool_())
        return pa.StructArray.from_arrays(
            arrays, fields=list(self.type), mask=missing, memory_pool=POOL
        )


class Record:
    """The fields of a row type."""

    def __init__(self, row_type: type[Struct], prefix: str = "") -> None:
        declared = msgspec.structs.fields(row_type)
        self._names = [one.encode_name for one in declared]
        self._known = frozenset(self._names)
        self.fields: list[Field] = [
            field_for(f"{prefix}{one.encode_name}", one.type) for one in declared
        ]
        members: Any = [
            (f"_{i}", field.json_type, msgspec.field(name=name, default=field.default))
            for i, (name, field) in enumerate(zip(self._names, self.fields, strict=True))
        ]
        # An unknown field fails, so that it is not lost.
        self.json_type: Any = msgspec.defstruct(
            row_type.__name__, members, frozen=True, gc=False, forbid_unknown_fields=True
        )

    def from_rows(self, rows: Sequence[Any], oddities: Oddities) -> list[pa.Array]:
        """Return the arrays of rows that were decoded to `json_type`."""
        if not rows:
            return [array((), field.type) for field in self.fields]
        columns = zip(*map(msgspec.structs.astuple, rows), strict=True)
        return [
            field.from_values(values, oddities)
            for field, values in zip(self.fields, columns, strict=True)
        ]

    def from_objects(
        self, objects: Sequence[dict[str, Raw]], oddities: Oddities
    ) -> tuple[list[pa.Array], list[dict[str, Any]]]:
        """Return the arrays of any JSON objects, and the unknown fields of each."""
        extras: list[dict[str, Any]] = [
            {}
            if one.keys() <= self._known
            else {key: value for key, value in one.items() if key not in self._known}
            for one in objects
        ]
        arrays = [
            field.from_raw([one.get(name, NULL) for one in objects], oddities, extras)
            for name, field in zip(self._names, self.fields, strict=True)
        ]
        return arrays, extras


def field_for(name: str, hint: Any) -> Field:
    """Return the field for an annotation of a row type."""
    members = [member for member in union_members(hint) if member is not type(None)]
    if is_id(hint):
        return IdField(name)
    if len(members) != 1:
        return JsonField(name)
    (member,) = members
    if member in {datetime, LogTime}:
        return TimeField(name)
    if isinstance(member, type) and issubclass(member, Row):
        return RecordField(name, member)
    if isinstance(member, type) and issubclass(member, Enum):
        member = int if issubclass(member, IntEnum) else str
    if member not in _PLAIN:
        return JsonField(name)
    type_, misfit = _PLAIN[member]
    return Field(name, member | None, pa.int32() if name in _SMALL else type_, misfit)

"""From raw rows to the bytes of a file: JSON lines as received, or CSV.

Decides how a row is written. It opens no file.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol, cast, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from aconnect._core import decoding
from aconnect._core.arguments import no_text
from aconnect._core.model import union_members
from aconnect.errors import DecodeError, InvalidArgumentError

Format = Literal["jsonl", "csv"]
"""The format of a file."""


class Sink(Protocol):
    """One format."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields written; empty for all."""
        ...

    @property
    def head(self) -> bytes:
        """The start of the file."""
        ...

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Write rows."""
        ...


def sink_for(format: str, row: Any, columns: Sequence[str] | None) -> Sink:  # noqa: A002
    """Return the sink for rows of a type; `columns` are for CSV only."""
    if format == "jsonl":
        if columns is not None:
            raise InvalidArgumentError(
                "JSON lines contain whole rows; columns are for format='csv'"
            )
        return JsonLines()
    if format != "csv":
        raise InvalidArgumentError(
            f"there is no format {format!r}; choose one of {', '.join(get_args(Format))}"
        )
    chosen = columns_of(row) if columns is None else tuple(no_text("columns", columns))
    for column in chosen:
        _check_column(column, row)
    if not chosen or len(set(chosen)) < len(chosen):
        raise InvalidArgumentError(
            f"cannot write CSV with the columns {chosen}; pass columns= with different names, such "
            "as ('time', 'content_guid')"
        )
    return Csv(chosen)


def _check_column(column: str, row: Any) -> None:
    """Refuse a column that rows of a type do not have: it would be empty."""
    if _is_struct(row) and not _has(row, column.split(".")):
        known = columns_of(row)
        nearest = difflib.get_close_matches(column, known, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}"
        raise InvalidArgumentError(f"there is no column {column!r}; {hint}")


def _has(kind: Any, path: list[str]) -> bool:
    """Return True if values of a type may have something at a path."""
    if not path:
        return True
    for member in union_members(kind):
        if _is_struct(member):
            types = {field.encode_name: field.type for field in msgspec.structs.fields(member)}
            if path[0] in types and _has(types[path[0]], path[1:]):
                return True
        elif member in {Any, Raw} or (get_origin(member) or member) is dict:
            return True
    return False


def columns_of(row: Any) -> tuple[str, ...]:
    """Return the columns of a row type by their JSON names; those of nested data as `data.path`."""
    names: list[str] = []
    for field in msgspec.structs.fields(row) if _is_struct(row) else ():
        inner = next((kind for kind in get_args(field.type) if _is_struct(kind)), None)
        if inner is None:
            names.append(field.encode_name)
        else:
            names += [f"{field.encode_name}.{name}" for name in columns_of(inner)]
    return tuple(names)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


class JsonLines:
    """One row per line, as the server wrote it."""

    columns: tuple[str, ...] = ()
    head = b""

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Join rows; line breaks between the values of a row are removed."""
        if not rows:
            return b""
        text = b"\n".join(cast("Sequence[bytes]", rows)) + b"\n"
        if text.count(b"\n") > len(rows) or b"\r" in text:
            try:
                lines = [msgspec.json.format(bytes(row), indent=-1) for row in rows]
            except decoding.FAILURES as error:
                raise DecodeError(f"a row is not valid JSON: {error}") from None
            text = b"\n".join(lines) + b"\n"
        return text


_PLAIN: Final = frozenset({str, int, float, type(None)})


class _Lines(list[str]):
    """The target of csv."""

    def write(self, line: str, /) -> None:
        self.append(line)


class Csv:
    """UTF-8 CSV with a header: missing values empty, times in RFC 3339 as received.

    Cells are data, not formulas: text that begins with `=`, `+`, `-` or `@` is written unchanged,
    so import the file into a spreadsheet as text. A line break in a value is written within quotes.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        paths = [column.split(".") for column in columns]
        tops = list(dict.fromkeys(path[0] for path in paths))
        # A type made for these columns: other fields are not even decoded.
        fields: list[Any] = [
            (f"c{i}", Any, msgspec.field(name=top, default=None)) for i, top in enumerate(tops)
        ]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Cells", fields))
        self._nested = any(len(path) > 1 for path in paths)
        self._paths = [(tops.index(path[0]), path[1:]) for path in paths]

    @property
    def head(self) -> bytes:
        """The header."""
        return self._written([list(self.columns)])

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Write rows; refuse values that are not objects."""
        try:
            return self._written([self._cells(row) for row in rows])
        except (*decoding.FAILURES, UnicodeError) as error:
            raise DecodeError(
                f"a row cannot be written as CSV: {error}; collect it as JSON lines instead"
            ) from None

    def _written(self, lines: list[list[Any]]) -> bytes:
        written = _Lines()
        # With "\n" alone as the line terminator, csv would leave a lone "\r" in a cell unquoted.
        csv.writer(written).writerows(lines)
        return "".join([f"{line[:-2]}\n" for line in written]).encode()

    def _cells(self, row: Raw) -> list[Any]:
        values: Sequence[Any] = msgspec.structs.astuple(self._decoder.decode(row))
        if self._nested:
            values = [_found(values[i], path) for i, path in self._paths]
        return [value if type(value) in _PLAIN else _text(value) for value in values]


def _found(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(name)
    return value


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()

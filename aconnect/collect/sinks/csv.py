"""CSV: a header, and one record for each row.

The values are written column by column, which is more than twice as fast as row by row.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from aconnect._core import decoding
from aconnect._core.arguments import no_text
from aconnect._core.guards import is_dict
from aconnect._core.model import union_members
from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.oddities import Oddities
from aconnect.collect.sinks.appending import AppendingSink
from aconnect.errors import InvalidArgumentError

EXTRA: Final = "extra"
"""The column with the fields that have no column, as JSON; empty if there are none."""

_Fields: TypeAlias = "dict[str, _Fields | None]"
"""The fields with a column by name; those below one, if its values are objects."""

_Cell: TypeAlias = str | int | float | None
_NUMBERS: Final = {int, float}


class Csv(AppendingSink):
    """A file of UTF-8 CSV with a header; `NAME.gz` and `NAME.zst` are compressed.

    Missing values are empty, times are as received, lists and objects are JSON. Cells are data, not
    formulas: text that begins with `=`, `+`, `-` or `@` is written unchanged, so import the file
    into a spreadsheet as text. A line break in a value is written within quotes.

    While a complete file is appended to, a reader may see a part of the last rows.

    Args:
        path: The file.
        columns: The fields to write, those of nested data as `data.path`. By default those that the
            file has, or for a new one all, and `extra` for fields that this version of the library
            does not know.

    Raises:
        InvalidArgumentError: There are no columns, or two have the same name; whether rows have
            them is checked when the file is opened.
        MissingExtraError: The name ends in `.zst`, and the extra `zstd` is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> None:
        super().__init__(path)
        self.columns: tuple[str, ...] | None = (
            None if columns is None else tuple(no_text("columns", columns))
        )
        if columns is not None and (not columns or len(set(columns)) < len(columns)):
            raise InvalidArgumentError(
                f"cannot write CSV with the columns {self.columns}; pass columns= with different "
                "names, such as ('time', 'content_guid')"
            )

    def encoder(self, dataset: Dataset, columns: tuple[str, ...]) -> CsvEncoder:
        """Return the encoder for the columns chosen, those of the file, or all."""
        for column in self.columns or ():
            _check_column(column, dataset.row_type)
        return CsvEncoder(self.columns or columns or (*columns_of(dataset.row_type), EXTRA))


class CsvEncoder:
    """From rows to lines."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._paths = [column.split(".") for column in columns]
        self._fields: _Fields = {}
        added = [_add(self._fields, path) for path in self._paths if path != [EXTRA]]
        # A type made for these columns. It does not decode what is more than text or a number, or
        # has no column: such pages take the slow way.
        self._type: Any = None
        if all(added):
            self._type = _type_of(self._fields, strict=EXTRA in columns)
            self._decode = msgspec.json.Decoder(list[self._type]).decode  # type: ignore[name-defined]

    @property
    def header(self) -> bytes:
        """The names of the columns."""
        return _lines([[column] for column in self.columns])

    def encode(self, batch: Batch[Any]) -> bytes:
        """Return rows as lines; values that are no text in Unicode cost no row, and are counted."""
        rows = batch.raw
        if not rows:
            return b""
        found = self._decoded(rows)
        if found is None:
            values = [_value(row, batch.oddities) for row in rows]
            found = [
                [
                    _rest(value, self._fields) if path == [EXTRA] else _at(value, path)
                    for value in values
                ]
                for path in self._paths
            ]
        return _lines(found)

    def _decoded(self, rows: Sequence[Raw]) -> list[Sequence[Any]] | None:
        """Return the values by column at full speed; None if that is not possible."""
        if self._type is None:
            return None
        try:
            decoded: list[Any] = self._decode(b"[" + b",".join(rows) + b"]")
        except decoding.FAILURES:
            return None
        by_path = dict(_flattened(decoded, self._type, self._fields))
        by_path[EXTRA,] = [None] * len(rows)
        return [by_path[tuple(path)] for path in self._paths]


def _add(fields: _Fields, path: list[str]) -> bool:
    """Add a column; return False if it is a part of another one, or has such a part."""
    name, *rest = path
    if not rest:
        is_free = name not in fields
        fields[name] = None
        return is_free
    inner = fields.setdefault(name, {})
    return inner is not None and _add(inner, rest)


def _type_of(fields: _Fields, *, strict: bool) -> type[Struct]:
    """Return a type for rows of which these fields are text or numbers."""
    types: list[Any] = [
        (
            f"c{i}",
            _Cell if inner is None else _type_of(inner, strict=strict) | None,
            msgspec.field(name=name, default=None),
        )
        for i, (name, inner) in enumerate(fields.items())
    ]
    return msgspec.defstruct("Cells", types, forbid_unknown_fields=strict, gc=False)


def _flattened(
    rows: Sequence[Any], type_: type[Struct], fields: _Fields, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Sequence[Any]]]:
    """Yield the values of each column with its path."""
    columns = zip(*map(msgspec.structs.astuple, rows), strict=True)
    kinds = msgspec.structs.fields(type_)
    for (name, inner), kind, values in zip(fields.items(), kinds, columns, strict=True):
        if inner is None:
            yield (*path, name), values
        else:
            (nested, _) = get_args(kind.type)
            blank = nested()
            found = [blank if value is None else value for value in values]
            yield from _flattened(found, nested, inner, (*path, name))


def _value(row: Raw, oddities: Oddities | None) -> Any:
    """Decode a row, whatever it is; text that is not Unicode gets replacement characters."""
    odd = None
    try:
        value = msgspec.json.decode(row)
    except decoding.FAILURES:
        value, odd = _repaired(bytes(row).decode(errors="replace"))
    if odd is None and not is_dict(value):
        odd = "not an object"
    if odd is not None and oddities is not None:
        oddities.add("row", odd)
    return value


def _repaired(text: str) -> tuple[Any, str]:
    """Decode JSON in which surrogates may be alone, and say what was wrong."""
    try:
        text = _json(json.loads(text))
        # What UTF-16 cannot decode is replaced; two that belong together become one character.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return json.loads(text), "text is not Unicode"
    except (ValueError, RecursionError):
        return text, "not JSON"


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if not is_dict(value):
            return None
        value = value.get(name)
    return value


def _rest(value: Any, fields: _Fields) -> Any:
    """Return what has no column; None if that is nothing."""
    if not is_dict(value):
        return value
    rest: dict[str, Any] = {}
    for name, inner in value.items():
        below = fields.get(name, {})
        left = inner if below == {} else None if below is None else _rest(inner, below)
        if left is not None or name not in fields:
            rest[name] = left
    return rest or None


def _lines(columns: Iterable[Sequence[Any]]) -> bytes:
    """Write the values of all columns as lines."""
    cells = list(map(_cells, columns))
    if len(cells) == 1:
        # An empty line would be no row.
        cells = [[cell or '""' for cell in cells[0]]]
    return ("\n".join(map(",".join, zip(*cells, strict=True))) + "\n").encode()


def _cells(values: Sequence[Any]) -> Sequence[str]:
    """Write the values of a column; all are looked at together, so that it is fast."""
    try:
        together = "".join(values)
    except TypeError:
        values = [value if type(value) is str else _text(value) for value in values]
        together = "".join(values)
    return list(map(_quoted, values)) if _is_special(together) else values


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (
        str(value) if type(value) in _NUMBERS else value if isinstance(value, str) else _json(value)
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_special(text: str) -> bool:
    return "," in text or '"' in text or "\n" in text or "\r" in text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _is_special(text) else text


def columns_of(row: Any) -> tuple[str, ...]:
    """Return the columns of a row type by their JSON names; those of nested data as `data.path`."""
    names: list[str] = []
    for field in msgspec.structs.fields(row) if _is_struct(row) else ():
        inner = next((kind for kind in union_members(field.type) if _is_struct(kind)), None)
        if inner is None:
            names.append(field.encode_name)
        else:
            names += [f"{field.encode_name}.{name}" for name in columns_of(inner)]
    return tuple(names)


def _check_column(column: str, row: Any) -> None:
    """Refuse a column that rows of a type do not have: it would be empty."""
    if _is_struct(row) and column != EXTRA and not _has(row, column.split(".")):
        known = (*columns_of(row), EXTRA)
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


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)

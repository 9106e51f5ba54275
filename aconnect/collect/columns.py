"""The columns of a dataset: from rows of JSON to Arrow record batches of one schema.

A page is decoded to structs in one call, and turned into columns. If that fails, each column is
decoded on its own, and of a column that fails, each value. No value costs a row; what does not fit
is counted. Needs pyarrow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from aconnect._core import decoding
from aconnect.collect.dataset import Dataset
from aconnect.collect.oddities import Oddities
from aconnect.errors import MissingExtraError

try:
    import pyarrow as pa
    from pyarrow import compute as pc
except ImportError as _error:
    raise MissingExtraError(
        "Arrow batches need pyarrow: install it with pip install 'aconnect[arrow]'"
    ) from _error

from aconnect.collect.fields import NULL, POOL, Field, JsonField, Record, array, joined, list_of

EXTRA: Final = "extra"
"""The last column: a JSON object of the fields that the library does not know yet, mostly null."""

_NUL: Final = re.compile(b"\0")


class Columns:
    """The columns of a dataset."""

    def __init__(self, dataset: Dataset) -> None:
        self._record = Record(dataset.row_type)
        self._decode = decoding.decoder_for(list_of(self._record.json_type))
        self._objects = Field("row", dict[str, Raw], pa.string(), "not an object")
        self._extra = JsonField(EXTRA)
        self.schema: pa.Schema = pa.schema(
            [(field.name, field.type) for field in (*self._record.fields, self._extra)]
        )
        """The schema of all batches: times in UTC and microseconds, ids as text."""
        self.flat_schema: pa.Schema = pa.schema(
            [(name, type_) for field in self.schema for name, type_ in _flat_types(field)]
        )
        """The schema without nested types: `data.path` is a column, a list JSON text."""

    def record_batch(self, raw: Sequence[Raw], oddities: Oddities | None = None) -> pa.RecordBatch:
        """Return rows as a record batch; count the values that did not fit."""
        if oddities is None:
            oddities = Oddities()
        try:
            rows = self._decode(joined(raw))
        except decoding.FAILURES:
            arrays = self._slowly(raw, oddities)
        else:
            nulls = pa.nulls(len(rows), pa.string(), memory_pool=POOL)
            arrays = [*self._record.from_rows(rows, oddities), nulls]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _slowly(self, raw: Sequence[Raw], oddities: Oddities) -> list[pa.Array]:
        """Return the arrays of rows with unknown fields, or with values that do not match."""
        objects = self._objects.decode(raw, oddities)
        arrays, extras = self._record.from_objects([one or {} for one in objects], oddities)
        kept = [
            _rest(row, is_object=one is not None, extra=extra)
            for row, one, extra in zip(raw, objects, extras, strict=True)
        ]
        return [*arrays, self._extra.from_values(kept, oddities)]

    def flat(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch without nested types, for CSV and tables."""
        if self.flat_schema == self.schema:
            return batch
        arrays: list[pa.Array] = []
        for column in batch.columns:
            if pa.types.is_struct(column.type):
                arrays += column.flatten(memory_pool=POOL)
            elif pa.types.is_list(column.type):
                arrays.append(array(map(_json, column.to_pylist()), pa.string()))
            else:
                arrays.append(column)
        return pa.RecordBatch.from_arrays(arrays, schema=self.flat_schema)


@cache
def columns_for(dataset: Dataset) -> Columns:
    """Return the columns of a dataset."""
    return Columns(dataset)


def replace_nul(batch: pa.RecordBatch, oddities: Oddities | None = None) -> pa.RecordBatch:
    r"""Return a flat batch with U+FFFD for `\u0000`, which PostgreSQL refuses in text; count it."""
    changed = batch
    for i, field in enumerate(batch.schema):
        if not pa.types.is_string(field.type):
            continue
        column = batch.column(i)
        # A search in the bytes of all values is cheap; one in each value is not.
        text = column.buffers()[2]
        if text is None or _NUL.search(text) is None:
            continue
        count = pc.sum(pc.match_substring(column, "\0", memory_pool=POOL)).as_py()
        if count:
            replaced = pc.replace_substring(column, "\0", "\ufffd", memory_pool=POOL)
            changed = changed.set_column(i, field, replaced)
            if oddities is not None:
                oddities.add(field.name, "contains U+0000, replaced", count)
    return changed


def _flat_types(field: pa.Field) -> list[tuple[str, pa.DataType]]:
    if pa.types.is_struct(field.type):
        return [(f"{field.name}.{inner.name}", inner.type) for inner in field.type]
    return [(field.name, pa.string() if pa.types.is_list(field.type) else field.type)]


def _rest(row: Raw, *, is_object: bool, extra: dict[str, Any]) -> Raw:
    """Return what a row has beyond its columns, as JSON."""
    if not is_object:
        return row
    return Raw(msgspec.json.encode(extra)) if extra else NULL


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

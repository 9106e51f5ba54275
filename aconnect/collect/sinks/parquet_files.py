"""Parquet files: how they are encoded, split by date and merged, in bounded memory.

Decides nothing about their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from aconnect.collect.sink import Period
from aconnect.errors import MissingExtraError, ResumeError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as _error:
    raise MissingExtraError(
        "writing Parquet needs pyarrow: install it with pip install 'aconnect[arrow]'"
    ) from _error

Identities: TypeAlias = Counter[tuple[Any, ...]]
"""How many rows have the same values in the fields that identify them."""

ArrowError: Final = pa.ArrowException

ROW_GROUP_SIZE: Final = 8 << 20
"""Bytes of Arrow data, some 50,000 visits; twice as much makes files 5 % smaller."""

_POOL: Final = pa.system_memory_pool()

_READ_ROWS: Final = 8192
"""Rows decoded at a time."""


def write_segment(path: Path, batches: Sequence[pa.RecordBatch]) -> None:
    """Write one row group."""
    table = pa.Table.from_batches(batches)
    pq.write_table(table, str(path), row_group_size=table.num_rows, **_options(table.schema))


def merge(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write rows that are read as they are needed, and return their number."""
    rows = 0
    _POOL.release_unused()  # what the segments were built in
    with pq.ParquetWriter(str(path), schema, **_options(schema)) as writer:
        for group in _row_groups(batches):
            table = pa.Table.from_batches(group)
            writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
    return rows


def read(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read a file with the columns of today: what was written without a column has null there.

    Raises:
        ResumeError: It has columns that this version of the library does not know.
    """
    # ParquetFile has no pool: the default one keeps 35 MB after one file.
    reader = pq.ParquetReader(memory_pool=_POOL)
    reader.open(str(path), pre_buffer=False)
    try:
        unknown = set(reader.schema_arrow.names) - set(schema.names)
        if unknown:
            raise ResumeError(
                f"{path} has columns that this version does not know: {', '.join(sorted(unknown))};"
                " upgrade aconnect, or choose another path"
            )
        groups = range(reader.num_row_groups)
        for batch in reader.iter_batches(_READ_ROWS, row_groups=groups, use_threads=False):
            yield batch if batch.schema.equals(schema) else _conformed(batch, schema)
    finally:
        reader.close()


def split_by_date(
    batch: pa.RecordBatch, time_field: str
) -> Iterator[tuple[int | None, pa.RecordBatch]]:
    """Yield the start of each date, in microseconds since 1970, and its rows.

    The rows without a time have None.
    """
    # Without a time zone, because rounding would look it up in a database.
    times = batch.column(time_field).view(pa.timestamp("us"))
    starts = pc.floor_temporal(times, unit="day").view(pa.int64())
    found = starts.unique().to_pylist()
    if len(found) == 1:
        yield found[0], batch
        return
    for start in found:
        # A part of its own memory: a slice would hold all of the batch.
        yield (
            start,
            batch.filter(pc.is_null(starts) if start is None else pc.equal(starts, start)),
        )


def earliest(batches: Iterable[pa.RecordBatch], time_field: str) -> int | None:
    """Return the earliest time, in microseconds since 1970."""
    times = [pc.min(_plain(batch.column(time_field))).as_py() for batch in batches]
    return min((time for time in times if time is not None), default=None)


def identities(batches: Iterable[pa.RecordBatch], fields: Sequence[str]) -> Identities:
    """Count the rows of each identity."""
    return Counter(identity for batch in batches for identity in _identities(batch, fields))


def outside(
    batches: Iterable[pa.RecordBatch], time_field: str, period: Period
) -> Iterator[pa.RecordBatch]:
    """Leave out the rows of a period; a row without a time is earlier than all others."""
    for batch in batches:
        times = _plain(batch.column(time_field))
        late = True if period.lo is None else pc.greater_equal(times, period.lo)
        early = True if period.hi is None else pc.less(times, period.hi)
        inside = pc.and_(late, early)
        if isinstance(inside, pa.Array):
            yield batch.filter(pc.invert(pc.fill_null(inside, period.lo is None)))


def not_superseded(
    batches: Iterable[pa.RecordBatch],
    open_field: str,
    fields: Sequence[str],
    superseded: Identities,
) -> Iterator[pa.RecordBatch]:
    """Leave out rows that were open: of each identity as many as take their place."""
    left = superseded.copy()
    for batch in batches:
        kept = batch.column(open_field).is_valid().to_pylist()
        for i, identity in enumerate(_identities(batch, fields)):
            if not kept[i]:
                kept[i] = left[identity] == 0
                left[identity] -= not kept[i]
        yield batch.filter(pa.array(kept, pa.bool_()))


def _identities(batch: pa.RecordBatch, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    columns = [_plain(batch.column(field)).to_pylist() for field in fields]
    return zip(*columns, strict=True)


def _plain(column: pa.Array) -> pa.Array:
    """Return times as microseconds since 1970."""
    return column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        if batch.num_rows:
            group.append(batch)
            size += batch.nbytes
        if size >= ROW_GROUP_SIZE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def _options(schema: pa.Schema) -> dict[str, Any]:
    """Return how a file is encoded: ids and times do not repeat, everything else does."""
    encodings: dict[str, str] = {}
    dictionaries: list[str] = []
    for path, kind in _leaves(schema):
        if pa.types.is_timestamp(kind):
            encodings[path] = "DELTA_BINARY_PACKED"
        elif path == "id" and pa.types.is_string(kind):
            encodings[path] = "DELTA_BYTE_ARRAY"
        else:
            dictionaries.append(path)
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": dictionaries,
        "column_encoding": encodings,
        "write_page_index": True,
        "memory_pool": _POOL,
    }


def _leaves(fields: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the columns as Parquet names them."""
    for field in fields:
        path = f"{prefix}{field.name}"
        if pa.types.is_struct(field.type):
            yield from _leaves(field.type.fields, f"{path}.")
        elif pa.types.is_list(field.type):
            yield from _leaves([pa.field("element", field.type.value_type)], f"{path}.list.")
        else:
            yield path, field.type

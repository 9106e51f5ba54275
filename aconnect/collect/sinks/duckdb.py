# ruff: noqa: S608  names are quoted
"""Rows into a table of a DuckDB database."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from aconnect.collect.sinks._database import quoted
from aconnect.collect.sinks._tables import TableSink
from aconnect.errors import FileError, InvalidArgumentError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from aconnect.collect.batch import Batch
    from aconnect.collect.dataset import Dataset

_VIEW: Final = "_aconnect_batch"


class DuckDB(TableSink):
    """A table in a database file, which is created if it is missing.

    DuckDB lets one process write to a file, and nobody else read it meanwhile. Other connections of
    the same process may read.
    """

    def __init__(self, path: str | os.PathLike[str], table: str | None = None) -> None:
        """Choose a table; it is named as the dataset unless `table` is passed."""
        super().__init__(table)
        # An absolute path is always one of a file: `:memory:` and `md:` are not to DuckDB.
        self._path = Path(os.path.abspath(path))  # noqa: PTH100  keeps symbolic links
        self._shown = os.fspath(path)

    @property
    def place(self) -> str:
        return self._shown

    def _connect(self, table: str) -> _Connection:
        return _Connection(self._path, table, self._shown)

    def _schema(self, dataset: Dataset) -> pa.Schema:
        from aconnect.collect.columns import columns_for  # noqa: PLC0415  imports pyarrow

        return columns_for(dataset).schema

    def _convert(self, batch: Batch[Any]) -> pa.RecordBatch:
        return batch.to_arrow()


class _Connection:
    """A connection to a file. It is closed when nobody has it any more, as DuckDB's own are."""

    indexes_time = False  # each block knows its earliest and latest time

    def __init__(self, path: Path, table: str, shown: str) -> None:
        try:
            import duckdb  # noqa: PLC0415  an extra
        except ImportError as error:
            raise MissingExtraError(
                "writing to DuckDB needs DuckDB and Arrow: install them with pip install "
                "'aconnect[duckdb]'"
            ) from error
        self.error: type[Exception] = duckdb.Error
        # DuckDB keeps other processes away, but not other connections of this one.
        self._key = (os.path.realpath(path), table)
        if _CONNECTIONS.setdefault(self._key, self) is not self:
            raise InvalidArgumentError(
                f"another run of this process is writing the table {table} of {shown}; wait for "
                "it, or choose another table"
            )
        try:
            with _CONNECTING:
                self._connection: DuckDBPyConnection = duckdb.connect(path)
        except duckdb.Error as error:
            del _CONNECTIONS[self._key]
            if "Could not set lock" in str(error):
                raise InvalidArgumentError(
                    f"another process is writing or reading {shown} ({self.reason(error)}); wait "
                    "for it, or choose another file"
                ) from error
            raise FileError(f"cannot open {shown}: {self.reason(error)}") from error
        self._in_transaction = False

    def types(self, schema: pa.Schema) -> dict[str, str]:
        self._connection.register(_VIEW, schema.empty_table())
        described = self.run(f"DESCRIBE SELECT * FROM {_VIEW}")
        self._connection.unregister(_VIEW)
        return {name: kind for name, kind, *_ in described}

    def run(self, sql: str, *parameters: str | list[str]) -> list[tuple[Any, ...]]:
        if not self._in_transaction:
            self._connection.begin()
            self._in_transaction = True
        return self._connection.execute(sql, parameters or None).fetchall()

    def append(self, table: str, rows: pa.Table) -> None:
        self._connection.register(_VIEW, rows)
        try:
            self.run(f"INSERT INTO {quoted(table)} BY NAME SELECT * FROM {_VIEW}")
        finally:
            self._connection.unregister(_VIEW)

    def commit(self) -> None:
        self._connection.commit()
        self._in_transaction = False

    def close(self) -> None:
        _CONNECTIONS.pop(self._key, None)
        # What is committed is durable, also if it cannot be moved from the log into the file.
        with suppress(self.error):
            self._connection.close()

    def reason(self, error: Exception) -> str:
        return str(error).partition("\n")[0]


_CONNECTING: Final = Lock()
"""A second connection to a file may find a database that does not have Arrow's functions yet."""
_CONNECTIONS: Final[WeakValueDictionary[tuple[str, str], _Connection]] = WeakValueDictionary()

# ruff: noqa: S608  names are quoted, values are parameters
"""The life of a run in a database, whichever it is.

Decides which statements make a transaction. Rows and checkpoint are committed together, the latter
in a table `_aconnect` of the same database, so that neither needs the other to be repaired. No
table has a unique key: checkpoints make rows exact, and rows of old servers have no key anyway.
How a statement reaches a database is decided in the module of that database (`_database` says what
it has).
"""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from aconnect.collect.sink import (
    Checkpoint,
    Entries,
    Period,
    Run,
    Source,
    Written,
    refuse_other_source,
)
from aconnect.collect.sinks._database import Database, columns_of, fit, quoted
from aconnect.errors import FileError, InvalidArgumentError, ResumeError

if TYPE_CHECKING:
    import pyarrow as pa

    from aconnect.collect.batch import Batch
    from aconnect.collect.dataset import Dataset

BUFFER: Final = 16 * 2**20
"""Rows are inserted when they take this many bytes; few large inserts are fastest."""

_STATE: Final = "_aconnect"
_OWN: Final = "_sink"
"""The key of the sink's own entry; the others are the collector's."""
_LONGEST: Final = 40
"""PostgreSQL cuts names off at 63 bytes; those of other tables and of an index are longer."""
_OPENING: Final = threading.Lock()
"""Two runs of one process may create the table of entries at the same time."""


class _State(Struct, frozen=True, kw_only=True):
    """What the sink has to know of a run, and of the table when the run has ended."""

    source: Source
    token: str
    """Which sink object began the run: it may be opened again before it knows that it did."""
    period: Period | None
    whole: bool
    """Whether all rows of the table are replaced, not those of the period."""
    staged: bool
    """Whether rows wait in a table of their own."""
    published: bool = False


class TableSink(ABC):
    """A sink whose target is a table of a database."""

    replaces: bool = True

    def __init__(self, table: str | None) -> None:
        if table is not None and (
            not 0 < len(table.encode()) <= _LONGEST or table.startswith(_STATE)
        ):
            raise InvalidArgumentError(
                f"cannot write to the table {table!r}: a name has 1 to {_LONGEST} bytes, and does "
                f"not begin with {_STATE}"
            )
        self._name = table
        self._token = uuid.uuid4().hex
        self._database: Database | None = None
        self._state: _State | None = None
        self._restarts = False
        self._forget()

    @property
    @abstractmethod
    def place(self) -> str:
        """The database, without credentials."""

    @abstractmethod
    def _connect(self, table: str) -> Database:
        """Return a connection that is the only one of this class to write to a table."""

    @abstractmethod
    def _schema(self, dataset: Dataset) -> pa.Schema:
        """Return the columns of the table."""

    @abstractmethod
    def _convert(self, batch: Batch[Any]) -> pa.RecordBatch:
        """Return rows with these columns."""

    def open(self, run: Run) -> Entries:
        """Connect, check the table, and return the entries of the last commit."""
        self._disconnect()
        self._forget()
        self._dataset: Dataset = run.dataset
        self._source: Source = run.source
        self._table = self._name or run.dataset.name
        self._staging = f"_aconnect_{self._table}_new"
        self._database = self._connect(self._table)
        try:
            with _OPENING, self._failures() as database:
                self._columns = database.types(self._schema(run.dataset))
                entries = self._load(database, run)
                database.commit()
        except BaseException:
            self._disconnect()
            raise
        return entries

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Take rows; they are inserted when there are enough of them."""
        rows = self._convert(batch)
        (self._superseding if batch.supersedes else self._rows).append(rows)
        self._buffered += rows.nbytes
        if self._buffered >= BUFFER:
            with self._failures() as database:
                self._flush(database)

    def commit(self, checkpoint: Checkpoint) -> None:
        """Commit rows and entries in one transaction."""
        changes = dict(checkpoint.entries)
        with self._failures() as database:
            if self._discards or self._state is None or self._state.published:
                self._state = self._begin(database, checkpoint.period)
                changes[_OWN] = msgspec.json.encode(self._state).decode()
            elif self._state.period != checkpoint.period:
                raise ResumeError(
                    f"the table {self._table} of {self.place} has an unfinished run of another "
                    "period; complete that one, or pass restart=True to replace all rows"
                )
            self._flush(database)
            self._save(database, changes)
            database.commit()

    def finish(self) -> Written:
        """Put the rows of the run in the place of those of its period, in one transaction."""
        with self._failures() as database:
            if self._state is not None and not self._state.published:
                self._state = self._publish(database, self._state)
                database.commit()
        return Written(target=f"{self.place} (table {self._table})")

    def close(self) -> None:
        """Release the connection; what is committed stays."""
        self._disconnect()
        self._forget()
        self._token, self._restarts = uuid.uuid4().hex, False

    def _disconnect(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _forget(self) -> None:
        self._rows: list[pa.RecordBatch] = []
        self._superseding: list[pa.RecordBatch] = []
        self._buffered = 0

    @contextmanager
    def _failures(self) -> Generator[Database]:
        database = self._database
        if database is None:
            raise FileError(f"cannot write to {self.place}: it is not open")
        try:
            yield database
        except database.error as error:
            # Without the original, whose text may contain credentials and values.
            raise FileError(
                f"cannot write the table {self._table} of {self.place}: {database.reason(error)}"
            ) from None

    def _load(self, database: Database, run: Run) -> Entries:
        """Check the table, and return what is known of it."""
        fit(database, _STATE, {"table": "TEXT", "key": "TEXT", "value": "TEXT"})
        entries: Entries = dict(
            database.run(f'SELECT key, value FROM {_STATE} WHERE "table" = $1', self._table)
        )
        text = entries.pop(_OWN, None)
        state = None if text is None else self._decode(text)
        self._restarts = self._restarts or run.restart
        self._state = state
        if self._discards:
            entries = {}
        elif state is not None:
            place = f"the table {self._table} of {self.place}"
            refuse_other_source(place, state.source.key, run.source, "table")
            if not columns_of(database, self._table):
                raise ResumeError(
                    f"{place} is missing, but rows were written to it; restore it, choose another "
                    "table, or start again with restart=True"
                )
        self._check(database, created=state is not None)
        fit(database, self._table, self._columns)
        if state is not None and state.staged:
            fit(database, self._staging, self._columns)
        return entries

    @property
    def _discards(self) -> bool:
        """Whether the run restarts, and its first commit is not durable yet."""
        return self._restarts and (self._state is None or self._state.token != self._token)

    def _decode(self, text: str) -> _State:
        try:
            return msgspec.json.decode(text, type=_State)
        except msgspec.MsgspecError as error:
            raise ResumeError(
                f"the entries of the table {self._table} in {_STATE} of {self.place} cannot be "
                f"read ({error}); choose another table, or delete them"
            ) from error

    def _check(self, database: Database, *, created: bool) -> None:
        """Refuse a table that has other columns; one `created` by a sink may lack some."""
        present = columns_of(database, self._table)
        for column, kind in self._columns.items() if present else ():
            found = present.get(column, kind if created else None)
            if found != kind:
                raise InvalidArgumentError(
                    f"the table {self._table} of {self.place} is not one of {self._dataset.name}: "
                    f"its column {column} is {found or 'missing'}, not {kind}; choose another table"
                )

    def _begin(self, database: Database, period: Period | None) -> _State:
        """Decide where the rows of a run go, and what they will replace."""
        if self._discards:
            database.run(f'DELETE FROM {_STATE} WHERE "table" = $1', self._table)
        whole = self._discards or period is None
        database.run(f"DROP TABLE IF EXISTS {quoted(self._staging)}")
        inside = self._inside(period, whole=whole)
        staged = bool(database.run(f"SELECT 1 FROM {quoted(self._table)} WHERE {inside} LIMIT 1"))
        if staged:
            fit(database, self._staging, self._columns)
        return _State(
            source=self._source, token=self._token, period=period, whole=whole, staged=staged
        )

    def _inside(self, period: Period | None, *, whole: bool) -> str:
        """Return the condition that a row is one of those to replace."""
        conditions = ["TRUE"]
        if not whole and period is not None:
            time = quoted(self._dataset.time_field or "")
            if period.start is not None:
                conditions.append(f"{time} >= TIMESTAMPTZ '{period.start.isoformat()}'")
            if period.end is not None:
                conditions.append(f"{time} < TIMESTAMPTZ '{period.end.isoformat()}'")
        return " AND ".join(conditions)

    def _flush(self, database: Database) -> None:
        """Insert the rows that were written."""
        state = self._state
        staging = self._staging if state is not None and state.staged else self._table
        if self._rows:
            database.append(staging, _table_of(self._rows))
        if self._superseding:
            # They are outside the period, so the rows that they replace are where they belong.
            home = staging if state is not None and state.whole else self._table
            self._supersede(database, home, _table_of(self._superseding))
        self._forget()

    def _supersede(self, database: Database, home: str, rows: pa.Table) -> None:
        """Insert rows in the place of those of the same events that were not over."""
        dataset = self._dataset
        changed = f"_aconnect_{self._table}_changed"
        fit(database, changed, self._columns)
        database.append(changed, rows)
        conditions = [f"t.{quoted(dataset.open_field or '')} IS NULL"]
        for field in dataset.identity:
            # An event without a time is none that could be asked for again.
            equals = "=" if field == dataset.time_field else "IS NOT DISTINCT FROM"
            conditions.append(f"t.{quoted(field)} {equals} c.{quoted(field)}")
        database.run(
            f"DELETE FROM {quoted(home)} AS t USING {quoted(changed)} AS c "
            f"WHERE {' AND '.join(conditions)}"
        )
        self._move(database, changed, home)

    def _publish(self, database: Database, state: _State) -> _State:
        table, time = self._table, self._dataset.time_field
        if state.staged:
            inside = self._inside(state.period, whole=state.whole)
            database.run(f"DELETE FROM {quoted(table)} WHERE {inside}")
            self._move(database, self._staging, table)
        if database.indexes_time and time is not None:
            index = quoted(f"{table}_{time}")
            database.run(f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(table)} ({quoted(time)})")
        published = msgspec.structs.replace(state, staged=False, published=True)
        self._save(database, {_OWN: msgspec.json.encode(published).decode()})
        return published

    def _move(self, database: Database, source: str, target: str) -> None:
        """Move all rows of a table to another."""
        columns = ", ".join(map(quoted, self._columns))
        database.run(
            f"INSERT INTO {quoted(target)} ({columns}) SELECT {columns} FROM {quoted(source)}"
        )
        database.run(f"DROP TABLE {quoted(source)}")

    def _save(self, database: Database, changes: Mapping[str, str | None]) -> None:
        """Change entries; None removes one."""
        changed = {key: value for key, value in changes.items() if value is not None}
        if changes:
            database.run(
                f'DELETE FROM {_STATE} WHERE "table" = $1 AND key = ANY($2)',
                self._table,
                list(changes),
            )
        if changed:
            database.run(
                f"INSERT INTO {_STATE} "
                "SELECT $1, unnest(CAST($2 AS TEXT[])), unnest(CAST($3 AS TEXT[]))",
                self._table,
                list(changed),
                list(changed.values()),
            )


def _table_of(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415  only who writes tables needs it

    return pa.Table.from_batches(batches)

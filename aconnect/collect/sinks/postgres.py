"""Rows into a table of a PostgreSQL database, through ADBC."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from aconnect._core.redaction import Secret, redact
from aconnect.collect.sinks._database import quoted
from aconnect.collect.sinks._tables import TableSink
from aconnect.errors import FileError, InvalidArgumentError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

    from aconnect.collect.batch import Batch
    from aconnect.collect.dataset import Dataset

_LOCK_TIMEOUT: Final = "3s"
"""A server may need a moment to notice that the last process has died."""
_KEEPALIVES: Final = {"idle": 30, "interval": 10, "count": 3}
"""In seconds: how soon it notices that the network has."""
_LOCK_NOT_AVAILABLE: Final = "55P03"
_ADDRESS: Final = re.compile(r"postgres(?:ql)?://(?:([^@/]*)@)?([^@?]*)(?:\?([^@]*))?")
_SAID: Final = re.compile(r"(?:ERROR|FATAL|PANIC):\s*(.*)")


class Postgres(TableSink):
    """A table in a PostgreSQL database.

    The role needs the right to create tables in the schema.
    """

    def __init__(self, uri: str, table: str | None = None, schema: str | None = None) -> None:
        """Choose a table; it is named as the dataset unless `table` is passed.

        Args:
            uri: Such as `postgresql://user:password@host/database`; the password may also come from
                the variable PGPASSWORD or from `~/.pgpass`.
            table: The name of the table.
            schema: The schema of the table; the first one of the role's `search_path` by default.

        Raises:
            InvalidArgumentError: `uri` is not the address of a PostgreSQL database.
        """
        super().__init__(table)
        parts = _ADDRESS.fullmatch(uri)
        if parts is None:
            raise InvalidArgumentError(
                "this is not the address of a PostgreSQL database; pass "
                "postgresql://user:password@host/database, and write special characters of the "
                "password with a percent sign, such as %40 for @"
            )
        user, self._host, options = parts.groups(default="")
        secrets = [user.partition(":")[2]]
        secrets += [pair.partition("=")[2] for pair in options.split("&") if "password" in pair]
        self._secrets = tuple(Secret(part) for text in secrets for part in (text, unquote(text)))
        self._uri = Secret(uri)
        self._schema_name = schema

    @property
    def place(self) -> str:
        return f"postgresql://{self._host}"

    def _connect(self, table: str) -> _Connection:
        return _Connection(self._uri, self._secrets, table, self._schema_name, self.place)

    def _schema(self, dataset: Dataset) -> pa.Schema:
        from aconnect.collect.columns import columns_for  # noqa: PLC0415  imports pyarrow

        return columns_for(dataset).flat_schema

    def _convert(self, batch: Batch[Any]) -> pa.RecordBatch:
        from aconnect.collect.columns import columns_for, replace_nul  # noqa: PLC0415

        return replace_nul(columns_for(self._dataset).flat(batch.to_arrow()), batch.oddities)


class _Connection:
    """A connection in a schema, with the lock of a table."""

    indexes_time = True

    def __init__(
        self,
        uri: Secret,
        secrets: tuple[Secret, ...],
        table: str,
        schema: str | None,
        place: str,
    ) -> None:
        try:
            from adbc_driver_postgresql import dbapi  # noqa: PLC0415  an extra
        except ImportError as error:
            raise MissingExtraError(
                "writing to PostgreSQL needs its ADBC driver and Arrow: install them with pip "
                "install 'aconnect[postgres]'"
            ) from error
        self.error: type[Exception] = dbapi.Error
        self._secrets = secrets
        try:
            self._connection: Any = dbapi.connect(uri.reveal(), autocommit=False)
        except dbapi.Error as error:
            # Without the original, whose text may contain credentials.
            raise FileError(f"cannot connect to {place}: {self.reason(error)}") from None
        try:
            self._enter(schema)
            self._lock(table)
        except dbapi.Error as error:
            self.close()
            if error.sqlstate == _LOCK_NOT_AVAILABLE:
                raise InvalidArgumentError(
                    f"another process is writing the table {table} of {place}; wait for it, or "
                    "choose another table"
                ) from None
            raise FileError(f"cannot write to {place}: {self.reason(error)}") from None
        except BaseException:
            self.close()
            raise

    def _enter(self, schema: str | None) -> None:
        """Make a schema the one that all names are looked up in."""
        if schema is not None:
            self.run(f"SET search_path TO {quoted(schema)}")
        if self.run("SELECT current_schema()") == [(None,)]:
            raise InvalidArgumentError(
                f"there is no schema {schema!r}; create it, or pass another schema="
                if schema is not None
                else "the role has no schema to create tables in; pass schema="
            )

    def _lock(self, table: str) -> None:
        for name, value in _KEEPALIVES.items():
            self.run(f"SET tcp_keepalives_{name} = {value}")
        self.run(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        lock = "hashtextextended(concat('aconnect ', current_schema(), '.', $1), 0)"
        # Held until the connection ends, however it ends.
        self.run(f"SELECT pg_advisory_lock({lock})", table)
        # Held for this transaction: several processes may create the table of entries.
        self.run(f"SELECT pg_advisory_xact_lock({lock})", "")

    def types(self, schema: pa.Schema) -> dict[str, str]:
        return {field.name: _type_of(field.type) for field in schema}

    def run(self, sql: str, *parameters: str | list[str]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def append(self, table: str, rows: pa.Table) -> None:
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append")

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        # It may be broken, and is given up all the same.
        with suppress(self.error):
            self._connection.close()

    def reason(self, error: Exception) -> str:
        # What follows are the statement and values.
        text = str(error).removeprefix("IO: ").removeprefix("[libpq] ").partition("\n")[0]
        said = _SAID.search(str(error))
        return redact(said[1] if said else text, self._secrets).rstrip(". ")


def _type_of(kind: pa.DataType) -> str:
    """Return the type of PostgreSQL, spelled as in `information_schema`."""
    import pyarrow as pa  # noqa: PLC0415  only who writes tables needs it

    names = {
        pa.string(): "text",
        pa.timestamp("us", "UTC"): "timestamp with time zone",
        pa.bool_(): "boolean",
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.float64(): "double precision",
    }
    return names[kind]

"""What a sink needs of a database.

Decides how tables are made and looked at; the statements of a run are in `_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS: Final = """
SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns
WHERE table_catalog = current_database() AND table_schema = current_schema() AND table_name = $1
"""


class Database(Protocol):
    """A connection. A statement begins a transaction, and `commit` ends it."""

    error: type[Exception]
    """What its methods raise."""
    indexes_time: bool
    """Whether it finds rows by time with an index only."""

    def types(self, schema: pa.Schema) -> dict[str, str]:
        """Return the type of each column, spelled as in `information_schema`."""
        ...

    def run(self, sql: str, *parameters: str | list[str]) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        ...

    def append(self, table: str, rows: pa.Table) -> None:
        """Insert rows; columns are matched by name."""
        ...

    def commit(self) -> None: ...

    def close(self) -> None:
        """Release what is held; an open transaction is rolled back."""
        ...

    def reason(self, error: Exception) -> str:
        """Return what an error says, without credentials and values."""
        ...


def quoted(name: str) -> str:
    """Return a name for a statement."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(database: Database, table: str) -> dict[str, str]:
    """Return the types of the columns of a table; none if there is no such table."""
    return dict(database.run(_COLUMNS, table))


def fit(database: Database, table: str, columns: Mapping[str, str]) -> None:
    """Create a table, or add the columns that an older version did not know."""
    present = columns_of(database, table)
    if not present:
        definitions = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
        database.run(f"CREATE TABLE {quoted(table)} ({definitions})")
        return
    for name, kind in columns.items():
        if name not in present:
            database.run(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(name)} {kind}")

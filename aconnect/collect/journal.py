"""The state of a sink that writes files, in SQLite beside them.

One transaction makes a checkpoint durable, together with what the sink says of its files. The
lock of the database, held while the journal is open, keeps a second process out of the output.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from aconnect._client.state_file import StateFile

T = TypeVar("T")


class Journal(StateFile):
    """The state beside one output; open and locked from the beginning.

    Args:
        path: The file; created if missing. It is removed again if nothing was committed.
        restart: Replace a file that cannot be read, instead of refusing it.

    Raises:
        InvalidArgumentError: It cannot be written, or another process is writing the output.
        ResumeError: It is damaged, or was written by another version of the library.
    """

    _VERSION = 1
    _TABLES = (
        "CREATE TABLE source (key TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE file (path TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
    )
    _NOUN = "journal"
    _ELSEWHERE = "choose another path"
    _DISCARD = "pass restart=True to discard what it describes"
    _REMOVED = "collect it again"

    def __init__(self, path: Path, *, restart: bool = False) -> None:
        super().__init__(path, restart=restart)
        self.open()

    @property
    def is_needed(self) -> bool:
        """Whether something was committed."""
        return self.source is not None or bool(self.files())

    @property
    def source(self) -> str | None:
        """The source of the output; None before the first commit."""
        rows = self._rows("SELECT key FROM source")
        return str(rows[0][0]) if rows else None

    def entries(self) -> dict[str, str]:
        """Return the entries of the last checkpoint."""
        return dict(self._rows("SELECT key, value FROM entry"))

    def files(self) -> dict[str, str]:
        """Return what the sink has said of its files, as JSON text by path."""
        return dict(self._rows("SELECT path, state FROM file"))

    def decoded_files(self, decoder: msgspec.json.Decoder[T]) -> dict[str, T]:
        """Return what the sink has said of its files, by path.

        Raises:
            ResumeError: It is damaged.
        """
        with self._errors():
            return {path: decoder.decode(state) for path, state in self.files().items()}

    def commit(
        self,
        source: str,
        entries: Mapping[str, str | None],
        files: Mapping[str, str | None] | None = None,
    ) -> None:
        """Make changed entries and files durable; None removes one.

        Raises:
            FileError: The disk is full, or the journal was removed. Whether the commit was made is
            unknown until the journal is opened again.
        """
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO source VALUES (?)", (source,))
            _change(connection, "entry", "key", entries)
            _change(connection, "file", "path", files or {})

    def clear(self, files: Mapping[str, str] | None = None) -> None:
        """Forget everything, and know only these files."""
        with self._transaction() as connection:
            for table in ("source", "entry", "file"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  no other names
            _change(connection, "file", "path", files or {})


def _change(
    connection: sqlite3.Connection, table: str, key: str, changes: Mapping[str, str | None]
) -> None:
    changed: Iterable[tuple[str, Any]] = [
        (name, value) for name, value in changes.items() if value is not None
    ]
    removed = [(name,) for name, value in changes.items() if value is None]
    run = connection.executemany
    run(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", changed)  # noqa: S608
    run(f"DELETE FROM {table} WHERE {key} = ?", removed)  # noqa: S608

"""The state of a sink that writes files, in SQLite beside them.

One transaction makes a checkpoint durable, together with what the sink says of its files. The
journal of SQLite is deleted after each: one file, nothing left beside it, and it works on network
file systems.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self

from aconnect.errors import InvalidArgumentError, ResumeError

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS source (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
"""


class Journal:
    """The state beside one output; locked while it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise InvalidArgumentError(f"cannot write {str(path)!r}: {error}") from error
        # The collector calls a sink in one thread at a time, but not always in the same.
        self._connection.close()
        self._connection = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._begin()
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise InvalidArgumentError(
                f"another process is writing {path}, or it cannot be written ({error}); wait for "
                "it, or choose another path"
            ) from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise self._damaged(str(error)) from error

    def _begin(self) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = DELETE")
        run("PRAGMA synchronous = FULL")
        (version,) = run("PRAGMA user_version").fetchone()
        if version not in {0, _VERSION}:
            raise self._damaged(f"it has version {version}, not {_VERSION}")
        run("BEGIN EXCLUSIVE")
        for statement in _TABLES.split(";"):
            run(statement)
        run(f"PRAGMA user_version = {_VERSION}")
        run("COMMIT")

    def _damaged(self, reason: str) -> ResumeError:
        return ResumeError(
            f"the journal {self.path} cannot be read: {reason}; start again with restart=True, or "
            "choose another path"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock."""
        self._connection.close()

    @property
    def source(self) -> str | None:
        """The source of the output; None before the first commit."""
        row = self._connection.execute("SELECT key FROM source").fetchone()
        return row and str(row[0])

    def entries(self) -> dict[str, str]:
        """Return the entries of the last checkpoint."""
        with closing(self._connection.execute("SELECT key, value FROM entry")) as rows:
            return dict(rows)

    def files(self) -> dict[str, str]:
        """Return what the sink has said of its files, as JSON text by path."""
        with closing(self._connection.execute("SELECT path, state FROM file")) as rows:
            return dict(rows)

    def commit(
        self,
        source: str,
        entries: Mapping[str, str | None],
        files: Mapping[str, str | None] | None = None,
    ) -> None:
        """Make changed entries and files durable; None removes one."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            run("INSERT OR IGNORE INTO source VALUES (?)", (source,))
            self._change("entry", "key", entries)
            self._change("file", "path", files or {})
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise

    def clear(self) -> None:
        """Forget everything."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        for table in ("source", "entry", "file"):
            run(f"DELETE FROM {table}")  # noqa: S608  no other names
        run("COMMIT")

    def _change(self, table: str, key: str, changes: Mapping[str, str | None]) -> None:
        changed: Iterable[tuple[str, Any]] = [
            (name, value) for name, value in changes.items() if value is not None
        ]
        removed = [(name,) for name, value in changes.items() if value is None]
        run = self._connection.executemany
        run(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", changed)  # noqa: S608
        run(f"DELETE FROM {table} WHERE {key} = ?", removed)  # noqa: S608

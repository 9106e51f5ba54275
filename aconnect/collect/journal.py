"""The state of a sink that writes files, in SQLite beside them.

One transaction makes a checkpoint durable, together with what the sink says of its files. The
lock of the database, held while the journal is open, keeps a second process out of the output.

The rollback journal of SQLite is deleted when the run ends: one file is left, and it works on
network file systems that have locks.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from aconnect._client.files import reason
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, ResumeError

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE source (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (path TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
"""
_LOCKED: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Journal:
    """The state beside one output; locked while it is open.

    Args:
        path: The file; created if missing. It is removed again if nothing was committed.
        restart: Replace a file that cannot be read, instead of refusing it.

    Raises:
        InvalidArgumentError: It cannot be written, or another process is writing the output.
        ResumeError: It is damaged, or was written by another version of the library.
    """

    def __init__(self, path: Path, *, restart: bool = False) -> None:
        self.path = path
        created = self._create()
        try:
            self._connection = self._connect()
        except ResumeError:
            if not restart:
                raise
            self._remove()
            self._create()
            self._connection = self._connect()
        except AconnectError as error:
            if created and not isinstance(error, _LockedError):
                self._remove()
            raise

    def _create(self) -> bool:
        """Create the file and return True, unless it exists.

        A file that exists is never opened here: closing it would release the locks that another
        connection of this process has.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            return False
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(
                f"cannot write {str(self.path)!r}: {reason(error)}; choose another path"
            ) from error
        return True

    def _remove(self) -> None:
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            with suppress(OSError):
                path.unlink()

    def _connect(self) -> sqlite3.Connection:
        with self._errors(opening=True):
            self._file = self.path.stat()
            # The collector calls a sink in one thread at a time, but not always in the same.
            connection = sqlite3.connect(
                self.path, timeout=0, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        run = connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = DELETE")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        if not self._is_in_place():  # another process removed it before the lock was ours
            raise self._locked()
        (version,) = run("PRAGMA user_version").fetchone()
        if version not in {0, _VERSION}:
            raise self._damaged(f"it has version {version}, not {_VERSION}")
        (check,) = run("PRAGMA quick_check(1)").fetchone()
        if check != "ok":
            raise self._damaged(check)
        # One that is up to date is not written: the disk may be full when a sink is reopened.
        if version == 0:
            for statement in _TABLES.strip().split("\n"):
                run(statement)
            run(f"PRAGMA user_version = {_VERSION}")
        run("COMMIT")

    @contextmanager
    def _errors(self, *, opening: bool = False) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, AconnectError):
                raise
            # The lowest byte; the others have details.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _LOCKED:
                raise self._locked() from error
            if code in _DAMAGED:
                raise self._damaged(str(error)) from error
            message = f"cannot write {str(self.path)!r}: {error}"
            if opening:
                raise InvalidArgumentError(f"{message}; choose another path") from error
            raise FileError(message) from error

    def _locked(self) -> InvalidArgumentError:
        return _LockedError(
            f"another process is writing {self.path}; wait for it, or choose another path"
        )

    def _damaged(self, why: str) -> ResumeError:
        return ResumeError(
            f"the journal {self.path} cannot be read: {why}; choose another path, or pass "
            "restart=True to discard what it describes"
        )

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self._file, self.path.stat())
        except FileNotFoundError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock; remove the file if nothing was committed."""
        try:
            if self._is_in_place() and self.is_empty:
                # While it is locked, or it could be the file of another process. Windows does not
                # remove an open file: there, an empty journal is left.
                self._remove()
        except AconnectError:
            pass  # it cannot be read any more
        finally:
            self._connection.close()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was committed."""
        return self.source is None and not self.files()

    @property
    def source(self) -> str | None:
        """The source of the output; None before the first commit."""
        with self._errors():
            row = self._connection.execute("SELECT key FROM source").fetchone()
        return row and str(row[0])

    def entries(self) -> dict[str, str]:
        """Return the entries of the last checkpoint."""
        return self._read("SELECT key, value FROM entry")

    def files(self) -> dict[str, str]:
        """Return what the sink has said of its files, as JSON text by path."""
        return self._read("SELECT path, state FROM file")

    def _read(self, query: str) -> dict[str, str]:
        with self._errors(), closing(self._connection.execute(query)) as rows:
            return dict(rows)

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
        with self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO source VALUES (?)", (source,))
            self._change("entry", "key", entries)
            self._change("file", "path", files or {})

    def clear(self, files: Mapping[str, str] | None = None) -> None:
        """Forget everything, and know only these files."""
        with self._transaction():
            for table in ("source", "entry", "file"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  no other names
            self._change("file", "path", files or {})

    @contextmanager
    def _transaction(self) -> Generator[None]:
        if not self._is_in_place():
            raise FileError(
                f"{self.path} was removed or replaced while it was written; collect it again"
            )
        with self._errors():
            run = self._connection.execute
            run("BEGIN IMMEDIATE")
            try:
                yield
                run("COMMIT")
            except BaseException:
                # SQLite has rolled back already after some errors, such as a full disk.
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise

    def _change(self, table: str, key: str, changes: Mapping[str, str | None]) -> None:
        changed: Iterable[tuple[str, Any]] = [
            (name, value) for name, value in changes.items() if value is not None
        ]
        removed = [(name,) for name, value in changes.items() if value is None]
        run = self._connection.executemany
        run(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", changed)  # noqa: S608
        run(f"DELETE FROM {table} WHERE {key} = ?", removed)  # noqa: S608


class _LockedError(InvalidArgumentError):
    """Another process has the lock."""

"""A file with the state of some work, in SQLite, that one process uses at a time.

Decides when such a file can be trusted: it is locked while it is open, checked when it is opened,
and not written any more once something else has taken its place. What is committed is durable.

The rollback journal of SQLite is deleted after each commit: one file is left, and it works on
network file systems that have locks.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Final, Self

import msgspec

from aconnect._client.files import reason
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, ResumeError

_LOCKED: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class StateFile:
    """State in SQLite; locked while it is open.

    Its methods block, and can be called from any thread. A subclass declares the tables, what
    messages say, and when the file is no longer needed.

    Args:
        path: The file, which is created if it is missing; None keeps the state in memory.
        restart: Replace a file that cannot be read, instead of refusing it.
    """

    _TABLES: ClassVar[tuple[str, ...]]
    """A `CREATE TABLE` statement for each table."""
    _VERSION: ClassVar[int]
    """The version of the tables and of what they contain, from 1."""
    _NOUN: ClassVar[str]
    """What messages call the file."""
    _ELSEWHERE: ClassVar[str]
    """How to use another file: "choose another path"."""
    _DISCARD: ClassVar[str]
    """How to begin again if the file cannot be read."""
    _REMOVED: ClassVar[str]
    """What to do if the file was removed while it was open."""

    def __init__(self, path: Path | None, *, restart: bool = False) -> None:
        self.path = path
        self._restart = restart
        self._lock = RLock()
        self._opened: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None

    @property
    def is_needed(self) -> bool:
        """Whether the file is kept when it is closed."""
        return True

    def open(self) -> None:
        """Open the file, unless it is open.

        Raises:
            InvalidArgumentError: It cannot be written, or another process has it open.
            ResumeError: It is damaged, something else, or of another version of the library.
        """
        with self._lock:
            if self._opened is not None:
                return
            try:
                self._opened = self._create_and_connect()
            except ResumeError:
                if not self._restart:
                    raise
                self._remove()
                self._opened = self._create_and_connect()

    def close(self) -> None:
        """Release the lock; remove the file if it is no longer needed."""
        with self._lock:
            if self._opened is None:
                return
            try:
                # If it cannot be read any more, it is kept.
                with suppress(AconnectError), self._errors():
                    if self._is_in_place() and not self.is_needed:
                        # While it is locked, or it could be the file of another process. Windows
                        # does not remove an open file: there, it is left.
                        self._remove()
            finally:
                self._opened.close()
                self._opened = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create_and_connect(self) -> sqlite3.Connection:
        is_new = self._create()
        try:
            return self._connect()
        except InvalidArgumentError as error:
            if is_new and not isinstance(error, _LockedError):
                self._remove()
            raise

    def _create(self) -> bool:
        """Create the file and return True, unless it exists.

        A file that exists is never opened here: closing it would release the locks that another
        connection of this process has.
        """
        if self.path is None:
            return False
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            return False
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(
                f"cannot write {str(self.path)!r}: {reason(error)}; {self._ELSEWHERE}"
            ) from error
        return True

    def _remove(self) -> None:
        if self.path is not None:
            for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
                with suppress(OSError):
                    path.unlink()

    def _connect(self) -> sqlite3.Connection:
        with self._errors(opening=True):
            # SQLite gives a meaning to some names, but not to absolute paths.
            place: str | Path = ":memory:"
            if self.path is not None:
                self._file = self.path.stat()
                place = self.path.resolve()
                # SQLite would open it for reading, without a lock.
                if not (os.access(place, os.W_OK) and os.access(place.parent, os.W_OK)):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            connection = sqlite3.connect(
                place, timeout=0, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Lock the database and check it; create the tables of a new one."""
        run = connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = DELETE")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        if not self._is_in_place():  # its owner removed it before the lock was ours
            raise self._locked()
        (version,) = run("PRAGMA user_version").fetchone()
        (check,) = run("PRAGMA quick_check(1)").fetchone()
        tables = {sql for (sql,) in run("SELECT sql FROM sqlite_master WHERE type = 'table'")}
        if check != "ok":
            raise self._damaged(check.splitlines()[-1])
        if version not in {0, self._VERSION}:
            raise self._damaged(f"it has version {version}, not {self._VERSION}")
        # One that is up to date is not written: the disk may be full when it is opened again.
        if version == 0 and not tables:
            for statement in self._TABLES:
                run(statement)
            run(f"PRAGMA user_version = {self._VERSION}")
        elif not tables.issuperset(self._TABLES):
            raise self._damaged("it is a database of something else")
        run("COMMIT")

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise FileError(f"the {self._NOUN} {self.path} is closed")
        return self._opened

    def _rows(self, query: str) -> list[Any]:
        with self._lock, self._errors():
            return self._connection.execute(query).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """Make all changes of the block durable when it ends, or none if it fails.

        Raises:
            FileError: The disk is full, or the file was removed. Whether the changes were made is
                unknown until the file is opened again.
        """
        with self._lock, self._errors():
            if not self._is_in_place():
                raise FileError(
                    f"{self.path} was removed or replaced while it was written; {self._REMOVED}"
                )
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back already after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self, *, opening: bool = False) -> Generator[None]:
        """Raise errors of this library for those of SQLite, files, and decoding what was stored."""
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
            if isinstance(error, AconnectError):
                raise
            # The lowest byte; the others have details.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            # SQLite fails in several ways if the owner removes the file before it is locked here.
            if code in _LOCKED or (code and opening and not self._is_in_place()):
                raise self._locked() from error
            if code in _DAMAGED or isinstance(error, msgspec.DecodeError):
                raise self._damaged(str(error)) from error
            why = reason(error) if isinstance(error, OSError) else str(error)
            message = f"cannot write {str(self.path)!r}: {why}"
            if opening:
                raise InvalidArgumentError(f"{message}; {self._ELSEWHERE}") from error
            raise FileError(message) from error

    def _locked(self) -> InvalidArgumentError:
        return _LockedError(
            f"another process is writing {self.path}; wait for it, or {self._ELSEWHERE}"
        )

    def _damaged(self, why: str) -> ResumeError:
        return ResumeError(
            f"the {self._NOUN} {self.path} cannot be read: {why}; {self._ELSEWHERE}, or "
            f"{self._DISCARD}"
        )

    def _is_in_place(self) -> bool:
        """Return whether the path still is that of the open file."""
        if self.path is None or self._file is None:
            return True
        try:
            return os.path.samestat(self._file, self.path.stat())
        except OSError:
            return False


class _LockedError(InvalidArgumentError):
    """Another process has the lock."""

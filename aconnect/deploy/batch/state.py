"""The state of a batch, in SQLite: what is done, what has failed, and what is still open.

An item is durable as running before the server is changed for it. So whatever ends the process, the
file says which items may have been changed without the result being known.

The lock of the database, held while the state is open, keeps a second process out. A state in which
nothing is left to do is removed when it is closed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, Self

import msgspec
from msgspec import Struct

from aconnect._client.files import reason
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, ResumeError

Action = Literal["build", "redeploy", "deploy"]
ItemState = Literal["pending", "running", "done", "failed"]

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE batch (header TEXT NOT NULL);
CREATE TABLE item (key TEXT PRIMARY KEY, position INTEGER, item TEXT NOT NULL) WITHOUT ROWID;
"""
_LOCKED: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class BatchItem(Struct, frozen=True, kw_only=True):
    """What is known about one item of a batch; it has no secrets."""

    key: str
    """What identifies it in the batch: its guid, or its path in `deploy.toml`."""
    position: int
    """In the order in which the items were listed, from 0."""
    name: str
    guid: str | None = None
    """None as long as the content is not known, because it may have to be created."""
    settings: str = ""
    """A digest of how it is deployed; an item whose settings have changed is deployed again."""
    state: ItemState = "pending"
    """`running` in a state that no process has open means that the item was interrupted."""
    step: str = ""
    """The last step that has begun: `prepare`, `upload`, `wait`, `variables`, `build`, `verify` or
    `activate`."""
    bundle_id: str | None = None
    task_id: str | None = None
    url: str | None = None
    """The address of the content."""
    log_url: str | None = None
    """The page of the dashboard with its logs."""
    seconds: float | None = None
    """The time it took, in seconds."""
    warnings: tuple[str, ...] = ()
    """What the user should know about a directory, one sentence each."""
    error_type: str | None = None
    """The name of the class of the error."""
    error: str | None = None


class BatchHeader(Struct, frozen=True, kw_only=True):
    """What all items of a batch have in common."""

    server: str
    action: Action
    variables: tuple[str, ...] = ()
    """The names of the environment variables that are set; never their values."""


class BatchState:
    """The state of one batch; locked while it is open. Its methods block: call them in a thread.

    `close` need not be called in a thread. It waits for what still runs in one, and what begins
    later fails, so that a task that is cancelled cannot leave the state open.

    Args:
        path: The file, which is created if it is missing; None keeps the state in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = Lock()
        self._is_closed = False
        self._opened: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise FileError(f"the state {self.path} is closed")
        return self._opened

    def open(self) -> None:
        """Open the file, and create it if it is missing.

        Raises:
            InvalidArgumentError: It cannot be written, or another process has it open.
            ResumeError: It is damaged, or no state of a batch.
        """
        with self._lock, self._errors(opening=True):
            if self._is_closed:
                return
            self._file = None if self.path is None else _created(self.path)
            connection = sqlite3.connect(
                self.path or ":memory:", timeout=0, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._opened = connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        run = connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = DELETE")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        if not self._is_in_place():  # another process removed it before the lock was ours
            raise self._locked()
        (version,) = run("PRAGMA user_version").fetchone()
        (check,) = run("PRAGMA quick_check(1)").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        if check != "ok":
            raise self._damaged(check)
        if version != (_VERSION if tables else 0):
            raise self._damaged("it is a database of something else, or of another version")
        if not tables:
            for statement in _TABLES.strip().split("\n"):
                run(statement)
            run(f"PRAGMA user_version = {_VERSION}")
        run("COMMIT")

    @contextmanager
    def _errors(self, *, opening: bool = False) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            if isinstance(error, AconnectError):
                raise
            # The lowest byte; the others have details.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _LOCKED:
                raise self._locked() from error
            if code in _DAMAGED or isinstance(error, msgspec.MsgspecError):
                raise self._damaged(str(error)) from error
            why = reason(error) if isinstance(error, OSError) else error
            if opening:
                raise InvalidArgumentError(
                    f"cannot write {str(self.path)!r}: {why}; choose another state="
                ) from error
            raise FileError(f"cannot write {str(self.path)!r}: {why}") from error

    def _locked(self) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"another process works with {self.path}; wait for it, or choose another state="
        )

    def _damaged(self, why: str) -> ResumeError:
        return ResumeError(
            f"the state {self.path} cannot be read: {why}; choose another state=, or delete the "
            "file, and all items are done again"
        )

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def header(self) -> BatchHeader | None:
        """Return what the items have in common; None if the state is new."""
        with self._lock, self._errors():
            row = self._connection.execute("SELECT header FROM batch").fetchone()
            return row and msgspec.json.decode(row[0], type=BatchHeader)

    def items(self) -> list[BatchItem]:
        """Return all items, in their order."""
        with self._lock:
            return self._items()

    def _items(self) -> list[BatchItem]:
        query = "SELECT item FROM item ORDER BY position"
        with self._errors(), closing(self._connection.execute(query)) as rows:
            return [msgspec.json.decode(row[0], type=BatchItem) for row in rows]

    def begin(self, header: BatchHeader, items: Sequence[BatchItem]) -> None:
        """Replace what the state has by this batch."""
        with self._transaction() as run:
            run("DELETE FROM batch")
            run("DELETE FROM item")
            run("INSERT INTO batch VALUES (?)", (msgspec.json.encode(header).decode(),))
            for item in items:
                _put(run, item)

    def save(self, item: BatchItem) -> None:
        """Make what is known about an item durable.

        Raises:
            FileError: The disk is full, or the file was removed.
        """
        with self._transaction() as run:
            _put(run, item)

    @contextmanager
    def _transaction(self) -> Generator[Callable[..., Any]]:
        with self._lock, self._errors():
            if not self._is_in_place():
                raise FileError(f"{self.path} was removed or replaced while it was written")
            run = self._connection.execute
            run("BEGIN IMMEDIATE")
            try:
                yield run
                run("COMMIT")
            except BaseException:
                # SQLite has rolled back already after some errors, such as a full disk.
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise

    def _is_in_place(self) -> bool:
        if self.path is None or self._file is None:
            return True
        try:
            return os.path.samestat(self._file, self.path.stat())
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Release the lock; remove the file if nothing is left to do."""
        with self._lock:
            self._is_closed = True
            if self._opened is None:
                return
            try:
                if all(item.state == "done" for item in self._items()):
                    self._remove()
            except AconnectError:
                pass  # it cannot be read any more
            finally:
                self._opened.close()
                self._opened = None

    def _remove(self) -> None:
        """Remove the file while it is locked, or it could be that of another process.

        Windows does not remove an open file: there, it is left.
        """
        if self.path is None or not self._is_in_place():
            return
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            with suppress(OSError):
                path.unlink()


def _put(run: Callable[..., Any], item: BatchItem) -> None:
    text = msgspec.json.encode(item).decode()
    run("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", (item.key, item.position, text))


def _created(path: Path) -> os.stat_result:
    """Return the status of the file; create it if it is missing.

    A file that exists is not opened: closing it would release the locks that another connection of
    this process has.
    """
    with suppress(FileExistsError):
        path.touch(exist_ok=False)
    return path.stat()

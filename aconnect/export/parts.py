"""Partial files: `NAME.part` with the rows, `NAME.part.json` with the checkpoint.

Decides what survives a crash. Rows are appended to the partial file; every second it is synced to
disk and the checkpoint is replaced atomically. A later run truncates the partial file to its
checkpoint, so nothing is lost or duplicated. The file takes its final name when it is complete. A
lock, held until then, keeps a second process out.

Everything here blocks and must run in a worker thread. It knows nothing of servers.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Raw, Struct

from aconnect._client.files import reason
from aconnect._core import decoding
from aconnect._core.paging import digest
from aconnect.errors import FileError, InvalidArgumentError, ResumeError
from aconnect.export.sinks import Sink

try:
    _fcntl: Any = importlib.import_module("fcntl")
except ImportError:
    _fcntl = None  # Windows, which does not let another process rename an open file anyway.

SAVE_EVERY: Final = 1.0
"""Seconds between checkpoints."""

_AGAIN: Final = "start again with restart=True"

_BLOCK: Final = 2000
"""Rows encoded at a time, so that a series in one response is not in memory twice."""


class Source(Struct, frozen=True, kw_only=True):
    """The source of a file; a partial file is resumed only from the same source."""

    server: str
    query: str
    """Path and query of its first page."""
    format: str
    columns: tuple[str, ...] = ()
    keep: str = ""
    """Which rows are kept."""


class Checkpoint(Struct, kw_only=True):
    """The valid part of a partial file."""

    source: Source
    began: datetime
    """When the first run began."""
    token: str | None = None
    """Of the last page written; None before the first."""
    ended: bool = False
    """Whether all rows have been written."""
    size: int = 0
    """In bytes."""
    rows: int = 0
    pages: int = 0
    total: int | None = None
    """The number of rows that the server reported with the last page, if it does."""
    check: str = ""
    """Of all other fields: a checkpoint changed by accident would lose rows silently."""


class Collected(Struct, frozen=True, kw_only=True):
    """The progress or result of a collection."""

    path: Path
    """The path of the complete file."""
    rows: int
    pages: int
    size: int
    """In bytes."""
    resumed: int
    """How many of the rows an earlier run collected."""
    until: datetime
    """Rows before this time are complete: the end of the window, or the time when the collection
    began (by the clock of this machine) if the window was not over then."""
    total: int | None = None
    """The number of rows that the server has, if it reports it."""
    reached: datetime | None = None
    """The time of the last row, if the rows were filtered by a time window."""


class PartFile:
    """One partial file; methods can be called from any thread, one at a time."""

    def __init__(
        self, path: Path, source: Source, sink: Sink, *, to: datetime | None = None
    ) -> None:
        self.path = path
        self._to = to
        self._overwrite = False
        self._part, self._mark = _beside(path)
        self._sink = sink
        self._state = Checkpoint(source=source, began=datetime.now(UTC))
        self._resumed = 0
        self._saved = 0.0
        self._file: IO[bytes] | None = None
        self._closed = False
        # A cancelled coroutine does not stop the thread it waited for: later calls wait here.
        self._lock = threading.Lock()

    def open(self, *, restart: bool, overwrite: bool) -> None:
        """Create the file, or resume that of an earlier run."""
        with self._lock:
            if self._closed:
                return
            self._overwrite = overwrite
            refuse_existing(self.path, overwrite=overwrite)
            try:
                file = _opened(self._part)
            except (OSError, ValueError) as error:
                raise self._unwritable(error) from error
            try:
                _lock(file, self._part)
            except BaseException:
                file.close()
                raise
            created = not os.fstat(file.fileno()).st_size
            try:
                # Another process may have completed it before the lock was ours.
                refuse_existing(self.path, overwrite=overwrite)
                self._begin(file, restart=restart)
            except BaseException as error:
                with file:
                    if created:
                        self._part.unlink()
                if isinstance(error, OSError):
                    raise self._unwritable(error) from error
                raise
            self._file = file

    def _unwritable(self, error: OSError | ValueError) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"cannot write {str(self.path)!r}: {reason(error)}; choose another path"
        )

    def _begin(self, file: IO[bytes], *, restart: bool) -> None:
        source = self._state.source
        known = None if restart else _known(self._part, self._mark, source)
        state = self._state = known or self._state
        self._resumed = state.rows
        file.truncate(state.size)
        file.seek(state.size)
        if known is None:
            state.size = file.write(self._sink.head)
        self._save(file)

    @property
    def token(self) -> str | None:
        """The position to resume from; None at the beginning."""
        return self._state.token

    @property
    def ended(self) -> bool:
        """Whether all rows are written and only the final name is missing."""
        return self._state.ended

    @property
    def total(self) -> int | None:
        """The number of rows that the server reported with the last page."""
        return self._state.total

    @property
    def progress(self) -> Collected:
        """The progress so far."""
        state = self._state
        return Collected(
            path=self.path,
            rows=state.rows,
            pages=state.pages,
            size=state.size,
            resumed=self._resumed,
            until=state.began if self._to is None else min(state.began, self._to),
            total=state.total,
        )

    def append(
        self, rows: Sequence[Raw], token: str | None, *, ended: bool, total: int | None = None
    ) -> Collected:
        """Write the rows of one page, of which `token` is the resume token."""
        with self._lock:
            if self._file is None:
                return self.progress
            old, size = self._state, 0
            for start in range(0, len(rows), _BLOCK):
                size += self._file.write(self._sink.encode(rows[start : start + _BLOCK]))
            self._state = msgspec.structs.replace(
                old,
                token=token,
                ended=ended,
                size=old.size + size,
                rows=old.rows + len(rows),
                pages=old.pages + 1,
                total=total,
            )
            if time.monotonic() - self._saved >= SAVE_EVERY:
                self._save(self._file)
            return self.progress

    def finish(self) -> Collected:
        """Rename the file to its final name."""
        with self._lock:
            file = self._file
            if file is not None:
                file.flush()
                os.fsync(file.fileno())
                self._check_in_place(file)
                refuse_existing(self.path, overwrite=self._overwrite)
                if _fcntl is None:  # Windows does not rename an open file
                    file.close()
                    self._file = None
                # While it is locked: another process would resume what is complete.
                self._part.replace(self.path)
                self._mark.unlink(missing_ok=True)
                file.close()
                self._file = None
            return self.progress

    def close(self) -> None:
        """Keep the partial file for a later run, unless it is empty."""
        with self._lock, suppress(OSError):
            self._closed = True
            file, self._file = self._file, None
            if file is None:
                return
            with file:
                if self._state.pages:
                    self._save(file)
                else:
                    self._check_in_place(file)
                    self._part.unlink()
                    self._mark.unlink()

    def _check_in_place(self, file: IO[bytes]) -> None:
        """Ensure that the open file still has its name, before anything beside it is changed."""
        if not _is_same(file, self._part):
            raise FileError(
                f"{self._part} was removed or replaced while it was written; collect it again"
            )

    def _save(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())
        self._check_in_place(file)
        self._state.check = _check(self._state)
        fresh = self._mark.with_name(f"{self._mark.name}.new")
        with fresh.open("wb") as mark:
            mark.write(msgspec.json.format(msgspec.json.encode(self._state)))
            mark.flush()
            os.fsync(mark.fileno())
        fresh.replace(self._mark)
        self._saved = time.monotonic()


def refuse_existing(path: Path, *, overwrite: bool = False) -> None:
    """Refuse to replace a file, unless `overwrite` allows it."""
    # Not Path.exists, which raises for a name that is too long.
    if os.path.exists(path) and not overwrite:  # noqa: PTH110
        raise InvalidArgumentError(
            f"{path} exists already; choose another path, or pass overwrite=True to replace it"
        )


def saved_rows(path: Path) -> int:
    """Return the number of rows that a later run resumes with, by what is on disk."""
    part, mark = _beside(path)
    try:
        return _read(mark).rows if part.exists() else 0
    except (OSError, ResumeError):
        return 0


def _beside(path: Path) -> tuple[Path, Path]:
    part = path.with_name(f"{path.name}.part")
    return part, path.with_name(f"{part.name}.json")


def _opened(part: Path) -> IO[bytes]:
    """Open for writing without truncating."""
    return os.fdopen(
        os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b"
    )


def _lock(file: IO[bytes], part: Path) -> None:
    """Ensure that no other process writes the same file; the lock ends with the process."""
    if _fcntl is None:
        return
    try:
        _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        # Another process may have completed and renamed it before the lock was ours.
        alone = _is_same(file, part)
    except BlockingIOError:
        alone = False
    except OSError:
        return  # Some network file systems have no locks.
    if not alone:
        raise InvalidArgumentError(
            f"another process is writing {part}; wait for it, or choose another path"
        )


def _known(part: Path, mark: Path, source: Source) -> Checkpoint | None:
    """Read the checkpoint of an earlier run, or refuse to continue from it."""
    size = part.stat().st_size
    if size == 0:
        return None
    try:
        known = _read(mark)
    except FileNotFoundError:
        return None
    if known.source != source:
        differences = [
            f"{name} {getattr(known.source, name)!r}, not {getattr(source, name)!r}"
            for name in Source.__struct_fields__
            if getattr(known.source, name) != getattr(source, name)
        ]
        raise ResumeError(
            f"{part} was started with {'; '.join(differences)}. Repeat that query, choose another "
            f"path, or {_AGAIN}"
        )
    if size < known.size:
        raise ResumeError(
            f"{part} has {size} bytes, but its checkpoint says {known.size}: the file was changed; "
            f"{_AGAIN}"
        )
    return known


def _read(mark: Path) -> Checkpoint:
    try:
        known = msgspec.json.decode(mark.read_bytes(), type=Checkpoint)
    except decoding.FAILURES as error:
        raise ResumeError(f"the checkpoint {mark} is damaged ({error}); {_AGAIN}") from error
    if known.check != _check(known):
        raise ResumeError(f"the checkpoint {mark} is damaged: it was changed; {_AGAIN}")
    return known


def _check(state: Checkpoint) -> str:
    return digest(msgspec.structs.replace(state, check=""))


def _is_same(file: IO[bytes], path: Path) -> bool:
    """Return True if a path still names an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

"""Files that rows are appended to, whatever their format.

Decides what survives a crash. A new file is written as `NAME.part` and renamed when it is complete;
one that is complete is appended to in place. Its journal `NAME.aconnect` says how much of it is
valid: a commit syncs the file, and then saves its size together with the checkpoint. What is behind
that size is cut off by the next run, so no row is lost or written twice.

How rows become bytes is decided by the formats.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

import msgspec
from msgspec import Struct

from aconnect._client.files import reason
from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.journal import Journal
from aconnect.collect.publishing import publish
from aconnect.collect.sink import Checkpoint, Entries, Run, Written, refuse_other_source
from aconnect.collect.sinks.compression import compressor_for
from aconnect.collect.sinks.tail import Tail
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, ResumeError

_AGAIN: Final = "choose another path, or pass restart=True to collect it from the beginning"


class Encoder(Protocol):
    """One format."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields written; empty for whole rows."""
        ...

    @property
    def header(self) -> bytes:
        """The start of the file."""
        ...

    def encode(self, batch: Batch[Any]) -> bytes:
        """Write rows."""
        ...


class State(Struct, kw_only=True, frozen=True):
    """The valid part of a file, as the journal knows it."""

    size: int = 0
    """In bytes."""
    check: int = 0
    """Of its last bytes: another file may have the same size."""
    published: bool = False
    """Whether it has its final name, not `NAME.part`."""
    complete: bool = False
    """Whether the last run has ended, so that nothing may be behind the valid part."""
    replaces: bool = False
    """Whether it will take the place of a file with the final name."""
    columns: tuple[str, ...] = ()


_decoder: Final = msgspec.json.Decoder(State)


class AppendingSink:
    """A file that is only appended to; a base class of the formats.

    A reader of a file that is appended to may see a part of the last rows; the size of what is
    valid is in the journal. Methods can be called from any thread.
    """

    replaces: bool = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)
        """The final name of the file."""
        if not self.path.name:
            raise InvalidArgumentError(f"cannot write {str(path)!r}: it is a folder")
        self._part = self.path.with_name(f"{self.path.name}.part")
        self._compressor_of = compressor_for(self.path.name)
        # A cancelled coroutine does not stop the thread it waited for: later calls wait here.
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._tail: Tail | None = None
        self._saved: State | None = None
        self._state = State()
        self._is_new = False
        """Whether the file is one of this run, and no commit can have named it."""
        self._restarted = False
        """Whether the journal knows of the restart that this run was opened for."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def encoder(self, dataset: Dataset, columns: tuple[str, ...]) -> Encoder:
        """Return the encoder for a dataset; `columns` are those that the file has."""
        raise NotImplementedError

    def open(self, run: Run) -> Entries:
        """Create the file, or cut it to what was committed; return the entries.

        Raises:
            InvalidArgumentError: The file cannot be written, exists already without a journal, or
            is written by another process.
            ResumeError: The file has rows of another source or other columns, or was changed.
        """
        with self._lock:
            self._release()
            restart = run.restart and not self._restarted
            journal = self._journal = Journal(
                self.path.with_name(f"{self.path.name}.aconnect"), restart=restart
            )
            try:
                self._begin(journal, run, restart=restart)
                return journal.entries()
            except BaseException as error:
                self._release()
                if isinstance(error, OSError) and not isinstance(error, AconnectError):
                    raise InvalidArgumentError(
                        f"cannot write {str(self.path)!r}: {reason(error)}; choose another path"
                    ) from error
                raise

    def _begin(self, journal: Journal, run: Run, *, restart: bool = False) -> Tail:
        """Open the file, or create a new one."""
        if self.path.is_dir():
            raise InvalidArgumentError(f"cannot write {str(self.path)!r}: it is a folder")
        if restart:
            # Saved at once: a run without `restart` then resumes this one.
            journal.clear({self.path.name: _encoded(State(replaces=True))})
            self._restarted = True
        self._run = run
        refuse_other_source(self.path, journal.source, run.source)
        saved = self._saved = journal.decoded_files(_decoder).get(self.path.name)
        state = saved or State()
        if state.complete and run.dataset.is_snapshot:
            state = State(replaces=True)
        encoder = self._encoder = self.encoder(run.dataset, state.columns)
        if (state.size or state.published) and encoder.columns != state.columns:
            raise ResumeError(
                f"{self.path} has {_described(state.columns)}, not {_described(encoder.columns)}; "
                f"pass the same columns=, {_AGAIN}"
            )
        self._state = msgspec.structs.replace(state, columns=encoder.columns)
        self._is_new = False
        if state is saved and self._was_renamed():
            self._save(journal, {}, published=True, complete=True, replaces=False)
        self._refuse_existing()
        if self._state.published or self._state.size:
            tail = self._tail = self._resumed()
            return tail
        self._is_new = True
        tail = self._tail = Tail(self._part, self._compressor_of, create=True)
        if encoder.header:
            tail.append(encoder.header)
        return tail

    def _was_renamed(self) -> bool:
        """Return True if a run was killed after it renamed the file, and before it saved that."""
        state = self._state
        if state.published or self._part.exists() or not self.path.exists():
            return False
        with closing(Tail(self.path, self._compressor_of)) as tail:
            return tail.size == state.size and tail.check(state.size) == state.check

    def _resumed(self) -> Tail:
        """Open the file that has committed rows, at their end."""
        state = self._state
        path = self.path if state.published else self._part
        try:
            tail = Tail(path, self._compressor_of)
        except FileNotFoundError:
            self._refuse_changed(path, "is missing")
        try:
            if tail.size < state.size or (state.complete and tail.size > state.size):
                self._refuse_changed(path, f"has {tail.size} bytes")
            if tail.check(state.size) != state.check:
                self._refuse_changed(path, "has other content")
            tail.cut(state.size)
        except BaseException:
            tail.close()
            raise
        return tail

    def _refuse_existing(self) -> None:
        state = self._state
        if not state.published and not state.replaces and self.path.exists():
            raise InvalidArgumentError(
                f"{self.path} exists already; choose another path, or pass restart=True to "
                "replace it"
            )

    def _refuse_changed(self, path: Path, what: str) -> NoReturn:
        raise ResumeError(
            f"{path} {what}, but {self._state.size} bytes of it were written, as "
            f"{self.path.name}.aconnect says: it was changed. Restore it, {_AGAIN}"
        )

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Append rows.

        Raises:
            FileError: The disk is full, or the file cannot be written any more.
        """
        with self._writing() as (tail, journal):
            if self._state.complete:
                # From now on, a crash leaves bytes behind the valid part.
                self._save(journal, {}, complete=False)
            data = self._encoder.encode(batch)
            if data:
                tail.append(data)

    def commit(self, checkpoint: Checkpoint) -> None:
        """Make the rows durable, and then the entries together with the size of the file.

        Raises:
            FileError: The disk is full, or the file was removed or replaced.
        """
        with self._writing() as (tail, journal):
            self._commit(tail, journal, checkpoint.entries)

    def _commit(self, tail: Tail, journal: Journal, entries: Mapping[str, str | None]) -> None:
        tail.sync()
        self._save(journal, entries, size=tail.size, check=tail.check(tail.size), complete=False)

    def _save(
        self, journal: Journal, entries: Mapping[str, str | None], **changes: int | bool
    ) -> None:
        """Make entries and the state of the file durable."""
        state = msgspec.structs.replace(self._state, **changes)
        self._is_new = False  # it may be saved even if this fails
        journal.commit(self._run.source.key, entries, {self.path.name: _encoded(state)})
        self._saved = self._state = state

    def finish(self) -> Written:
        """Give the file its final name, without rows that were not committed.

        The lock is kept until `close`: another run may follow.

        Raises:
            InvalidArgumentError: Another file was created with this name; the rows are kept.
            FileError: The file cannot be renamed.
        """
        with self._writing() as (tail, journal):
            if self._saved is None or not self._saved.complete:
                self._publish(tail, journal)
                self._restarted = False
                tail.close()
                self._tail = None
            saved = self._saved or self._state
            return Written(target=str(self.path), size=saved.size)

    def _publish(self, tail: Tail, journal: Journal) -> None:
        tail.cut(self._state.size)
        if not tail.size:
            # Even without a header: an empty file is no gzip file.
            tail.append(self._encoder.header)
        self._commit(tail, journal, {})
        self._refuse_existing()
        if not self._state.published:
            tail.close()  # Windows does not rename an open file
            publish(self._part, self.path)
        self._save(journal, {}, published=True, complete=True, replaces=False)

    def close(self) -> None:
        """Release the file and its lock; a later run resumes after the last commit."""
        with self._lock:
            self._restarted = False
            self._release()

    def _release(self) -> None:
        tail, self._tail = self._tail, None
        journal, self._journal = self._journal, None
        if tail is not None:
            with suppress(OSError):
                if self._is_new:
                    tail.discard()
                else:
                    tail.close()
        if journal is not None:
            journal.close()

    @contextmanager
    def _writing(self) -> Generator[tuple[Tail, Journal]]:
        """Hold what `open` has opened; raise a typed error if it cannot be written."""
        with self._lock:
            journal = self._journal
            if journal is None:
                raise FileError(f"{self.path} is not open")
            try:
                tail = self._tail or self._begin(journal, self._run)  # it was finished before
                yield tail, journal
            except OSError as error:
                if isinstance(error, AconnectError):
                    raise
                raise FileError(f"cannot write {str(self.path)!r}: {reason(error)}") from error


def _encoded(state: State) -> str:
    return msgspec.json.encode(state).decode()


def _described(columns: tuple[str, ...]) -> str:
    return f"the columns {', '.join(columns)}" if columns else "whole rows"

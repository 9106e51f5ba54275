"""The unfinished part of a folder of Parquet files: its journal and its staging folder.

Decides what is durable: what the journal names. Other files in the staging folder are deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from aconnect.collect.dataset import Dataset
from aconnect.collect.journal import Journal
from aconnect.collect.publishing import fsync_file, fsync_folder
from aconnect.collect.sink import Period, Run
from aconnect.errors import ResumeError

_DAY: Final = 86_400_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_NO_DATE: Final = "__HIVE_DEFAULT_PARTITION__"  # null for DuckDB, Polars and Arrow
_RUN: Final = "run"


class CollectedRun(Struct, frozen=True, tag="run"):
    """The run that the journal is about."""

    period: Period | None = None
    restart: bool = False
    is_collected: bool = False
    """Whether all of its rows are committed, so that publishing has begun."""

    @property
    def replaced(self) -> Period:
        """The period whose rows are replaced."""
        return Period() if self.restart or self.period is None else self.period


class Segment(Struct, frozen=True, tag="segment"):
    """A durable file in the staging folder with rows of one target."""

    target: str
    first: int | None
    """The earliest time in it, in microseconds since 1970."""
    supersedes: bool


class Publication(Struct, frozen=True, tag="publication"):
    """How far the publication of a file has got."""

    state: Literal["planned", "staged", "published"] = "planned"
    staged: str | None = None
    """Its file in the staging folder; None if no rows are left."""
    size: int = 0
    """In bytes."""


State: TypeAlias = CollectedRun | Segment | Publication
_decoder: Final = msgspec.json.Decoder(State)


class Layout:
    """The names of the files of a dataset, their targets: below the folder, with `/`."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.root: str = f"{dataset.name}.parquet" if dataset.is_snapshot else dataset.name
        """The file or the folder that has everything."""

    def target(self, start: int | None) -> str:
        """Return the file of a date, by its first moment in microseconds since 1970."""
        if self._dataset.is_snapshot:
            return self.root
        try:
            name = _NO_DATE if start is None else _isoformat(start)
        except (ValueError, OverflowError):
            name = _NO_DATE
        return f"{self.root}/date={name}/{self._dataset.name}.parquet"

    def is_target(self, path: str) -> bool:
        """Return whether a file is one of them."""
        with suppress(ValueError):
            return path == self.target(self.start(path))
        return False

    def start(self, target: str) -> int | None:
        """Return the first moment of the date of a file."""
        name = self.label(target)
        if self._dataset.is_snapshot or name == _NO_DATE:
            return None
        return (date.fromisoformat(name).toordinal() - _EPOCH) * _DAY

    def label(self, target: str) -> str:
        """Return the date of a file as text, or the name of a snapshot."""
        if self._dataset.is_snapshot:
            return self._dataset.name
        return PurePosixPath(target).parent.name.removeprefix("date=")

    def covers(self, period: Period, target: str) -> bool:
        """Return whether all rows of a file are in a period."""
        start = self.start(target)
        if start is None:  # earlier than all others
            return period.lo is None
        return (period.lo is None or period.lo <= start) and (
            period.hi is None or start + _DAY <= period.hi
        )

    def touches(self, period: Period, target: str) -> bool:
        """Return whether a file may have rows in a period."""
        start = self.start(target)
        if start is None:
            return period.lo is None
        return (period.lo is None or period.lo < start + _DAY) and (
            period.hi is None or start < period.hi
        )


class Staging:
    """The journal and the staging folder of one dataset; locked while it is open.

    Args:
        state: The folder for both.
        run: The run to open it for; a restart forgets everything first.
    """

    def __init__(self, state: Path, run: Run) -> None:
        name = run.dataset.name
        self.folder: Path = state / ".staging" / name
        self.run: CollectedRun = CollectedRun(restart=run.restart)
        self.segments: dict[str, Segment] = {}
        self.publications: dict[str, Publication] = {}
        self._source = run.source.key
        state.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(state / f"{name}.aconnect", restart=run.restart)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if run.restart:
                self._journal.clear()
                self.save({_RUN: self.run})
            self.source: str | None = self._journal.source
            """The source of the rows; None before the first commit."""
            self._remember(self._journal.decoded_files(_decoder))
            numbers = [int(name.partition("-")[0]) for name in self.segments]
            self._last = max(numbers, default=0)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock."""
        with suppress(OSError):  # not empty
            self.folder.rmdir()
        self._journal.close()

    def entries(self) -> dict[str, str]:
        """Return the entries of the last checkpoint."""
        return self._journal.entries()

    def clean(self) -> None:
        """Delete what the journal does not name.

        Raises:
            ResumeError: Something that it names is missing.
        """
        staged = {item.staged for item in self.publications.values() if item.state == "staged"}
        for path in self.folder.iterdir():
            if path.name not in self.segments and path.name not in staged:
                path.unlink()
        for name in sorted(self.segments.keys() - staged):
            if not (self.folder / name).exists():
                raise ResumeError(
                    f"{self.folder / name} is missing, which has committed rows; put it back, or "
                    "start again with restart=True"
                )

    def new_segment(self, label: str) -> Path:
        """Return a path for a segment."""
        self._last += 1
        return self.folder / f"{self._last:08d}-{label}.seg"

    def seal(self, names: Iterable[str]) -> None:
        """Make files durable, so that the journal may name them."""
        for name in names:
            fsync_file(self.folder / name)
        fsync_folder(self.folder)

    def save(
        self,
        changes: Mapping[str, State | None],
        entries: Mapping[str, str | None] | None = None,
    ) -> None:
        """Make changes durable in one step."""
        encoded = {
            path: None if state is None else msgspec.json.encode(state).decode()
            for path, state in changes.items()
        }
        self._journal.commit(self._source, entries or {}, encoded)
        self._remember(changes)

    def changed_run(self, run: CollectedRun) -> dict[str, State | None]:
        """Return the change that replaces the run."""
        return {_RUN: run}

    def _remember(self, changes: Mapping[str, State | None]) -> None:
        for path, state in changes.items():
            if isinstance(state, CollectedRun):
                self.run = state
            elif isinstance(state, Segment):
                self.segments[path] = state
            elif isinstance(state, Publication):
                self.publications[path] = state
            else:
                self.segments.pop(path, None)
                self.publications.pop(path, None)


def _isoformat(start: int) -> str:
    return date.fromordinal(start // _DAY + _EPOCH).isoformat()

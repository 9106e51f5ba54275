"""What a sink is: the four methods that make rows and checkpoint durable in one step.

A sink of one's own needs nothing else. Sinks are synchronous; the collector calls them in one
worker thread, one call at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias, cast

import msgspec
from msgspec import Struct

from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.errors import ResumeError

Entries: TypeAlias = dict[str, str]
"""The durable state of a sink: JSON text by key."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Period(Struct, frozen=True):
    """The time from `lo` (inclusive) to `hi` (exclusive), in microseconds since 1970.

    None leaves that end open.
    """

    lo: int | None = None
    hi: int | None = None

    def __contains__(self, time: int) -> bool:
        return (self.lo is None or time >= self.lo) and (self.hi is None or time < self.hi)

    @property
    def start(self) -> datetime | None:
        """The first moment, in UTC."""
        return None if self.lo is None else as_datetime(self.lo)

    @property
    def end(self) -> datetime | None:
        """The first moment after it, in UTC."""
        return None if self.hi is None else as_datetime(self.hi)


class Source(Struct, frozen=True, kw_only=True):
    """The source of the rows of an output; other rows are refused."""

    server: str
    """The address of the API."""
    dataset: str
    filters: Mapping[str, Any] = {}
    """What is left out of the dataset, such as all content but some."""

    @property
    def key(self) -> str:
        """The same source as text."""
        return msgspec.json.encode(self, order="deterministic").decode()


class Run(Struct, frozen=True, kw_only=True):
    """What a sink is opened for."""

    source: Source
    dataset: Dataset
    restart: bool = False
    """Whether to discard what an earlier run has written."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """What becomes durable together with the rows that were written before it.

    The first checkpoint of a run is committed before its first row is written.
    """

    entries: Mapping[str, str | None]
    """The entries that have changed since the last one; None removes an entry."""
    period: Period | None = None
    """The period that the run collects, the same in all its checkpoints; None for a snapshot.

    A sink that replaces rows replaces those of this period, in one step at the end.
    """


class Written(Struct, frozen=True, kw_only=True):
    """What a sink has published."""

    target: str
    """The file, folder, table or address; without credentials."""
    size: int | None = None
    """In bytes, if it is a file or several."""
    files: int | None = None
    """How many files were written, if it is a folder."""


class Sink(Protocol):
    """Where rows are written to.

    `replaces` tells how rows that are read again are treated: a sink that replaces them puts the
    rows of a period in the place of those that it has; for others, which only append, the collector
    leaves out the rows that were written before.

    A sink may have a method `close`, which releases what it holds when a run has ended in any way.
    One that remembers nothing when the process has ended has the attribute `is_transient = True`:
    all sessions are written as they are, and following it begins at the time at which it starts.
    """

    @property
    def replaces(self) -> bool:
        """Whether it replaces the rows of a period, or only appends."""
        ...

    def open(self, run: Run) -> Entries:
        """Return the entries that are durable, and discard rows that were written after them.

        Called again on the same object after a `commit` that failed.
        """
        ...

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Write rows; they need not be durable before the next commit.

        Rows of one `unit` come in the order of time, those of several units mixed. A batch that
        `supersedes` has rows in the place of those with the same identity that were not over.
        """
        ...

    def commit(self, checkpoint: Checkpoint) -> None:
        """Make all rows written so far and a checkpoint durable: both of them, or neither."""
        ...

    def finish(self) -> Written:
        """Publish what is committed; it may be called again after a crash."""
        ...


def update(entries: Entries, changes: Mapping[str, str | None]) -> None:
    """Change entries as a checkpoint says, for sinks that keep them in memory."""
    for key, value in changes.items():
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value


def is_transient(sink: Sink) -> bool:
    """Return True if a sink remembers nothing when the process has ended."""
    return bool(getattr(sink, "is_transient", False))


def refuse_other_source(
    output: object, key: str | None, source: Source, what: str = "path"
) -> None:
    """Refuse to write to an output that has rows of another source.

    Args:
        output: Its name, for the message.
        key: The `Source.key` of its rows; None if it has none.
        source: The source of the rows to be written.
        what: What to choose another one of.

    Raises:
        ResumeError: The sources differ; the message has both values of what differs.
    """
    if key is None or key == source.key:
        return
    before, now = (cast("dict[str, Any]", msgspec.json.decode(text)) for text in (key, source.key))
    differences = [
        f"{name} {before.get(name)!r}, not {now.get(name)!r}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]
    raise ResumeError(
        f"{output} has rows of another source: {'; '.join(differences)}. Choose another {what}, or "
        "pass restart=True to replace them"
    )


def as_datetime(time: int) -> datetime:
    """Return a time in microseconds since 1970 as `datetime` in UTC."""
    return _EPOCH + timedelta(microseconds=time)


def as_microseconds(time: datetime) -> int:
    """Return an aware time in microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)

"""Parquet files by date: `visits/date=2025-03-02/visits.parquet`; a snapshot is one file.

Decides when rows are durable. They wait in memory, then in *segments*: small files in `.staging`,
each one row group of one date. A commit makes the segments durable, and then names them in the
journal together with the checkpoint. `finish` builds a file for each date of the segments and of
those rows that the date has outside the period of the run (`parquet_publishing.py`).

Rows inside a file are not sorted: segments are merged in the order of their first times. Sorting
would make files 3 % smaller, and merging slower by a quarter with twice the memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from aconnect._client.files import reason
from aconnect.collect.batch import Batch
from aconnect.collect.columns import columns_for
from aconnect.collect.publishing import open_destination, writable
from aconnect.collect.sink import (
    Checkpoint,
    Entries,
    Period,
    Run,
    Source,
    Written,
    refuse_other_source,
)
from aconnect.collect.sinks import parquet_files
from aconnect.collect.sinks.parquet_publishing import Publisher
from aconnect.collect.sinks.parquet_staging import CollectedRun, Layout, Segment, Staging, State
from aconnect.errors import AconnectError, FileError, ResumeError

if TYPE_CHECKING:
    import pyarrow as pa

_BUDGET: Final = 16 << 20
"""Bytes of Arrow data in memory, over all dates."""


class _Buffer:
    """The rows in memory of one target."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []
        self.size = 0
        """In bytes of Arrow data."""

    def append(self, rows: pa.RecordBatch) -> int:
        """Add rows, and return their size."""
        size = int(rows.nbytes)
        self.batches.append(rows)
        self.size += size
        return size


class Parquet:
    """Writes rows into Parquet files, one for each date (UTC), or one for a snapshot.

    Rows of a period that is collected again take the place of those that are there. Rows without a
    valid time are in `date=__HIVE_DEFAULT_PARTITION__`, which readers take for null; they count as
    earlier than all others.

    Args:
        folder: A path, or a URL that fsspec understands, such as `s3://bucket/usage` (extra
            `cloud`). Files are built locally, and each is put with one request when it is complete.
        state: For a URL, the local folder for the journal and for files that are not complete; by
            default one in `~/.local/state/aconnect` (or `XDG_STATE_HOME`). Later runs need it.
    """

    replaces: bool = True

    def __init__(self, folder: str | Path, *, state: Path | None = None) -> None:
        self._folder = folder
        self._state_folder = state
        self._opened: Staging | None = None
        self._buffers: dict[tuple[str, bool], _Buffer] = {}
        self._unsealed: dict[str, Segment] = {}
        # Encoding needs no interpreter lock: it goes on while the next rows become columns.
        self._encoder: ThreadPoolExecutor | None = None
        self._encoding: deque[Future[None]] = deque()

    def open(self, run: Run) -> Entries:
        """Return the entries that are durable, and delete rows that are not.

        Raises:
            InvalidArgumentError: The folder cannot be written, or another process writes to it.
            ResumeError: It has rows of another source, or rows that no journal names.
            MissingExtraError: The URL needs a package that is not installed.
            FileError: The object store cannot be read.
        """
        self.close()
        self._dataset = run.dataset
        self._layout = Layout(run.dataset)
        self._destination = open_destination(self._folder, self._state_folder)
        with self._file_errors(), writable(str(self._destination.state)):
            self._opened = staging = Staging(self._destination.state, run)
        try:
            with self._file_errors():
                self._refuse_other_rows(run.source, staging.source)
                self._refuse_missing(staging)
                staging.clean()
                return staging.entries()
        except BaseException:
            self.close()
            raise

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Keep rows in memory; the largest part goes to disk when there are too many."""
        arrow = batch.to_arrow()
        with self._file_errors():
            for target, rows in self._by_target(arrow):
                buffer = self._buffers.setdefault((target, batch.supersedes), _Buffer())
                self._buffered += buffer.append(rows)
            while self._buffered > _BUDGET:
                self._flush(max(self._buffers, key=lambda key: self._buffers[key].size))

    def commit(self, checkpoint: Checkpoint) -> None:
        """Make the segments durable, and then name them in the journal with the checkpoint."""
        with self._file_errors():
            changes: dict[str, State | None] = self._begin(checkpoint.period)
            for key in list(self._buffers):
                self._flush(key)
            self._wait_for_encoding(0)
            if self._unsealed:
                self._staging.seal(self._unsealed)
            self._staging.save(changes | self._unsealed, checkpoint.entries)
            self._unsealed = {}

    def finish(self) -> Written:
        """Publish what is committed."""
        with self._file_errors():
            publisher = self._publisher()
            if not self._staging.run.is_collected:
                publisher.plan()
            publisher.publish()
        published = self._staging.publications.values()
        return Written(
            target=self._shown,
            size=sum(item.size for item in published),
            files=sum(item.staged is not None for item in published),
        )

    def close(self) -> None:
        """Release the folder, and keep what is committed."""
        if self._encoder is not None:
            self._encoder.shutdown(cancel_futures=True)
            self._encoder = None
        self._encoding.clear()
        self._buffers = {}
        self._buffered = 0
        self._unsealed = {}
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _staging(self) -> Staging:
        if self._opened is None:
            raise RuntimeError("the sink is not open; call open() first")
        return self._opened

    def _publisher(self) -> Publisher:
        schema = columns_for(self._dataset).schema
        return Publisher(self._dataset, schema, self._staging, self._destination)

    def _begin(self, period: Period | None) -> dict[str, State | None]:
        """Return what a checkpoint changes in the journal if it is the first of a run."""
        staging = self._staging
        run = staging.run
        if run.is_collected:  # and this is the next one
            self._publisher().publish()
            return dict.fromkeys(staging.publications) | staging.changed_run(CollectedRun(period))
        if run.period == period:
            return {}
        if staging.segments:
            raise ResumeError(
                f"{self._shown} has committed rows of {_describe(run.period)}, which are not "
                f"published; resume that run before one of {_describe(period)}, or start again "
                "with restart=True"
            )
        return staging.changed_run(replace(run, period=period))

    def _by_target(self, rows: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        if self._dataset.time_field is None:
            yield self._layout.target(None), rows
            return
        for start, part in parquet_files.split_by_date(rows, self._dataset.time_field):
            yield self._layout.target(start), part

    def _flush(self, key: tuple[str, bool]) -> None:
        """Write the rows of a target into a segment."""
        target, supersedes = key
        buffer = self._buffers.pop(key)
        self._buffered -= buffer.size
        path = self._staging.new_segment(self._layout.label(target))
        if self._encoder is None:
            self._encoder = ThreadPoolExecutor(1, "aconnect parquet")
        self._encoding.append(
            self._encoder.submit(parquet_files.write_segment, path, buffer.batches)
        )
        self._wait_for_encoding(1)
        time_field = self._dataset.time_field
        first = None if time_field is None else parquet_files.earliest(buffer.batches, time_field)
        self._unsealed[path.name] = Segment(target, first, supersedes)

    def _wait_for_encoding(self, most: int) -> None:
        """Wait until no more than so many segments are being written; raise what has failed."""
        while len(self._encoding) > most:
            self._encoding.popleft().result()

    @property
    def _shown(self) -> str:
        return f"{self._destination.shown}/{self._layout.root}"

    def _refuse_other_rows(self, source: Source, key: str | None) -> None:
        if key is None:
            if any(map(self._layout.is_target, self._destination.find(self._layout.root))):
                raise ResumeError(
                    f"{self._shown} has files, but there is no journal of them in "
                    f"{self._destination.state}; choose another folder, or replace them with "
                    "restart=True"
                )
        else:
            refuse_other_source(self._shown, key, source, "folder")

    def _refuse_missing(self, staging: Staging) -> None:
        """Refuse to continue if files of the last run were removed."""
        for target, item in staging.publications.items():
            is_there = self._destination.size(target) is not None
            if item.state == "published" and item.staged is not None and not is_there:
                raise ResumeError(
                    f"{self._destination.shown}/{target} is missing, but rows were written to it; "
                    "put it back, choose another folder, or start again with restart=True"
                )

    @contextmanager
    def _file_errors(self) -> Generator[None]:
        try:
            yield
        except AconnectError:
            raise
        except (OSError, parquet_files.ArrowError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise FileError(
                f"cannot write {self._shown}: {why}; what is committed is kept, so repair the "
                "cause and run it again"
            ) from error


def _describe(period: Period | None) -> str:
    if period is None:
        return "a snapshot"
    return f"the period from {period.start or 'the beginning'} to {period.end or 'the end'}"

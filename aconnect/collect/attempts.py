"""The rows of jobs on their way to the driver: files of JSON lines in a staging folder.

Each attempt writes a file of its own, which gets its name when it is complete, so that two attempts
of one job never meet.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Generator
from contextlib import suppress
from gzip import GzipFile
from pathlib import Path
from typing import IO, Any, Final

from msgspec import Raw

from aconnect.collect.batch import Batch
from aconnect.collect.engines import SUFFIX, ManifestEntry
from aconnect.collect.publishing import Destination, fsync_file
from aconnect.collect.sink import Checkpoint, Entries, Run, Written
from aconnect.collect.sinks.compression import compressor_for
from aconnect.collect.sinks.lines import json_lines
from aconnect.errors import WorkerError

_BATCH: Final = 2000
_DAMAGED: Final = (EOFError, OSError, zlib.error)


class Attempt:
    """A sink that writes one file, compressed with gzip."""

    def __init__(self, job: str, destination: Destination) -> None:
        self.replaces: bool = True
        self.name: str = f"{job}.{uuid.uuid4().hex}{SUFFIX}"
        self._destination = destination
        self._path = destination.state / f"{self.name}.part"
        self._compressor = compressor_for(".gz")()
        self._file: IO[bytes] | None = None

    def open(self, run: Run) -> Entries:
        """Create the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return {}

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Write rows."""
        self._write(self._compressor.compress(json_lines(batch.raw)))

    def commit(self, checkpoint: Checkpoint) -> None:
        """Do nothing: an attempt is complete, or it never was."""

    def finish(self) -> Written:
        """Make the file durable, and publish it."""
        self._write(self._compressor.flush())
        self._release()
        fsync_file(self._path)
        size = self._path.stat().st_size
        self._destination.publish(self._path, self.name)
        return Written(target=self.name, size=size)

    def close(self) -> None:
        """Remove what is not published."""
        self._release()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        assert self._file is not None  # noqa: S101  it is open
        self._file.write(data)

    def _release(self) -> None:
        if self._file is not None:
            self._file.close()


def rows_of(entry: ManifestEntry, destination: Destination) -> Generator[list[Raw]]:
    """Yield the rows of an attempt.

    Raises:
        WorkerError: The file is missing, or it is not the one that was written.
    """
    copy = destination.state / f"{entry.file}.copy"
    copy.parent.mkdir(parents=True, exist_ok=True)
    path = destination.fetch(entry.file, copy)
    if path is None:
        raise WorkerError(f"{entry.file} of job {entry.job} is missing in {destination.shown}")
    try:
        yield from _verified(entry, path)
    finally:
        if path == copy:
            copy.unlink(missing_ok=True)


def _verified(entry: ManifestEntry, path: Path) -> Generator[list[Raw]]:
    count, rows = 0, list[Raw]()
    try:
        with path.open("rb") as file, GzipFile(fileobj=file) as lines:
            for line in lines:
                rows.append(Raw(line.removesuffix(b"\n")))
                if len(rows) == _BATCH:
                    count += len(rows)
                    yield rows
                    rows = []
    except _DAMAGED as error:
        raise WorkerError(f"{entry.file} of job {entry.job} cannot be read: {error}") from error
    if count + len(rows) != entry.rows:
        raise WorkerError(
            f"{entry.file} of job {entry.job} has {count + len(rows):,} rows, not {entry.rows:,}"
        )
    yield rows


def discard(prefix: str, destination: Destination) -> None:
    """Delete the files of all attempts of jobs whose ids begin with a prefix."""
    for name in destination.find(""):
        if name.startswith(prefix) and SUFFIX in name:
            destination.remove(name)

"""Rows in memory: a stream of Arrow batches while they are collected, or a table of all.

Nothing here is durable, so an interrupted collection starts again. Needs pyarrow.
"""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Condition
from typing import TYPE_CHECKING, Any, Final

from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.sink import Checkpoint, Entries, Run, Written
from aconnect.errors import AconnectError, EventLoopError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_DEPTH: Final = 16


class ArrowStream:
    """A sink that hands batches to a consumer in another thread; it can be consumed once.

    Any consumer of Arrow streams takes it, by `__arrow_c_stream__`:

        stream = ArrowStream(VISITS)
        frame = await asyncio.to_thread(polars.from_arrow, stream)

    A consumer pulls synchronously: in the thread of the event loop that collects it would wait for
    itself, so that raises. Create the stream in that event loop, whose thread it remembers.

    It is not resumable: nothing is committed, and batches that were handed over cannot be taken
    back, so a write that failed ends the collection. At most 16 batches wait for the consumer.
    """

    replaces: bool = True
    is_transient: bool = True
    """It starts empty, so each run is all that it has."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._loop = _running_loop()
        self._changed = Condition()
        self._waiting: deque[pa.RecordBatch] = deque()
        self._is_opened = False
        self._is_consumed = False
        self._is_stopped = False
        self._is_complete = False
        self._error: BaseException | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of all batches."""
        from aconnect.collect.columns import columns_for  # noqa: PLC0415  imports pyarrow

        return columns_for(self._dataset).schema

    def open(self, run: Run) -> Entries:
        """Return no entries.

        Raises:
            AconnectError: It was opened before.
        """
        if self._is_stopped:
            raise _stopped()
        if self._is_opened:
            raise AconnectError(
                "an Arrow stream cannot be written again: its batches cannot be taken back; "
                "collect with a new one"
            )
        self._is_opened = True
        return {}

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Wait until there is room for a batch.

        Raises:
            AconnectError: The consumer has stopped.
        """
        arrow = batch.to_arrow()
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < _DEPTH or self._is_stopped)
            if self._is_stopped:
                raise _stopped()
            self._waiting.append(arrow)
            self._changed.notify_all()

    def commit(self, checkpoint: Checkpoint) -> None:
        """Do nothing."""

    def finish(self) -> Written:
        """End the stream."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()
        return Written(target="Arrow stream")

    def close(self) -> None:
        """End the stream with an error, unless it is complete."""
        self.fail(
            AconnectError("the collection was interrupted, so the Arrow stream is incomplete")
        )

    def fail(self, error: BaseException) -> None:
        """Raise an error from the next pull of the consumer, unless the stream is complete."""
        with self._changed:
            if not self._is_complete and self._error is None:
                self._error = error
                self._waiting.clear()
            self._changed.notify_all()

    def stop(self) -> None:
        """Take no more batches, because nobody reads them: the next write raises."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify_all()

    def reader(self) -> pa.RecordBatchReader:
        """Return the stream for pyarrow; unlike other consumers, it raises errors unchanged.

        Raises:
            EventLoopError: This is the thread of the event loop that collects.
            AconnectError: It has been consumed.
        """
        import pyarrow as pa  # noqa: PLC0415  imported where it is used

        self._check_thread()
        with self._changed:
            if self._is_consumed:
                raise AconnectError("an Arrow stream can only be consumed once")
            self._is_consumed = True
        return pa.RecordBatchReader.from_batches(self.schema, _Batches(self))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the stream for any consumer, as the Arrow PyCapsule interface defines it."""
        return self.reader().__arrow_c_stream__(requested_schema)

    def next_batch(self) -> pa.RecordBatch | None:
        """Wait for a batch; None after the last one."""
        self._check_thread()
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting or self._is_complete or self._error or self._is_stopped
            )
            if self._error is not None:
                raise self._error
            batch = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
            return batch

    def _check_thread(self) -> None:
        running = _running_loop()
        if running is not None and self._loop in {None, running}:
            raise EventLoopError(
                "an Arrow stream cannot be consumed in the thread of the event loop that collects: "
                "it would wait for itself; consume it with asyncio.to_thread"
            )


class _Batches:
    """What a consumer holds on to: when it lets go, the stream is stopped."""

    def __init__(self, stream: ArrowStream) -> None:
        self._stream = stream

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> pa.RecordBatch:
        batch = self._stream.next_batch()
        if batch is None:
            raise StopIteration
        return batch

    def __del__(self) -> None:
        self._stream.stop()


class ArrowTable:
    """A sink that keeps all rows in memory; it is not resumable, since nothing is durable."""

    replaces: bool = True
    is_transient: bool = True
    """It starts empty, so each run is all that it has."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._batches: list[pa.RecordBatch] = []

    @property
    def table(self) -> pa.Table:
        """The rows so far."""
        import pyarrow as pa  # noqa: PLC0415  imported where it is used

        from aconnect.collect.columns import columns_for  # noqa: PLC0415  imports pyarrow

        return pa.Table.from_batches(self._batches, columns_for(self._dataset).schema)

    def open(self, run: Run) -> Entries:
        """Discard all rows, and return no entries."""
        self._batches.clear()
        return {}

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Keep rows."""
        self._batches.append(batch.to_arrow())

    def commit(self, checkpoint: Checkpoint) -> None:
        """Do nothing."""

    def finish(self) -> Written:
        """Return the size in memory."""
        return Written(target="Arrow table", size=sum(batch.nbytes for batch in self._batches))


def to_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a Polars data frame.

    Raises:
        MissingExtraError: Polars is not installed.
    """
    try:
        import polars as pl  # noqa: PLC0415  imported where it is used
    except ImportError as error:
        raise MissingExtraError(
            "to_polars() needs Polars: install it with pip install polars"
        ) from error
    return pl.DataFrame(table)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a table as a pandas data frame; integers stay integers where some are missing.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415  imported where it is used
    except ImportError as error:
        raise MissingExtraError(
            "to_pandas() needs pandas: install it with pip install pandas"
        ) from error
    import pyarrow as pa  # noqa: PLC0415  imported where it is used

    types: dict[Any, Any] = {
        pa.bool_(): pd.BooleanDtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
    }
    frame: pd.DataFrame = table.to_pandas(types_mapper=types.get)
    return frame


def _stopped() -> AconnectError:
    return AconnectError("the consumer of the Arrow stream has stopped reading")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

"""A collection: a dataset of one server with its options, to iterate over or to write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from aconnect._client.lazy import cancel_all, check_loop
from aconnect.collect.batch import Batch
from aconnect.collect.collector import Choose, Collector, Job, server_time
from aconnect.collect.dataset import Dataset
from aconnect.collect.handover import Handover
from aconnect.collect.options import Options
from aconnect.collect.progress import RunReport
from aconnect.collect.sink import Sink, is_transient
from aconnect.connect import Client
from aconnect.errors import (
    AconnectError,
    CertificateError,
    InvalidArgumentError,
    ProxyRefusedError,
    RateLimitedError,
    RedirectRefusedError,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

R = TypeVar("R")

logger: logging.Logger = logging.getLogger("aconnect")


class Collection(Generic[R]):
    """Rows of a dataset, fetched in parallel: iterate over batches, or write them somewhere.

    Nothing is requested before that, and each iteration starts again. Rows come in any order unless
    `ordered=True` is passed.
    """

    def __init__(
        self,
        client: Client,
        dataset: Dataset,
        options: Options,
        choose: Choose,
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        self._job = Job(
            client=client, dataset=dataset, options=options, choose=choose, filters=filters or {}
        )

    def __repr__(self) -> str:
        return f"<Collection of {self._job.dataset.name} from {self._job.client.api_root}>"

    def __aiter__(self) -> AsyncIterator[Batch[R]]:
        return handed_over(Handover(), self.into, self._job.dataset.name)

    @property
    def dataset(self) -> Dataset:
        """What is collected."""
        return self._job.dataset

    @property
    def job(self) -> Job:
        """All that is known of what is collected, for engines that have it read elsewhere."""
        return self._job

    async def into(self, sink: Sink) -> RunReport:
        """Write the rows to any sink.

        Raises:
            ResumeError: The output has rows of another source, or cannot be continued.
            FileError: The output cannot be written any more.
            AconnectError: As the operations of the dataset, after their retries.
        """
        if is_transient(sink) and self._job.options.since_last:
            raise InvalidArgumentError(
                "since_last=True needs an output that remembers the last run; use follow() for "
                "what is new while the program runs"
            )
        return await Collector(self._job, sink, is_tracked=not is_transient(sink)).run()

    async def to_jsonl(self, path: str | Path) -> RunReport:
        """Write JSON lines, rows as received; compressed if the name ends in `.gz` or `.zst`.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.lines import JsonLines  # noqa: PLC0415

        return await self.into(JsonLines(path))

    async def to_csv(self, path: str | Path, *, columns: Sequence[str] | None = None) -> RunReport:
        """Write CSV; compressed if the name ends in `.gz` or `.zst`.

        Args:
            path: The file.
            columns: The fields to write, those of nested data as `data.path`; by default all.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.csv import Csv  # noqa: PLC0415

        return await self.into(Csv(path, columns))

    async def to_parquet(self, folder: str | Path, *, state: str | Path | None = None) -> RunReport:
        """Write Parquet, one file per date; the folder may be in an object store.

        Args:
            folder: A folder, or an address such as `s3://bucket/usage`.
            state: For an address: the local folder of what must be known to continue. Later runs
                need it; `~/.local/state/aconnect` by default.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.parquet import Parquet  # noqa: PLC0415

        return await self.into(Parquet(folder, state=None if state is None else Path(state)))

    async def to_duckdb(self, path: str | Path, *, table: str | None = None) -> RunReport:
        """Write into a table of a DuckDB database; its name is that of the dataset by default.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.duckdb import DuckDB  # noqa: PLC0415

        return await self.into(DuckDB(path, table))

    async def to_postgres(
        self, uri: str, *, table: str | None = None, schema: str | None = None
    ) -> RunReport:
        """Write into a table of a PostgreSQL database; its name is that of the dataset by default.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.postgres import Postgres  # noqa: PLC0415

        return await self.into(Postgres(uri, table, schema))

    async def to_arrow(self) -> pa.Table:
        """Return all rows as an Arrow table in memory.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.arrow import ArrowTable  # noqa: PLC0415

        sink = ArrowTable(self._job.dataset)
        await self.into(sink)
        return sink.table

    async def to_polars(self) -> pl.DataFrame:
        """Return all rows as a Polars data frame.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.arrow import to_polars  # noqa: PLC0415

        return to_polars(await self.to_arrow())

    async def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a pandas data frame.

        Raises:
            AconnectError: As `into`.
        """
        from aconnect.collect.sinks.arrow import to_pandas  # noqa: PLC0415

        return to_pandas(await self.to_arrow())

    def follow(self, every: timedelta | float = 60.0) -> Following[R]:
        """Collect what is new again and again, every so many seconds; it goes on for ever.

        Raises:
            InvalidArgumentError: It is a window, or a snapshot, which has no new events.
        """
        name = self._job.dataset.name
        if self._job.dataset.is_snapshot:
            raise InvalidArgumentError(f"{name} is what the server has now: follow events instead")
        if self._job.options.to is not None:
            raise InvalidArgumentError(f"{name} is followed for ever: leave to= out")
        seconds = every.total_seconds() if isinstance(every, timedelta) else float(every)
        if not seconds > 0:
            raise InvalidArgumentError(f"every={every} must be above 0 s")
        return Following(_with_options(self._job, since_last=True), seconds)


class Following(Generic[R]):
    """Events as they happen: iterate over batches, or write them somewhere, for ever.

    Written to a file or a table, each event is there exactly once, also if the program is killed
    and started again. Batches are the program's own: it gets each event once while it runs, from
    the time on at which it starts unless `from_` was passed.

    A server that cannot be reached, or fails, is asked again at the next interval.
    """

    def __init__(self, job: Job, every: float) -> None:
        self._job = job
        self._every = every

    def __aiter__(self) -> AsyncIterator[Batch[R]]:
        return handed_over(Handover(), self.into, self._job.dataset.name)

    async def into(
        self,
        sink: Sink,
        *,
        on_report: Callable[[RunReport], None] | None = None,
        on_failure: Callable[[AconnectError], None] | None = None,
    ) -> None:
        """Write what is new to a sink until it is cancelled.

        Args:
            sink: The sink; it is opened and closed in each interval.
            on_report: Called after each run.
            on_failure: Called with what made a run fail that is tried again at the next interval;
                by default it is logged.

        Raises:
            AconnectError: As `Collection.into`, but not for a server that is out of order.
        """
        clock, job = self._job.client.clock, self._job
        while True:
            began = clock.monotonic()
            try:
                job = await _started(job, sink)
                report = await Collector(job, sink).run()
            except _LASTING:
                raise
            except _PASSING as error:
                (on_failure or _log)(error)
            else:
                if on_report is not None:
                    on_report(report)
                job = _with_options(job, restart=False)
            await clock.sleep(max(0.0, began + self._every - clock.monotonic()))


_STREAM: Final = "the stream of batches"
_PASSING: Final = (TransportError, ServerError, RateLimitedError)
"""What a server that is out of order is the reason for."""
_LASTING: Final = (CertificateError, ProxyRefusedError, RedirectRefusedError)
"""What somebody has to change something for."""


async def _started(job: Job, sink: Sink) -> Job:
    """Return a job that begins now, where nothing else says when."""
    if job.options.from_ is not None or not is_transient(sink):
        return job
    return _with_options(job, from_=await server_time(job.client) or datetime.now(UTC))


def _with_options(job: Job, **options: Any) -> Job:
    return msgspec.structs.replace(job, options=msgspec.structs.replace(job.options, **options))


def _log(error: AconnectError) -> None:
    logger.warning("%s; trying again at the next interval", error)


async def handed_over(
    sink: Handover, work: Callable[[Handover], Awaitable[object]], name: str
) -> AsyncGenerator[Batch[Any], None]:
    """Yield what a collection writes while it runs in a task of its own."""

    async def collect() -> None:
        try:
            await work(sink)
        except asyncio.CancelledError:
            sink.end(asyncio.CancelledError("the collection was cancelled"))
            raise
        except BaseException as error:  # noqa: BLE001  raised where the batches are read
            sink.end(error)
        else:
            sink.end()

    task = asyncio.create_task(collect(), name=f"aconnect collect {name}")
    try:
        while (batch := await sink.next()) is not None:
            yield batch
            check_loop(task.get_loop(), _STREAM)
    finally:
        sink.abandon()
        await cancel_all({task})

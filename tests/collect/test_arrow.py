"""An Arrow stream hands rows to a consumer while they are collected; a table keeps them all."""

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import Raw

from aconnect import errors
from aconnect.collect.batch import Batch
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.sink import Checkpoint, Run, Source
from aconnect.collect.sinks.arrow import ArrowStream, ArrowTable, to_pandas, to_polars

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")

RUN = Run(source=Source(server="https://connect.test", dataset="visits"), dataset=VISITS)
CHECKPOINT = Checkpoint(entries={"unit/1": "{}"})
ROWS = 40
"""More batches than wait for a consumer."""


def batch(number=0):
    rows = [b'{"id":%d,"data_version":3,"time":"2025-03-02T10:00:00Z"}' % number, b"{}"]
    return Batch(VISITS, [Raw(row) for row in rows])


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """The thread of the other side."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def write_all(stream, count=ROWS):
    assert stream.open(RUN) == {}
    for number in range(count):
        stream.write(1, batch(number))
        stream.commit(CHECKPOINT)
    return stream.finish()


def from_polars(stream):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(stream)["id"].drop_nulls().to_list()


def from_duckdb(stream):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.register("visits", stream)
        return [row[0] for row in connection.execute("SELECT id FROM visits").fetchall() if row[0]]


def from_pandas(stream):
    pandas = pytest.importorskip("pandas", minversion="3")
    return list(pandas.DataFrame.from_arrow(stream)["id"].dropna())


def from_pyarrow(stream):
    return [value for value in pa.table(stream).column("id").to_pylist() if value]


def from_reader(stream):
    with stream.reader() as reader:
        return [value for value in reader.read_all().column("id").to_pylist() if value]


@pytest.mark.parametrize(
    "consume", [from_reader, from_pyarrow, from_polars, from_pandas, from_duckdb]
)
def test_stream(thread, consume):
    """Consumers of Arrow streams get all rows in the order in which they were written."""
    stream = ArrowStream(VISITS)
    writing = thread.submit(write_all, stream)
    assert consume(stream) == [str(number) for number in range(ROWS)]
    assert writing.result().target == "Arrow stream"


def test_no_rows(thread):
    """A collection without rows is a stream without batches, whose schema is known."""
    stream = ArrowStream(VISITS)
    thread.submit(write_all, stream, 0)
    table = stream.reader().read_all()
    assert table.num_rows == 0
    assert table.schema == stream.schema


def test_writes_wait(thread):
    """At most 16 batches are in memory: writes wait for the consumer."""

    class Watched(threading.Condition):
        def wait(self, timeout=None):
            waits_or_done.set()
            return super().wait(timeout)

    waits_or_done = threading.Event()
    stream = ArrowStream(VISITS)
    stream._changed = Watched()
    writing = thread.submit(write_all, stream)
    writing.add_done_callback(lambda _: waits_or_done.set())
    waits_or_done.wait()
    assert len(stream._waiting) == 16
    assert len(from_reader(stream)) == ROWS
    writing.result()


def test_failed_collection():
    """If the collection fails, the next pull raises its error."""
    stream = ArrowStream(VISITS)
    stream.open(RUN)
    stream.write(1, batch())
    reader = stream.reader()
    reader.read_next_batch()
    stream.write(1, batch())
    stream.fail(errors.ConnectionLostError("the connection broke"))
    stream.close()
    with pytest.raises(errors.ConnectionLostError, match="broke"):
        reader.read_next_batch()


def test_failure_while_waiting(thread):
    """A consumer that waits for a batch is woken up by the failure."""
    stream = ArrowStream(VISITS)
    reading = thread.submit(lambda: stream.reader().read_all())
    stream.close()
    with pytest.raises(errors.AconnectError, match="interrupted"):
        reading.result()


@pytest.mark.parametrize("consume", [from_pyarrow, from_polars])
def test_failure_in_other_libraries(consume):
    """Another library raises an error of its own, which quotes that of the collection."""
    stream = ArrowStream(VISITS)
    stream.fail(errors.ConnectionLostError("the connection broke"))
    with pytest.raises(Exception, match="the connection broke"):
        consume(stream)


def test_complete_stream_cannot_fail():
    """What happens after the last row does not concern the consumer."""
    stream = ArrowStream(VISITS)
    write_all(stream, 2)
    stream.close()
    assert from_reader(stream) == ["0", "1"]


@pytest.mark.parametrize("pulls", [0, 1])
def test_consumer_that_stops(thread, pulls):
    """When the consumer lets go of the stream, writes that wait and later ones end."""
    stream = ArrowStream(VISITS)
    writing = thread.submit(write_all, stream)
    reader = stream.reader()
    for _ in range(pulls):
        reader.read_next_batch()
    del reader
    gc.collect()
    with pytest.raises(errors.AconnectError, match="stopped reading"):
        writing.result()
    with pytest.raises(errors.AconnectError, match="stopped reading"):
        stream.open(RUN)


def test_written_once():
    """After a failed write it cannot be opened again: batches cannot be taken back."""
    stream = ArrowStream(VISITS)
    stream.open(RUN)
    with pytest.raises(errors.AconnectError, match="collect with a new one"):
        stream.open(RUN)


def test_consumed_once():
    """A second consumer is refused."""
    stream = ArrowStream(VISITS)
    write_all(stream, 1)
    stream.reader().read_all()
    with pytest.raises(errors.AconnectError, match="once"):
        stream.reader()


@pytest.mark.parametrize("consume", [from_reader, from_pyarrow])
async def test_thread_of_the_loop(consume):
    """In the thread of the event loop that collects, a consumer raises instead of waiting."""
    stream = ArrowStream(VISITS)
    with pytest.raises(errors.EventLoopError, match="to_thread"):
        consume(stream)


async def test_pull_in_the_thread_of_the_loop():
    """A reader from another thread does not help: each pull is checked."""
    stream = ArrowStream(VISITS)
    reader = await asyncio.to_thread(stream.reader)
    with pytest.raises(errors.EventLoopError, match="to_thread"):
        reader.read_next_batch()


async def test_made_before_the_loop():
    """A stream that was made without an event loop may belong to any, so it raises too."""
    stream = await asyncio.to_thread(ArrowStream, VISITS)
    with pytest.raises(errors.EventLoopError, match="to_thread"):
        stream.reader()


async def test_another_loop(thread):
    """A stream of an event loop in another thread may be consumed in that of this one."""

    async def collect():
        stream = ArrowStream(VISITS)
        made.append(stream)
        ready.set()
        await asyncio.to_thread(write_all, stream)

    made: list[ArrowStream] = []
    ready = threading.Event()
    collecting = thread.submit(asyncio.run, collect())
    ready.wait()
    assert len(from_reader(made[0])) == ROWS
    collecting.result()


async def test_collecting_in_a_loop():
    """A consumer in a worker thread reads while coroutines write."""
    stream = ArrowStream(VISITS)
    ids, _ = await asyncio.gather(
        asyncio.to_thread(from_reader, stream), asyncio.to_thread(write_all, stream)
    )
    assert ids == [str(number) for number in range(ROWS)]


def table_of(count=2):
    sink = ArrowTable(VISITS)
    sink.open(RUN)
    for number in range(count):
        sink.write(1, batch(number))
        sink.commit(CHECKPOINT)
    written = sink.finish()
    assert written.size == sink.table.nbytes
    return sink


def test_table():
    """A table has all rows; when it is opened again, none."""
    sink = table_of()
    assert sink.table.column("id").to_pylist() == ["0", None, "1", None]
    assert sink.open(RUN) == {}
    assert sink.table.num_rows == 0
    assert sink.table.schema == ArrowStream(VISITS).schema


@pytest.mark.parametrize("count", [0, 2])
def test_to_polars(count):
    """A Polars data frame has the same values, and times in UTC."""
    polars = pytest.importorskip("polars")
    frame = to_polars(table_of(count).table)
    assert frame.schema["time"] == polars.Datetime("us", "UTC")
    assert frame["data_version"].to_list() == [3, None] * count


@pytest.mark.parametrize("count", [0, 2])
def test_to_pandas(count):
    """In a pandas data frame integers are integers although some are missing."""
    pytest.importorskip("pandas")
    frame = to_pandas(table_of(count).table)
    assert str(frame["time"].dtype) == "datetime64[us, UTC]"
    assert str(frame["data_version"].dtype) == "Int32"
    assert frame["id"].dropna().tolist() == [str(number) for number in range(count)]


@pytest.mark.parametrize(("convert", "name"), [(to_polars, "polars"), (to_pandas, "pandas")])
def test_missing_library(monkeypatch, convert, name):
    """Without the library, the error says what to install."""
    table = table_of().table
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(errors.MissingExtraError, match=f"pip install {name}"):
        convert(table)

"""Rows out are rows in, exactly once, whatever the events, the sizes and the moments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from aconnect.collect import Checkpoint, Entries, Progress, Run, writing
from aconnect.errors import AconnectError, FileError
from tests.collect.memory import NOW, CrashError, Event, MemorySink, Server, numbers

SECOND = 1_000_000_000
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND
END = int(NOW.timestamp()) * SECOND


def text_of(nanoseconds: int, digits: int, zone: str) -> str:
    """Write a time with some digits of fraction, cut off, in a zone."""
    whole, rest = divmod(nanoseconds, SECOND)
    shift = timedelta(hours=int(zone)) if zone != "Z" else timedelta(0)
    moment = datetime.fromtimestamp(whole, UTC) + shift
    fraction = f".{rest:09}"[: digits + 1] if digits else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{'Z' if zone == 'Z' else f'{int(zone):+03}:00'}"


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Return events: uniform, in bursts, at one time, with long gaps, in any order of insertion."""
    times: list[int] = []
    for _ in range(draw(st.integers(0, 5))):
        first = draw(st.integers(START, END - 1))
        count = draw(st.integers(1, 30))
        step = draw(st.sampled_from([0, 1, 999, 1000, 10**6, SECOND, 3600 * SECOND, 10**14]))
        times += [first + step * i for i in range(count)]
    # On the edges of seconds and days, where windows are cut.
    times += draw(
        st.lists(st.integers(0, 58).map(lambda day: START + day * 86400 * SECOND), max_size=8)
    )
    digits = draw(st.sampled_from([0, 3, 6, 9, 9, 9]))
    zone = draw(st.sampled_from(["Z", "Z", "+2", "-7"]))
    grain = 10 ** (9 - digits)
    times = [time // grain * grain for time in times if START <= time < END]
    draw(st.randoms(use_true_random=False)).shuffle(times)
    return [Event(time, text_of(time, digits, zone), i) for i, time in enumerate(times)]


def within(all_events: list[Event], lo: datetime | None, hi: datetime) -> list[int]:
    """Return the numbers of the events in a half-open window, by cut-off microseconds."""
    first = -1 if lo is None else int(lo.timestamp() * 1e6)
    last = int(hi.timestamp()) * 1_000_000
    return sorted(e.number for e in all_events if first <= e.nanoseconds // 1000 < last)


windows = st.one_of(
    st.just((None, None)),
    st.tuples(
        st.integers(0, 40).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)),
        st.one_of(
            st.none(),
            st.integers(41, 58).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)),
        ),
    ),
)
kinds = st.sampled_from(["windows", "search", "both ends"])


def with_ids(found: list[Event]) -> list[Event]:
    for event in found:
        event.id = str(event.number)
    return found


@settings(max_examples=300)
@given(
    events(), kinds, windows, st.integers(1, 12), st.integers(1, 9), st.booleans(), st.integers()
)
async def test_each_event_comes_once(
    found: list[Event],
    kind: str,
    window: tuple[datetime | None, datetime | None],
    in_flight: int,
    page_size: int,
    ordered: bool,
    seed: int,
) -> None:
    """Each event of a window is written once, in order if that is wanted."""
    if kind == "both ends":
        found = with_ids(found)
    server = Server(found, page_size, Random(seed), counts=kind == "search")
    sink, (from_, to) = MemorySink(), window
    report = await server.collect(
        sink, kind, from_=from_, to=to, in_flight=in_flight, ordered=ordered
    )
    expected = within(found, from_, NOW if to is None else to)
    assert numbers(sink.rows) == expected
    assert report.rows == len(expected)
    assert set(sink.entries) <= {"run", "windows"} | {k for k in sink.entries if "recent/" in k}
    if ordered:
        times = [datetime.fromisoformat(json.loads(row)["time"]) for row in sink.rows]
        assert times == sorted(times)


@settings(max_examples=200)
@given(
    found=events(),
    kind=kinds,
    in_flight=st.integers(1, 9),
    ordered=st.booleans(),
    seed=st.integers(),
    crashes=st.lists(st.integers(1, 40), max_size=12),
    lost_before=st.sets(st.integers(1, 30), max_size=3),
    lost_after=st.sets(st.integers(1, 30), max_size=3),
)
async def test_interrupted_at_any_moment(
    found: list[Event],
    kind: str,
    in_flight: int,
    ordered: bool,
    seed: int,
    crashes: list[int],
    lost_before: set[int],
    lost_after: set[int],
) -> None:
    """After crashes at any page, failed requests and lost commits, each event is there once."""
    server = Server(with_ids(found), 3, Random(seed), counts=kind == "search", failures=0.05)
    sink = MemorySink()
    sink.lost_before, sink.lost_after = lost_before, lost_after
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "COMMIT_SECONDS", 0.0)
        for pages in crashes:
            with contextlib.suppress(CrashError, AconnectError):
                await server.collect(
                    sink, kind, in_flight=in_flight, ordered=ordered,
                    on_progress=_crash_after(pages),
                )  # fmt: skip
        server.failures, sink.lost_before, sink.lost_after = 0.0, set(), set()
        await server.collect(sink, kind, in_flight=in_flight, ordered=ordered)
    assert numbers(sink.rows) == within(found, None, NOW)


def _crash_after(pages: int) -> Callable[[Progress], None]:
    seen = 0

    def on_progress(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen >= pages:
            raise CrashError

    return on_progress


@settings(max_examples=150)
@given(
    found=events(),
    late=events(),
    seed=st.integers(),
    has_ids=st.booleans(),
    gains_ids=st.booleans(),
    cut=st.integers(1, 58),
)
async def test_since_last_with_late_and_equal_events(
    found: list[Event],
    late: list[Event],
    seed: int,
    has_ids: bool,
    gains_ids: bool,
    cut: int,
) -> None:
    """Late events are added once, and equal events stay as many, also if a server gains ids."""
    if has_ids:
        found = with_ids(found)
    middle = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=cut)
    edge = int(middle.timestamp()) * SECOND
    server = Server([e for e in found if e.nanoseconds < edge], 3, Random(seed), now=middle)
    sink, overlap = MemorySink(), timedelta(hours=30)
    await server.collect(sink, since_last=True, overlap=overlap)
    for event in late:
        event.number += len(found)
    in_time = int((middle - overlap).timestamp()) * SECOND
    late = [event for event in late if event.nanoseconds >= in_time]
    server.events = [*found, *late]
    if has_ids or gains_ids:
        with_ids(server.events)
    server.now = NOW
    await server.collect(sink, since_last=True, overlap=overlap)
    # Without ids, which of two equal events is the late one cannot be known: count by time.
    written = sorted(json.loads(row)["time"] for row in sink.rows)
    assert written == sorted(event.text for event in server.events)
    before = len(sink.rows)
    await server.collect(sink, since_last=True, overlap=overlap)
    assert len(sink.rows) == before


async def test_cancelled_run_keeps_what_it_has() -> None:
    """A run that is cancelled commits what was written, and the next one continues from there."""
    found = [Event(START + i * SECOND, text_of(START + i * SECOND, 0, "Z"), i) for i in range(900)]
    server, sink = Server(found, 3, Random(1)), MemorySink()
    task: asyncio.Task[Any] = asyncio.create_task(server.collect(sink, in_flight=4))
    await server.reached(100)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = len(sink.rows)
    assert kept > 0
    report = await server.collect(sink, in_flight=4)
    assert report.resumed == kept
    assert numbers(sink.rows) == list(range(900))


async def test_events_of_one_time_are_said() -> None:
    """Events of one time cannot be divided, which the report says."""
    found = [Event(START, text_of(START, 6, "Z"), i) for i in range(50)]
    server, sink = Server(found, 5, Random(1)), MemorySink()
    report = await server.collect(sink, page_size=5)
    assert numbers(sink.rows) == list(range(50))
    assert "cannot be divided" in " ".join(report.notes)
    quiet = [Event(START + i, text_of(START + i, 9, "Z"), i) for i in range(0, 50_000_000, 10**6)]
    report = await Server(quiet, 5, Random(1)).collect(MemorySink(), page_size=5)
    assert "cannot be divided" not in " ".join(report.notes)


async def test_cancelled_while_the_sink_is_opened() -> None:
    """A sink is closed when it has opened, not while it opens in its thread."""
    calls: list[str] = []
    may_open = threading.Event()

    class Slow(MemorySink):
        def open(self, run: Run) -> Entries:
            calls.append("open")
            may_open.wait(10)
            calls.append("opened")
            return super().open(run)

        def close(self) -> None:
            calls.append("close")

    server = Server([], 3, Random(1))
    task: asyncio.Task[Any] = asyncio.create_task(server.collect(Slow()))
    while not calls:  # noqa: ASYNC110  the sink is in a thread
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    may_open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == ["open", "opened", "close"]


@pytest.mark.parametrize("kind", ["windows", "search", "both ends"])
async def test_events_between_two_microseconds(kind: str) -> None:
    """An event in the last nanoseconds before the edge of a window is not lost."""
    day = 86400 * SECOND
    edges = [START + day * i // 8 for i in range(1, 60 * 8)]
    times = [edge + nanoseconds for edge in edges for nanoseconds in (-1, 0, 1)]
    found = with_ids([Event(t, text_of(t, 9, "Z"), i) for i, t in enumerate(times)])
    server, sink = Server(found, 3, Random(2), counts=kind == "search"), MemorySink()
    await server.collect(sink, kind, in_flight=8, page_size=3)
    assert numbers(sink.rows) == within(found, None, NOW)


async def test_events_at_edges_of_windows_that_are_counted() -> None:
    """A window is left out only if it was counted itself, and has nothing up to its very end."""
    # Sixteen windows of a day: one event each, in the last microsecond, and more in the first.
    times = [START + 86400 * SECOND * i - 500 for i in range(1, 17)]
    times += [START + SECOND * i for i in range(1, 21)]
    found = with_ids([Event(t, text_of(t, 9, "Z"), i) for i, t in enumerate(times)])
    server, sink = Server(found, 3, Random(3), counts=True), MemorySink()
    await server.collect(
        sink,
        "search",
        from_=datetime(2026, 1, 1, tzinfo=UTC),
        to=datetime(2026, 1, 17, tzinfo=UTC),
        in_flight=16,
    )
    assert numbers(sink.rows) == list(range(36))


def at(hours: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)


def every_minute(hours: int) -> list[Event]:
    times = [START + 60 * SECOND * i for i in range(60 * hours)]
    return [Event(time, text_of(time, 0, "Z"), i) for i, time in enumerate(times)]


async def test_window_and_since_last_in_turn() -> None:
    """Whatever a run continues, what another one has added is not added again."""
    server, sink = Server(every_minute(12), 50, Random(1)), MemorySink()
    for hours, since_last in ((6, False), (9, True), (10, True), (12, False)):
        server.now = at(hours)
        await server.collect(sink, since_last=since_last)
        assert numbers(sink.rows) == list(range(hours * 60))


async def test_overlap_beyond_what_is_known() -> None:
    """Of a window that was complete, nothing is known, so nothing before its end is read again."""
    server, sink = Server(every_minute(8), 50, Random(1)), MemorySink()
    server.now = at(7)
    await server.collect(sink, to=at(6))
    for hours in (6.25, 6.5, 7, 8):
        server.now = at(hours)
        await server.collect(sink, since_last=True)
        assert numbers(sink.rows) == list(range(int(hours * 60)))


async def test_disk_that_stays_full() -> None:
    """A sink that cannot commit rows ends the run, although it can commit the plan."""

    class Full(MemorySink):
        def commit(self, checkpoint: Checkpoint) -> None:
            if self._written:
                raise OSError("no space left")
            super().commit(checkpoint)

    server = Server(every_minute(2), 5, Random(1))
    with pytest.raises(FileError, match="no space left"):
        await server.collect(Full())

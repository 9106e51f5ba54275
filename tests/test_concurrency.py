"""Bounded concurrency: results in order, bounds that hold, and failures that leave nothing behind.

Everything runs on a real event loop, and nothing really waits: calls yield to the loop a number of
times, or wait for events that the test sets. Cancellation at every suspension is tested in
test_cancellation.py.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aconnect import Client, errors
from aconnect.concurrency import LazySequence, Outcome, amap, results, run
from aconnect.connect import ContentItem, Task
from aconnect.testing import BuildScript, FakeConnect, VirtualClock

WINDOW = 4
"""How many items per call in flight may be started before the oldest result is taken."""

DELAYS = st.lists(st.integers(0, 12), max_size=24)
"""How often each call yields to the event loop before it ends."""
LIMITS = st.integers(1, 8)


class BrokenError(Exception):
    """The failure of an item."""


async def spin(times: int) -> None:
    """Yield to the event loop a number of times."""
    for _ in range(times):
        await asyncio.sleep(0)


async def several(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield the items asynchronously."""
    for item in items:
        await asyncio.sleep(0)
        yield item


def closing(lazy: LazySequence[Any]) -> aclosing[Any]:
    """Stream the results, and close the stream at the end of the block."""
    stream: Any = aiter(lazy)
    return aclosing(stream)


def tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks other than the running one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


class Calls:
    """A function for `amap` that records its calls; some of them fail."""

    def __init__(self, failing: Iterable[int] = ()) -> None:
        self.failing = frozenset(failing)
        self.started: list[int] = []
        self.active: set[int] = set()
        self.most = 0
        """How many calls were in flight at once."""
        self.cancelled: list[int] = []
        self.failures: list[BrokenError] = []

    async def work(self, item: int) -> None:
        """Take some time."""
        raise NotImplementedError

    async def __call__(self, item: int) -> int:
        self.started.append(item)
        self.active.add(item)
        self.most = max(self.most, len(self.active))
        try:
            await self.work(item)
        except asyncio.CancelledError:
            # Cleaning up takes a while, and must be awaited.
            await spin(3)
            self.cancelled.append(item)
            raise
        finally:
            self.active.discard(item)
        if item in self.failing:
            self.failures.append(BrokenError(item))
            raise self.failures[-1]
        return item * 10


class Delayed(Calls):
    """Calls that yield to the event loop a number of times each."""

    def __init__(self, delays: list[int], failing: Iterable[int] = ()) -> None:
        super().__init__(failing)
        self.delays = delays or [0]

    async def work(self, item: int) -> None:
        await spin(self.delays[item % len(self.delays)])


class Gated(Calls):
    """Calls that wait until the test opens their gates."""

    def __init__(self, *opened: int, failing: Iterable[int] = ()) -> None:
        super().__init__(failing)
        self.gates: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.open(*opened)

    def open(self, *items: int) -> None:
        """Let the calls for these items end."""
        for item in items:
            self.gates[item].set()

    async def work(self, item: int) -> None:
        await self.gates[item].wait()


@pytest.fixture(autouse=True)
async def nothing_leaks() -> AsyncIterator[None]:
    """Fail if a test leaves a task behind, or an error that only the event loop saw."""
    unhandled: list[dict[str, Any]] = []
    before = tasks()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    yield
    gc.collect()
    await spin(10)
    assert tasks() <= before
    assert unhandled == []


@given(delays=DELAYS, limit=LIMITS)
async def test_ordered_results_are_a_list_comprehension(delays: list[int], limit: int) -> None:
    """Whatever the delays, the results are those of a loop, in the order of the items."""
    items = range(len(delays))
    expected = [item * 10 for item in items]
    assert await amap(Delayed(delays), items, limit=limit) == expected
    assert [one async for one in amap(Delayed(delays), several(items), limit=limit)] == expected


@given(delays=DELAYS, limit=LIMITS)
async def test_unordered_results_are_a_permutation(delays: list[int], limit: int) -> None:
    """Results as completed are the same results, each of them once."""
    items = range(len(delays))
    found = await amap(Delayed(delays), items, limit=limit, ordered=False)
    assert sorted(found) == [item * 10 for item in items]


async def test_unordered_results_come_as_completed() -> None:
    """With `ordered=False`, a slow item does not hold back the others."""
    calls = Gated(2, 0)
    async with closing(amap(calls, range(3), limit=3, ordered=False)) as stream:
        assert {await anext(stream), await anext(stream)} == {0, 20}
        calls.open(1)
        assert [one async for one in stream] == [10]


async def test_ordered_results_stream_as_soon_as_possible() -> None:
    """An ordered result is there when the items before it are done, not when all are."""
    calls = Gated(0, 2)
    async with closing(amap(calls, range(4), limit=4)) as stream:
        assert await anext(stream) == 0
        calls.open(1)
        assert [await anext(stream), await anext(stream)] == [10, 20]
        calls.open(3)
        assert [one async for one in stream] == [30]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("make", [list, tuple, iter, several], ids=lambda make: make.__name__)
async def test_items_of_any_iterable(make: Callable[[range], Any], ordered: bool) -> None:
    """Lists, iterators and asynchronous iterators are accepted, and empty ones as well."""
    assert sorted(await amap(Delayed([1, 0]), make(range(9)), ordered=ordered)) == [
        item * 10 for item in range(9)
    ]
    assert await amap(Delayed([0]), make(range(0)), ordered=ordered) == []


async def test_every_iteration_restarts() -> None:
    """Awaiting twice calls the function twice for each item, and creating it calls nothing."""
    calls = Delayed([0])
    lazy = amap(calls, [1, 2])
    await spin(5)
    assert calls.started == []
    assert await lazy == await lazy == [10, 20]
    assert calls.started == [1, 2, 1, 2]
    assert await lazy.total() == 2


async def test_any_awaitable_is_accepted() -> None:
    """The function may return a future, and it may return None."""

    def resolved(_: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    assert await amap(resolved, range(3)) == [None, None, None]


@given(delays=DELAYS, limit=LIMITS, ordered=st.booleans())
async def test_never_more_than_the_limit(delays: list[int], limit: int, ordered: bool) -> None:
    """At most `limit` calls are in flight, and as many are if there are as many items."""
    calls = Delayed([1 + delay for delay in delays] or [1])
    await amap(calls, range(len(delays)), limit=limit, ordered=ordered)
    assert calls.most == min(limit, len(delays))


@given(limit=st.integers(2, 8))
async def test_the_window_bounds_what_waits_for_a_slow_item(limit: int) -> None:
    """While an item holds back ordered results, four items per call in flight start, no more."""
    calls = Gated(*range(1, 100))
    async with closing(amap(calls, range(100), limit=limit)) as stream:
        first = asyncio.ensure_future(anext(stream))
        await spin(300)
        assert calls.started == list(range(WINDOW * limit))
        assert calls.active == {0}
        calls.open(0)
        found = [await first, *[one async for one in stream]]
    assert found == [item * 10 for item in range(100)]


@given(delays=DELAYS, limit=LIMITS, ordered=st.booleans(), pauses=DELAYS)
async def test_a_slow_consumer_is_not_overtaken(
    delays: list[int], limit: int, ordered: bool, pauses: list[int]
) -> None:
    """The items that were taken exceed the results by the window at most."""
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for item in range(60):
            taken += 1
            yield item

    given_ = 0
    calls = Delayed(delays)
    async with closing(amap(calls, source(), limit=limit, ordered=ordered)) as stream:
        async for _ in stream:
            given_ += 1
            await spin(pauses[given_ % len(pauses)] if pauses else 0)
            assert taken - given_ <= WINDOW * limit
    assert given_ == taken == 60


async def test_endless_items() -> None:
    """Items are taken as they are needed, so they may be endless."""
    source = count()
    async with closing(amap(Delayed([2, 0, 1]), source, limit=3)) as stream:
        assert [await anext(stream) for _ in range(100)] == [item * 10 for item in range(100)]
    assert next(source) <= 100 + WINDOW * 3


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_is_refused(limit: int) -> None:
    """A limit that would call nothing is refused at once, and so it is by `results`."""
    with pytest.raises(errors.InvalidArgumentError, match=f"limit={limit}"):
        amap(Delayed([0]), [1], limit=limit)
    with pytest.raises(errors.InvalidArgumentError, match=f"limit={limit}"):
        results([Followed(0)], limit=limit)


@pytest.mark.parametrize("text", ["abc", b"abc"])
async def test_text_is_not_split_into_letters(text: Any) -> None:
    """A text instead of the items is refused at once, and so it is by `results`."""
    with pytest.raises(errors.InvalidArgumentError, match=r"items=.* must be a list"):
        amap(Delayed([0]), text)
    with pytest.raises(errors.InvalidArgumentError, match=r"tasks=.* must be a list"):
        results(text)


async def test_another_way_to_treat_errors_is_refused() -> None:
    """A misspelt `errors` is refused at once, with the two values that exist."""
    with pytest.raises(errors.InvalidArgumentError, match=r"'raise' or 'collect'.*'ignore'"):
        amap(Delayed([0]), [1], errors="ignore")  # type: ignore[call-overload]


@pytest.mark.parametrize("ordered", [True, False])
async def test_the_first_failure_is_raised(ordered: bool) -> None:
    """By default a failure is raised at once, though items before it are still in flight."""
    calls = Gated(2, failing=[2])
    with pytest.raises(BrokenError, match="2") as caught:
        await amap(calls, range(10), limit=4, ordered=ordered)
    assert caught.value is calls.failures[0]
    assert calls.active == set()
    assert {0, 1, 3} <= set(calls.cancelled)
    assert tasks() == set()


async def test_results_before_a_failure_are_streamed() -> None:
    """A stream yields what was done before the failure, and then raises it."""
    calls = Gated(0, 1, failing=[2])
    async with closing(amap(calls, range(10), limit=3)) as stream:
        assert [await anext(stream), await anext(stream)] == [0, 10]
        calls.open(2)
        with pytest.raises(BrokenError, match="2"):
            await anext(stream)
    assert calls.active == set()


@given(
    delays=DELAYS,
    failing=st.frozensets(st.integers(0, 23), min_size=1),
    limit=LIMITS,
    ordered=st.booleans(),
)
async def test_a_failure_leaves_nothing_behind(
    delays: list[int], failing: frozenset[int], limit: int, ordered: bool
) -> None:
    """The failure that happened first is raised, after all other calls have ended."""
    calls = Delayed(delays, failing)
    with pytest.raises(BrokenError) as caught:
        await amap(calls, range(24), limit=limit, ordered=ordered)
    assert caught.value is calls.failures[0]
    assert calls.active == set()
    assert tasks() == set()


async def test_failures_while_stopping_are_not_raised() -> None:
    """If cancelled calls fail in their turn, the first failure is still the one that is raised."""

    async def work(item: int) -> None:
        if item == 3:
            raise BrokenError(item)
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError(item)

    with pytest.raises(BrokenError, match="3"):
        await amap(work, range(5), limit=5)


async def test_calls_that_ignore_their_cancellation_are_awaited() -> None:
    """A call that finishes instead of stopping is waited for, and its result is dropped."""
    finished: list[int] = []

    async def work(item: int) -> int:
        if item == 1:
            raise BrokenError(item)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await spin(20)
        finished.append(item)
        return item

    with pytest.raises(BrokenError, match="1"):
        await amap(work, [0, 1], limit=2)
    assert finished == [0]


@given(delays=DELAYS, failing=st.frozensets(st.integers(0, 23)), limit=LIMITS)
async def test_collected_outcomes(delays: list[int], failing: frozenset[int], limit: int) -> None:
    """With `errors="collect"`, every item has one outcome, in order: a value or its error."""
    calls = Delayed(delays, failing)
    outcomes = await amap(calls, range(24), limit=limit, errors="collect")
    assert [outcome.item for outcome in outcomes] == list(range(24))
    for outcome in outcomes:
        assert outcome.ok is (outcome.item not in failing)
        assert outcome.value == (outcome.item * 10 if outcome.ok else None)
        assert (outcome.error is None) if outcome.ok else (outcome.error in calls.failures)


async def test_collected_outcomes_as_completed() -> None:
    """Collecting and `ordered=False` go together: a failed item does not wait for slow ones."""
    calls = Gated(1, failing=[1])
    async with closing(amap(calls, range(2), limit=2, ordered=False, errors="collect")) as stream:
        assert await anext(stream) == Outcome(1, error=calls.failures[0])
        calls.open(0)
        assert await anext(stream) == Outcome(0, value=0)


async def test_a_function_that_fails_before_it_awaits() -> None:
    """An error that is raised before there is anything to await belongs to the item as well."""
    raised = BrokenError("no")

    def refuse(_: int) -> asyncio.Future[int]:
        raise raised

    with pytest.raises(BrokenError, match="no"):
        await amap(refuse, [0])
    assert await amap(refuse, [0], errors="collect") == [Outcome(0, error=raised)]


@pytest.mark.parametrize("collect", [True, False])
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_items_that_fail(collect: bool, asynchronous: bool) -> None:
    """An error of the iterable is raised in both modes, and the calls in flight are stopped."""

    def source() -> Iterator[int]:
        yield 0
        yield 1
        raise BrokenError("source")

    calls = Gated()
    items = several(source()) if asynchronous else source()
    lazy: Any = amap(calls, items, errors="collect" if collect else "raise")
    with pytest.raises(BrokenError, match="source"):
        await lazy
    assert sorted(calls.cancelled) == [0, 1]
    assert tasks() == set()


@pytest.mark.parametrize("collect", [True, False])
async def test_a_call_that_is_cancelled_from_elsewhere(collect: bool) -> None:
    """A call whose own work was cancelled has failed; if errors are collected, no other is lost."""
    shared = asyncio.ensure_future(asyncio.Event().wait())
    started = asyncio.Event()

    async def work(item: int) -> int:
        if item == 3:
            started.set()
            await shared
        return item * 10

    async def cancel() -> None:
        await started.wait()
        shared.cancel()

    canceller = asyncio.ensure_future(cancel())
    if collect:
        outcomes = await amap(work, range(9), limit=4, errors="collect")
        assert [outcome.item for outcome in outcomes] == list(range(9))
        assert [outcome.value for outcome in outcomes if outcome.ok] == [
            item * 10 for item in range(9) if item != 3
        ]
        assert isinstance(outcomes[3].error, asyncio.CancelledError)
    else:
        with pytest.raises(asyncio.CancelledError, match="an item's call was cancelled"):
            await amap(work, range(9), limit=4)
    await canceller
    assert tasks() == set()


@pytest.mark.parametrize("collect", [True, False])
@pytest.mark.parametrize("turns", [0, 1, 3, 10])
@pytest.mark.parametrize("suppressed", [True, False])
async def test_a_worker_that_is_cancelled(collect: bool, turns: int, suppressed: bool) -> None:
    """If somebody cancels a worker, the stream ends with that instead of waiting for ever."""

    async def work(_: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not suppressed:
                raise

    lazy: Any = amap(work, count(), limit=2, errors="collect" if collect else "raise")
    consumer = asyncio.ensure_future(lazy.first())
    await spin(1 + turns)
    (worker,) = (task for task in tasks() if task.get_name() == "amap 1")
    worker.cancel()
    await asyncio.wait([consumer])
    assert consumer.cancelled()
    assert tasks() == set()


async def test_calls_that_fail_when_they_are_cancelled() -> None:
    """A worker whose call turns its cancellation into a failure starts no further call."""
    started: list[int] = []

    async def work(item: int) -> None:
        started.append(item)
        if item == 1:
            raise BrokenError(item)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError(item) from None

    with pytest.raises(BrokenError):
        await amap(work, count(), limit=2)
    assert 3 not in started
    assert tasks() == set()


async def test_a_closed_stream_stops_the_rest() -> None:
    """When `aclosing` ends, calls in flight were cancelled and awaited, and the items closed."""
    closed = False

    async def source() -> AsyncIterator[int]:
        nonlocal closed
        try:
            for item in count():
                yield item
        finally:
            await spin(3)
            closed = True

    calls = Gated(0)
    async with closing(amap(calls, source(), limit=4)) as stream:
        assert await anext(stream) == 0
        assert not closed
    assert closed
    assert calls.active == set()
    assert {1, 2, 3} <= set(calls.cancelled)
    assert tasks() == set()


async def test_an_abandoned_stream_stops_the_rest() -> None:
    """A stream that is left with `break` stops the rest when Python finalizes it."""
    calls = Gated(0)
    async for one in amap(calls, range(9), limit=4):
        assert one == 0
        break
    gc.collect()
    await spin(20)
    assert calls.active == set()
    assert tasks() == set()


async def test_the_first_result_stops_the_rest() -> None:
    """`first` returns one result and has ended all other calls by then."""
    calls = Gated(0)
    assert await amap(calls, count(), limit=3).first() == 0
    assert calls.active == set()
    assert tasks() == set()


@given(delays=DELAYS, limit=LIMITS, turns=st.integers(0, 40), ordered=st.booleans())
async def test_cancellation_from_outside(
    delays: list[int], limit: int, turns: int, ordered: bool
) -> None:
    """Whenever the caller is cancelled, it ends after all calls have, and none starts later."""
    calls = Delayed([delay + 1 for delay in delays] or [5])
    caller = asyncio.ensure_future(_all(calls, limit, ordered))
    await spin(turns)
    caller.cancel()
    await asyncio.wait([caller])
    started = len(calls.started)
    if caller.cancelled():
        assert calls.active == set()
    else:
        assert caller.result() == [item * 10 for item in range(12)]
    assert tasks() == set()
    await spin(20)
    assert len(calls.started) == started


async def test_a_second_cancellation_from_outside() -> None:
    """A caller that is cancelled twice still ends after all calls, with the items closed."""
    closed = False
    ending = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        nonlocal closed
        try:
            for item in count():
                yield item
        finally:
            closed = True

    async def call(_: int) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await ending.wait()

    async def consume() -> None:
        await amap(call, source(), limit=3)

    caller = asyncio.ensure_future(consume())
    await spin(10)
    for _ in range(2):
        caller.cancel()
        await spin(10)
        assert not caller.done()
    ending.set()
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert closed
    assert tasks() == set()


async def _all(calls: Calls, limit: int, ordered: bool) -> list[int]:
    return sorted(await amap(calls, range(12), limit=limit, ordered=ordered))


async def test_a_deadline_around_it() -> None:
    """`asyncio.timeout` ends it with TimeoutError, and every call with it."""
    calls = Gated()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await amap(calls, range(9), limit=4)
    assert calls.active == set()


async def test_calls_run_in_the_context_of_the_consumer() -> None:
    """Context variables that are set where the results are consumed are visible in the calls."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    async def read(_: int) -> str:
        return variable.get()

    lazy = amap(read, range(2))
    variable.set("consumer")
    assert await lazy == ["consumer", "consumer"]


@given(delays=DELAYS, limit=LIMITS, ordered=st.booleans())
async def test_progress_counts_what_is_done(delays: list[int], limit: int, ordered: bool) -> None:
    """`progress` is called once per item, with the number of items done and the total."""
    reports: list[tuple[int, int | None]] = []
    await amap(
        Delayed(delays),
        range(len(delays)),
        limit=limit,
        ordered=ordered,
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == [(done, len(delays)) for done in range(1, len(delays) + 1)]


@pytest.mark.parametrize("make", [iter, several], ids=lambda make: make.__name__)
async def test_progress_without_a_total(make: Callable[[range], Any]) -> None:
    """The total is None if the number of items is not known before the last one."""
    reports: list[tuple[int, int | None]] = []
    await amap(
        Delayed([0]), make(range(3)), progress=lambda done, total: reports.append((done, total))
    )
    assert reports == [(1, None), (2, None), (3, None)]


async def test_progress_reports_before_the_order_is_restored() -> None:
    """Items count as done when they are, though an earlier one still holds back their results."""
    calls = Gated(1, 2)
    reports: list[int] = []
    progress: Callable[[int, int | None], None] = lambda done, _: reports.append(done)  # noqa: E731
    async with closing(amap(calls, range(3), limit=3, progress=progress)) as stream:
        first = asyncio.ensure_future(anext(stream))
        await spin(20)
        assert reports == [1, 2]
        calls.open(0)
        await first
    assert reports == [1, 2, 3]


async def test_progress_counts_collected_failures() -> None:
    """A failed item is done as well; one whose error is raised is not reported."""
    reports: list[int] = []
    progress: Callable[[int, int | None], None] = lambda done, _: reports.append(done)  # noqa: E731
    calls = Delayed([0], failing=[1])
    await amap(calls, range(3), limit=1, errors="collect", progress=progress)
    assert reports == [1, 2, 3]
    reports.clear()
    with pytest.raises(BrokenError):
        await amap(calls, range(3), limit=1, progress=progress)
    assert reports == [1]


async def test_an_error_of_progress_is_raised() -> None:
    """A failing callback ends everything, as a failing item does."""

    def fail(done: int, _: int | None) -> None:
        raise ZeroDivisionError(done)

    calls = Gated(0)
    with pytest.raises(ZeroDivisionError):
        await amap(calls, range(9), limit=3, progress=fail)
    assert calls.active == set()
    assert tasks() == set()


class Followed:
    """A task with a result; it records the timeouts it was followed with."""

    def __init__(self, number: int, *, late: bool = False) -> None:
        self.id = str(number)
        self.scope: dict[str, str] = {}
        self.number = number
        self.late = late
        self.timeouts: list[float | None] = []

    async def result(self, timeout: float | None = None) -> int:
        self.timeouts.append(timeout)
        await spin(3)
        if self.late:
            raise errors.PollTimeoutError(f"task {self.number}")
        return self.number


@pytest.mark.parametrize("timeout", [None, 0.5, 600])
async def test_each_task_has_the_whole_timeout(timeout: float | None) -> None:
    """Every task is followed once, with the whole timeout, whatever the others take."""
    followed = [Followed(number) for number in range(70)]
    assert await results(followed, timeout=timeout, limit=2) == list(range(70))
    assert [one.timeouts for one in followed] == [[timeout]] * 70


async def test_results_are_ordered_and_repeatable() -> None:
    """Tasks from an iterator may be awaited twice, in order, and their number is known."""
    reports: list[tuple[int, int | None]] = []
    followed = (Followed(number) for number in range(3))
    lazy = results(followed, progress=lambda done, total: reports.append((done, total)))
    assert await lazy == await lazy == [0, 1, 2]
    assert reports == [(1, 3), (2, 3), (3, 3)] * 2


async def test_a_late_task_among_others() -> None:
    """A task that is late fails all by default, and is one outcome of many if collected."""
    followed = [Followed(0), Followed(1, late=True), Followed(2)]
    with pytest.raises(errors.PollTimeoutError, match="task 1"):
        await results(followed)
    outcomes = await results(followed, errors="collect", ordered=False)
    assert {outcome.item: outcome.ok for outcome in outcomes} == {
        followed[0]: True,
        followed[1]: False,
        followed[2]: True,
    }


async def test_tasks_of_a_server(
    server: FakeConnect, client: Client, clock: VirtualClock, archive: bytes
) -> None:
    """Of three builds, the one that hangs exceeds its timeout; the others have results."""
    started: list[Task[ContentItem]] = []
    for number in range(3):
        item = await client.content.create(name=f"item-{number}")
        server.state.build_script = BuildScript(hang=number == 1)
        started.append(await item.deploy(await item.bundles.create(archive)))
    outcomes = await results(started, timeout=100, errors="collect")
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, errors.PollTimeoutError)
    assert outcomes[1].error.token is not None
    assert clock.monotonic() >= 100
    guids = [outcome.item.scope["guid"] for outcome in outcomes]
    assert guids[::2] == [outcome.value.guid for outcome in outcomes if outcome.value is not None]
    late = outcomes[1]
    task = f"<ContentTask {late.item.id} guid={guids[1]}>"
    assert repr(late) == f"Outcome(item={task}, error={late.error!r})"


def test_an_outcome_shows_what_there_is() -> None:
    """The representation of an outcome has the item, and either the value or the error."""
    assert repr(Outcome(1, value=None)) == "Outcome(item=1, value=None)"
    assert repr(Outcome("a", error=ValueError("x"))) == "Outcome(item='a', error=ValueError('x'))"


async def _main(*arguments: object) -> tuple[str, tuple[object, ...]]:
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__module__.partition(".")[0], arguments


@pytest.mark.parametrize("installed", [True, False])
def test_run_uses_uvloop_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """`run` passes the arguments on, and runs on uvloop if that is installed, else on asyncio."""
    if installed:
        pytest.importorskip("uvloop")
    else:
        monkeypatch.setattr("aconnect.concurrency.find_spec", lambda _: None)
    assert run(_main, 1, "two") == ("uvloop" if installed else "asyncio", (1, "two"))


def test_run_raises_what_main_raises() -> None:
    """An error of the program is raised as it is, not in a group."""

    async def fail() -> None:
        raise BrokenError("main")

    with pytest.raises(BrokenError, match="main"):
        run(fail)


@given(delays=DELAYS, limit=LIMITS, ordered=st.booleans())
async def test_pairs(delays: list[int], limit: int, ordered: bool) -> None:
    """Each pair has the item that its value was made of, in the order of the results."""
    found = await amap(
        Delayed(delays), range(len(delays)), limit=limit, ordered=ordered, pairs=True
    )
    pairs = [(number, number * 10) for number in range(len(delays))]
    assert (found if ordered else sorted(found)) == pairs


async def test_pairs_of_tasks() -> None:
    """The item of a pair of `results` is the task."""
    followed = [Followed(number) for number in range(3)]
    assert await results(followed, pairs=True) == [(one, one.number) for one in followed]


@pytest.mark.parametrize("many", [amap, results])
async def test_pairs_of_outcomes(many: Callable[..., object]) -> None:
    """An outcome has its item, so pairs of outcomes are refused, and the error says why."""
    arguments = ([Followed(0)],) if many is results else (str, [1])
    with pytest.raises(errors.InvalidArgumentError, match="Outcome has its item already"):
        many(*arguments, errors="collect", pairs=True)

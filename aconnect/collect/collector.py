"""One run of a collection into a sink: what to collect, from where on, and what is left to do.

Decides the period of a run from what the output has, and what happens when a commit fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from math import inf
from typing import Any, Final

import anyio
import msgspec
from msgspec import Struct

from aconnect._client.threads import in_thread
from aconnect.collect.dataset import Dataset
from aconnect.collect.oddities import Oddities
from aconnect.collect.options import Options
from aconnect.collect.overlap import OpenSessions, Recent
from aconnect.collect.progress import RunReport
from aconnect.collect.running import Counts, Workers
from aconnect.collect.sink import (
    Period,
    Run,
    Sink,
    Source,
    Written,
    as_datetime,
    as_microseconds,
    is_transient,
)
from aconnect.collect.state import (
    RunState,
    State,
    Window,
    run_entry,
    window_name,
    window_text,
    windows_entry,
)
from aconnect.collect.strategies import Strategy
from aconnect.collect.strategies.both_ends import BothEnds
from aconnect.collect.units import SECOND
from aconnect.collect.writing import CommitError, Progressing, SinkError, Writer
from aconnect.connect import Client
from aconnect.errors import (
    AconnectError,
    ApiError,
    AuthenticationError,
    FileError,
    RateLimitedError,
    ResumeError,
    ServerError,
)

Choose = Callable[[str | None], Awaitable[Strategy]]
"""Returns the strategy of a run; that of the name passed, if it continues a run."""

_CLOSING: Final = 10.0
"""Seconds that an interrupted run has to save what it has."""
_PAUSES: Final = (0.5, 2.0, 5.0)
"""Seconds before the sink is opened again after a commit that failed."""


class Job(Struct, frozen=True, kw_only=True):
    """What is collected: a dataset of a server, with options."""

    client: Client
    dataset: Dataset
    options: Options
    choose: Choose
    filters: Mapping[str, Any] = {}

    @property
    def source(self) -> Source:
        """The source of its rows."""
        return Source(server=self.client.api_root, dataset=self.dataset.name, filters=self.filters)


class Collector:
    """Runs one job into one sink."""

    def __init__(self, job: Job, sink: Sink, *, is_tracked: bool = True) -> None:
        self._job = job
        self._sink = sink
        self._is_tracked = is_tracked
        """Whether what was written is remembered for a later run."""
        self._counts = Counts(job.client)
        self._oddities = Oddities()
        self._notes: list[str] = []
        self._commits = 0
        self._resumed: int | None = None
        """How many rows earlier processes have written."""
        self._ending: Callable[[Written], RunReport] | None = None
        """Reports on a run of which only the last commit is missing."""
        self._restart = job.options.restart

    async def run(self) -> RunReport:
        """Collect, and return what was done.

        Raises:
            ResumeError: The output has rows of another source, or its state cannot be continued.
            FileError: The output cannot be written any more.
            AconnectError: As the operations of the dataset, after their retries.
        """
        failures, commits = 0, 0
        failed: CommitError | None = None
        try:
            while True:
                try:
                    return await self._attempt()
                except CommitError as error:
                    # It is no proof that nothing was committed: the sink is asked what it has.
                    failures, failed = 0 if self._commits > commits else failures, error
                    if failures == len(_PAUSES):
                        raise _translated(error) from error.__cause__
                    await self._job.client.clock.sleep(_PAUSES[failures])
                    failures, commits = failures + 1, self._commits
                except SinkError as error:
                    raise _translated(error) from error.__cause__
                except AconnectError as error:
                    if failed is not None:
                        error.add_note(f"before that, {_translated(failed)}")
                    raise
        finally:
            await self._close()

    async def _attempt(self) -> RunReport:
        job = self._job
        run = Run(source=job.source, dataset=job.dataset, restart=self._restart)
        state = State(await self._in_thread(self._sink.open, run))
        if state.run is not None and state.run.is_written:
            written = await self._in_thread(self._sink.finish)
            if self._ending is not None:
                # The last commit of this run was made, though its success was not seen.
                return self._ending(written)
            state.run = None
        # A snapshot of two different times would be none.
        previous = None if job.dataset.is_snapshot else state.run
        plan = await self._plan(state) if previous is None else self._continued(previous)
        if plan is None:
            return await self._nothing(state)
        strategy = await job.choose(None if previous is None else previous.strategy)
        plan.strategy = strategy.name
        sessions = self._sessions(state)
        if previous is not None:
            strategy.resume(state.units.values())
        else:
            await self._begin(strategy, plan, state, sessions)
        return await self._collect(plan, strategy, state, sessions, is_new=previous is None)

    async def _collect(
        self,
        plan: RunState,
        strategy: Strategy,
        state: State,
        sessions: OpenSessions | None,
        *,
        is_new: bool,
    ) -> RunReport:
        job = self._job
        resumed = self._resumed = plan.rows if self._resumed is None else self._resumed
        has_recent = self._is_tracked and not self._sink.replaces and not job.dataset.is_snapshot
        recent = Recent(state.entries) if has_recent else None
        # Copies: the strategy changes its own while they are read.
        known = [] if is_new else list(state.units.values())
        units = {unit.id: msgspec.structs.replace(unit) for unit in (*known, *strategy.changed)}
        strategy.changed = []
        writer = Writer(
            self._sink,
            job.dataset,
            Progressing(run=plan, units=units, recent=recent, sessions=sessions),
            is_atomic=strategy.is_atomic,
            commits=not job.dataset.is_snapshot,
            oddities=self._oddities,
        )
        workers = Workers(
            strategy, writer, job.options, self._counts, job.client.clock, job.dataset.name,
            resumed, plan.period,
        )  # fmt: skip
        try:
            left_over: dict[str, str | None] = {}
            if is_new:
                left_over = {f"unit/{id_}": None for id_ in state.units}
            await writer.begin(left_over | run_entry(plan))
            self._restart = False
            try:
                await workers.run()
            except BaseException as error:
                # What a program was given, it must not be given again by the next run.
                seconds = inf if is_transient(self._sink) else _CLOSING
                with anyio.move_on_after(seconds, shield=True), suppress(SinkError):
                    await writer.commit()
                if plan.rows and not is_transient(self._sink) and not isinstance(error, SinkError):
                    again = " without restart=True" if job.options.restart else ""
                    error.add_note(f"{plan.rows:,} rows are kept; repeat it{again} to resume.")
                raise
            self._ending = partial(self._report, plan, strategy, resumed, len(units))
            return self._ending(await self._finish(writer, plan, state, recent, sessions))
        finally:
            # The first one is of the plan: it has no rows, and succeeds on a disk that is full.
            self._commits += max(0, writer.commits - 1)
            with anyio.CancelScope(shield=True):
                await writer.close()

    async def _finish(
        self,
        writer: Writer,
        plan: RunState,
        state: State,
        recent: Recent | None,
        sessions: OpenSessions | None,
    ) -> Written:
        """Make the end of the run durable, then publish."""
        await writer.flush()
        if sessions is not None and plan.hi is not None:
            age = self._job.options.open_after
            await writer.expire_open((plan.now or plan.hi) - int(age.total_seconds() * SECOND))
            if len(sessions) and not self._sink.replaces:
                self._notes.append(
                    f"sessions that had not ended, to be written when they have: {len(sessions):,}"
                )
        window = Window(plan.hi, is_over=plan.is_over, recent_since=plan.recent_since)
        length = None if plan.lo is None or plan.hi is None else plan.hi - plan.lo
        window.density = None if not length else writer.total / length
        entries = windows_entry({**state.windows, plan.window: window})
        entries |= {f"unit/{id_}": None for id_ in writer.unit_ids}
        if recent is not None:
            entries |= recent.compact(since=plan.recent_since)
        await writer.commit(entries, is_last=True)
        written: Written = await self._in_thread(self._sink.finish)
        return written

    def _sessions(self, state: State) -> OpenSessions | None:
        is_tracked = self._is_tracked and self._job.dataset.open_field is not None
        return OpenSessions(state.entries) if is_tracked else None

    async def _begin(
        self, strategy: Strategy, plan: RunState, state: State, sessions: OpenSessions | None
    ) -> None:
        """Create the units of a new run."""
        if self._job.dataset.is_snapshot:
            await strategy.begin(Period())
            return
        lo, hi, mark = plan.lo, plan.hi, plan.mark
        strategy.expect(max((w.density or 0.0 for w in state.windows.values()), default=0.0))
        if sessions is not None and mark is not None and lo is not None:
            oldest = sessions.oldest(lo)
            if oldest is not None:
                strategy.begin_open(oldest, lo)
        if sessions is not None and self._sink.replaces:
            sessions.forget(lo, hi)  # they are read again
        if mark is not None and not self._sink.replaces:
            if lo is not None and lo < mark:
                await strategy.begin(Period(lo, mark), "overlap")
            lo = mark
        if lo is None or hi is None or lo < hi:
            await strategy.begin(Period(lo, hi))

    def _continued(self, run: RunState) -> RunState:
        """Return the run that is continued; refuse to continue another one."""
        options = self._job.options
        name = window_name(options.from_, options.to, since_last=options.since_last)
        if run.window != name:
            raise ResumeError(
                f"an unfinished run has collected {window_text(run.window)}, not "
                f"{window_text(name)}; repeat that one to complete it, or start again with "
                "restart=True"
            )
        if run.ordered != options.ordered and run.strategy == BothEnds.name:
            raise ResumeError(
                f"an unfinished run was begun with ordered={run.ordered}; repeat it so to complete "
                "it, or start again with restart=True"
            )
        return run

    async def _snapshot(self) -> RunState:
        now = as_microseconds(await self._server_time())
        return RunState(window="", lo=None, hi=now, is_over=True, strategy="")

    async def _plan(self, state: State) -> RunState | None:
        """Return what a new run collects; None if there is nothing to do."""
        if self._job.dataset.is_snapshot:
            return await self._snapshot()
        options, windows = self._job.options, state.windows
        name = window_name(options.from_, options.to, since_last=options.since_last)
        last = windows.get(name)
        sessions = self._sessions(state)
        if last is not None and last.is_over and not sessions:
            return None
        appends = self._is_tracked and not self._sink.replaces
        if appends and windows and last is None and not options.since_last:
            known = ", ".join(map(window_text, windows))
            raise ResumeError(
                f"the output has {known}, and rows can only be added at its end: collect "
                f"{window_text(name)} into another file, or pass since_last=True to continue, or "
                "restart=True to start again"
            )
        now = as_microseconds(await self._server_time())
        hi = (now - int(options.settle.total_seconds() * SECOND)) // SECOND * SECOND
        is_over = False
        if options.to is not None:
            to = as_microseconds(options.to)
            is_over, hi = to <= hi, min(to, hi)
        lo = None if options.from_ is None else as_microseconds(options.from_)
        mark = None if last is None else last.upto
        if options.since_last or appends:
            mark = state.upto
        if mark is not None:
            lo = self._overlap(state, mark, lo, appends=appends)
            hi = max(hi, mark) if is_over else hi
        if (mark is not None and hi <= mark and not (is_over and sessions)) or (
            lo is not None and hi < lo
        ):
            return None
        recent_since = None
        if appends and not is_over:
            recent_since = hi - int(options.overlap.total_seconds() * SECOND)
            if lo is not None:
                recent_since = max(recent_since, lo)  # older events are not known
        return RunState(
            window=name,
            lo=lo,
            hi=hi,
            is_over=is_over,
            strategy="",
            recent_since=recent_since,
            mark=mark,
            now=now,
            ordered=options.ordered,
        )

    def _overlap(self, state: State, mark: int, lo: int | None, *, appends: bool) -> int:
        """Return from when on a run that continues another one reads again."""
        start = mark - int(self._job.options.overlap.total_seconds() * SECOND)
        if appends:
            # Without what was written before, an event that is read again cannot be recognized.
            since = [w.recent_since for w in state.windows.values() if w.upto == mark]
            start = max(start, min((s for s in since if s is not None), default=mark))
        return start if lo is None else max(min(lo, mark), start)

    async def _server_time(self) -> datetime:
        """Return the time on the server's clock."""
        time = await server_time(self._job.client)
        if time is None:
            self._notes.append("the server does not report its time; that of this machine was used")
        return time or datetime.now(UTC)

    async def _nothing(self, state: State) -> RunReport:
        """Report that there is nothing to collect."""
        options = self._job.options
        name = window_name(options.from_, options.to, since_last=options.since_last)
        last = state.windows.get(name)
        upto = state.upto if last is None else last.upto
        start = None if options.from_ is None else as_microseconds(options.from_)
        is_over = last is not None and last.is_over
        if options.to is not None and upto is not None:
            is_over = is_over or upto >= as_microseconds(options.to)
        self._notes.append(
            "the window was complete already" if is_over else "nothing new has settled yet"
        )
        written = await self._in_thread(self._sink.finish) if state.windows else None
        return self._report(
            RunState(window=name, lo=start, hi=upto, is_over=is_over, strategy=""),
            None,
            0,
            0,
            written,
        )

    def _report(
        self,
        plan: RunState,
        strategy: Strategy | None,
        resumed: int,
        units: int,
        written: Written | None,
    ) -> RunReport:
        counts, job = self._counts, self._job
        is_snapshot = job.dataset.is_snapshot
        return RunReport(
            dataset=job.dataset.name,
            server=job.client.api_root,
            written=written if written is not None and written.target else None,
            rows=plan.rows,
            resumed=resumed,
            from_=None if plan.lo is None or is_snapshot else as_datetime(plan.lo),
            until=None if plan.hi is None or is_snapshot else as_datetime(plan.hi),
            is_over=plan.is_over,
            strategy=strategy.name if strategy else "none",
            reason=strategy.reason if strategy else "there is nothing to collect",
            units=units,
            splits=strategy.splits if strategy else 0,
            requests=counts.requests,
            discarded=counts.fetched - (plan.rows - resumed),
            pushbacks=counts.pushbacks,
            seconds=counts.elapsed,
            seconds_waited=counts.waited,
            oddities=dict(self._oddities.counts),
            notes=(*self._notes, *(strategy.notes if strategy else ())),
        )

    async def _in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        try:
            return await in_thread(work, *args)
        except (AconnectError, BrokenPipeError):
            raise
        except OSError as error:
            raise FileError(f"cannot write {self._job.dataset.name}: {error}") from error

    async def _close(self) -> None:
        close = getattr(self._sink, "close", None)
        if close is not None:
            with anyio.move_on_after(_CLOSING, shield=True):
                await in_thread(close)


async def server_time(client: Client) -> datetime | None:
    """Return the time on the server's clock; None if the server does not report it."""
    try:
        response = await client.request("GET", "/server_settings")
        date = response.headers.get("Date")
        return parsedate_to_datetime(date or "").astimezone(UTC)
    except (ServerError, RateLimitedError, AuthenticationError):
        raise  # the clock of this machine may be another one
    except (ApiError, ValueError, TypeError):
        return None


def _translated(error: SinkError) -> BaseException:
    """Return the public error for what a sink raised."""
    cause = error.__cause__
    # A pipe whose reader has gone is no failure of a file.
    if isinstance(cause, OSError) and not isinstance(cause, AconnectError | BrokenPipeError):
        return FileError(f"{error}: {cause}; repeat the run to resume")
    return cause or error

"""From accepted pages to a sink, in one worker thread, with a checkpoint every second.

The event loop passes items on in the order in which it accepted the pages. A checkpoint is made of
what was written when it is taken: since pages are written as a whole by one writer, there is
nothing to wait for.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Final, Protocol, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

from aconnect._client.threads import completed
from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.oddities import Oddities
from aconnect.collect.overlap import Identifier, Identity, OpenSessions, Recent
from aconnect.collect.sink import Checkpoint, Period, Sink
from aconnect.collect.state import RunState, run_entry, unit_entry
from aconnect.collect.units import Unit, field_of, parse_time

T = TypeVar("T")

COMMIT_SECONDS: Final = 1.0
COMMIT_BYTES: Final = 64_000_000
_WAITING_BYTES: Final = 2_000_000
"""How much may wait for the writer before pages are not fetched any more."""
_TOLD_BYTES: Final = 1_000_000
_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")
_SPOOLED: Final = 1_000_000
_BATCH: Final = 2000


class Item(Struct, frozen=True):
    """A page that was accepted, or claims that have changed."""

    unit: Unit | None = None
    """The unit as it is after the page."""
    rows: Sequence[Raw] = ()
    size: int = 0
    claims: tuple[Unit, ...] = ()
    discards: bool = False


class Output(Protocol):
    """Where accepted pages go."""

    def add(self, item: Item) -> None:
        """Pass an item on."""
        ...

    async def room(self) -> None:
        """Wait while too much is waiting to be written."""
        ...


class SinkError(Exception):
    """What a sink raised; the cause has the reason."""


class CommitError(SinkError):
    """A commit failed, or its success was not seen."""


class Spool:
    """The rows of a unit that is written when it is complete: a file, if there are many."""

    def __init__(self) -> None:
        self._file = cast("IO[bytes]", tempfile.SpooledTemporaryFile(_SPOOLED))  # noqa: SIM115

    def add(self, rows: Sequence[Raw]) -> None:
        for row in rows:
            # A line break can only be between the values of a row.
            self._file.write(bytes(row).translate(_BREAKS) + b"\n")

    def clear(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def batches(self) -> Iterator[list[Raw]]:
        self._file.seek(0)
        rows: list[Raw] = []
        for line in self._file:
            rows.append(Raw(line[:-1]))
            if len(rows) >= _BATCH:
                yield rows
                rows = []
        if rows:
            yield rows

    def close(self) -> None:
        self._file.close()


class Progressing(Struct):
    """The part of the state that belongs to the writer's thread."""

    run: RunState
    units: dict[int, Unit]
    recent: Recent | None
    sessions: OpenSessions | None


class Writer:
    """Writes to a sink, commits, and holds back who fetches faster than it writes."""

    def __init__(
        self,
        sink: Sink,
        dataset: Dataset,
        state: Progressing,
        *,
        is_atomic: bool,
        commits: bool,
        oddities: Oddities,
    ) -> None:
        self.rows: int = 0
        """How many rows were written."""
        self.commits: int = 0
        """How many commits have succeeded."""
        self._counted = 0
        """How many of them the state of the run has."""
        self._sink = sink
        self._dataset = dataset
        self._state = state
        self._atomic = is_atomic
        self._commits = commits
        self._oddities = oddities
        is_tracked = state.recent is not None or state.sessions is not None
        self._identifier = Identifier(dataset) if is_tracked else None
        self._spools: dict[int, Spool] = {}
        self._dirty: set[int] = set(state.units)
        self._uncommitted = 0
        self._is_clean = True
        self._committed_at = time.monotonic()
        # The rest is of the event loop.
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(1, "aconnect collect")
        self._items: deque[Item] = deque()
        self._waiting = 0
        self._drain: asyncio.Future[int] | None = None
        self._room: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self.error: BaseException | None = None

    async def begin(self, entries: dict[str, str | None]) -> None:
        """Commit the plan of the run."""
        await self._call(self._commit, entries)

    def add(self, item: Item) -> None:
        """Pass an item on; they are written in this order.

        Raises:
            SinkError: Writing failed.
        """
        self._raise()
        self._items.append(item)
        self._waiting += item.size
        if self._drain is None:
            self._start()

    async def room(self) -> None:
        """Wait while too much is waiting to be written.

        Raises:
            SinkError: Writing failed.
        """
        if self._waiting > _WAITING_BYTES:
            room = self._loop.create_future()
            self._room.append(room)
            await room
            self._raise()

    async def flush(self) -> None:
        """Wait until all is written.

        Raises:
            SinkError: Writing failed.
        """
        while self._drain is not None and self.error is None:
            await asyncio.wait({self._drain})
        self._raise()

    async def commit(
        self, entries: dict[str, str | None] | None = None, *, is_last: bool = False
    ) -> None:
        """Write what is waiting, and make all of it durable, with more entries.

        Raises:
            SinkError: Writing failed.
        """
        await self.flush()
        await self._call(self._commit, entries or {}, is_last)

    async def expire_open(self, before: int) -> None:
        """Write the sessions as they are that have been open for too long to wait for."""
        await self._call(self._expire_open, before)

    @property
    def total(self) -> int:
        """How many rows the run has written, in all its parts."""
        return self._state.run.rows + self.rows - self._counted

    @property
    def unit_ids(self) -> list[int]:
        """The units of the run."""
        return list(self._state.units)

    async def close(self) -> None:
        """Stop the thread; what is not committed is lost."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._items.clear()
        self._release()
        await self._call(self._close_spools)
        self._executor.shutdown(wait=False)

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error

    async def _call(self, work: Any, *args: Any) -> Any:
        return await completed(self._loop.run_in_executor(self._executor, work, *args))

    def _start(self) -> None:
        items, self._items = self._items, deque()
        self._drain = self._loop.run_in_executor(self._executor, self._write_all, items)
        self._drain.add_done_callback(self._ended)

    def _ended(self, drain: asyncio.Future[int]) -> None:
        self._drain = None
        self.error = drain.exception()
        if self.error is None:
            self._waiting -= drain.result()
        if self.error is not None:
            pass  # whoever waits for room raises it
        elif self._items:
            self._start()
        elif self._timer is None and not self._is_clean and not self._is_closed:
            self._timer = self._loop.call_later(COMMIT_SECONDS, self._tick)
        self._release()

    def _tick(self) -> None:
        """Commit what was written, if nothing more comes that would have it committed."""
        self._timer = None
        if self._drain is None and self.error is None and not self._is_clean:
            self._start()

    def _release(self) -> None:
        while self._room and (self._waiting <= _WAITING_BYTES or self.error is not None):
            room = self._room.popleft()
            if not room.done():
                room.set_result(None)

    # From here on, everything runs in the thread.

    def _write_all(self, items: deque[Item]) -> int:
        """Write items; return how many bytes of them the event loop has not been told of."""
        written = 0
        for item in items:
            try:
                self._write(item)
            except Exception as error:
                raise SinkError("writing failed") from error
            written += item.size
            if written >= _TOLD_BYTES:
                self._loop.call_soon_threadsafe(self._written, written)
                written = 0
            if self._uncommitted >= COMMIT_BYTES or self._is_due():
                self._commit({})
        if not items and not self._is_clean:
            self._commit({})
        return written

    def _written(self, size: int) -> None:
        self._waiting -= size
        self._release()

    def _is_due(self) -> bool:
        return time.monotonic() - self._committed_at >= COMMIT_SECONDS

    def _write(self, item: Item) -> None:
        self._is_clean = False
        for claim in item.claims:
            unit = self._state.units.get(claim.id)
            if unit is None:
                self._state.units[claim.id] = msgspec.structs.replace(claim)
            else:
                unit.lo, unit.hi, unit.query = claim.lo, claim.hi, claim.query
                unit.done = unit.done or claim.done
            self._dirty.add(claim.id)
        after = item.unit
        if after is None:
            return
        unit = self._state.units[after.id]
        if self._atomic or unit.is_atomic:
            spool = self._spools.get(unit.id) or self._spools.setdefault(unit.id, Spool())
            if item.discards:
                spool.clear()
            spool.add(item.rows)
            if not after.done:
                return
            self._write_spooled(unit, spool)
        elif item.rows:
            self._write_new(unit.id, item.rows)
        unit.token, unit.reached, unit.edge = after.token, after.reached, after.edge
        unit.rows, unit.done = after.rows, unit.done or after.done
        self._dirty.add(unit.id)
        self._uncommitted += item.size

    def _write_spooled(self, unit: Unit, spool: Spool) -> None:
        if unit.kind == "new":
            for rows in spool.batches():
                self._write_new(unit.id, rows)
        else:
            rows = [row for batch in spool.batches() for row in batch]
            self._write_known(unit, rows)
        spool.close()
        del self._spools[unit.id]

    def _write_new(self, unit: int, rows: Sequence[Raw]) -> None:
        """Write events that were not read before; open sessions wait if rows cannot be replaced."""
        since = self._state.run.recent_since
        recent, sessions = self._state.recent, self._state.sessions
        is_recent = recent is not None and since is not None and self._has_since(rows, since)
        if self._identifier is not None and (is_recent or sessions is not None):
            kept: list[Raw] = []
            for row in rows:
                # Most rows are neither recent nor open, and an identity takes ten times as long.
                if not is_recent and not self._is_open(row):
                    kept.append(row)
                    continue
                event = self._identifier.of(row)
                if sessions is not None and event.is_open:
                    sessions.add(event, row)
                    if not self._sink.replaces:
                        continue
                kept.append(row)
                if recent is not None and since is not None and (event.time or 0) >= since:
                    recent.add(event)
            rows = kept
        self._put(unit, rows)

    def _has_since(self, rows: Sequence[Raw], since: int) -> bool:
        """Return True unless all of some rows are older; most come in the order of time."""
        if self._atomic or not rows:
            return True
        name = self._dataset.time_field or ""
        ends = [parse_time(field_of(row, name)) for row in (rows[0], rows[-1])]
        return any(time is None or time >= since for time in ends)

    def _is_open(self, row: Raw) -> bool:
        return field_of(row, self._dataset.open_field or "") is None

    def _write_known(self, unit: Unit, rows: list[Raw]) -> None:
        """Write what is new among events that were read before."""
        assert self._identifier is not None  # noqa: S101  events have an identity
        recent, sessions = self._state.recent, self._state.sessions
        pairs = [(self._identifier.of(row), row) for row in rows]
        # Sessions that ended first come first, those that are open last.
        pairs.sort(key=_end)
        if unit.kind == "open" and sessions is not None:
            known = _no_longer_open(pairs, sessions)
            # What replaces rows gets all sessions of an identity, also those that are still open.
            rows = [row for one, row in known if self._sink.replaces or not one.is_open]
            self._put(unit.id, rows, supersedes=True)
            return
        if recent is None:
            return
        new = [pairs[i] for i in recent.unseen([event for event, _ in pairs])]
        kept: list[Raw] = []
        if sessions is not None:
            sessions.forget(unit.lo, unit.hi)
        for event, row in new:
            if sessions is not None and event.is_open:
                sessions.add(event, row)
            else:
                kept.append(row)
                recent.add(event)
        self._put(unit.id, kept)

    def _put(self, unit: int, rows: Sequence[Raw], *, supersedes: bool = False) -> None:
        if rows:
            self.rows += len(rows)
            batch: Batch[Any] = Batch(
                self._dataset,
                rows,
                supersedes=supersedes and self._sink.replaces,
                oddities=self._oddities,
            )
            self._sink.write(unit, batch)

    def _expire_open(self, before: int) -> None:
        sessions = self._state.sessions
        if sessions is None:
            return
        expired = sessions.expire(before)
        if self._sink.replaces:
            return
        recent, since = self._state.recent, self._state.run.recent_since
        if recent is not None and since is not None and self._identifier is not None:
            # They may be read again by the next run, and must be recognized.
            for event in map(self._identifier.of, expired):
                if (event.time or 0) >= since:
                    recent.add(event)
        self._put(0, expired)

    def _commit(self, entries: dict[str, str | None], is_last: bool = False) -> None:
        if not self._commits and not entries:
            return
        changes: dict[str, str | None] = {}
        units = self._state.units
        changes.update(unit_entry(units[id_]) for id_ in self._dirty)
        if self._state.recent is not None:
            changes |= self._state.recent.changes()
        if self._state.sessions is not None:
            changes |= self._state.sessions.changes()
        run = self._state.run
        run.rows += self.rows - self._counted
        self._counted = self.rows
        # In this thread: a commit of the timer must not say so without the other entries.
        run.is_written = is_last
        changes |= run_entry(run) | entries
        try:
            self._sink.commit(Checkpoint(entries=changes, period=self._period))
        except Exception as error:
            raise CommitError("the commit failed") from error
        self.commits += 1
        self._dirty.clear()
        self._uncommitted, self._is_clean = 0, True
        self._committed_at = time.monotonic()

    @property
    def _period(self) -> Period | None:
        return None if self._dataset.is_snapshot else self._state.run.period

    def _close_spools(self) -> None:
        for spool in self._spools.values():
            spool.close()
        self._spools.clear()


def _end(pair: tuple[Identity, Raw]) -> tuple[bool, int]:
    event = pair[0]
    return event.is_open, event.end or 0


def _no_longer_open(
    pairs: list[tuple[Identity, Raw]], sessions: OpenSessions
) -> list[tuple[Identity, Raw]]:
    """Return the sessions that were open, of each identity of which one has ended; forget those.

    Of several sessions of one identity, those that were open are the ones that ended last.
    """
    by_base: dict[str, list[tuple[Identity, Raw]]] = {}
    for event, row in pairs:
        if sessions.count(event):
            by_base.setdefault(event.base, []).append((event, row))
    changed: list[tuple[Identity, Raw]] = []
    for same in by_base.values():
        event = same[0][0]
        known = same[-sessions.count(event) :]
        if not all(one.is_open for one, _ in known):
            changed += known
            sessions.put(event, [row for one, row in known if one.is_open])
    return changed

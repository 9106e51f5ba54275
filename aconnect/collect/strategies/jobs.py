"""The units of another strategy as jobs, which an engine runs on other machines.

How many jobs run at once follows how often the server pushes back; how much each may ask is its
share of what the run may. What a job has written is taken as a whole, together with what is left
of it, so that a job that runs twice, or whose result is lost, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from typing import Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from aconnect._client.threads import in_thread
from aconnect.collect.attempts import rows_of
from aconnect.collect.engines import Engine, Job, ManifestEntry
from aconnect.collect.publishing import Destination
from aconnect.collect.sink import Period
from aconnect.collect.strategies import Fetched, Strategy, Tally
from aconnect.collect.units import SECOND, Kind, Unit, middle, split
from aconnect.errors import WorkerError

_ATTEMPTS: Final = 4


class JobsLeft(Exception):  # noqa: N818  not an error
    """Some jobs are left to be run later; all others are done."""

    def __init__(self, jobs: list[Job]) -> None:
        super().__init__(f"{len(jobs)} jobs are left")
        self.jobs = jobs


class Jobs(Strategy):
    """Has the units of another strategy read by an engine."""

    # The rows of a job are written when all of them are there.
    is_atomic = True

    def __init__(
        self,
        inner: Strategy,
        engine: Engine,
        slots: int,
        template: Job,
        destination: Destination,
    ) -> None:
        # By the same name, another machine, or this one alone, can continue the run.
        super().__init__(inner.name)
        self._explain(f"{inner.reason}; read in jobs of up to {template.pages} pages")
        self._inner = inner
        self._engine = engine
        self._template = template
        """Everything about a job but its unit; its id is the beginning of the ids of all."""
        self._destination = destination
        self._slots = slots
        """How many jobs can run at once."""
        self._most = float(slots)
        """How many may run at once, because the server bears them."""
        self._running: set[int] = set()
        self._done: dict[int, ManifestEntry] = {}
        self._left: list[Job] = []

    def expect(self, density: float) -> None:
        """Begin with fewer units if few events are expected."""
        self._inner.expect(density)

    async def begin(self, period: Period, kind: Kind = "new") -> None:
        """Create the units of a period."""
        await self._inner.begin(period, kind)
        self._adopt()

    def begin_open(self, oldest: int, at: int) -> None:
        """Create a unit for the sessions that were open."""
        self._inner.begin_open(oldest, at)
        self._adopt()

    def _adopt(self) -> None:
        units = list(self._inner.units.values())
        self._inner.units.clear()
        self._inner.changed = []
        for unit in units:
            self._last_id = max(self._last_id, unit.id)
            # A strategy whose units are atomic divides nothing before it reads.
            is_whole = self._inner.is_atomic and unit.kind == "new"
            for part in self._divided(unit) if is_whole else [unit]:
                self._add(part)

    def take(self) -> Unit | None:
        """Return a unit for another job; None if enough are running.

        Raises:
            JobsLeft: Only jobs that are left for later are missing.
        """
        if len(self._running) >= int(self._most):
            return None
        unit = super().take()
        if unit is not None:
            self._running.add(unit.id)
        elif self._left and not self._running:
            raise JobsLeft(sorted(self._left, key=lambda job: job.unit.id))
        return unit

    async def pages(self, unit: Unit) -> AsyncGenerator[Fetched, None]:
        """Have a unit read, and yield the rows; try again if an attempt fails or is lost."""
        job, failures = self._job(unit), 0
        try:
            while True:
                try:
                    entry = await self._engine.run(job)
                    if entry is None:
                        self._left.append(job)
                        return
                    async with aclosing(self._rows(entry)) as batches:
                        async for rows in batches:
                            yield Fetched(rows, tally=Tally())
                except WorkerError as error:
                    failures += 1
                    if failures == _ATTEMPTS:
                        raise WorkerError(
                            f"job {job.id} failed {_ATTEMPTS} times: {error}; what was written is "
                            "kept, run it again to continue"
                        ) from error
                    yield Fetched((), discards=True, tally=Tally())
                else:
                    self._adapt(entry)
                    self._done[unit.id] = entry
                    yield Fetched((), ended=True, tally=entry.tally)
                    return
        finally:
            self._running.discard(unit.id)

    async def _rows(self, entry: ManifestEntry) -> AsyncGenerator[list[Raw], None]:
        with closing(rows_of(entry, self._destination)) as batches:

            def read() -> list[Raw] | None:
                return next(batches, None)

            while (rows := await in_thread(read)) is not None:
                yield rows

    def _adapt(self, entry: ManifestEntry) -> None:
        """Run half as many jobs after the server has pushed back, else slowly more."""
        if entry.tally.pushbacks:
            self._most = max(1.0, self._most / 2)
        else:
            self._most = min(float(self._slots), self._most + 1 / self._most)

    def accept(self, unit: Unit, page: Fetched) -> Sequence[Raw]:
        """Take the rows of a job; at its end, what is left becomes units of its own."""
        unit.rows = 0 if page.discards else unit.rows + len(page.rows)
        if page.ended:
            unit.done = True
            entry = self._done.pop(unit.id)
            density = _density(unit, entry)
            for rest in entry.rest:
                self._count_split()
                new = replace(rest, id=self.next_id(), kind=unit.kind, rows=0, done=False)
                for part in self._divided(new, density):
                    self._add(part)
        return page.rows

    def _divided(self, unit: Unit, density: float = 0.0) -> list[Unit]:
        """Divide a unit for as many jobs as can run, but not into parts that one job can read.

        Nothing is known of the number of events if `density` is 0.
        """
        parts = [unit]
        enough = self._template.pages * (self._template.page_size or 500)
        while len(parts) < self._slots:
            longest = max(parts, key=_length)
            at = middle(longest, SECOND)
            if at is None or (density and density * _length(longest) <= enough):
                break
            parts.append(split(longest, at, self.next_id()))
        return parts

    def _job(self, unit: Unit) -> Job:
        unit = replace(unit, rows=0)
        digest = hashlib.sha256(msgspec.json.encode(unit)).hexdigest()[:12]
        template = self._template
        return replace(template, id=f"{template.id}-{unit.id}-{digest}", unit=unit)


def _length(unit: Unit) -> int:
    return unit.remaining or 0


def _density(unit: Unit, entry: ManifestEntry) -> float:
    """Return how many events per microsecond a job has found."""
    covered = _length(unit) - sum(map(_length, entry.rest))
    return entry.rows / covered if covered > 0 else 0.0

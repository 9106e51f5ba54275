"""Carrying out a plan: what is checked first, what each item goes through, and what always happens.

One item that fails never ends the others. Grants on the source are withdrawn however a run ends; if
the process is killed, the next run does it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec

from aconnect._client.lazy import LazySequence, wait_for_end
from aconnect._client.threads import in_thread
from aconnect._core.text import counted, some_of
from aconnect.concurrency import amap
from aconnect.errors import (
    AconnectError,
    AuthenticationError,
    CertificateError,
    ClientClosedError,
    EventLoopError,
    FileError,
    InvalidArgumentError,
    ProxyRefusedError,
    StalePlanError,
)
from aconnect.migrate.mapping.values import read_values
from aconnect.migrate.planning.model import Plan, PlannedItem
from aconnect.migrate.planning.staleness import changed_items, check_servers
from aconnect.migrate.running.context import ItemRun, Migration
from aconnect.migrate.running.events import STEPS, Event, Report
from aconnect.migrate.running.journal import (
    WHOLE,
    Journal,
    JournalHeader,
    JournalItem,
    Ledger,
    opened_journal,
)
from aconnect.migrate.running.limits import Limits
from aconnect.migrate.running.people import create_people
from aconnect.migrate.running.reporting import make_report
from aconnect.migrate.running.steps import STEP_FUNCTIONS
from aconnect.migrate.running.steps.source import revoke, revoke_all
from aconnect.migrate.running.tags import create_tags
from aconnect.migrate.snapshots.reading import Reader, read_catalog

_FATAL: Final = (
    AuthenticationError,
    CertificateError,
    ClientClosedError,
    EventLoopError,
    FileError,
    ProxyRefusedError,
)
"""What makes all other items fail as well, so that no more are begun."""

_BACKLOG: Final = 10_000
"""How many events wait at most for a slow consumer before progress and logs are left out."""

_CLEANUP_SECONDS: Final = 30.0
"""How long a run that was cancelled withdraws its grants."""


class Run(LazySequence[Event]):
    """A migration: use `async for` for its events, or `await` it for its report.

    No request is made before that.
    """

    __slots__ = ("_report", "journal", "plan")

    def __init__(
        self, plan: Plan, journal: Path, events: Callable[[Run], AsyncGenerator[Event, None]]
    ) -> None:
        super().__init__(lambda: events(self))
        self.plan: Plan = plan
        self.journal: Path = journal
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        """What became of the items, once the events have ended."""
        if self._report is None:
            raise InvalidArgumentError("there is no report before all events were read")
        return self._report

    def end(self, report: Report) -> None:
        """Set the report; the events call it."""
        self._report = report

    def __await__(self) -> Generator[Any, None, Report]:  # type: ignore[override]
        return self._completed().__await__()

    async def _completed(self) -> Report:
        async with aclosing(self._stream()) as events:
            async for _ in events:
                pass
        return self.report


def run(
    plan: Plan,
    *,
    journal: str | Path,
    calls: int = 64,
    transfers: int = 16,
    builds: int = 4,
    retry: bool = False,
) -> Run:
    """Carry out a plan, or go on with it, and return its events.

    Each write is durable in the journal before it is made. After an interruption, whatever it was,
    the same call goes on: what may have been written is looked up before it is repeated.

    Args:
        plan: From `plan` or `load_plan`.
        journal: The path of the journal, which is created if it is missing.
        calls: How many items are worked on at the same time.
        transfers: How many bundles are sent at the same time.
        builds: How many builds run on the destination at the same time.
        retry: Whether items that have failed are tried again, from the step that failed.

    Raises:
        InvalidArgumentError: The plan has conflicts, or is for other servers or keys; or the
            journal is of another plan, or another process uses it. Nothing was changed.
        StalePlanError: Content has changed since the plan was made. Nothing was changed.
        ResumeError: The journal cannot be read.
        FileError: The journal cannot be written any more; nothing was written since.
        AconnectError: A server could not be read at the beginning.
    """
    path = Path(journal)
    limits = Limits(calls=calls, transfers=transfers, builds=builds)

    def events(one: Run) -> AsyncGenerator[Event, None]:
        return _events(one, path, limits, retry=retry)

    return Run(plan, path, events)


async def _events(
    one: Run, path: Path, limits: Limits, *, retry: bool
) -> AsyncGenerator[Event, None]:
    queue: asyncio.Queue[Event | None] = asyncio.Queue()

    def notify(event: Event) -> None:
        # The run does not wait for who reads its events.
        if queue.qsize() < _BACKLOG or event.kind not in {"progress", "log"}:
            queue.put_nowait(event)

    plan, started = one.plan, datetime.now(UTC)
    if plan.has_conflicts:
        raise InvalidArgumentError(
            "the plan has conflicts; resolve them with a mapping or a policy, and plan again"
        )
    await check_servers(plan)
    async with opened_journal(Journal(path)) as journal:
        ledger = await _begin(journal, plan)
        destination = plan.clients[1]
        reader = Reader(destination, await read_catalog(destination), manifests=False)
        migration = Migration(
            plan,
            ledger,
            limits,
            reader,
            await read_values(plan.mapping),
            notify,
        )
        work = asyncio.create_task(_work(migration, retry=retry))
        work.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            try:
                await wait_for_end({work})
            finally:
                if not work.cancelled():
                    work.exception()  # raised above, unless the events were left early
                one.end(make_report(plan, ledger, started))


async def _begin(journal: Journal, plan: Plan) -> Ledger:
    """Begin a journal, or go on with that of the plan, which may have been refreshed."""
    header = await in_thread(journal.header)
    planned = await in_thread(lambda: [_row(item) for item in plan.items])
    if header is None:
        await _check_fresh(plan)
        header = JournalHeader(
            plan=plan.id,
            source=plan.source.url,
            destination=plan.destination.url,
            source_me=plan.source.me_guid,
            destination_me=plan.destination.me_guid,
            started=datetime.now(UTC),
        )
        await in_thread(journal.begin, header, planned)
    ledger = await in_thread(Ledger, journal, header)
    rows = {row.number: row for row in ledger.items}
    guids = {row.number: row.source_guid for row in planned}
    if header.plan != plan.id or guids != {n: row.source_guid for n, row in rows.items()}:
        raise InvalidArgumentError(
            f"{journal.path} is the journal of plan {header.plan}, not of this plan {plan.id}; "
            "choose another journal="
        )
    items = [one for one in ledger.writes() if one.number != WHOLE]
    if items and all(one.state == "undone" for one in items):
        # The run begins again after `undo`.
        await _check_fresh(plan)
    for item, fresh in zip(plan.items, planned, strict=True):
        row = rows[item.number]
        if fresh == row or (fresh.digest == row.digest and row.outcome != "pending"):
            continue
        if any(write.state != "undone" for write in ledger.writes(item.number)):
            raise InvalidArgumentError(
                f"item {item.number} ({item.source.name}) was begun as it was planned before; undo "
                "the run, or run the plan that it was begun with"
            )
        ledger.save(fresh)
    return ledger


async def _check_fresh(plan: Plan) -> None:
    """Raise if a source has changed since the plan was made."""
    if stale := await changed_items(plan, plan.items):
        names, many = some_of([item.source.name for item in stale]), counted(len(stale), "item")
        raise StalePlanError(
            f"the plan is stale: {many} changed since it was made ({names}); "
            "plan again what has changed with refresh() (--refresh)"
        )


def _row(item: PlannedItem) -> JournalItem:
    return JournalItem(
        number=item.number,
        name=item.target.name,
        digest=hashlib.sha256(msgspec.json.encode(item, order="deterministic")).hexdigest(),
        source_guid=item.source.guid,
        target_guid=item.target.guid or None,
        outcome="pending" if item.is_runnable else "skipped",
        notes=tuple(one.text for one in item.findings if one.kind != "grant"),
    )


async def _work(migration: Migration, *, retry: bool) -> None:
    """Migrate the items that are left."""
    ledger = migration.ledger
    by_number = {item.number: item for item in migration.plan.items}
    outcomes = {"pending", "running", "failed"} if retry else {"pending", "running"}
    left = [by_number[row.number] for row in ledger.items if row.outcome in outcomes]
    for row in ledger.items:
        if row.outcome == "skipped":
            migration.notify("skipped", number=row.number, name=row.name)
    try:
        if left:
            _check_values(migration, left)
            await create_people(migration)
            await create_tags(migration, left)
            await _migrate(migration, left)
    finally:
        # Also if it was cancelled: a grant must not outlive the run.
        with anyio.move_on_after(_CLEANUP_SECONDS, shield=True):
            await revoke_all(migration)
            if ledger.failure is None:
                await ledger.flush()
    if ledger.failure is not None:
        raise ledger.failure


def _check_values(migration: Migration, items: Sequence[PlannedItem]) -> None:
    """Raise if the value of a variable that the plan has found is missing now."""
    if migration.plan.options.policies.value_missing == "unset":
        return
    for item in items:
        if "configured" in _steps_left(ItemRun(migration, item)) and item.target.details:
            migration.values.get(item.source.guid, item.target.details.variables)


async def _migrate(migration: Migration, items: Sequence[PlannedItem]) -> None:
    is_over = False

    async def migrate(item: PlannedItem) -> None:
        nonlocal is_over
        if not is_over:
            is_over = await _migrate_one(ItemRun(migration, item))

    outcomes = amap(migrate, items, limit=migration.limits.items, ordered=False)
    async with aclosing(aiter(outcomes)) as stream:
        async for _ in stream:
            pass


async def _migrate_one(item: ItemRun) -> bool:
    """Take an item through the steps that are left; return whether no other can be begun."""
    clock = item.migration.destination.clock
    began, step = clock.monotonic(), "planned"
    item.save(outcome="running", failed_step=None, error_type=None, error=None, log=())
    item.hide(item.migration.values.known(item.item.source.guid))
    is_over = False
    try:
        left = _steps_left(item)
        if "created" in left:
            await _check_unchanged(item)
        if "granted" not in left and "dressed" in left:
            # A failure has withdrawn it, and something is still read on the source.
            step = "granted"
            await STEP_FUNCTIONS[step](item)
            # It is no step back.
            item.notify("step", step=item.row.step)
        for step in left:
            await STEP_FUNCTIONS[step](item)
            item.save(step=step)
            item.notify("step", step=step)
        await revoke(item.migration, item.item.number)
        item.save(outcome="done", seconds=clock.monotonic() - began)
        item.notify("done", text=item.row.target_url or "")
    except AconnectError as error:
        is_over = isinstance(error, _FATAL)
        if item.migration.ledger.failure is not None:
            return is_over  # it is not the item that fails, and the run says why
        item.fail(step, error)
        if not is_over:
            await _revoke_after(item)
    return is_over


def _steps_left(item: ItemRun) -> tuple[str, ...]:
    """Return the steps that have not ended, in their order."""
    ended = STEPS.index(item.row.step) + 1 if item.row.step else 0
    return STEPS[ended:]


async def _check_unchanged(item: ItemRun) -> None:
    """Raise if the source was deployed since the plan was made.

    All of it was compared when the run began; this is what would mix two deployments.
    """
    source = item.item.source
    now = await item.migration.source.content.get(source.guid, include=None)
    if (now.bundle_id, now.last_deployed_time) != (source.bundle_id, source.last_deployed):
        raise StalePlanError(
            f"bundle {now.bundle_id} was deployed on the source since the plan was made, which has "
            f"bundle {source.bundle_id}; plan it again with refresh() (--refresh)"
        )


async def _revoke_after(item: ItemRun) -> None:
    """Withdraw the grant for an item that failed; if that fails too, the end of the run does it."""
    with suppress(AconnectError):
        await revoke(item.migration, item.item.number)

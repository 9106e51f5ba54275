"""The report of a migration: what became of each item, with its old and new addresses."""

from __future__ import annotations

from datetime import UTC, datetime

from aconnect.migrate.planning.model import Plan, PlannedItem
from aconnect.migrate.running.events import Report, ReportItem
from aconnect.migrate.running.journal import JournalItem, Ledger


def make_report(plan: Plan, ledger: Ledger, started: datetime) -> Report:
    """Return the report of a run that has ended, or was interrupted."""
    planned = {item.number: item for item in plan.items}
    grants = [one for one in ledger.writes(kind="grant") if one.state != "undone"]
    notes = [one.text for one in plan.findings if one.kind == "lost"]
    notes += [
        f"the key's owner is still a collaborator of {one.before['guid']} on the source; run the "
        "migration again to withdraw that"
        for one in grants
    ]
    vanities = {one.number for one in ledger.writes(kind="vanity") if one.state == "done"}
    return Report(
        plan=plan.id,
        source=plan.source.url,
        destination=plan.destination.url,
        started=started,
        ended=datetime.now(UTC),
        items=tuple(
            _item(planned[row.number], row, has_vanity=row.number in vanities)
            for row in ledger.items
        ),
        notes=tuple(notes),
    )


def _item(planned: PlannedItem, row: JournalItem, *, has_vanity: bool) -> ReportItem:
    is_up_to_date = planned.sign == "="
    return ReportItem(
        number=row.number,
        name=planned.target.name,
        owner=planned.target.owner,
        outcome="pending" if row.outcome == "running" else row.outcome,
        step=row.failed_step or row.step,
        source_guid=planned.source.guid,
        source_url=planned.source.url,
        target_guid=row.target_guid,
        target_url=row.target_url,
        vanity=planned.target.vanity if has_vanity or is_up_to_date else None,
        bytes=row.bytes,
        seconds=row.seconds,
        error_type=row.error_type,
        error=row.error,
        log=row.log,
        differences=row.differences,
        notes=row.notes,
    )

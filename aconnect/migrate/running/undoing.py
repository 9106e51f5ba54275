"""Taking a migration back: only what the journal has, newest first, and nothing that has changed.

Content that the run created is deleted, unless it was deployed or given away since. Content that
was updated gets its former settings, permissions and bundle back; values of environment variables
and thumbnails cannot be put back, because servers do not return them, or the journal does not keep
them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from pathlib import Path
from typing import Literal

from msgspec import Struct

from aconnect._client.lazy import LazySequence
from aconnect._client.threads import in_thread
from aconnect.concurrency import amap
from aconnect.connect import Client, ContentItem
from aconnect.connect._base.resource import none_if_missing
from aconnect.errors import AconnectError, InvalidArgumentError
from aconnect.migrate.running.journal import (
    WHOLE,
    Journal,
    JournalHeader,
    JournalItem,
    Ledger,
    Write,
    opened_journal,
)
from aconnect.migrate.running.undo_writes import Undo, undo_source, undo_target

UndoOutcome = Literal["undone", "refused", "failed"]


class UndoneItem(Struct, frozen=True, kw_only=True):
    """What became of one item when a migration was taken back."""

    number: int
    """0 for what was made for the whole migration, such as tags."""
    name: str
    outcome: UndoOutcome
    """`refused`: it has changed since the run, so it was left as it is."""
    text: str = ""
    """What was done, or why not."""
    notes: tuple[str, ...] = ()
    """What was left, and why."""


def undo(
    journal: str | Path,
    source: Client,
    destination: Client,
    *,
    force: Collection[str] = (),
    in_flight: int = 16,
) -> LazySequence[UndoneItem]:
    """Take a migration back, and return what became of each item as it ends.

    Await it for a list of all. Calling it again goes on with what is left; the plan can be run
    again afterwards, with the same journal.

    Args:
        journal: The path of the journal.
        source: The client of the server that has the content, with a key of the same user.
        destination: The client of the other server, likewise.
        force: The guids of content on the destination that is deleted although it has changed.
        in_flight: How many items are taken back at once.

    Raises:
        InvalidArgumentError: There is no such journal, another process uses it, or it is of other
            servers or keys.
        ResumeError: The journal cannot be read.
        FileError: The journal cannot be written.
    """
    path = Path(journal)
    if not path.is_file():
        raise InvalidArgumentError(f"there is no journal {str(path)!r}; pass that of the run")

    async def items() -> AsyncGenerator[UndoneItem, None]:
        async with opened_journal(Journal(path)) as opened:
            ledger = Ledger(opened, await _checked(opened, source, destination))
            rows = [row for row in reversed(ledger.items) if _is_written(ledger, row.number)]
            undoing = Undo(source, destination, ledger, frozenset(force))

            async def one(row: JournalItem) -> UndoneItem:
                return await _undo_item(undoing, row)

            async with aclosing(aiter(amap(one, rows, limit=in_flight, ordered=False))) as done:
                async for item in done:
                    yield item
            if _is_written(ledger, WHOLE):
                yield await _undo_tags(undoing)
            await ledger.flush()

    return LazySequence(items)


async def _checked(journal: Journal, source: Client, destination: Client) -> JournalHeader:
    """Return which run it is; raise unless the clients are those of it."""
    header = await in_thread(journal.header)
    if header is None:
        raise InvalidArgumentError(f"{journal.path} has no run to take back")
    for client, url, guid in (
        (source, header.source, header.source_me),
        (destination, header.destination, header.destination_me),
    ):
        if client.url != url:
            raise InvalidArgumentError(
                f"the run was from {header.source} to {header.destination}, not with {client.url}"
            )
        me = await client.me()
        if me.guid != guid:
            raise InvalidArgumentError(
                f"the run was made with a key of another user than {me.username} on {url}; use a "
                "key of that user"
            )
    return header


def _is_written(ledger: Ledger, number: int) -> bool:
    return any(write.state != "undone" for write in ledger.writes(number))


async def _undo_item(undoing: Undo, row: JournalItem) -> UndoneItem:
    """Take back the writes of an item, newest first."""
    ledger = undoing.ledger
    outcome: UndoOutcome = "undone"
    notes, text = list[str](), "taken back"
    try:
        item = await _target(undoing, row)
        reason = None if item is None else _reason_to_keep(undoing, row, item)
        if reason is not None:
            outcome, text = "refused", reason
        else:
            for write in _newest_first(ledger, row.number):
                await ledger.flush()
                if (note := await undo_target(undoing, write, item)) is not None:
                    notes.append(note)
                ledger.mark_undone(write)
        # Grants and locks on the source are withdrawn in any case.
        for write in _newest_first(ledger, row.number, side="source"):
            if (note := await undo_source(undoing, write)) is not None:
                notes.append(note)
            ledger.mark_undone(write)
    except AconnectError as error:
        if ledger.failure is not None:
            raise
        outcome, text = "failed", str(error)
    if outcome == "undone":
        fresh = JournalItem(
            number=row.number, name=row.name, digest=row.digest, source_guid=row.source_guid
        )
        ledger.save(fresh)
    return UndoneItem(
        number=row.number, name=row.name, outcome=outcome, text=text, notes=tuple(notes)
    )


def _newest_first(ledger: Ledger, number: int, side: str = "destination") -> list[Write]:
    writes = (one for one in ledger.writes(number) if one.state != "undone" and one.side == side)
    return sorted(writes, key=lambda one: one.id, reverse=True)


async def _target(undoing: Undo, row: JournalItem) -> ContentItem | None:
    """Return the content on the destination; None if it is not there."""
    content, guid = undoing.destination.content, row.target_guid
    if guid is None:
        # The response to its creation may have been lost.
        for write in undoing.ledger.writes(row.number, "content"):
            me = await undoing.destination.me()
            found = await content.find(name=write.key, owner_guid=me.guid).first()
            guid = None if found is None else found.guid
    return None if guid is None else await none_if_missing(content.get(guid, include=None))


def _reason_to_keep(undoing: Undo, row: JournalItem, item: ContentItem) -> str | None:
    """Return why the content is left as it is; None if it is what the run has made of it."""
    if item.guid in undoing.force:
        return None
    ledger = undoing.ledger
    sent = {str(one.result.get("id")) for one in ledger.writes(row.number, "bundle")}
    if sent and item.bundle_id is not None and item.bundle_id not in sent:
        before = [one.before.get("bundle_id") for one in ledger.writes(row.number, "settings")]
        if item.bundle_id not in before:
            return _kept(item, f"bundle {item.bundle_id} was deployed since the run")
    final = ledger.write(row.number, "final", "")
    owners = {undoing.me_guid, None if final is None else final.before.get("new_owner")}
    if item.owner_guid not in owners and final is not None:
        return _kept(item, "it has another owner since the run")
    proof = ledger.write(row.number, "proof", "")
    if proof is not None and proof.result.get("last_deployed") not in {None, _time(item)}:
        return _kept(item, f"it was deployed since the run, at {_time(item)}")
    return None


def _kept(item: ContentItem, why: str) -> str:
    return f"{item.guid} is kept, because {why}; name it with force= to take it back anyway"


def _time(item: ContentItem) -> str | None:
    return None if item.last_deployed_time is None else item.last_deployed_time.isoformat()


async def _undo_tags(undoing: Undo) -> UndoneItem:
    """Delete the tags that the run has created and nobody uses, children first."""
    notes: list[str] = []
    outcome: UndoOutcome = "undone"
    for write in _newest_first(undoing.ledger, WHOLE):
        try:
            note = await undo_target(undoing, write, None)
        except AconnectError as error:
            outcome, note = "failed", str(error)
        else:
            undoing.ledger.mark_undone(write)
        if note is not None:
            notes.append(note)
    return UndoneItem(
        number=WHOLE, name="tags", outcome=outcome, text="taken back", notes=tuple(notes)
    )

"""Taking a migration back: only what the journal has, newest first, and nothing that has changed.

Content that the run created is deleted, unless it was deployed, renamed or given away since.
Content that was updated gets its former settings, permissions and bundle back; replaced values of
environment variables and thumbnails cannot be put back, because servers do not return them, or the
journal does not keep them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from pathlib import Path
from typing import Final, Literal

import msgspec
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
    WriteKind,
    opened_journal,
)
from aconnect.migrate.running.undo_writes import Undo, undo_source, undo_tag, undo_target

UndoOutcome = Literal["undone", "refused", "failed"]

_BESIDE_CONTENT: Final[frozenset[WriteKind]] = frozenset({"content", "source-lock", "vanity"})
"""What is taken back by itself if the run has created the content."""


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
    again afterwards, with the same journal. Grants on the source are withdrawn in any case.

    Args:
        journal: The path of the journal.
        source: The client of the server that has the content, with a key of the same user.
        destination: The client of the other server, likewise.
        force: The guids of content on the destination that is taken back although it has changed.
        in_flight: How many items are taken back at once.

    Raises:
        InvalidArgumentError: There is no such journal, another process uses it, or it is of other
            servers or keys.
        ResumeError: The journal cannot be read.
        FileError: The journal cannot be written.
        AconnectError: A server did not respond at the beginning.
    """
    path = Path(journal)
    if not path.is_file():
        raise InvalidArgumentError(f"there is no journal {str(path)!r}; pass that of the run")

    async def items() -> AsyncGenerator[UndoneItem, None]:
        async with opened_journal(Journal(path)) as opened:
            header = await _checked(opened, source, destination)
            ledger = await in_thread(Ledger, opened, header)
            undoing = Undo(source, destination, ledger, frozenset(force))
            rows = [row for row in reversed(ledger.items) if _left(ledger, row.number)]

            async def one(row: JournalItem) -> UndoneItem:
                return await _undo_item(undoing, row)

            async with aclosing(aiter(amap(one, rows, limit=in_flight, ordered=False))) as done:
                async for item in done:
                    yield item
            if rows or _left(ledger, WHOLE, "new-tag"):
                async for item in _undo_whole(undoing):
                    yield item
            for row in ledger.items:
                # What failed before it wrote anything is tried by the next run as well.
                if row.outcome == "failed" and not _left(ledger, row.number):
                    ledger.save(_fresh(undoing, row))
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


def _left(ledger: Ledger, number: int, kind: WriteKind | None = None) -> list[Write]:
    """Return the writes that are not taken back, newest first."""
    writes = (one for one in ledger.writes(number, kind) if one.state != "undone")
    return sorted(writes, key=lambda one: one.id, reverse=True)


async def _undo_item(undoing: Undo, row: JournalItem) -> UndoneItem:
    """Take back the writes of an item; its grant on the source in any case."""
    ledger = undoing.ledger
    outcome: UndoOutcome = "undone"
    texts, notes = list[str](), list[str]()
    try:
        item = await _target(undoing, row)
        reason = None if item is None else _reason_to_keep(undoing, row, item)
        if reason is not None:
            outcome = "refused"
            texts.append(reason)
        else:
            # From now on, a run does the item again.
            ledger.save(
                msgspec.structs.replace(ledger.item(row.number), outcome="running", step="")
            )
            await _undo_writes(undoing, row.number, item, notes)
    except AconnectError as error:
        _raise_if_over(ledger)
        outcome = "failed"
        texts.append(str(error))
    try:
        for write in _left(ledger, row.number, "grant"):
            await undo_source(undoing, write)
            ledger.mark_undone(write)
    except AconnectError as error:
        _raise_if_over(ledger)
        outcome = "failed"
        texts.append(f"the grant on the source could not be withdrawn: {error}")
    if outcome == "undone":
        ledger.save(_fresh(undoing, row))
        texts.append("taken back")
    await ledger.flush()
    return UndoneItem(
        number=row.number,
        name=row.name,
        outcome=outcome,
        text="; ".join(texts),
        notes=tuple(notes),
    )


def _raise_if_over(ledger: Ledger) -> None:
    """Raise if the journal cannot be written, so that nothing else is taken back."""
    if ledger.failure is not None:
        raise ledger.failure


async def _undo_writes(
    undoing: Undo, number: int, item: ContentItem | None, notes: list[str]
) -> None:
    ledger, is_adopted = undoing.ledger, undoing.is_adopted(number)
    writes = [write for write in _left(ledger, number) if write.kind != "grant"]
    for write in writes:
        if not is_adopted and write.kind not in _BESIDE_CONTENT:
            continue
        # What was taken back before is durable, so that it is not a reason to keep the content.
        await ledger.flush()
        if write.side == "source":
            note = await undo_source(undoing, write)
        else:
            note = await undo_target(undoing, write, item)
        if note is not None:
            notes.append(note)
        ledger.mark_undone(write)
    for write in writes:
        # All else belongs to the content, and was deleted with it.
        ledger.mark_undone(write)


def _fresh(undoing: Undo, row: JournalItem) -> JournalItem:
    """Return an item as it was before the run."""
    return JournalItem(
        number=row.number,
        name=row.name,
        digest=row.digest,
        source_guid=row.source_guid,
        target_guid=row.target_guid if undoing.is_adopted(row.number) else None,
    )


async def _target(undoing: Undo, row: JournalItem) -> ContentItem | None:
    """Return the content on the destination; None if it is not there."""
    content, guid = undoing.destination.content, row.target_guid
    if guid is None:
        # The response to its creation may have been lost.
        for write in _left(undoing.ledger, row.number, "content"):
            found = await content.find(name=write.key, owner_guid=undoing.me_guid).first()
            guid = None if found is None else found.guid
    return None if guid is None else await none_if_missing(content.get(guid, include=None))


def _reason_to_keep(undoing: Undo, row: JournalItem, item: ContentItem) -> str | None:
    """Return why the content is left as it is; None if it is what the run has made of it."""
    changes = (
        None
        if item.guid in undoing.force
        else _deployed_since(undoing, row, item) or _moved_since(undoing, row, item)
    )
    if changes is None:
        return None
    return (
        f"{item.guid} is kept, because it was {changes} since the run; name it with force= to "
        "take it back anyway"
    )


def _deployed_since(undoing: Undo, row: JournalItem, item: ContentItem) -> str | None:
    ledger, bundle = undoing.ledger, item.bundle_id
    writes = ledger.writes(row.number)
    known = {str(one.result.get("id")) for one in writes if one.kind == "bundle"}
    known |= {str(one.result.get("bundle_id")) for one in writes if one.kind == "proof"}
    former = {one.before["bundle_id"] for one in writes if one.kind == "settings"}
    if bundle is None or bundle in former:
        return None
    # The bundles that servers make of Git repositories are known only if the run has ended.
    if known - {"None"} and bundle not in known:
        return f"deployed (bundle {bundle})"
    time = None if item.last_deployed_time is None else item.last_deployed_time.isoformat()
    for proof in _left(ledger, row.number, "proof"):
        if proof.state == "done" and proof.result["last_deployed"] != time:
            return f"deployed (at {time})"
    return None


def _moved_since(undoing: Undo, row: JournalItem, item: ContentItem) -> str | None:
    """Return what became of its name and its owner, which identify content."""
    ledger, number = undoing.ledger, row.number
    final = next(iter(_left(ledger, number, "final")), None)
    new = None if final is None else final.before["new_owner"]
    owners = {one.before["owner_guid"] for one in ledger.writes(number, "settings")}
    if not owners:
        # The run created it; from then on, only the run has changed it.
        names = {one.key for one in ledger.writes(number, "content")}
        if final is not None:
            names = {row.name} if final.state == "done" else {*names, row.name}
        if item.name not in names:
            return f"renamed to {item.name!r}"
        if new is None or (final is not None and final.state != "done"):
            owners.add(undoing.me_guid)
    if item.owner_guid not in {*owners, *filter(None, (new,))}:
        return "given to another owner"
    return None


async def _undo_whole(undoing: Undo) -> AsyncGenerator[UndoneItem, None]:
    """Delete the tags that the run has created and nobody uses, and name the people who stay."""
    ledger, notes, errors = undoing.ledger, list[str](), list[str]()
    tags, people = _left(ledger, WHOLE, "new-tag"), _left(ledger, WHOLE, "people")
    for write in tags:
        try:
            note = await undo_tag(undoing, write)
        except AconnectError as error:
            _raise_if_over(ledger)
            errors.append(f"the tag {write.key!r} could not be deleted: {error}")
            continue
        if note is None:
            ledger.mark_undone(write)
        else:
            notes.append(note)
    # They remain in the journal, so that the next run does not create them again.
    notes += [
        f"{write.before['text']} is not undone: servers cannot delete users, and others may use "
        "the rest"
        for write in people
    ]
    if tags or people:
        yield UndoneItem(
            number=WHOLE,
            name="for all items",
            outcome="failed" if errors else "undone",
            text="; ".join(errors) or "taken back",
            notes=tuple(notes),
        )

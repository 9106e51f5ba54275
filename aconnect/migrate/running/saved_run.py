"""What a journal says about its run, without going on with it: to ask before it is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.running.journal import (
    WHOLE,
    Journal,
    JournalHeader,
    JournalItem,
    Write,
    WriteKind,
)

_CREATED: Final[WriteKind] = "content"
_GRANT: Final[WriteKind] = "grant"
_NEW_TAG: Final[WriteKind] = "new-tag"
_ACTIONS: Final[dict[WriteKind, str]] = {
    _CREATED: "delete the content",
    _GRANT: "withdraw the grant on the source",
    "source-lock": "unlock the source",
}
"""What taking back a write means, by its kind."""
_PUT_BACK: Final = "put back settings, permissions, tags and the bundle, as far as they are known"


class SavedItem(Struct, frozen=True, kw_only=True):
    """An item that a run has begun."""

    number: int
    name: str
    outcome: str
    """`done`, `failed`, or `running` if it was interrupted."""
    target_guid: str | None
    target_url: str | None
    actions: tuple[str, ...]
    """What `undo` does with it."""


class SavedRun(Struct, frozen=True, kw_only=True):
    """A run, as its journal has it."""

    plan: str
    """The id of the plan."""
    source: str
    """The address of the server."""
    destination: str
    items: tuple[SavedItem, ...]
    """Those with something to take back, the last one first."""
    tags: tuple[str, ...]
    """The paths of the tags that the run has created."""
    grants: int
    """The number of grants on the source that are not withdrawn."""
    content: dict[str, str]
    """The guids of the content that it has created or updated, by those of the source; pass them to
    `plan(migrated=)` to migrate what has changed since."""
    done: int
    """The number of items that are migrated."""
    failed: int


def read_journal(path: str | Path) -> SavedRun:
    """Read what a run has written and not taken back. Blocks.

    Raises:
        InvalidArgumentError: There is no such journal, it has no run, or another process uses it.
        ResumeError: It cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidArgumentError(f"there is no journal {str(path)!r}; pass that of the run")
    with Journal(path) as journal:
        header, rows = journal.header(), journal.items()
        writes = [write for write in journal.writes() if write.state != "undone"]
    if header is None:
        raise InvalidArgumentError(f"{path} has no run of a migration; pass the journal of one")
    return _saved(header, rows, writes)


def _saved(header: JournalHeader, rows: list[JournalItem], writes: list[Write]) -> SavedRun:
    of_item: dict[int, list[Write]] = {}
    for write in writes:
        of_item.setdefault(write.number, []).append(write)
    return SavedRun(
        plan=header.plan,
        source=header.source,
        destination=header.destination,
        items=tuple(
            SavedItem(
                number=row.number,
                name=row.name,
                outcome=row.outcome,
                target_guid=row.target_guid,
                target_url=row.target_url,
                actions=_actions(of_item[row.number]),
            )
            for row in reversed(rows)
            if row.number in of_item
        ),
        tags=tuple(one.key for one in writes if (one.number, one.kind) == (WHOLE, _NEW_TAG)),
        grants=sum(write.kind == _GRANT for write in writes),
        content={
            row.source_guid: row.target_guid
            for row in rows
            if row.target_guid is not None
            and (row.outcome == "done" or _is_adopted(of_item.get(row.number, [])))
        },
        done=sum(row.outcome == "done" for row in rows),
        failed=sum(row.outcome == "failed" for row in rows),
    )


def _is_adopted(writes: list[Write]) -> bool:
    """Return True if content was there before the run."""
    return all(write.kind != _CREATED for write in writes)


def _actions(writes: list[Write]) -> tuple[str, ...]:
    kinds = {write.kind for write in writes}
    actions = [text for kind, text in _ACTIONS.items() if kind in kinds]
    if _CREATED not in kinds and any(write.side == "destination" for write in writes):
        actions.insert(0, _PUT_BACK)
    actions += [
        f"give {write.before['path']} back to {write.before['holder']}"
        for write in writes
        if write.kind == "vanity" and write.before.get("holder")
    ]
    return tuple(actions)

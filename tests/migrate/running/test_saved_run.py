"""What a journal says about its run before it is taken back."""

from datetime import UTC, datetime

import pytest

from aconnect import migrate
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.running.journal import Journal, JournalHeader, JournalItem, Ledger, Write

HEADER = JournalHeader(
    plan="abcdefgh",
    source="https://old.example",
    destination="https://new.example",
    source_me="me",
    destination_me="you",
    started=datetime(2026, 1, 1, tzinfo=UTC),
)


async def saved(path, *writes, outcomes=("done", "failed")):
    """Write a journal with an item for each outcome, and read it."""
    items = [
        JournalItem(number=number, name=f"item-{number}", digest="", outcome=outcome)
        for number, outcome in enumerate(outcomes, 1)
    ]
    with Journal(path) as journal:
        journal.begin(HEADER, items)
        ledger = Ledger(journal, HEADER)
        for number, (item, kind, fields) in enumerate(writes, 1):
            ledger.update(Write(id=number, number=item, kind=kind, key=str(number), **fields))
        await ledger.flush()
    return migrate.read_journal(path)


async def test_actions(tmp_path):
    """Each item says what is done with it, the last one first; what is taken back is left out."""
    on = {"side": "destination"}
    taken = {"before": {"path": "/a/", "holder": "someone"}}
    read = await saved(
        tmp_path / "a.db",
        (1, "content", on),
        (1, "vanity", {**on, **taken}),
        (2, "settings", on),
        (2, "grant", {"side": "source"}),
        (3, "content", {**on, "state": "undone"}),
        (4, "source-lock", {"side": "source"}),
        (0, "new-tag", on),
        outcomes=("done", "failed", "done", "running"),
    )
    assert (read.source, read.destination, read.plan) == (
        "https://old.example",
        "https://new.example",
        "abcdefgh",
    )
    assert {item.name: item.actions for item in read.items} == {
        "item-4": ("unlock the source",),
        "item-2": (
            "put back settings, permissions, tags and the bundle, as far as they are known",
            "withdraw the grant on the source",
        ),
        "item-1": ("delete the content", "give /a/ back to someone"),
    }
    assert [item.number for item in read.items] == [4, 2, 1]
    assert (read.grants, read.done, read.failed, len(read.tags)) == (1, 2, 1, 1)


async def test_nothing(tmp_path):
    """A run that has written nothing has nothing to take back."""
    read = await saved(tmp_path / "a.db")
    assert (read.items, read.tags, read.grants) == ((), (), 0)


def test_no_run(tmp_path):
    """A path without a journal is refused and not created, and so is one without a run."""
    with pytest.raises(InvalidArgumentError, match="no journal"):
        migrate.read_journal(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.db").touch()
    with pytest.raises(InvalidArgumentError, match="no run"):
        migrate.read_journal(tmp_path / "a.db")

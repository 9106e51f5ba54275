"""The journal: an intent is durable before a write, and what is lost is never believed."""

import asyncio
import sqlite3
from datetime import UTC, datetime

import pytest

from aconnect.errors import Attempt, ConnectionLostError, FileError, InvalidArgumentError
from aconnect.migrate.running.journal import (
    Journal,
    JournalHeader,
    JournalItem,
    Ledger,
    opened_journal,
)
from aconnect.migrate.running.writes import Writes
from aconnect.testing import VirtualClock

HEADER = JournalHeader(
    plan="abcdefgh",
    source="https://a.example",
    destination="https://b.example",
    source_me="1",
    destination_me="2",
    started=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.fixture
async def journal(path):
    async with opened_journal(Journal(path)) as journal:
        journal.begin(HEADER, [JournalItem(number=n, name=f"item-{n}", digest="") for n in (1, 2)])
        yield journal


@pytest.fixture
def ledger(journal):
    return Ledger(journal, HEADER)


def writes(ledger, number=1):
    return Writes(ledger, VirtualClock(), number)


def stored(path):
    """What is durable, read as after a crash: by somebody else, from the file alone."""
    uri = f"file:{path}?mode=ro&immutable=1"
    with sqlite3.connect(uri, uri=True) as connection:
        return connection.execute("SELECT write FROM write ORDER BY id").fetchall()


async def test_the_intent_is_durable_first(ledger, path):
    """When a request is made, its intent is on the disk."""
    seen = []

    async def request():
        seen.extend(stored(path))
        return {"id": "7"}

    assert await writes(ledger).make("tag", request, key="a") == {"id": "7"}
    ((text,),) = seen
    assert '"state":"intent"' in text or '"state"' not in text
    assert '"key":"a"' in text


async def test_a_write_is_made_once(ledger):
    """What is done returns its result, and is not requested again."""
    made = []

    async def request():
        made.append(1)
        return {"id": "7"}

    for _ in range(3):
        assert await writes(ledger).make("tag", request) == {"id": "7"}
    assert made == [1]


async def test_after_an_interruption_it_is_looked_up(journal, ledger):
    """An intent whose result is not known is looked up before it is repeated."""

    async def killed():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await writes(ledger).make("tag", killed, look_up=killed)
    later = Ledger(journal, HEADER)
    asked = []

    async def look_up():
        asked.append("look up")
        return {"id": "7"} if found else None

    async def request():
        asked.append("request")
        return {"id": "8"}

    for found, expected in ((True, ["look up"]), (False, ["look up", "request"])):
        asked.clear()
        fresh = Ledger(journal, HEADER)
        result = await writes(fresh).make("tag", request, look_up=look_up)
        assert asked == expected
        assert result == {"id": "7" if found else "8"}
    assert later.writes()[0].state == "intent"


async def test_a_refused_write_was_not_made(ledger, journal):
    """What the server refuses leaves no intent; what is uncertain leaves one."""

    async def refused():
        raise InvalidArgumentError("no")

    async def lost():
        raise ConnectionLostError("lost")

    with pytest.raises(InvalidArgumentError):
        await writes(ledger).make("tag", refused)
    with pytest.raises(ConnectionLostError):
        await writes(ledger).make("vanity", lost)
    await ledger.flush()
    assert [write.kind for write in journal.writes()] == ["vanity"]


async def test_waiting_writes_share_a_commit(ledger, journal, monkeypatch):
    """Many items at once do not take a commit each."""
    commits = []
    apply = journal.apply

    def counted(changes):
        commits.append(len(list(changes)))
        apply(changes)

    monkeypatch.setattr(journal, "apply", counted)

    async def request():
        return {"id": "7"}

    await asyncio.gather(
        *(writes(ledger, n).make("tag", request, key=str(n)) for n in range(1, 101))
    )
    await ledger.flush()
    assert sum(commits) == 200
    assert len(commits) < 20
    assert len(journal.writes()) == 100


async def test_a_full_disk_ends_the_writes(ledger, journal, monkeypatch):
    """If the journal cannot be written, nothing is requested any more, by no item."""

    def full(_):
        raise FileError("the disk is full")

    monkeypatch.setattr(journal, "apply", full)
    made = []

    async def request():
        made.append(1)

    outcomes = await asyncio.gather(
        *(writes(ledger, n).make("tag", request) for n in range(1, 9)), return_exceptions=True
    )
    assert {type(one) for one in outcomes} == {FileError}
    monkeypatch.undo()
    with pytest.raises(FileError):
        await writes(ledger).make("vanity", request)
    assert made == []
    assert "full" in str(ledger.failure)


async def test_a_cancelled_commit_is_not_lost(ledger, journal):
    """Tasks that are cancelled while the disk is written leave a journal that goes on."""

    async def request():
        return {"id": "7"}

    for n in range(1, 40):
        task = asyncio.create_task(writes(ledger, n).make("tag", request))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(writes(ledger).make("vanity", request), 10)
    await ledger.flush()
    assert journal.writes()[-1].kind == "vanity"
    assert {write.id for write in journal.writes()} == {write.id for write in ledger.writes()}


@pytest.mark.usefixtures("journal")
async def test_one_runner_at_a_time(path):
    """A second process is told, and changes nothing."""
    with pytest.raises(InvalidArgumentError, match="another process"):
        async with opened_journal(Journal(path)):
            pass


async def test_a_write_that_was_taken_back_can_be_made_again(ledger):
    """After `undo` the same write is an intent again, with what is there then."""

    async def request():
        return {"id": "7"}

    await writes(ledger).make("tag", request, before={"had": False})
    ledger.mark_undone(ledger.writes()[0])
    assert writes(ledger).find("tag") is None
    await writes(ledger).make("tag", request, before={"had": True})
    assert [write.before for write in ledger.writes()] == [{"had": True}]


async def test_a_refusal_does_not_settle_an_earlier_attempt(ledger, journal):
    """What may have been made stays in the journal, with what was there before, to be undone."""

    async def lost():
        raise ConnectionLostError("lost")

    async def refused():
        raise InvalidArgumentError("no")

    for request, error in ((lost, ConnectionLostError), (refused, InvalidArgumentError)):
        with pytest.raises(error):
            await writes(ledger).make("vanity", request, before={"holder": "other"})
    await ledger.flush()
    assert [write.before for write in journal.writes()] == [{"holder": "other"}]


async def test_a_refusal_after_a_lost_response(ledger, journal):
    """The client repeats some calls by itself: the last failure says nothing about the first."""

    async def refused():
        error = InvalidArgumentError("no")
        error.attempts = (Attempt(number=1, elapsed=0.1, failure="lost"),)
        raise error

    with pytest.raises(InvalidArgumentError):
        await writes(ledger).make("settings", refused, before={"title": "Before"})
    await ledger.flush()
    assert [write.before for write in journal.writes()] == [{"title": "Before"}]


async def test_a_look_up_that_is_refused(ledger, journal):
    """It says nothing about the write, which may have been made."""

    async def lost():
        raise ConnectionLostError("lost")

    async def refused():
        raise InvalidArgumentError("no")

    with pytest.raises(InvalidArgumentError):
        await writes(ledger).make("new-tag", lost, look_up=refused)
    await ledger.flush()
    assert [write.kind for write in journal.writes()] == ["new-tag"]


async def test_the_writes_of_an_item_are_found_without_those_of_others(ledger, monkeypatch):
    """Thousands of items that ask for their writes do not go through those of all others."""

    async def request():
        return {"id": "7"}

    for number in range(1, 30):
        await writes(ledger, number).make("tag", request, key="a")
        await writes(ledger, number).make("tag", request, key="b")
    seen = []

    def counted(items, **options):
        found = list(items)
        seen.append(len(found))
        return sorted(found, **options)

    monkeypatch.setattr("aconnect.migrate.running.journal.sorted", counted, raising=False)
    assert [write.key for write in ledger.writes(7)] == ["a", "b"]
    assert seen == [2]

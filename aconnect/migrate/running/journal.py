"""The journal of a migration: each write is durable as an intent before it is made.

Whatever ends the process, the journal says which writes were made, and which one of each item may
have been made. It has ids and names, never values: no environment variables, no keys.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from aconnect._client.state_file import StateFile
from aconnect._client.threads import in_thread
from aconnect.errors import AconnectError

Side = Literal["source", "destination"]
Outcome = Literal["pending", "running", "done", "failed", "skipped"]

WriteKind = Literal[
    "activation",
    "build",
    "bundle",
    "content",
    "draft",
    "final",
    "grant",
    "integrations",
    "lock",
    "new-tag",
    "people",
    "permission",
    "polling",
    "proof",
    "repository",
    "settings",
    "source-lock",
    "tag",
    "thumbnail",
    "vanity",
    "variables",
]
"""What is written: for an item, or for the whole migration (`new-tag`, `people`)."""

WHOLE: Final = 0
"""The number of what is written for the whole migration, such as tags."""


class JournalHeader(Struct, frozen=True, kw_only=True):
    """Which migration a journal is of."""

    plan: str
    """The id of the plan."""
    source: str
    """The address of the server."""
    destination: str
    source_me: str
    """The guid of the owner of the key."""
    destination_me: str
    started: datetime


class JournalItem(Struct, frozen=True, kw_only=True):
    """What is known about one item."""

    number: int
    name: str
    digest: str
    """Of the item in the plan, so that a changed one is recognized."""
    outcome: Outcome = "pending"
    """`running` in a journal that no process has open means that the item was interrupted."""
    step: str = ""
    """The last step that has ended."""
    failed_step: str | None = None
    """The step that has failed."""
    source_guid: str = ""
    target_guid: str | None = None
    target_url: str | None = None
    bytes: int = 0
    """The size of the bundles that were sent."""
    seconds: float | None = None
    error_type: str | None = None
    error: str | None = None
    log: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Write(Struct, frozen=True, kw_only=True):
    """One write: an intent, and later what came of it."""

    id: int
    number: int
    """The number of the item, or `WHOLE`."""
    side: Side
    kind: WriteKind
    key: str
    """What identifies it among the writes of this kind for the item."""
    state: Literal["intent", "done", "undone"] = "intent"
    result: dict[str, Any] = {}
    before: dict[str, Any] = {}
    """What was there before, as far as it is needed to put it back."""


class Journal(StateFile):
    """The journal of one migration; locked while it is open."""

    _VERSION = 1
    _TABLES = (
        "CREATE TABLE migration (header TEXT NOT NULL)",
        "CREATE TABLE item (number INTEGER PRIMARY KEY, item TEXT NOT NULL)",
        "CREATE TABLE write (id INTEGER PRIMARY KEY, write TEXT NOT NULL)",
    )
    _NOUN = "journal"
    _ELSEWHERE = "choose another journal="
    _DISCARD = "look on the destination for content named `ac-…` before you delete it"
    _REMOVED = "it cannot be resumed: look on the destination for content named `ac-…`"

    @property
    def is_needed(self) -> bool:
        """Whether a migration has begun."""
        return self.header() is not None

    def header(self) -> JournalHeader | None:
        """Return which migration it is of; None if it is new."""
        with self._errors():
            rows = self._rows("SELECT header FROM migration")
            return msgspec.json.decode(rows[0][0], type=JournalHeader) if rows else None

    def items(self) -> list[JournalItem]:
        """Return what is known about the items, in the order of the plan."""
        with self._errors():
            rows = self._rows("SELECT item FROM item ORDER BY number")
            return [msgspec.json.decode(item, type=JournalItem) for (item,) in rows]

    def writes(self) -> list[Write]:
        """Return all writes, in the order in which they were intended."""
        with self._errors():
            rows = self._rows("SELECT write FROM write ORDER BY id")
            return [msgspec.json.decode(write, type=Write) for (write,) in rows]

    def begin(self, header: JournalHeader, items: Iterable[JournalItem]) -> None:
        """Begin the journal of a migration."""
        with self._transaction() as connection:
            text = msgspec.json.encode(header).decode()
            connection.execute("INSERT INTO migration VALUES (?)", (text,))
            for item in items:
                _put_item(connection, item)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes durable, together."""
        with self._transaction() as connection:
            for change in changes:
                change(connection)


@asynccontextmanager
async def opened_journal(journal: Journal) -> AsyncGenerator[Journal]:
    """Open a journal for the block."""
    try:
        await in_thread(journal.open)
        yield journal
    finally:
        # Short and without waiting, so that a cancellation cannot leave it open.
        journal.close()


Change = Callable[[sqlite3.Connection], None]


def _put_item(connection: sqlite3.Connection, item: JournalItem) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO item VALUES (?, ?)",
        (item.number, msgspec.json.encode(item).decode()),
    )


def _put_write(connection: sqlite3.Connection, write: Write) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO write VALUES (?, ?)",
        (write.id, msgspec.json.encode(write).decode()),
    )


class Ledger:
    """The journal as the tasks of one process use it: what waits is written in one transaction.

    A commit takes milliseconds on the disk. The tasks that wait for one share it, so hundreds of
    items at a time do not wait for each other.
    """

    def __init__(self, journal: Journal, header: JournalHeader) -> None:
        self.header: JournalHeader = header
        """Which migration it is of."""
        self._journal = journal
        self._items = {item.number: item for item in journal.items()}
        self._writes: dict[int, dict[tuple[WriteKind, str], Write]] = {}
        self._last = 0
        for write in journal.writes():
            self._note(write)
            self._last = write.id
        self._waiting: list[Change] = []
        self._added = 0
        self._durable = 0
        self._lock = asyncio.Lock()
        self._failure: AconnectError | None = None

    @property
    def failure(self) -> AconnectError | None:
        """Why the journal cannot be written any more; no other write may be made then."""
        return self._failure

    @property
    def items(self) -> list[JournalItem]:
        """What is known about the items, in the order of the plan."""
        return [self._items[number] for number in sorted(self._items)]

    def item(self, number: int) -> JournalItem:
        """Return what is known about an item."""
        return self._items[number]

    def save(self, item: JournalItem) -> None:
        """Take note of what is known about an item; it becomes durable with the next write."""
        self._items[item.number] = item
        self._add(lambda connection: _put_item(connection, item))

    def write(self, number: int, kind: WriteKind, key: str) -> Write | None:
        """Return a write of this or an earlier process; None if there was none."""
        return self._writes.get(number, {}).get((kind, key))

    def writes(self, number: int | None = None, kind: WriteKind | None = None) -> list[Write]:
        """Return the writes of an item and of a kind, or all, in the order of their intents."""
        numbers = self._writes if number is None else (number,)
        found = [
            one
            for each in numbers
            for one in self._writes.get(each, {}).values()
            if kind in {None, one.kind}
        ]
        return sorted(found, key=lambda one: one.id)

    async def intend(
        self, number: int, side: Side, kind: WriteKind, key: str, before: Mapping[str, Any]
    ) -> Write:
        """Make the intent of a write durable, and return it."""
        self._last += 1
        write = Write(
            id=self._last, number=number, side=side, kind=kind, key=key, before=dict(before)
        )
        self.update(write)
        await self.flush()
        return write

    def update(self, write: Write) -> None:
        """Take note of what came of a write; it becomes durable with the next one."""
        self._note(write)
        self._add(lambda connection: _put_write(connection, write))

    def mark_undone(self, write: Write) -> None:
        """Take note that a write was taken back."""
        self.update(msgspec.structs.replace(write, state="undone"))

    def discard(self, write: Write) -> None:
        """Take note that a write was refused, so that it was not made."""
        del self._writes[write.number][write.kind, write.key]

        def delete(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM write WHERE id = ?", (write.id,))

        self._add(delete)

    def _note(self, write: Write) -> None:
        self._writes.setdefault(write.number, {})[write.kind, write.key] = write

    def _add(self, change: Change) -> None:
        self._waiting.append(change)
        self._added += 1

    async def flush(self) -> None:
        """Wait until everything noted so far is durable.

        Raises:
            FileError: The journal cannot be written, and is not written again.
        """
        goal = self._added
        while self._durable < goal:
            async with self._lock:
                if self._durable < goal and self._failure is None:
                    changes, self._waiting = self._waiting, []
                    # A cancelled task waits for the end of the thread as well.
                    await in_thread(self._commit, changes)
            if self._failure is not None:
                raise self._failure

    def _commit(self, changes: list[Change]) -> None:
        try:
            self._journal.apply(changes)
        except AconnectError as error:
            self._failure = error
        else:
            self._durable += len(changes)

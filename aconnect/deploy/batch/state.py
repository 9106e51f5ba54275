"""The state of a batch, in SQLite: what is done, what has failed, and what is still open.

An item is durable as running before the server is changed for it. So whatever ends the process, the
file says which items may have been changed without the result being known.

A state in which nothing is left to do is removed when it is closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from aconnect._client.state_file import StateFile

Action = Literal["build", "redeploy", "deploy"]
ItemState = Literal["pending", "running", "done", "failed"]


class BatchItem(Struct, frozen=True, kw_only=True):
    """What is known about one item of a batch; it has no secrets."""

    key: str
    """What identifies it in the batch: its guid, or its path in `deploy.toml`."""
    position: int
    """In the order in which the items were listed, from 0."""
    name: str
    guid: str | None = None
    """None as long as the content is not known, because it may have to be created."""
    settings: str = ""
    """A digest of how it is deployed; an item whose settings have changed is deployed again."""
    state: ItemState = "pending"
    """`running` in a state that no process has open means that the item was interrupted."""
    step: str = ""
    """The last step that has begun: `prepare`, `upload`, `wait`, `variables`, `build`, `verify` or
    `activate`."""
    bundle_id: str | None = None
    task_id: str | None = None
    url: str | None = None
    """The address of the content."""
    log_url: str | None = None
    """The page of the dashboard with its logs."""
    seconds: float | None = None
    """The time it took, in seconds."""
    warnings: tuple[str, ...] = ()
    """What the user should know about a directory, one sentence each."""
    error_type: str | None = None
    """The name of the class of the error."""
    error: str | None = None


class BatchHeader(Struct, frozen=True, kw_only=True):
    """What all items of a batch have in common."""

    server: str
    action: Action
    variables: tuple[str, ...] = ()
    """The names of the environment variables that are set; never their values."""


class BatchState(StateFile):
    """The state of one batch; locked while it is open."""

    _VERSION = 1
    _TABLES = (
        "CREATE TABLE batch (header TEXT NOT NULL)",
        (
            "CREATE TABLE item (key TEXT PRIMARY KEY, position INTEGER, item TEXT NOT NULL) "
            "WITHOUT ROWID"
        ),
    )
    _NOUN = "state"
    _ELSEWHERE = "choose another state="
    _DISCARD = "delete the file, and all items are done again"
    _REMOVED = "run the batch again"

    @property
    def is_needed(self) -> bool:
        """Whether something is left to do."""
        return any(item.state != "done" for item in self.items())

    def header(self) -> BatchHeader | None:
        """Return what the items have in common; None if the state is new."""
        with self._errors():
            rows = self._rows("SELECT header FROM batch")
            return msgspec.json.decode(rows[0][0], type=BatchHeader) if rows else None

    def items(self) -> list[BatchItem]:
        """Return all items, in their order."""
        with self._errors():
            rows = self._rows("SELECT item FROM item ORDER BY position")
            return [msgspec.json.decode(item, type=BatchItem) for (item,) in rows]

    def begin(self, header: BatchHeader, items: Sequence[BatchItem]) -> None:
        """Replace what the state has by this batch."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM batch")
            connection.execute("DELETE FROM item")
            text = msgspec.json.encode(header).decode()
            connection.execute("INSERT INTO batch VALUES (?)", (text,))
            for item in items:
                _put(connection, item)

    def save(self, item: BatchItem) -> None:
        """Make what is known about an item durable.

        Raises:
            FileError: The disk is full, or the file was removed.
        """
        with self._transaction() as connection:
            _put(connection, item)


def _put(connection: sqlite3.Connection, item: BatchItem) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO item VALUES (?, ?, ?)",
        (item.key, item.position, msgspec.json.encode(item).decode()),
    )

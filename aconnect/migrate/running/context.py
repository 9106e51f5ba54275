"""What the steps of an item work with: the two servers, the plan, the journal, the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from aconnect._core.redaction import Secret, secrets_of
from aconnect.connect import Client, ContentItem
from aconnect.errors import AconnectError, TaskFailedError
from aconnect.migrate.mapping.values import Values
from aconnect.migrate.planning.model import Plan, PlannedItem
from aconnect.migrate.planning.newcomers import is_placeholder
from aconnect.migrate.running.events import Event, EventKind
from aconnect.migrate.running.journal import WHOLE, JournalItem, Ledger
from aconnect.migrate.running.limits import Limits
from aconnect.migrate.running.writes import Writes
from aconnect.migrate.snapshots.model import PrincipalKind, TagPath
from aconnect.migrate.snapshots.reading import Reader

Notify = Callable[[Event], None]
_BEFORE_ACTIVATION: Final = ("configured", "sourced", "associated", "deployed")
"""The steps of an update that certainly leave the former bundle active."""


class Migration:
    """One run of a plan."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        limits: Limits,
        reader: Reader,
        values: Values,
        notify: Notify,
    ) -> None:
        self.plan: Plan = plan
        self.source: Client = plan.clients[0]
        self.destination: Client = plan.clients[1]
        self.ledger: Ledger = ledger
        self.limits: Limits = limits
        self.reader: Reader = reader
        """Of the destination."""
        self.values: Values = values
        """Where the values of environment variables come from."""
        self.tags: dict[TagPath, str] = {}
        """The ids of the tags on the destination."""
        self.failed_tags: dict[TagPath, AconnectError] = {}
        """Why a tag could not be created."""
        self.newcomers: dict[str, str | AconnectError] = {}
        """The guids of what was created for the plan, or why not, by the placeholders for them."""
        self._notify = notify
        self._principals = {
            (one.kind, one.target): one.target_guid for one in plan.principals if one.target_guid
        }

    def principal(self, kind: PrincipalKind, name: str) -> str | None:
        """Return the guid of a user or group on the destination."""
        guid = self._principals.get((kind, name))
        return None if guid is None else self.resolved(guid)

    def resolved(self, guid: str) -> str:
        """Return a guid of the destination, where the plan may have a placeholder.

        Raises:
            AconnectError: What it stands for could not be created.
        """
        if not is_placeholder(guid):
            return guid
        found = self.newcomers[guid]
        if isinstance(found, AconnectError):
            raise found
        return found

    @property
    def writes(self) -> Writes:
        """The writes for the whole migration."""
        return Writes(self.ledger, self.destination.clock, WHOLE)

    def notify(self, kind: EventKind, text: str = "", **details: Any) -> None:
        """Report something."""
        time = datetime.fromtimestamp(self.destination.clock.time(), UTC)
        self._notify(Event(time=time, kind=kind, text=text, **details))


class ItemRun:
    """One item while it is migrated."""

    def __init__(self, migration: Migration, item: PlannedItem) -> None:
        self.migration: Migration = migration
        self.item: PlannedItem = item
        self.writes: Writes = Writes(migration.ledger, migration.destination.clock, item.number)
        self.source: ContentItem = migration.source.content.handle(item.source.guid)
        self._secrets: tuple[Secret, ...] = ()

    @property
    def row(self) -> JournalItem:
        """What the journal knows about the item."""
        return self.migration.ledger.item(self.item.number)

    @property
    def target(self) -> ContentItem:
        """The content on the destination."""
        return self.migration.destination.content.handle(self.row.target_guid or "")

    @property
    def owner_guid(self) -> str | None:
        """The new owner; None keeps the owner of the key."""
        guid = self.item.owner_guid
        return None if guid is None else self.migration.resolved(guid)

    @property
    def first_owner_guid(self) -> str | None:
        """Who owns the content until it gets its new owner."""
        if (write := self.writes.find("settings")) is not None:
            owner: str | None = write.before["owner_guid"]
            return owner
        return self.migration.plan.destination.me_guid

    @property
    def is_adopted(self) -> bool:
        """Whether existing content is updated, instead of being created."""
        return bool(self.item.target.guid)

    def save(self, **known: Any) -> None:
        """Take note of what is known about the item."""
        self.migration.ledger.save(msgspec.structs.replace(self.row, **known))

    def note(self, text: str) -> None:
        """Take note of what the report is to say about the item, once."""
        text = self.shown(text)
        if text not in self.row.notes:
            self.save(notes=(*self.row.notes, text))

    def notify(self, kind: EventKind, text: str = "", **details: Any) -> None:
        """Report something about the item."""
        self.migration.notify(
            kind,
            self.shown(text),
            number=self.item.number,
            name=self.item.target.name,
            **details,
        )

    def hide(self, values: Mapping[str, str]) -> None:
        """Show and store no values of these variables from now on."""
        self._secrets = secrets_of(values.values())

    def shown(self, text: str) -> str:
        """Return the text without secrets."""
        text = self.migration.source.channel.redact(text, self._secrets)
        return self.migration.destination.channel.redact(text, self._secrets)

    def _partly(self, step: str) -> str:
        """Return what a failure leaves of existing content, which people may be using."""
        write = self.writes.find("settings")
        if write is None:
            return ""
        text = f"; {self.row.target_guid} was there before, and is updated in part"
        if step in _BEFORE_ACTIVATION and (bundle := write.before["bundle_id"]) is not None:
            text += f": its bundle {bundle} is still active, with settings of the plan"
        return f"{text}; run it again with retry=True (--retry), or undo the run"

    def fail(self, step: str, error: AconnectError) -> None:
        """Take note of why the item failed."""
        log, text = tuple[str, ...](), str(error)
        if isinstance(error, TaskFailedError):
            log, text = tuple(map(self.shown, error.lines)), error.summary
        text = self.shown(text) + self._partly(step)
        self.save(
            outcome="failed",
            failed_step=step,
            error_type=type(error).__name__,
            error=text,
            log=log,
        )
        self.notify("failed", text, step=step)

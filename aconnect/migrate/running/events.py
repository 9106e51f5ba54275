"""What a migration reports: events while it runs, and a report in the end."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

STEPS: tuple[str, ...] = (
    "granted",
    "created",
    "configured",
    "sourced",
    "associated",
    "deployed",
    "checked",
    "activated",
    "dressed",
    "finished",
    "locked",
    "vanity",
    "verified",
    "source-locked",
)
"""The steps of an item, in their order."""

DOING: dict[str, str] = {
    "planned": "starting",
    "granted": "getting access",
    "created": "creating",
    "configured": "configuring",
    "sourced": "sending",
    "associated": "associating",
    "deployed": "building",
    "checked": "checking",
    "activated": "activating",
    "dressed": "tags, permissions",
    "finished": "finishing",
    "locked": "locking",
    "vanity": "vanity URL",
    "verified": "verifying",
    "source-locked": "completing",
}
"""What is done in a step, which is called by what it ends with."""

EventKind = Literal["step", "progress", "log", "done", "failed", "skipped", "note"]


class Event(Struct, frozen=True, kw_only=True):
    """Something that a migration has done; it has no secrets."""

    time: datetime
    kind: EventKind
    """`step`: a step of an item has ended; `progress`: bytes of a bundle were sent; `log`: a line
    of the log of a build; `done`, `failed`, `skipped`: how an item ended; `note`: about the whole.

    Who reads events too slowly does not get all of `progress` and `log`.
    """
    number: int | None = None
    """The number of the item in the plan; None for what is about the whole migration."""
    name: str = ""
    """The name of the item."""
    step: str = ""
    """The step that has ended, or that has failed; see `STEPS`."""
    text: str = ""
    sent: int = 0
    """Bytes."""
    total: int = 0
    """Bytes."""


ItemOutcome = Literal["done", "failed", "skipped", "pending"]


class ReportItem(Struct, frozen=True, kw_only=True):
    """What became of one item."""

    number: int
    name: str
    owner: str
    """The username on the destination."""
    outcome: ItemOutcome
    """`pending` if the run was interrupted before it ended."""
    step: str = ""
    """The last step that has ended, or that has failed."""
    source_guid: str = ""
    source_url: str | None = None
    target_guid: str | None = None
    target_url: str | None = None
    vanity: str | None = None
    """The vanity path that it has on the destination."""
    bytes: int = 0
    """The size of the bundles that were sent."""
    seconds: float | None = None
    error_type: str | None = None
    """The name of the class of the error."""
    error: str | None = None
    log: tuple[str, ...] = ()
    """The last lines of the log of a build that failed."""
    differences: tuple[str, ...] = ()
    """What differs from the plan after the migration, one sentence each."""
    notes: tuple[str, ...] = ()
    """What is to be done by hand, such as schedules to set."""


class Report(Struct, frozen=True, kw_only=True):
    """What became of a migration."""

    plan: str
    """The id of the plan."""
    source: str
    """The address of the server."""
    destination: str
    started: datetime
    ended: datetime
    items: tuple[ReportItem, ...] = ()
    notes: tuple[str, ...] = ()
    """About the whole: grants that could not be withdrawn, what is lost for all."""

    @property
    def has_failed(self) -> bool:
        """Whether an item failed, or was not migrated as planned."""
        return any(
            item.outcome in {"failed", "pending"} or bool(item.differences) for item in self.items
        )

"""Plans: what a migration will do, decided before anything is changed.

A plan is immutable. What is reviewed is what is run: its options are in it, and `run` refuses it if
a source has changed since.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from msgspec import Struct

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.model import Mapping, Match
from aconnect.migrate.people.model import Change
from aconnect.migrate.snapshots.model import ContentSnapshot, TagPath

if TYPE_CHECKING:
    from aconnect.connect import Client

Sign = Literal["=", "+", "~", "!", "x", "?", "-"]
"""What is done with an item: `=` nothing, `+` created, `~` updated; or what prevents it: `!` a
conflict, `x` it is impossible, `?` a value is missing; `-` it is skipped, as was asked for."""

NameTaken = Literal["stop", "skip", "rename"]
VanityTaken = Literal["without", "skip", "take"]
PrincipalUnmapped = Literal["stop", "leave-out", "fallback"]
Missing = Literal["stop", "without"]
ValueMissing = Literal["stop", "unset"]
Locked = Literal["as-is", "skip"]


class Policies(Struct, frozen=True, kw_only=True):
    """What to do about each kind of conflict; the defaults change nothing that was not planned."""

    name_taken: NameTaken = "stop"
    """The new owner has content with this name, or the destination refuses it: `rename` appends
    `-2`, `-3`, …"""
    vanity_taken: VanityTaken = "without"
    """The vanity path, or one above or below it, belongs to other content: `take` takes it over."""
    principal_unmapped: PrincipalUnmapped = "stop"
    """A user or group, also an owner, has no counterpart: leave the permission out, or give what
    they own to the fallback owner of the mapping."""
    missing: Missing = "stop"
    """The destination lacks an integration, an environment or a runtime: go `without` it, also if
    the build may fail."""
    value_missing: ValueMissing = "stop"
    """An environment variable has no source for its value: leave it `unset`; existing content keeps
    the value that it has."""
    locked: Locked = "as-is"


class Options(Struct, frozen=True, kw_only=True):
    """What to carry, and what may be changed for it."""

    bundles: Literal["active", "all"] = "active"
    """Which bundles to carry; only the active one is deployed."""
    run_as: bool = False
    """Whether to carry `run_as`, `run_as_current_user` and the service account."""
    grant_self: bool = False
    """Whether to make the owner of the key a collaborator of source content that could not be
    downloaded otherwise; it is withdrawn in the end."""
    lock_source: str | None = None
    """The message to lock the source content with, once it was migrated."""
    people: bool = False
    """Whether to create missing users, groups and environments first."""
    policies: Policies = Policies()


class Selection(Struct, frozen=True, kw_only=True):
    """Which content: what matches one value of each kind that is given; by default all."""

    guids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Names, or paths such as `Department/Finance`; content with tags below them matches as
    well."""
    owners: tuple[str, ...] = ()
    """Usernames."""
    search: str | None = None
    """A query as the dashboard's search takes it."""


class Finding(Struct, frozen=True, kw_only=True):
    """Something to know about an item, or about the whole plan."""

    kind: str
    """`name-taken`, `owner-unmapped`, `runtime-missing`, …"""
    sign: Sign
    """What it does to the item; `+` only informs."""
    text: str
    """What was found, and what to do about it."""


class Fingerprint(Struct, frozen=True):
    """What the source content was when the plan was made."""

    content: str
    """A digest of what the list of content shows."""
    details: str
    """A digest of the details."""


class PlannedItem(Struct, frozen=True, kw_only=True):
    """What is done with one content item."""

    number: int
    """From 1, in the order of the plan."""
    sign: Sign
    source: ContentSnapshot
    target: ContentSnapshot
    """What the destination will have; its guid is empty unless existing content is updated."""
    fingerprint: Fingerprint
    staging_name: str
    """The name that it has until it is complete; nothing else can have it."""
    owner_guid: str | None = None
    """The new owner on the destination; None keeps the owner of the key."""
    environment_guid: str | None = None
    """The default execution environment on the destination."""
    integration_guids: tuple[str, ...] = ()
    """The OAuth integrations on the destination to associate."""
    needs_grant: bool = False
    """Whether the source bundle can only be downloaded by a collaborator."""
    takes_vanity_of: str | None = None
    """The guid of the content that loses its vanity path."""
    findings: tuple[Finding, ...] = ()

    @property
    def is_runnable(self) -> bool:
        """Whether `run` does something with it."""
        return self.sign in {"+", "~"}


class ServerRef(Struct, frozen=True, kw_only=True):
    """A server that a plan was made for."""

    url: str
    version: str | None = None
    me_guid: str
    username: str
    role: str | None = None


class _ClientsSlot:
    # A slot is no field: it is neither written to the file nor compared. It has no annotation,
    # which msgspec would evaluate.
    __slots__ = ("_clients",)


_SLOT: Final[Any] = vars(_ClientsSlot)["_clients"]


class Plan(_ClientsSlot, Struct, frozen=True, kw_only=True):
    """What a migration will do; `await migrate.plan(...)` makes one."""

    id: str
    """8 characters of base32; part of the staging names."""
    made: datetime
    source: ServerRef
    destination: ServerRef
    selection: Selection = Selection()
    options: Options = Options()
    mapping: Mapping = Mapping()
    """What the mapping file says; it has no values."""
    items: tuple[PlannedItem, ...] = ()
    principals: tuple[Match, ...] = ()
    """The users and groups that the items need."""
    people: tuple[Change, ...] = ()
    """The users, groups and environments to create first, and what prevents that."""
    tags: tuple[TagPath, ...] = ()
    """The tags to create, parents first."""
    findings: tuple[Finding, ...] = ()
    """About the whole migration: rights, what is lost for all, repositories that may be missing."""
    bytes_total: int = 0
    """The size of the bundles to carry."""

    def bind(self, source: Client, destination: Client) -> Self:
        """Set the clients of the two servers, and return the plan."""
        # The plan is frozen, so the slot is set by its descriptor.
        _SLOT.__set__(self, (source, destination))
        return self

    @property
    def clients(self) -> tuple[Client, Client]:
        """The clients of the source and of the destination."""
        try:
            clients: tuple[Client, Client] = _SLOT.__get__(self)
        except AttributeError:
            raise InvalidArgumentError(
                "this plan has no clients; get it from plan() or load_plan()"
            ) from None
        return clients

    @property
    def has_conflicts(self) -> bool:
        """Whether something must be decided before it can be run; `x` items are only left out."""
        signs = {item.sign for item in self.items} | {one.sign for one in self.findings}
        return not signs.isdisjoint({"!", "?"})

"""One item while it is planned: what the destination will have, and what was found about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect.connect import ServerVersion
from aconnect.migrate.mapping.matching import Matches
from aconnect.migrate.mapping.values import Values
from aconnect.migrate.planning.model import Finding, Options, Sign
from aconnect.migrate.planning.taken import Taken
from aconnect.migrate.snapshots.model import ContentDetails, ContentSnapshot, Snapshot

_STRENGTH: Final[tuple[Sign, ...]] = ("-", "x", "!", "?")
"""What prevents an item, the strongest first: nothing must be decided about a skipped item."""
_COLLABORATORS: Final = frozenset({"owner", "editor"})
"""The roles for content that may change it and download its bundles."""


class Context(Struct, kw_only=True):
    """What all items of a plan are planned with."""

    source: Snapshot
    destination: Snapshot
    matches: Matches
    options: Options
    values: Values
    taken: Taken
    version: ServerVersion | None
    """Of the destination; None if it hides it."""
    roles: dict[str, str | None]
    """The roles of the users of the destination by their guids."""

    def lacks(self, field: str) -> bool:
        """Return True if content of the destination certainly does not have a field."""
        known = self.destination.content_fields
        return bool(known) and field not in known

    def is_before(self, version: str) -> bool:
        """Return True if the destination is certainly older than a version."""
        return self.version is not None and self.version < version


class Draft:
    """One item while it is planned."""

    def __init__(
        self, context: Context, source: ContentSnapshot, existing: ContentSnapshot | None
    ) -> None:
        self.context: Context = context
        self.options: Options = context.options
        self.source: ContentSnapshot = source
        self.details: ContentDetails = source.details or ContentDetails()
        """Of the source."""
        self.existing: ContentSnapshot | None = existing
        """The content of the destination that is updated."""
        guid = "" if existing is None else existing.guid
        self.target: ContentSnapshot = msgspec.structs.replace(source, guid=guid)
        self.findings: list[Finding] = []
        self.owner_guid: str | None = None
        self.environment_guid: str | None = None
        self.integration_guids: tuple[str, ...] = ()
        self.takes_vanity_of: str | None = None
        self.needs_grant: bool = False
        self.is_current: bool = False
        """Whether existing content is certainly as it will be."""

    def change(self, **fields: Any) -> None:
        """Change fields of what the destination will have."""
        self.target = msgspec.structs.replace(self.target, **fields)

    def change_details(self, **fields: Any) -> None:
        """Change details of what the destination will have."""
        self.change(
            details=msgspec.structs.replace(self.target.details or ContentDetails(), **fields)
        )

    def find(self, kind: str, sign: Sign, text: str) -> None:
        """Take note of something."""
        self.findings.append(Finding(kind=kind, sign=sign, text=text))

    def inform(self, kind: str, text: str) -> None:
        """Take note of something that changes nothing."""
        self.find(kind, "+", text)

    def find_missing(self, kind: str, text: str) -> None:
        """Take note that the destination lacks something, which is a conflict unless allowed."""
        if self.options.policies.missing == "stop":
            self.find(kind, "!", f"{text}; or go without it: {policy('missing', 'without')}")
        else:
            self.inform(kind, text)

    @property
    def sign(self) -> Sign:
        """What is done with the item, or what prevents it."""
        signs = {one.sign for one in self.findings}
        for sign in _STRENGTH:
            if sign in signs:
                return sign
        return "+" if self.existing is None else "~"


Check = Callable[[Draft], None]
"""Decides about one part of an item; the checks run in their order."""


def policy(name: str, value: str) -> str:
    """Return how a policy is chosen, in code and on the command line."""
    return f"{name}={value!r} (--on-{name.replace('_', '-')} {value})"


def is_administrator(server: Snapshot) -> bool:
    """Return True if the owner of the key of a server is an administrator."""
    return server.me.role == "administrator"


def is_collaborator(server: Snapshot, content: ContentSnapshot) -> bool:
    """Return True if the owner of the key of a server owns content, or is its collaborator."""
    if content.app_role is None:
        return content.owner == server.me.username
    return content.app_role in _COLLABORATORS

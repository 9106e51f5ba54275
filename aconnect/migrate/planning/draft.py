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
from aconnect.migrate.snapshots.model import ContentDetails, ContentSnapshot, Snapshot

_SEVERITY: Final[tuple[Sign, ...]] = ("x", "!", "?", "-")
"""What prevents an item, the strongest first."""


class Context(Struct, kw_only=True):
    """What all items of a plan are planned with."""

    source: Snapshot
    destination: Snapshot
    matches: Matches
    options: Options
    values: Values
    names: dict[tuple[str, str], str]
    """The guids of content by owner and name: what the destination has, and what is planned."""
    vanities: dict[str, str]
    """The guids by vanity path, likewise; the guid of planned content is empty."""

    def take(self, content: ContentSnapshot) -> None:
        """Take the name and the vanity path of content that is migrated."""
        self.names[content.owner, content.name] = content.guid
        if content.vanity is not None:
            self.vanities[content.vanity] = content.guid

    @property
    def destination_version(self) -> ServerVersion | None:
        """None if the server hides it."""
        return ServerVersion.parse(self.destination.version)


class Draft:
    """One item while it is planned."""

    def __init__(self, context: Context, source: ContentSnapshot, adopted: str) -> None:
        self.context: Context = context
        self.options: Options = context.options
        self.source: ContentSnapshot = source
        self.details: ContentDetails = source.details or ContentDetails()
        """Of the source."""
        self.target: ContentSnapshot = msgspec.structs.replace(source, guid=adopted)
        self.is_adopted: bool = bool(adopted)
        self.findings: list[Finding] = []
        self.owner_guid: str | None = None
        self.environment_guid: str | None = None
        self.integration_guids: tuple[str, ...] = ()
        self.takes_vanity_of: str | None = None
        self.needs_grant: bool = False

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

    @property
    def sign(self) -> Sign:
        """What is done with the item, or what prevents it."""
        signs = {one.sign for one in self.findings}
        for sign in _SEVERITY:
            if sign in signs:
                return sign
        return "~" if self.is_adopted else "+"


Check = Callable[[Draft], None]
"""Decides about one part of an item; the checks run in their order."""

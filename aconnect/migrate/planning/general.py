"""What is to be known about a whole migration: rights, what is lost, what nobody can check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from aconnect._core.text import counted, some_of
from aconnect.migrate.people.model import Change, mail_text
from aconnect.migrate.planning.checks.settings import LIMITED
from aconnect.migrate.planning.draft import Context, is_administrator
from aconnect.migrate.planning.model import Finding, PlannedItem, Sign
from aconnect.migrate.snapshots.describing import with_ancestors
from aconnect.migrate.snapshots.model import ContentDetails, Snapshot, TagPath

_LOST: Final = (
    "lost for all content: ids and addresses, times, logs and jobs, usage data, bookmarks, "
    "variants and their parameters, subscriptions and schedules"
)
_THUMBNAILS_SINCE: Final = "2024.09.0"
_LANGUAGES: Final = {"r": "R", "python": "Python", "quarto": "Quarto", "nodejs": "Node.js"}

_Found = tuple[str, Sign, str]
"""The kind, the sign and the text of a finding."""


def find_general(context: Context, items: Sequence[PlannedItem]) -> list[Finding]:
    """Return what is to be known about the migration of these items."""
    return [
        Finding(kind=kind, sign=sign, text=text)
        for find in _PARTS
        for kind, sign, text in find(context, items)
    ]


def find_people(changes: Iterable[Change]) -> Iterator[Finding]:
    """Yield what is to be known about the users, groups and environments that are created first."""
    changes = list(changes)
    for change in changes:
        kind = "created-first" if change.is_due else "cannot-be-created"
        what = "made first" if change.is_due else "cannot be made"
        yield Finding(kind=kind, sign="+", text=f"{what}: {change.text}")
    if text := mail_text(changes):
        yield Finding(kind="mail", sign="+", text=text)


def missing_tags(items: Iterable[PlannedItem], destination: Snapshot) -> list[TagPath]:
    """Return the tags to create, parents first."""
    paths = {path for item in items for path in item.target.tags}
    missing = with_ancestors(paths) - set(destination.tags.values())
    return sorted(missing, key=lambda path: (len(path), path))


def _lost(_: Context, items: Sequence[PlannedItem]) -> Iterator[_Found]:
    yield "lost", "+", _LOST
    if schedules := sum(len(item.source.schedules) for item in items):
        text = f"{counted(schedules, 'schedule')} to set by hand, listed in the report"
        yield "schedules", "+", text


def _rights(context: Context, items: Sequence[PlannedItem]) -> Iterator[_Found]:
    destination, source = context.destination, context.source
    me = destination.me
    if me.role not in {None, "publisher", "administrator"}:
        text = f"{me.username} is {me.role} on the destination, and only publishers can create"
        yield "not-publisher", "!", f"{text} content; use the key of one"
    if grants := sum(item.needs_grant for item in items):
        yield "grants", "+", f"{counted(grants, 'grant')} on the source, withdrawn in the end"
    tags = missing_tags(items, destination)
    if tags and not is_administrator(destination):
        names = some_of(["/".join(path) for path in tags])
        text = f"only administrators can create tags, and {len(tags)} are missing on the"
        text += f" destination: {names}; create them there, or use the key of an administrator"
        yield "tags-missing", "!", text
    lock, known = context.options.lock_source, source.content_fields
    if lock is not None and known and "locked" not in known:
        text = "content of the source cannot be locked in its version; plan without lock_source"
        yield "lock-source", "!", f"{text} (--lock-source)"


def _decided_by_destination(context: Context, items: Sequence[PlannedItem]) -> Iterator[_Found]:
    """Yield what no list of the destination says."""
    if context.version is None:
        text = "the destination hides its version, so what it supports is known when it is asked"
        yield "version-hidden", "+", f"{text}; create the client with version= to tell it"
    limited = sorted({name for item in items for name in item.target.settings if name in LIMITED})
    if limited:
        text = f"the destination decides whether these are within its limits: {', '.join(limited)}"
        yield "limits", "+", f"{text}; an item that is over one fails, and can be run again"
    if open_ := sum(item.target.access_type == "all" for item in items):
        text = (
            f"{counted(open_, 'item')} open to everybody, which the license or the configuration of"
        )
        yield "open-access", "+", f"{text} the destination may forbid"
    vanities = sum(item.target.vanity is not None for item in items)
    if vanities and context.destination.vanities is None:
        text = f"{counted(vanities, 'vanity URL')}: only administrators can list those that are "
        text += "taken, and the destination"
        yield "vanities-unlisted", "+", f"{text} may allow none to publishers"
    if context.options.bundles == "all" and items:
        text = "the destination keeps as many bundles of each item as its configuration allows"
        yield "retention", "+", text
    if context.is_before(_THUMBNAILS_SINCE) and items:
        yield "thumbnails", "+", "thumbnails are lost: the destination's version has none"


def _needed(context: Context, items: Sequence[PlannedItem]) -> Iterator[_Found]:
    details = [item.source.details or ContentDetails() for item in items]
    addresses = {
        address
        for one in details
        if one.manifest is not None
        for address in one.manifest.repositories
    }
    if addresses:
        text = "the manifests name these package repositories, which the destination must reach: "
        yield "package-repositories", "+", text + ", ".join(sorted(addresses))
    if unread := sum("manifest" in one.unreadable for one in details):
        text = f"the manifests of {counted(unread, 'item')} cannot be read, so the package "
        text += "repositories and integrations"
        yield "manifests-unread", "+", f"{text} that they need are not known"
    used = {name for item in items for name in item.source.versions}
    unknown = [
        title
        for name, title in _LANGUAGES.items()
        if name in used and getattr(context.destination.runtimes, name) is None
    ]
    if unknown:
        text = f"the versions of {', '.join(unknown)} on the destination are not known"
        yield "runtimes-unknown", "+", f"{text}: the key may not list them"


_PARTS: Final[tuple[Callable[[Context, Sequence[PlannedItem]], Iterator[_Found]], ...]] = (
    _lost,
    _rights,
    _needed,
    _decided_by_destination,
)

"""A first mapping file: guesses, their reasons, and what is to be decided.

Decides what content needs a match for, and how it is written. A guess is an entry; what has none is
a comment, with what may be meant.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aconnect._client.files import check_folder, replacing
from aconnect._client.threads import in_thread
from aconnect._core.text import clean_json, one_line
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.matching import match, names_of
from aconnect.migrate.mapping.model import Mapping, Match
from aconnect.migrate.mapping.near import NearUsers, Similar, describe_user
from aconnect.migrate.mapping.resources import is_alike
from aconnect.migrate.snapshots.catalog import together
from aconnect.migrate.snapshots.model import (
    ContentDetails,
    ContentSnapshot,
    IntegrationSnapshot,
    Snapshot,
    UserSnapshot,
)
from aconnect.migrate.snapshots.reading import read_server

if TYPE_CHECKING:
    from aconnect.connect import Client

_HEAD: Final = """\
# From {source} to {destination}: who is who, and what is what.
#
# Left is a name on the source. Right is one on the destination, or "guid:" and a GUID, or "" to
# leave it out. Check the guesses, and complete the lines that are commented out: what has no match
# stops the plan, unless its options say otherwise.
"""
_MATCH: Final = """\
[match]
# What is tried, in this order, for those who are not below. What two have matches nobody.
users = ["username", "email"]
groups = ["name"]
"""
_CONTENT: Final = """\
# Content of the destination that is updated instead of creating an item: GUIDs on both sides."""
_ENV: Final = """\
# Where values come from: { environ = "NAME" } or { file = "secrets.env" }; never values.
# [content-env."GUID"] is the same for one item of the source."""
_REASONS: Final = {
    "username": "the same username",
    "email": "the same e-mail address",
    "external_id": "the same external id",
    "name": "the same name",
    "image": "the same image",
    "title": "the same title",
}
_OWNER: Final = "owner of items"
_ITEMS: Final = "items"
_MOST: Final = 3
"""How many suggestions."""
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+").fullmatch


async def guess_mapping(
    source: Client,
    destination: Client,
    *,
    items: Callable[[ContentSnapshot], bool] | None = None,
) -> str:
    """Return a first mapping file, as TOML with comments.

    It takes about six requests for each content item of the source.

    Args:
        source: The client of the server to migrate from.
        destination: The client of the server to migrate to.
        items: Which content to migrate, by what the list of content shows; by default all.
    """
    here, there = await together(
        lambda: read_server(source, items=items, details=True),
        lambda: read_server(destination, items=lambda _: False),
    )
    # Comparing all names takes a while on large servers.
    return await in_thread(mapping_text, here, there)


def save_mapping(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a mapping file atomically. Blocks.

    Raises:
        InvalidArgumentError: It cannot be written, or exists and is not to be overwritten.
        FileError: The disk is full.
    """
    check_absent(path, overwrite=overwrite)
    with replacing(path) as file:
        file.write(text.encode())
        # Somebody may have written it meanwhile.
        check_absent(path, overwrite=overwrite)


def check_absent(path: Path, *, overwrite: bool) -> None:
    """Raise if a file exists that is not to be overwritten, or its folder does not."""
    check_folder(path)
    if not overwrite and os.path.lexists(path):
        raise InvalidArgumentError(
            f"{path} exists, and may have been edited; choose another path, or pass overwrite=True"
        )


def mapping_text(source: Snapshot, destination: Snapshot) -> str:
    """Return a first mapping file for the content of a snapshot, which has its details."""
    draft = _Draft(source, destination)
    tables = {
        "users": draft.users(),
        "groups": draft.groups(),
        "owners": ['# fallback = ""  # who gets content whose owner has no match'],
        "integrations": draft.integrations(),
        "environments": draft.environments(),
        "content": [_CONTENT],
        "env": [_ENV, *draft.variables()],
    }
    blocks = [_HEAD.format(source=_comment(source.url), destination=_comment(destination.url))]
    hidden = sum("permissions" in one.details.unreadable for one in source.content if one.details)
    if hidden:
        blocks.append(f"# The permissions of {hidden} items are missing: the key cannot read them.")
    blocks.append(_MATCH)
    blocks += ("\n".join((f"[{table}]", *lines, "")) for table, lines in tables.items())
    return "\n".join(blocks)


class _Draft:
    """The lines of a mapping file."""

    def __init__(self, source: Snapshot, destination: Snapshot) -> None:
        self._source = source
        self._destination = destination
        self._matches = match(source, destination, Mapping())
        self._here, self._there = names_of(source), names_of(destination)
        self._uses = _Uses(source)

    def users(self) -> Iterator[str]:
        """Yield a line for each user whom content or its groups need."""
        near = NearUsers(self._destination.users)
        there = {user.guid: user for user in self._destination.users}
        by_name: defaultdict[str, list[UserSnapshot]] = defaultdict(list)
        for user in self._source.users:
            by_name[user.username].append(user)
        for name, uses in sorted(self._uses.users.items()):
            is_owner = _OWNER in uses
            found = self._matches.owner(name) if is_owner else self._matches.user(name)
            if found.target_guid is None:
                candidates = near.of(name, by_name[name])
                labels = [(one.guid, one.username, describe_user(one)) for one in candidates]
                yield self._line(found, uses, labels)
            else:
                both = (*by_name[name], there[found.target_guid])
                yield self._line(found, uses, hints=_differing_emails(both))

    def groups(self) -> Iterator[str]:
        """Yield a line for each group that content needs."""
        guids = {group.name: group.guid for group in self._destination.groups}
        similar = Similar(guids)
        for name, uses in sorted(self._uses.groups.items()):
            near = [(guids[one], one, repr(one)) for one in similar.to(name)]
            yield self._line(self._matches.group(name), uses, near)

    def integrations(self) -> Iterator[str]:
        """Yield a line for each integration that content needs."""
        there = self._destination.integrations or {}
        by_name = Counter(one.name for one in self._uses.integrations)
        for wanted, uses in sorted(self._uses.integrations.items()):
            # Another name is no hindrance if it is for the same service.
            near = sorted(
                (guid, one.name, f"{one.name!r} ({one.template}, {one.auth_type})")
                for guid, one in there.items()
                if is_alike(one, wanted)
            )
            is_entry = by_name[wanted.name] == 1  # an entry is for all with this name
            found = self._matches.integration(wanted)
            yield self._line(found, uses, near[:_MOST], is_entry=is_entry)

    def environments(self) -> Iterator[str]:
        """Yield a line for each environment that content needs."""
        guids = {
            name: one.guid
            for one in self._destination.environments or ()
            for name in (one.title, one.name)
            if name
        }
        similar = Similar(guids)
        for name, uses in sorted(self._uses.environments.items()):
            near = [(guids[one], one, repr(one)) for one in similar.to(name)]
            yield self._line(self._matches.environment(name), uses, near)

    def variables(self) -> Iterator[str]:
        """Yield a comment for each environment variable."""
        for name, uses in sorted(self._uses.variables.items()):
            key = name if _BARE_KEY(name) else _quoted(name)
            yield f"# {key} = {{ environ = {_quoted(name)} }}  # {_counted(uses)[0]}"

    def _line(
        self,
        found: Match,
        uses: Counter[str],
        near: Iterable[tuple[str, str, str]] = (),
        *,
        hints: Iterable[str] = (),
        is_entry: bool = True,
    ) -> str:
        """Return the line of a match, an entry if possible; near ones are of guid, name, label."""
        here, there = self._here[f"{found.kind}s"], self._there[f"{found.kind}s"]
        known = not here.is_listed or found.source in here
        if found.target_guid is not None and found.target is not None:
            value = there.text_for(found.target_guid, found.target)
            notes = [_REASONS[found.how], *hints, *(one.text for one in found.problems)]
        else:
            is_entry, near = False, list(near)
            value = there.text_for(*near[0][:2]) if near else ""
            notes = ["unclear who or what it is" if found.how == "ambiguous" else "no match"]
            notes += ["perhaps " + " or ".join(label for _, _, label in near)] if near else []
        comment = _comment("; ".join((*_counted(uses), *notes)))
        start = "" if is_entry and known else "# "
        return f"{start}{_quoted(found.source)} = {_quoted(value)}  # {comment}"


class _Uses:
    """What content needs a match for, what for, and how often."""

    def __init__(self, source: Snapshot) -> None:
        self.users = defaultdict[str, Counter[str]](Counter)
        self.groups = defaultdict[str, Counter[str]](Counter)
        self.integrations = defaultdict[IntegrationSnapshot, Counter[str]](Counter)
        self.environments = defaultdict[str, Counter[str]](Counter)
        self.variables = defaultdict[str, Counter[str]](Counter)
        for item in source.content:
            self._add(item)
        for group in source.groups:
            if group.name in self.groups and group.owner is not None:
                self.users[group.owner]["owner of groups"] += 1

    def _add(self, item: ContentSnapshot) -> None:
        self.users[item.owner][_OWNER] += 1
        if item.environment:
            self.environments[item.environment][_ITEMS] += 1
        details = item.details or ContentDetails()
        for one in details.permissions:
            uses = self.users if one.kind == "user" else self.groups
            uses[one.name]["permissions"] += 1
        for integration in details.integrations:
            self.integrations[integration][_ITEMS] += 1
        for name in details.variables:
            self.variables[name][_ITEMS] += 1


def _differing_emails(users: Iterable[UserSnapshot]) -> Iterator[str]:
    emails = sorted({user.email for user in users if user.email})
    if len({email.casefold() for email in emails}) > 1:
        yield f"the e-mail addresses differ: {' and '.join(emails)}"


def _counted(uses: Counter[str]) -> list[str]:
    return [f"{what}: {count}" for what, count in sorted(uses.items())]


def _quoted(text: str) -> str:
    """Write text as TOML does, which is as JSON does but for a few characters."""
    return clean_json(json.dumps(text, ensure_ascii=False))


def _comment(text: str) -> str:
    """Return text for a comment: no name of a server can begin another line."""
    return one_line(text)

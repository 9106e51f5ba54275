"""Which OAuth integrations and execution environments of the destination those of the source are.

Decides by what identifies them on any server. Several on the destination that fit match nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from aconnect._core.text import some_of
from aconnect.migrate.mapping.model import Match, Problem
from aconnect.migrate.mapping.names import GUID_PREFIX, Names
from aconnect.migrate.snapshots.model import EnvironmentSnapshot, IntegrationSnapshot


def integration_names(url: str, known: dict[str, IntegrationSnapshot] | None) -> Names:
    """Return the names of integrations."""
    pairs = None if known is None else [(guid, one.name) for guid, one in known.items()]
    return Names("integration", url, pairs)


def environment_names(url: str, known: Iterable[EnvironmentSnapshot] | None) -> Names:
    """Return the names of environments, which are their images and their titles."""
    pairs = None
    if known is not None:
        pairs = [(one.guid, name) for one in known for name in (one.name, one.title or "")]
    return Names("environment", url, pairs)


def is_alike(one: IntegrationSnapshot, other: IntegrationSnapshot) -> bool:
    """Return True if two integrations are of one template and type, whatever their names."""
    return (one.template, one.auth_type) == (other.template, other.auth_type)


class _Wanted(Struct, frozen=True):
    kind: Literal["integration", "environment"]
    name: str
    title: str
    """How messages call it."""

    def left_out(self) -> Match:
        return Match(kind=self.kind, source=self.name, how="left out")

    def match(self, names: Names, how: str, found: dict[str, str]) -> Match:
        """Return a match with what was found, of which the names are known by the guids."""
        if len(found) == 1:
            ((guid, target),) = found.items()
            return Match(kind=self.kind, source=self.name, target=target, target_guid=guid, how=how)
        hint = f"name one in [{self.kind}s] of the mapping file"
        how = "missing"
        text = f"{names.url} has no {self.kind} like {self.title}; create it, or {hint}"
        if found:
            how = "ambiguous"
            pairs = sorted((name, guid) for guid, name in found.items())
            some = some_of([f"{name!r} ({GUID_PREFIX}{guid})" for name, guid in pairs])
            text = f"{names.url} has several {self.kind}s like {self.title}: {some}; {hint}"
        elif not names.is_listed:
            text = (
                f"no match for {self.title}: the key may not list the {self.kind}s of {names.url}"
            )
        problem = Problem(f"{self.kind}-{how}", text)
        return Match(kind=self.kind, source=self.name, how=how, problems=(problem,))


class Integrations:
    """The integrations of the destination."""

    def __init__(
        self, names: Names, there: dict[str, IntegrationSnapshot] | None, file: dict[str, str]
    ) -> None:
        self._names = names
        self._there = there or {}
        self._file = file

    def match(self, wanted: IntegrationSnapshot) -> Match:
        """Return the match of one of the source: the same template, type and name."""
        title = f"{wanted.name!r} ({wanted.template}, {wanted.auth_type})"
        one = _Wanted("integration", wanted.name, title)
        file = self._file.get(wanted.name)
        if file == "":
            return one.left_out()
        if file is None:
            guids = [guid for guid, other in self._there.items() if other == wanted]
        else:
            guids = self._names.find(file)
            # Integrations of different services may have one name.
            same = [guid for guid in guids if is_alike(self._there[guid], wanted)]
            guids = same or guids
        found = {guid: self._there[guid].name for guid in guids}
        return one.match(self._names, "name" if file is None else "file", found)


class Environments:
    """The execution environments of both servers."""

    def __init__(
        self,
        names: Names,
        here: Iterable[EnvironmentSnapshot] | None,
        there: Iterable[EnvironmentSnapshot] | None,
        file: dict[str, str],
    ) -> None:
        self._names = names
        self._here = tuple(here or ())
        self._there = tuple(there or ())
        self._file = file

    def match(self, name: str) -> Match:
        """Return the match of one of the source: the same image, or else the same title."""
        one = _Wanted("environment", name, repr(name))
        mine = [each for each in self._here if name in {each.name, each.title}]
        images = {each.name for each in mine} or {name}
        titles = {each.title for each in mine if each.title} or {name}
        keys = (*sorted(images), *sorted(titles))
        file = next((self._file[key] for key in keys if key in self._file), None)
        if file == "":
            return one.left_out()
        if file is not None:
            how, guids = "file", self._names.find(file)
        else:
            how, guids = "image", [each.guid for each in self._there if each.name in images]
        if not guids and file is None:
            how, guids = "title", [each.guid for each in self._there if each.title in titles]
        found = {each.guid: each.name for each in self._there if each.guid in guids}
        return one.match(self._names, how, found)

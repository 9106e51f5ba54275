"""Which names and vanity paths content of the destination has, or will have."""

from __future__ import annotations

from collections import defaultdict

from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot


class Taken:
    """The names and vanity paths that are taken: by content of the destination, or by the plan."""

    def __init__(self, destination: Snapshot) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._vanities: dict[str, str] = {}
        self._below: defaultdict[str, set[str]] = defaultdict(set)
        for one in destination.content:
            self.add(one)
        # Those of content that the key cannot see as well.
        for path, guid in (destination.vanities or {}).items():
            self._add_vanity(path, guid)

    def add(self, content: ContentSnapshot) -> None:
        """Take the name and the vanity path of content; its guid is empty if it is planned."""
        self._names[content.owner, content.name] = content.guid
        if content.vanity is not None:
            self._add_vanity(content.vanity, content.guid)

    def holder(self, owner: str, name: str) -> str | None:
        """Return the guid of the content of an owner with this name; None if there is none."""
        return self._names.get((owner, name))

    def vanity_holders(self, path: str) -> dict[str, str]:
        """Return the guids of content by its vanity path: this one, and those above and below it.

        None of them can be used together.
        """
        paths = [*_from_above(path), *sorted(self._below[path])]
        return {one: self._vanities[one] for one in reversed(paths) if one in self._vanities}

    def _add_vanity(self, path: str, guid: str) -> None:
        path = f"/{path.strip('/')}/"
        self._vanities[path] = guid
        for above in _from_above(path):
            self._below[above].add(path)


def _from_above(path: str) -> list[str]:
    """Return the paths above a path, and itself: `/`, `/a/`, `/a/b/`."""
    ends = [index for index, character in enumerate(path, start=1) if character == "/"]
    return [path[:end] for end in ends]

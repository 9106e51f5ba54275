"""Names as a mapping file writes them, looked up on a server."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Final

from aconnect._core.arguments import canonical_guid
from aconnect._core.text import some_of

GUID_PREFIX: Final = "guid:"
"""Begins the GUID of what cannot be named otherwise."""

_MOST_HINTS: Final = 20


def exactly(key: str) -> str:
    """Return a key as it is, for comparisons in which case matters."""
    return key


def group_by(pairs: Iterable[tuple[str, str]], fold: Callable[[str], str]) -> dict[str, list[str]]:
    """Return the sorted guids for each key of pairs of a guid and a key."""
    guids: dict[str, set[str]] = {}
    for guid, key in pairs:
        if key:
            guids.setdefault(fold(key), set()).add(guid)
    return {key: sorted(found) for key, found in guids.items()}


class Names:
    """The names of the objects of one kind on a server; an object may have several."""

    def __init__(self, kind: str, url: str, pairs: Iterable[tuple[str, str]] | None) -> None:
        self.is_listed: bool = pairs is not None
        """Whether the server says what it has."""
        pairs = list(pairs or ())
        self.kind: str = kind
        self.url: str = url
        self._guids = {guid for guid, _ in pairs}
        self._by_name = group_by(pairs, exactly)
        self._hints = 0

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def find(self, text: str) -> list[str]:
        """Return the guids of what has this name, or is named by `guid:` and its GUID."""
        if text in self._by_name or not text.startswith(GUID_PREFIX):
            return self._by_name.get(text, [])
        guid: str = canonical_guid("", text.removeprefix(GUID_PREFIX))
        return [guid] if guid in self._guids else []

    def text_for(self, guid: str, name: str) -> str:
        """Return how a mapping file names an object: by its name, if it has that alone."""
        return name if self.find(name) == [guid] else GUID_PREFIX + guid

    def unknown(self, text: str) -> str:
        """Return a message that nothing has this name, with those that are like it.

        After many messages, those have no more hints: comparing all names takes its time.
        """
        if self._hints == _MOST_HINTS:
            return f"{self.url} has no {self.kind} {text!r}"
        self._hints += 1
        by_folded = {name.casefold(): name for name in sorted(self._by_name)}
        near = difflib.get_close_matches(text.casefold(), by_folded, n=3)
        hint = (
            f"did you mean {' or '.join(repr(by_folded[one]) for one in near)}?"
            if near
            else f"it has {some_of([repr(name) for name in sorted(self._by_name)]) or 'none'}"
        )
        return f"{self.url} has no {self.kind} {text!r}; {hint}"

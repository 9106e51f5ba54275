"""Server versions: parsing and comparing them."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Final, Self

_NUMBERS: Final = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


@total_ordering
class ServerVersion:
    """A version such as `2023.11.0-dev+103-g1a2b`, of which the first three numbers count."""

    __slots__ = ("numbers", "text")

    def __init__(self, text: str, numbers: tuple[int, int, int]) -> None:
        self.text: str = text
        self.numbers: tuple[int, int, int] = numbers

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse a version; return None if the server hides it or returns something else."""
        found = _NUMBERS.match(text.strip()) if text else None
        if found is None or text is None:
            return None
        return cls(text, (int(found[1]), int(found[2]), int(found[3] or 0)))

    def __eq__(self, other: object) -> bool:
        known = ServerVersion.parse(other) if isinstance(other, str) else other
        return isinstance(known, ServerVersion) and self.numbers == known.numbers

    def __lt__(self, other: ServerVersion | str) -> bool:
        known = ServerVersion.parse(other) if isinstance(other, str) else other
        if known is None:
            raise ValueError(f"{other!r} is not a version; write it as 2025.06.0")
        return self.numbers < known.numbers

    def __hash__(self) -> int:
        return hash(self.numbers)

    def __repr__(self) -> str:
        return f"ServerVersion({self.text!r})"

    def __str__(self) -> str:
        return self.text

"""Values that did not fit, counted: none of them costs a row."""

from __future__ import annotations

from collections import Counter


class Oddities:
    """Counts values that could not be stored as they are, by field and reason.

    Written to by one thread.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Such as `time: not a time`; never a value, which may be private."""

    def add(self, field: str, reason: str, count: int = 1) -> None:
        """Count values of a field."""
        if count:
            self.counts[f"{field}: {reason}"] += count

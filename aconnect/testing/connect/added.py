"""The rows that were added to a series, in order of time.

Decides where an added row is, and which of them a window may have. The rows are stored and found
by bisection, so that a page costs the same however many there are. Which rows match a selection is
decided in `series`.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TypeAlias

from aconnect.testing.wire import Row

Key: TypeAlias = tuple[int, int, int]
"""The position of a row in a series.

For a seeded row, it is (number, 0, 0). For an added row, it is (number of the preceding seeded row,
microseconds, order of addition).
"""

Entry: TypeAlias = tuple[Key, Row]
"""A row and its position; no two positions are equal, so the rows are never compared."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Return a time in microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


class AddedRows:
    """Stored rows in order of their positions.

    Args:
        time_field: The field with the time of a row.
    """

    def __init__(self, time_field: str) -> None:
        self._time_field = time_field
        self._entries: list[Entry] = []
        self._open: list[Entry] = []
        """The entries of sessions that had not ended when they were added."""
        self._longest = timedelta(0)
        self.count: int = 0
        """The number of rows that have been added."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, pairs: Iterable[tuple[int, Row]]) -> None:
        """Add rows, each with the number of the seeded row before it."""
        entries: list[Entry] = []
        for number, row in pairs:
            self.count += 1
            time: datetime = row[self._time_field]
            entry = (number, microseconds(time), self.count), row
            entries.append(entry)
            end = row.get("ended", time)
            if end is None:
                insort(self._open, entry)
            else:
                self._longest = max(self._longest, end - time)
        if len(entries) == 1:
            insort(self._entries, entries[0])
        else:
            self._entries.extend(entries)
            self._entries.sort()

    @property
    def longest(self) -> timedelta:
        """The longest duration of a session that had ended when it was added."""
        return self._longest

    def between(self, first: Key, low: Key, high: Key, *, ascending: bool) -> Iterator[Entry]:
        """Yield the rows from position `low` to `high` (exclusive).

        Before these come the sessions from `first` on that had not ended when they were added.
        """
        parts = (
            _slice(self._open, first, min(low, high), ascending=ascending),
            _slice(self._entries, low, high, ascending=ascending),
        )
        return chain.from_iterable(parts if ascending else reversed(parts))


def _slice(entries: list[Entry], low: Key, high: Key, *, ascending: bool) -> Iterator[Entry]:
    begin, end = bisect_left(entries, (low,)), bisect_left(entries, (high,))
    indexes = range(begin, end) if ascending else range(end - 1, begin - 1, -1)
    return map(entries.__getitem__, indexes)

"""Rows of the high-volume operations, created on demand from their number.

Decides what row `i` of a series is and which rows a page has; nothing is stored, so a million
rows take no memory. It does not parse queries or build responses: `paging` does.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import NamedTuple, TypeAlias

from aconnect.testing.wire import Row

PERIOD = 4096
"""Fields other than time and id repeat after this many rows, which makes filters fast."""

Key: TypeAlias = tuple[int, int, int]
"""The position of a row: (number, 0, 0) if seeded, (previous number, microseconds, order) if
added."""

Test: TypeAlias = Callable[[Row], bool]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Selection(NamedTuple):
    """A selection of rows of a series."""

    start: datetime | None = None
    end: datetime | None = None
    min_version: int = 0
    filter_key: str = ""
    """Identifies `test`, so that its result can be cached."""
    test: Test | None = None
    """Must depend on repeating fields only, not on time or id."""
    overlap: bool = False
    """Sessions match if they overlap the window, not only if they start in it."""


class Series:
    """A sequence of rows, ordered by time, computed from the number of the row.

    `old` rows with negative numbers lie before the first one and carry old data versions.
    """

    def __init__(
        self,
        build: Callable[[int, datetime], Row],
        *,
        count: int,
        old: int,
        start: datetime,
        step: timedelta,
        burst: int,
        data_version: int,
        time_field: str = "time",
        longest: timedelta = timedelta(0),
    ) -> None:
        self._build = build
        self.count = count
        self.old = old
        self.start = start
        self.step = step
        self.burst = burst
        self.data_version = data_version
        self.time_field = time_field
        self.longest = longest
        self._extra: list[tuple[Key, Row]] = []
        self._offsets: dict[str, list[int]] = {}

    @property
    def has_extra(self) -> bool:
        return bool(self._extra)

    def append(self, row: Row) -> None:
        """Add a row; its time, an aware datetime, determines its position."""
        time: datetime = row[self.time_field]
        order = len(self._extra) + 1
        place = (self._after(time) - 1, (time - _EPOCH) // _MICROSECOND, order)
        self._extra.append((place, row))
        self._extra.sort(key=lambda pair: pair[0])

    def time(self, number: int) -> datetime:
        return self.start + self.step * (number // self.burst)

    def row(self, number: int) -> Row:
        """Return row `number`."""
        row = self._build(number, self.time(number))
        if number < 0 and "data_version" in row:
            row["data_version"] = self._old_version(number)
        return row

    def rows(self, selection: Selection = Selection(), *, ascending: bool = True) -> Iterator[Row]:  # noqa: B008 - immutable
        """Yield all selected rows."""
        return (row for _, row in self.after(None, selection, ascending=ascending))

    def after(
        self, place: Key | None, selection: Selection, *, ascending: bool
    ) -> Iterator[tuple[Key, Row]]:
        """Yield the selected rows after `place`, with their positions."""
        seeded = self._seeded(place, selection, ascending=ascending)
        if not self._extra:
            return seeded
        added = (
            pair
            for pair in (self._extra if ascending else reversed(self._extra))
            if self._wanted(pair[1], selection)
            and (place is None or (pair[0] > place if ascending else pair[0] < place))
        )
        return merge(seeded, added, key=lambda pair: pair[0], reverse=not ascending)

    def any_after(self, place: Key, selection: Selection, *, ascending: bool) -> bool:
        return next(self.after(place, selection, ascending=ascending), None) is not None

    def page(
        self, place: Key | None, selection: Selection, *, ascending: bool, limit: int
    ) -> list[tuple[Key, Row]]:
        """Return up to `limit` + 1 rows, so that the caller can tell whether there are more."""
        return list(islice(self.after(place, selection, ascending=ascending), limit + 1))

    def total(self, selection: Selection) -> int:
        """Count the selected rows without creating them."""
        low, high = self._range(selection)
        offsets = self._matching(selection)
        count = sum(self._wanted(row, selection) for _, row in self._extra)
        if offsets is None:
            return count + max(0, high - low)
        return count + max(0, _rank(offsets, high) - _rank(offsets, low))

    def slice(self, selection: Selection, *, ascending: bool, skip: int, limit: int) -> list[Row]:
        """Return the rows of one page of an offset-paged operation."""
        offsets = self._matching(selection)
        low, high = self._range(selection)
        if self._extra:
            return list(islice(self.rows(selection, ascending=ascending), skip, skip + limit))
        if offsets is None:
            chosen = range(low, high) if ascending else range(high - 1, low - 1, -1)
            return [self.row(number) for number in chosen[skip : skip + limit]]
        first, last = _rank(offsets, low), _rank(offsets, high)
        ranks = range(first, last) if ascending else range(last - 1, first - 1, -1)
        size = len(offsets)
        return [
            self.row(rank // size * PERIOD + offsets[rank % size])
            for rank in ranks[skip : skip + limit]
        ]

    def _seeded(
        self, place: Key | None, selection: Selection, *, ascending: bool
    ) -> Iterator[tuple[Key, Row]]:
        low, high = self._range(selection)
        if place is not None:
            if ascending:
                low = max(low, place[0] + 1)
            else:
                # An added row comes after the seeded row with its number.
                high = min(high, place[0] + (1 if place[1:] != (0, 0) else 0))
        for number in _numbers(low, high, self._matching(selection), ascending=ascending):
            row = self.row(number)
            checked = number < 0 or selection.overlap
            if not checked or self._wanted(row, selection):
                yield (number, 0, 0), row

    def _old_version(self, number: int) -> int:
        return self.data_version - 1 - (-number - 1) % self.data_version

    def _range(self, selection: Selection) -> tuple[int, int]:
        low, high = -self.old, self.count
        if selection.min_version >= self.data_version:
            low = 0
        if selection.min_version > self.data_version:
            high = 0
        if selection.start is not None:
            begin = selection.start - (self.longest if selection.overlap else timedelta(0))
            low = max(low, self._from(begin))
            if selection.overlap and self.count:
                # The last session is still open, so it overlaps every later window.
                low = min(low, self.count - 1)
        if selection.end is not None:
            high = min(high, self._after(selection.end))
        return low, max(low, high)

    def _from(self, time: datetime) -> int:
        """Return the number of the first row at or after `time`."""
        if not self.step:
            return -self.old if time <= self.start else self.count
        return max(-self.old, min(self.count, -((self.start - time) // self.step) * self.burst))

    def _after(self, time: datetime) -> int:
        """Return the number of the first row later than `time`."""
        if not self.step:
            return self.count if time >= self.start else -self.old
        number = ((time - self.start) // self.step + 1) * self.burst
        return max(-self.old, min(self.count, number))

    def _matching(self, selection: Selection) -> list[int] | None:
        """Return which of `PERIOD` consecutive rows pass the selection's test; None for all."""
        if selection.test is None:
            return None
        known = self._offsets.get(selection.filter_key)
        if known is None:
            test = selection.test
            known = [i for i in range(PERIOD) if test(self._build(i, self.start))]
            if len(self._offsets) > 256:
                self._offsets.clear()
            self._offsets[selection.filter_key] = known
        return known

    def _wanted(self, row: Row, selection: Selection) -> bool:
        if row.get("data_version", self.data_version) < selection.min_version:
            return False
        begin: datetime = row[self.time_field]
        end: datetime | None = row.get("ended") if selection.overlap else begin
        if selection.start is not None and end is not None and end < selection.start:
            return False
        if selection.end is not None and begin > selection.end:
            return False
        return selection.test is None or selection.test(row)


def _rank(offsets: list[int], number: int) -> int:
    """Count the matching rows before `number`, taking row 0 as the origin."""
    turns, offset = divmod(number, PERIOD)
    return turns * len(offsets) + bisect_left(offsets, offset)


def _numbers(low: int, high: int, offsets: list[int] | None, *, ascending: bool) -> Iterator[int]:
    if offsets is None:
        yield from range(low, high) if ascending else range(high - 1, low - 1, -1)
        return
    first, last = _rank(offsets, low), _rank(offsets, high)
    size = len(offsets)
    for rank in range(first, last) if ascending else range(last - 1, first - 1, -1):
        yield rank // size * PERIOD + offsets[rank % size]

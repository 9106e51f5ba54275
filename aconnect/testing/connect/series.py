"""Rows of the high-volume operations, created on demand from their number.

Decides which rows match a selection and which rows are on a page. The rows are not stored, so a
million rows take no memory. Queries are parsed and responses are created in `paging` and in the
routes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import NamedTuple, TypeAlias

from aconnect.testing.wire import Row

PERIOD = 4096
"""The number of rows after which all fields but the time and the id repeat; makes filters fast."""

Key: TypeAlias = tuple[int, int, int]
"""The position of a row in a series.

For a seeded row, it is (number, 0, 0). For an added row, it is (number of the preceding seeded row,
microseconds, order of addition).
"""

Test: TypeAlias = Callable[[Row], bool]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Selection(NamedTuple):
    """Criteria that select rows of a series."""

    start: datetime | None = None
    end: datetime | None = None
    min_version: int = 0
    filter_key: str = ""
    """Identifies `test`, so that its results can be cached."""
    test: Test | None = None
    """Must only depend on repeating fields, not on the time or the id."""
    overlap: bool = False
    """Whether sessions match if they overlap the window, even if they do not start in it."""


class Series:
    """A sequence of rows in order of time, each created from its number.

    The first row has number 0. `old` additional rows have negative numbers and old data versions.
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
        self._added: list[tuple[Key, Row]] = []
        self._offsets: dict[str, list[int]] = {}

    @property
    def has_added(self) -> bool:
        return bool(self._added)

    def append(self, row: Row) -> None:
        """Add a row at the position of its time, which must be an aware datetime."""
        time: datetime = row[self.time_field]
        order = len(self._added) + 1
        position = (self._after(time) - 1, (time - _EPOCH) // _MICROSECOND, order)
        self._added.append((position, row))
        self._added.sort(key=lambda pair: pair[0])

    def time(self, number: int) -> datetime:
        """Return the time of row `number`."""
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
        self, position: Key | None, selection: Selection, *, ascending: bool
    ) -> Iterator[tuple[Key, Row]]:
        """Yield the selected rows after `position`, with their positions."""
        seeded = self._seeded(position, selection, ascending=ascending)
        if not self._added:
            return seeded
        added = (
            pair
            for pair in (self._added if ascending else reversed(self._added))
            if self._is_selected(pair[1], selection)
            and (position is None or (pair[0] > position if ascending else pair[0] < position))
        )
        return merge(seeded, added, key=lambda pair: pair[0], reverse=not ascending)

    def any_after(self, position: Key, selection: Selection, *, ascending: bool) -> bool:
        """Return True if there are selected rows after `position`."""
        return next(self.after(position, selection, ascending=ascending), None) is not None

    def page(
        self, position: Key | None, selection: Selection, *, ascending: bool, limit: int
    ) -> list[tuple[Key, Row]]:
        """Return up to `limit` + 1 rows, so that the caller knows whether there are more."""
        return list(islice(self.after(position, selection, ascending=ascending), limit + 1))

    def total(self, selection: Selection) -> int:
        """Return the number of selected rows, without creating them."""
        low, high = self._range(selection)
        offsets = self._matching(selection)
        count = sum(self._is_selected(row, selection) for _, row in self._added)
        if offsets is None:
            return count + max(0, high - low)
        return count + max(0, _rank(offsets, high) - _rank(offsets, low))

    def slice(self, selection: Selection, *, ascending: bool, skip: int, limit: int) -> list[Row]:
        """Return `limit` selected rows after the first `skip`, for pages by number."""
        offsets = self._matching(selection)
        low, high = self._range(selection)
        if self._added:
            return list(islice(self.rows(selection, ascending=ascending), skip, skip + limit))
        if offsets is None:
            numbers = range(low, high) if ascending else range(high - 1, low - 1, -1)
            return [self.row(number) for number in numbers[skip : skip + limit]]
        first, last = _rank(offsets, low), _rank(offsets, high)
        ranks = range(first, last) if ascending else range(last - 1, first - 1, -1)
        size = len(offsets)
        return [
            self.row(rank // size * PERIOD + offsets[rank % size])
            for rank in ranks[skip : skip + limit]
        ]

    def _seeded(
        self, position: Key | None, selection: Selection, *, ascending: bool
    ) -> Iterator[tuple[Key, Row]]:
        low, high = self._range(selection)
        if position is not None:
            if ascending:
                low = max(low, position[0] + 1)
            else:
                # An added row comes after the seeded row with the same number.
                high = min(high, position[0] + (1 if position[1:] != (0, 0) else 0))
        for number in _numbers(low, high, self._matching(selection), ascending=ascending):
            row = self.row(number)
            checked = number < 0 or selection.overlap
            if not checked or self._is_selected(row, selection):
                yield (number, 0, 0), row

    def _old_version(self, number: int) -> int:
        return self.data_version - 1 - (-number - 1) % self.data_version

    def _range(self, selection: Selection) -> tuple[int, int]:
        """Return the range of numbers that the versions and the window of a selection allow."""
        low, high = -self.old, self.count
        if selection.min_version >= self.data_version:
            low = 0
        if selection.min_version > self.data_version:
            high = 0
        if selection.start is not None:
            begin = selection.start - (self.longest if selection.overlap else timedelta(0))
            low = max(low, self._from(begin))
            if selection.overlap and self.count:
                # The last session is still open, so it overlaps all later windows.
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
        """Return the numbers below `PERIOD` whose rows pass the test, or None without a test."""
        if selection.test is None:
            return None
        offsets = self._offsets.get(selection.filter_key)
        if offsets is None:
            test = selection.test
            offsets = [i for i in range(PERIOD) if test(self._build(i, self.start))]
            if len(self._offsets) > 256:
                self._offsets.clear()
            self._offsets[selection.filter_key] = offsets
        return offsets

    def _is_selected(self, row: Row, selection: Selection) -> bool:
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
    """Return the number of matching rows from row 0 up to, but not including, `number`."""
    periods, offset = divmod(number, PERIOD)
    return periods * len(offsets) + bisect_left(offsets, offset)


def _numbers(low: int, high: int, offsets: list[int] | None, *, ascending: bool) -> Iterator[int]:
    """Yield the numbers from `low` to `high` (exclusive) that match `offsets`."""
    if offsets is None:
        yield from range(low, high) if ascending else range(high - 1, low - 1, -1)
        return
    first, last = _rank(offsets, low), _rank(offsets, high)
    size = len(offsets)
    for rank in range(first, last) if ascending else range(last - 1, first - 1, -1):
        yield rank // size * PERIOD + offsets[rank % size]

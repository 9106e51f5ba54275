"""Rows of the high-volume operations, created on demand from their number.

Decides which rows match a selection and which rows are on a page. The rows are not stored, so a
million rows take no memory; those that tests add are stored in `added`. Queries are parsed and
responses are created in `paging` and in the routes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from aconnect.testing.connect.added import AddedRows, Entry, Key, microseconds
from aconnect.testing.wire import Row

PERIOD = 4096
"""The number of rows after which all fields but the time and the id repeat; makes filters fast."""

Test: TypeAlias = Callable[[Row], bool]


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


_FIRST: Key = (-(1 << 62), 0, 0)
_LAST: Key = (1 << 62, 0, 0)


class Series:
    """A sequence of rows in order of time, each created from its number.

    The first row has number 0. `old` additional rows have negative numbers and old data versions.
    Tests can add rows with any times.

    Args:
        build: Creates the row with a number and a time.
        count: The number of seeded rows, without the old ones.
        old: The number of old rows.
        start: The time of the first row.
        step: The time between rows.
        burst: The number of consecutive rows with the same time.
        data_version: The data version of rows that are not old.
        time_field: The field with the time of a row.
        longest: The longest duration of a seeded session.
        open_offsets: The numbers below `PERIOD` of the seeded sessions that have not ended; the
            last session has not ended either. None if the rows are not sessions.
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
        open_offsets: Sequence[int] | None = None,
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
        self._open_offsets = open_offsets
        self._last = count - 1
        self._added = AddedRows(time_field)
        self._ended: dict[int, datetime] = {}
        """The ends of seeded sessions that tests have ended, by number."""
        self._changes = 0
        self._offsets: dict[str, list[int]] = {}

    @property
    def revision(self) -> tuple[int, int]:
        """A value that changes with the rows."""
        return self.count, self._changes

    def add(self, times: Iterable[datetime]) -> list[Row]:
        """Add a row at each of these times, like the seeded ones, and return them.

        The times are aware; they need not be in order.
        """
        number = self.count + self._added.count
        rows = [self._build(number + i, time) for i, time in enumerate(times)]
        self.extend(rows)
        return rows

    def append(self, row: Row) -> None:
        """Add a row at the position of its time, which must be an aware datetime."""
        self.extend([row])

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows at the positions of their times, which must be aware datetimes."""
        self._added.add((self._after(row[self.time_field]) - 1, row) for row in rows)
        self._changes += 1

    def end_sessions(self, started: datetime, ended: datetime) -> None:
        """End the open sessions that started at a time; raise ValueError if there are none."""
        numbers = [
            number
            for number in range(self._from(started), self._after(started))
            if self.row(number)["ended"] is None
        ]
        self._ended.update(dict.fromkeys(numbers, ended))
        low, high = self._key_from(started), self._key_after(started)
        added = [
            row
            for _, row in self._added.between(low, low, high, ascending=True)
            if row["ended"] is None
        ]
        for row in added:
            row["ended"] = ended
        if not numbers and not added:
            raise ValueError(f"no open session started at {started.isoformat()}")
        self._changes += 1

    def time(self, number: int) -> datetime:
        """Return the time of row `number`."""
        return self.start + self.step * (number // self.burst)

    def row(self, number: int) -> Row:
        """Return row `number`."""
        row = self._build(number, self.time(number))
        if number < 0 and "data_version" in row:
            row["data_version"] = self._old_version(number)
        if number in self._ended:
            row["ended"] = self._ended[number]
        return row

    def rows(self, selection: Selection = Selection(), *, ascending: bool = True) -> Iterator[Row]:  # noqa: B008 - immutable
        """Yield all selected rows."""
        return (row for _, row in self.after(None, selection, ascending=ascending))

    def after(
        self, position: Key | None, selection: Selection, *, ascending: bool
    ) -> Iterator[Entry]:
        """Yield the selected rows after `position`, with their positions."""
        seeded = self._seeded(position, selection, ascending=ascending)
        if not self._added:
            return seeded
        added = self._stored(position, selection, ascending=ascending)
        if not self.count and not self.old:
            return added
        return merge(seeded, added, key=lambda entry: entry[0], reverse=not ascending)

    def any_after(self, position: Key, selection: Selection, *, ascending: bool) -> bool:
        """Return True if there are selected rows after `position`."""
        return next(self.after(position, selection, ascending=ascending), None) is not None

    def page(
        self, position: Key | None, selection: Selection, *, ascending: bool, limit: int
    ) -> list[Entry]:
        """Return up to `limit` + 1 rows, so that the caller knows whether there are more."""
        return list(islice(self.after(position, selection, ascending=ascending), limit + 1))

    def total(self, selection: Selection) -> int:
        """Return the number of selected rows, without creating them."""
        low, high = self._range(selection)
        offsets = self._matching(selection)
        count = sum(1 for _ in self._stored(None, selection, ascending=True))
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
    ) -> Iterator[Entry]:
        low, high = self._range(selection)
        first = -self.old
        if position is not None:
            if ascending:
                first, low = max(first, position[0] + 1), max(low, position[0] + 1)
            else:
                # An added row comes after the seeded row with the same number.
                high = min(high, position[0] + (1 if position[1:] != (0, 0) else 0))
        numbers = _numbers(low, high, self._matching(selection), ascending=ascending)
        if selection.overlap:
            still_open = self._open_numbers(first, min(low, high), ascending=ascending)
            numbers = chain(still_open, numbers) if ascending else chain(numbers, still_open)
        for number in numbers:
            row = self.row(number)
            checked = number < 0 or selection.overlap
            if not checked or self._is_selected(row, selection):
                yield (number, 0, 0), row

    def _open_numbers(self, low: int, high: int, *, ascending: bool) -> Iterator[int]:
        """Yield the seeded sessions that had not ended, with numbers from `low` to `high`."""
        if self._open_offsets is None:
            return iter(())
        numbers = _numbers(low, high, self._open_offsets, ascending=ascending)
        if not low <= self._last < high or self._last % PERIOD in self._open_offsets:
            return numbers
        return chain(numbers, [self._last]) if ascending else chain([self._last], numbers)

    def _stored(
        self, position: Key | None, selection: Selection, *, ascending: bool
    ) -> Iterator[Entry]:
        """Yield the selected rows that were added after `position`."""
        first, low, high = _FIRST, _FIRST, _LAST
        if selection.end is not None:
            high = self._key_after(selection.end)
        if selection.start is not None:
            low = self._key_from(selection.start)
            if selection.overlap:
                low = self._key_from(selection.start - self._added.longest)
        if position is not None:
            number, time, order = position
            if ascending:
                following = number, time, order + 1
                first, low = following, max(low, following)
            else:
                high = min(high, position)
        if not selection.overlap:
            first = low
        added = self._added.between(first, low, high, ascending=ascending)
        if not (selection.overlap or selection.min_version or selection.test):
            return added
        return (entry for entry in added if self._is_selected(entry[1], selection))

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
        if selection.end is not None:
            high = min(high, self._after(selection.end))
        return low, high

    def _key_from(self, time: datetime) -> Key:
        """Return a position before all rows that were added at `time`, and after earlier ones."""
        return self._after(time) - 1, microseconds(time), 0

    def _key_after(self, time: datetime) -> Key:
        """Return a position after all rows that were added at `time`, and before later ones."""
        return self._after(time) - 1, microseconds(time) + 1, 0

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


def _rank(offsets: Sequence[int], number: int) -> int:
    """Return the number of matching rows from row 0 up to, but not including, `number`."""
    periods, offset = divmod(number, PERIOD)
    return periods * len(offsets) + bisect_left(offsets, offset)


def _numbers(
    low: int, high: int, offsets: Sequence[int] | None, *, ascending: bool
) -> Iterator[int]:
    """Yield the numbers from `low` to `high` (exclusive) that match `offsets`."""
    if offsets is None:
        yield from range(low, high) if ascending else range(high - 1, low - 1, -1)
        return
    first, last = _rank(offsets, low), _rank(offsets, high)
    size = len(offsets)
    for rank in range(first, last) if ascending else range(last - 1, first - 1, -1):
        yield rank // size * PERIOD + offsets[rank % size]

"""What a collection says of itself: progress while it runs, a report at the end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from aconnect.collect.sink import Written


class Progress(Struct, frozen=True, kw_only=True):
    """The progress of a collection, after a page."""

    dataset: str
    rows: int
    """Taken so far, those of earlier runs that this one continues included."""
    resumed: int
    """How many of the rows an earlier run has collected."""
    requests: int
    pushbacks: int
    """How often the server has refused a request for now."""
    elapsed: float
    """Seconds since this run began."""
    share: float | None
    """Which part of the period was collected, from 0 to 1; None if that is not known."""

    @property
    def rate(self) -> float:
        """Rows per second of this run."""
        return (self.rows - self.resumed) / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None if nothing is known, or if an earlier run is continued."""
        if not self.share or self.resumed:
            return None
        return self.elapsed / self.share - self.elapsed


class RunReport(Struct, frozen=True, kw_only=True):
    """What a collection has done."""

    dataset: str
    server: str
    """The address of the API."""
    written: Written | None
    """What was written, and where; None if the rows went to the program."""
    rows: int
    """Written by this run and those that it continues."""
    resumed: int
    """How many of the rows an earlier run has written."""
    from_: datetime | None
    """The start of the period; None for the oldest event, and for a snapshot."""
    until: datetime | None
    """The end of the period, before which everything is complete; None for a snapshot."""
    is_over: bool
    """Whether the window that was asked for was over; if not, the next run continues."""
    strategy: str
    reason: str
    """Why the rows were fetched in this way."""
    units: int
    splits: int
    """How often a part of a unit was given to another worker."""
    requests: int
    """For pages; counts and look-ups are few."""
    discarded: int
    """Rows that were fetched but belong to another unit, or were written before."""
    pushbacks: int
    """How often the server has refused a request for now."""
    seconds: float
    seconds_waited: float
    """How long requests were held back, because the server asked for it or let none through."""
    oddities: Mapping[str, int]
    """Values that could not be stored as they are, counted by field and reason."""
    notes: tuple[str, ...] = ()
    """What else users should know."""

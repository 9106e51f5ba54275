"""What a collection can be told, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

import msgspec
from msgspec import Struct

from aconnect._core.url import rfc3339
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.collect.progress import Progress

_MAX_IN_FLIGHT: Final = 256


class CollectOptions(TypedDict, total=False):
    """Options of all collections, as keywords."""

    in_flight: int
    """How many pages are requested at once; 16 by default. The client's own limits apply too."""
    max_rate: float | None
    """The most requests per second; no limit by default."""
    ordered: bool
    """Whether rows come in the order of time. It costs some requests more, and memory for up to
    128,000 rows; by default, rows come in any order."""
    page_size: int | None
    """Rows requested at a time; by default, as many as the server allows."""
    restart: bool
    """Whether to begin again, and discard what earlier runs have written to the output."""
    on_progress: Callable[[Progress], None] | None
    """Called in the event loop after each page, so it must not block."""


class EventOptions(CollectOptions, total=False):
    """Options of collections of events, as keywords."""

    from_: datetime | None
    """The first moment; None for the oldest event."""
    to: datetime | None
    """The end, not included; None for now. Nothing that is newer than `settle` is collected."""
    since_last: bool
    """Whether to continue where the last run into the same output has ended. `from_` is where the
    first run begins."""
    overlap: timedelta | float
    """How far `since_last` reads back for events that servers recorded late; 1 hour by default. A
    number is in seconds."""
    settle: timedelta | float
    """The age that events must have on the clock of the server; 60 s by default. Younger ones may
    still be incomplete."""
    open_after: timedelta | float
    """The age after which a session that has not ended is written as it is to an output that only
    appends; 30 days by default."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of one collection."""

    from_: datetime | None = None
    to: datetime | None = None
    since_last: bool = False
    overlap: timedelta = timedelta(hours=1)
    settle: timedelta = timedelta(seconds=60)
    open_after: timedelta = timedelta(days=30)
    in_flight: int = 16
    max_rate: float | None = None
    ordered: bool = False
    page_size: int | None = None
    restart: bool = False
    on_progress: Callable[[Progress], None] | None = None

    def __post_init__(self) -> None:
        for name in ("from_", "to"):
            time = getattr(self, name)
            if time is not None:
                # The same time must be the same query, in whatever zone it is written.
                msgspec.structs.force_setattr(self, name, _utc(name, time))
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise InvalidArgumentError(
                f"the window from {self.from_.isoformat()} to {self.to.isoformat()} is empty; "
                "its end must be later than its start"
            )
        if self.since_last and self.to is not None:
            raise InvalidArgumentError(
                "since_last=True collects until now: leave to= out, or collect a window"
            )
        if not 1 <= self.in_flight <= _MAX_IN_FLIGHT:
            raise InvalidArgumentError(
                f"in_flight={self.in_flight} must be between 1 and {_MAX_IN_FLIGHT}"
            )
        if self.max_rate is not None and not self.max_rate > 0:
            raise InvalidArgumentError(f"max_rate={self.max_rate} must be above 0 requests/s")
        for name in ("overlap", "settle", "open_after"):
            if getattr(self, name) < timedelta(0):
                raise InvalidArgumentError(f"{name} must not be negative")


def options_of(keywords: EventOptions | CollectOptions, *, is_snapshot: bool = False) -> Options:
    """Return the options that keywords describe; a snapshot has none about time.

    Raises:
        TypeError: There is no such option.
        InvalidArgumentError: A value is invalid.
    """
    chosen: dict[str, Any] = {**keywords}
    known = (CollectOptions if is_snapshot else EventOptions).__optional_keys__
    unknown = sorted(chosen.keys() - known)
    if unknown:
        raise TypeError(
            f"unexpected keyword arguments: {', '.join(unknown)}; there are "
            f"{', '.join(sorted(known))}"
        )
    for name in ("overlap", "settle", "open_after"):
        if isinstance(chosen.get(name), int | float):
            chosen[name] = timedelta(seconds=chosen[name])
    return Options(**chosen)


def _utc(name: str, time: datetime) -> datetime:
    rfc3339(name, time)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise InvalidArgumentError(
            f"{name}={time.isoformat()} is out of range in UTC; leave it out for an open end"
        ) from error

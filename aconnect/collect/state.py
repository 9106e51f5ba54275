"""What is durable of a run: which keys of a checkpoint mean what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect.collect.sink import Period
from aconnect.collect.units import Unit
from aconnect.errors import ResumeError

_RUN: Final = "run"
_WINDOWS: Final = "windows"
SINCE_LAST: Final = "since last"
"""The name of what `since_last` collects, beside those of windows."""


class RunState(Struct, kw_only=True):
    """A run that has begun."""

    window: str
    """The name of the window that was asked for."""
    lo: int | None
    hi: int | None
    """The period that it collects."""
    is_over: bool
    """Whether the window that was asked for ends with the period."""
    strategy: str
    recent_since: int | None = None
    """From when on events must be recognized in the next run; None if there is none."""
    mark: int | None = None
    """Where the run before ended, if it continues one: what is older was collected before."""
    now: int | None = None
    """The server's time when it began."""
    ordered: bool = False
    rows: int = 0
    is_written: bool = False
    """Whether all is collected, and only the publication may be missing."""

    @property
    def period(self) -> Period:
        """The period that it collects."""
        return Period(self.lo, self.hi)


class Window(Struct):
    """A window that was collected, as far as it was over."""

    upto: int | None
    """The end of what was collected; None for a snapshot."""
    is_over: bool
    recent_since: int | None = None
    """From when on the events that were written are known."""
    density: float | None = None
    """Events per microsecond."""


def window_name(from_: datetime | None, to: datetime | None, *, since_last: bool) -> str:
    """Return the name of a window in the state."""
    if since_last:
        return SINCE_LAST
    return f"{from_.isoformat() if from_ else ''}/{to.isoformat() if to else ''}"


class State:
    """The durable entries of an output."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        try:
            run = entries.get(_RUN)
            self.run: RunState | None = (
                None if run is None else msgspec.json.decode(run, type=RunState)
            )
            windows = entries.get(_WINDOWS, "{}")
            self.windows: dict[str, Window] = msgspec.json.decode(windows, type=dict[str, Window])
            self.units: dict[int, Unit] = {
                unit.id: unit
                for key, value in entries.items()
                if key.startswith("unit/")
                for unit in [msgspec.json.decode(value, type=Unit)]
            }
        except msgspec.DecodeError as error:
            raise ResumeError(
                f"the state of the output is damaged ({error}); start again with restart=True"
            ) from error
        self.entries = entries

    @property
    def upto(self) -> int | None:
        """The end of the newest window that was collected."""
        return max((w.upto for w in self.windows.values() if w.upto is not None), default=None)


def unit_entry(unit: Unit) -> tuple[str, str]:
    """Return the key and the text of a unit."""
    return f"unit/{unit.id}", _text(unit)


def run_entry(run: RunState) -> dict[str, str | None]:
    """Return the entry of a run."""
    return {_RUN: _text(run)}


def windows_entry(windows: Mapping[str, Window]) -> dict[str, str | None]:
    """Return the entry of the windows that were collected."""
    return {_WINDOWS: _text(windows)}


def window_text(name: str) -> str:
    """Return a window for a message."""
    if name == SINCE_LAST:
        return "what is new since the last run"
    start, _, end = name.partition("/")
    return f"the window from {start or 'the beginning'} to {end or 'now'}"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()

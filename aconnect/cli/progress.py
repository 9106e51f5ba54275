"""Progress on standard error: redrawn on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from aconnect.cli.output import echo_error, is_terminal, size_text

if TYPE_CHECKING:
    from rich.console import Console

    from aconnect.export import Collected, Keep

_PLAIN_EVERY: Final = 5.0
_DRAW_EVERY: Final = 0.1


class Rows:
    """The progress of a collection."""

    def __init__(self, label: str, show: Callable[[str], None], every: float) -> None:
        self.label = label
        self.began: float = time.monotonic()
        self.share: Callable[[Collected], float | None] = lambda _: None
        """Estimates the completed share; set when the query is known."""
        self._show = show
        self._every = every
        self._shown = self.began

    def __call__(self, done: Collected) -> None:
        """Show the progress after a page."""
        now = time.monotonic()
        if now - self._shown >= self._every:
            self._shown = now
            self._show(self._text(done, self.share(done)))

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def result(self, done: Collected) -> str:
        """Return the result as text."""
        return f"{self._text(done, None)}, {done.pages:,} pages, {self.elapsed:.1f} s"

    def _text(self, done: Collected, share: float | None) -> str:
        seconds = self.elapsed
        rate = (done.rows - done.resumed) / seconds if seconds else 0.0
        text = f"{self.label}: {done.rows:,} rows, {rate:,.0f} rows/s, {size_text(done.size)}"
        if not share:
            return text
        # A resumed part was collected by an earlier run, at an unknown rate.
        remaining = "" if done.resumed else f", {duration(seconds / share - seconds)} left"
        return f"{text}, {share:.0%}{remaining}"


def share_of(keep: Keep | None, total: int | None) -> Callable[[Collected], float | None]:
    """Return what estimates the completed share of a collection; None where it is unknown.

    It is that of the rows if their number is known, otherwise that of the time window.
    """
    from aconnect.export.series import Within

    now = datetime.now(UTC)
    within = keep if isinstance(keep, Within) else None
    start = within.window.from_ if within is not None else None
    end = min(within.window.to or now, now) if within is not None else now

    def share(done: Collected) -> float | None:
        expected = total or done.total
        if expected:
            return min(done.rows / expected, 1.0)
        if start is None or done.reached is None or start >= end:
            return None
        part = min(max((done.reached - start) / (end - start), 0.0), 1.0)
        return 1.0 - part if within is not None and within.order == "descending" else part

    return share


def duration(seconds: float) -> str:
    """Return a time span as minutes and seconds, or hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def rows_progress(label: str) -> Generator[Rows, None, None]:
    """Show the progress of a collection."""
    if not is_terminal("stderr"):
        yield Rows(label, echo_error, _PLAIN_EVERY)
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    # The text gives way where the terminal is narrow, and the spinner stays.
    text = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    spinner = SpinnerColumn(table_column=Column(width=1, min_width=1))
    with Progress(spinner, text, console=_console(), transient=True) as progress:
        task = progress.add_task(f"{label}: waiting for the server", total=None)
        yield Rows(label, lambda shown: progress.update(task, description=shown), _DRAW_EVERY)


@contextmanager
def upload_progress(label: str) -> Generator[Callable[[int, int], None], None, None]:
    """Show the progress of an upload."""
    if not is_terminal("stderr"):
        yield (
            lambda sent, size: (
                echo_error(f"{label}: sent {size_text(size)}") if sent == size else None
            )
        )
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console()) as progress:
        # Not shown before the size is known.
        task = progress.add_task(label, total=None, visible=False)
        yield lambda sent, size: progress.update(task, completed=sent, total=size, visible=True)


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)

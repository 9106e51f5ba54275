"""Progress on standard error: redrawn on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from aconnect._core.text import size_text
from aconnect.cli.output import echo_error, is_terminal

if TYPE_CHECKING:
    import rich.progress
    from rich.console import Console

    from aconnect.collect import Progress

_PLAIN_EVERY: Final = 5.0
_DRAW_EVERY: Final = 0.1


class Lines:
    """The progress of collections, each on a line of its own."""

    def __init__(self, show: Callable[[str, str], None], every: float) -> None:
        self._show = show
        self._every = every
        self._shown: dict[str, float] = {}

    def line(self, label: str) -> Callable[[Progress], None]:
        """Return what shows the progress of a collection."""
        self._shown[label] = time.monotonic()

        def on_progress(progress: Progress) -> None:
            now = time.monotonic()
            # A run that is short is no news, even if the line is older.
            since = min(now - self._shown.get(label, 0.0), progress.elapsed)
            if since >= self._every:
                self._shown[label] = now
                self._show(label, f"{label}: {progress_text(progress)}")

        return on_progress

    def end(self, label: str) -> None:
        """Show a collection no more."""
        self._shown.pop(label, None)


class _Drawn(Lines):
    """Lines that are redrawn on a terminal."""

    def __init__(self, progress: rich.progress.Progress) -> None:
        super().__init__(self._draw, _DRAW_EVERY)
        self._progress = progress
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def line(self, label: str) -> Callable[[Progress], None]:
        self._draw(label, f"{label}: waiting for the server")
        return super().line(label)

    def _draw(self, label: str, text: str) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._progress.add_task(text, total=None)
        self._progress.update(self._tasks[label], description=text)

    def end(self, label: str) -> None:
        super().end(label)
        task = self._tasks.pop(label, None)
        if task is not None:
            self._progress.remove_task(task)
            self._progress.refresh()


def progress_text(progress: Progress) -> str:
    """Return the progress of a collection as text."""
    parts = [f"{progress.rows:,} rows", f"{progress.rate:,.0f} rows/s"]
    if progress.share:
        parts.append(f"{progress.share:.0%}")
    if (left := progress.seconds_left) is not None:
        parts.append(f"{duration(left)} left")
    if progress.pushbacks:
        parts.append(pushbacks_text(progress.pushbacks))
    return ", ".join(parts)


def pushbacks_text(number: int) -> str:
    """Return how often a server has refused a request for now."""
    return f"pushed back {'once' if number == 1 else f'{number:,} times'}"


def duration(seconds: float) -> str:
    """Return a time span as minutes and seconds, or hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def rows_progress(*, redrawn: bool = True) -> Generator[Lines, None, None]:
    """Show the progress of collections; `redrawn` lines only where the terminal is free."""
    if not redrawn or not is_terminal("stderr"):
        yield Lines(lambda _, text: echo_error(text), _PLAIN_EVERY)
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    # The text gives way where the terminal is narrow, and the spinner stays.
    text = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    spinner = SpinnerColumn(table_column=Column(width=1, min_width=1))
    with Progress(
        spinner, text, console=error_console(), transient=True, redirect_stdout=False
    ) as progress:
        yield _Drawn(progress)


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
    with Progress(
        *columns, console=error_console(), transient=True, redirect_stdout=False
    ) as progress:
        # Not shown before the size is known.
        task = progress.add_task(label, total=None, visible=False)
        yield lambda sent, size: progress.update(task, completed=sent, total=size, visible=True)


def error_console() -> Console:
    """Return the console of standard error."""
    from rich.console import Console

    return Console(stderr=True)

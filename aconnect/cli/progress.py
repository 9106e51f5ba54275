"""Progress on standard error: redrawn on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from aconnect.cli.output import echo_error, is_terminal, size_text

if TYPE_CHECKING:
    from aconnect.export import Collected

_PLAIN_EVERY: Final = 5.0
_DRAW_EVERY: Final = 0.1


class Rows:
    """The progress of a collection."""

    def __init__(self, label: str, show: Callable[[str, int], None], every: float) -> None:
        self.label = label
        self.last: Collected | None = None
        self.began: float = time.monotonic()
        self._show = show
        self._every = every
        self._shown = self.began

    def __call__(self, done: Collected) -> None:
        """Show the progress after a page."""
        self.last = done
        now = time.monotonic()
        if now - self._shown >= self._every:
            self._shown = now
            self._show(self.text(done), done.rows)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def text(self, done: Collected) -> str:
        """Return the number of rows and the rate as text."""
        seconds = self.elapsed
        rate = (done.rows - done.resumed) / seconds if seconds else 0.0
        return (
            f"{self.label}: {done.rows:,} rows, {rate:,.0f} rows/s, {done.pages:,} pages, "
            f"{size_text(done.size)}, {seconds:.1f} s"
        )


@contextmanager
def rows_progress(label: str, total: int | None = None) -> Generator[Rows, None, None]:
    """Show the progress of a collection; `total` is the number of rows, if known."""
    if not is_terminal("stderr"):
        yield Rows(label, lambda text, _: echo_error(text), _PLAIN_EVERY)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    bar = () if total is None else (BarColumn(bar_width=20),)
    columns = (SpinnerColumn(), *bar, TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{label}: waiting for the server", total=total)
        yield Rows(
            label,
            lambda text, rows: progress.update(task, description=text, completed=rows),
            _DRAW_EVERY,
        )


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
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=None)
        yield lambda sent, size: progress.update(task, completed=sent, total=size)

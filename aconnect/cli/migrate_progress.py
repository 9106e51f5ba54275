"""The progress of a migration on standard error: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from aconnect._core.text import one_line, size_text
from aconnect.cli.migrate_texts import doing, for_command_line
from aconnect.cli.output import echo_error, is_terminal
from aconnect.cli.progress import duration, error_console

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from aconnect.migrate import Event

_RATE_SECONDS: Final = 5.0
"""The rate of transfers is that of so many seconds."""
_ESTIMATED_FROM: Final = 3
"""How many items must have ended before the time that is left is estimated."""
_MARGIN: Final = 3
"""Lines of the terminal that are not for items."""


class _Row(Struct):
    """An item in work."""

    name: str
    began: float
    step: str = ""
    sent: int = 0
    total: int = 0
    line: str = ""

    @property
    def doing(self) -> str:
        """What is done after the last step that has ended."""
        from aconnect.migrate.running.events import STEPS

        following = STEPS.index(self.step) + 1 if self.step in STEPS else 0
        return doing(STEPS[min(following, len(STEPS) - 1)])

    @property
    def detail(self) -> str:
        """What is known about what is done: bytes, or the last line of the log."""
        if self.step == "configured" and self.total:
            return f"{size_text(self.sent)} of {size_text(self.total)}"
        return self.line


class MigrationProgress:
    """Prints a line for each item that ends.

    Args:
        total: The number of items to migrate.
        done: How many of them earlier runs have migrated.
        failed: How many of them have failed, and are not tried again.
        verbose: Whether to print the steps, and the items that are left out.
    """

    def __init__(self, total: int, done: int, failed: int, *, verbose: bool) -> None:
        self.total: int = total
        self.ended: int = done + failed
        self.verbose = verbose
        self.rows: dict[int, _Row] = {}
        self.sent: int = 0

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show the progress while the block runs."""
        yield

    def on_event(self, event: Event) -> None:
        """Show what has happened."""
        if event.number is None:
            echo_error(f"Warning: {event.text}")
        elif event.kind == "skipped":
            if self.verbose:
                echo_error(f"{event.name}: left out by the plan")
        elif event.kind in {"done", "failed"}:
            self._end(event)
        else:
            self._update(event.number, event)

    def _end(self, event: Event) -> None:
        row = self.rows.pop(event.number or 0, None)
        seconds = duration(0.0 if row is None else time.monotonic() - row.began)
        self.ended += 1
        what = f"migrated in {seconds}"
        if event.kind == "failed":
            text = for_command_line(event.text)
            what = f"failed after {seconds}, {doing(event.step)}: {text}"
        self.end(event, f"{self.ended:,}/{self.total:,} {event.name}: {what}")

    def end(self, event: Event, text: str) -> None:
        """Show how an item has ended."""
        echo_error(text)

    def _update(self, number: int, event: Event) -> None:
        row = self.rows.setdefault(number, _Row(event.name, time.monotonic()))
        match event.kind:
            case "progress":
                # Another bundle, or another attempt, begins anew.
                self.sent += event.sent - (row.sent if event.sent >= row.sent else 0)
                row.sent, row.total = event.sent, event.total
            case "log":
                row.line = event.text
            case "step":
                row.step, row.line = event.step, ""
                if self.verbose:
                    echo_error(f"{event.name}: {row.doing}")
            case _:
                pass


class _Live(MigrationProgress):
    """Shows the numbers and what is in work, redrawn; of the items that end, only failures stay."""

    def __init__(self, total: int, done: int, failed: int, *, verbose: bool) -> None:
        super().__init__(total, done, failed, verbose=verbose)
        self._console: Console = error_console()
        self._began = time.monotonic()
        self._before = self.ended
        self._failed = failed
        self._samples: deque[tuple[float, int]] = deque()

    @contextmanager
    def shown(self) -> Generator[None]:
        from rich.live import Live

        with Live(
            get_renderable=self._view, console=self._console, transient=True, redirect_stdout=False
        ):
            yield

    def end(self, event: Event, text: str) -> None:
        self._failed += event.kind == "failed"
        if self.verbose or event.kind == "failed":
            echo_error(text)

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True)
        # The log gives way where the terminal is narrow.
        table.add_column(no_wrap=True, overflow="ellipsis")
        now = time.monotonic()
        # A copy, because it is drawn in a thread. Most items wait for a place; those come last.
        rows = sorted(self.rows.values(), key=lambda row: not row.detail)
        shown = rows[: max(1, self._console.height - _MARGIN)]
        for row in shown:
            cells = (row.name, row.doing, duration(now - row.began), row.detail)
            table.add_row(*(Text(" ".join(one_line(cell).split())) for cell in cells))
        more = len(rows) - len(shown)
        rest = [Text(f"… and {more:,} more in work")] if more else []
        return Group(Text(self._numbers(now), no_wrap=True, overflow="ellipsis"), table, *rest)

    def _numbers(self, now: float) -> str:
        elapsed, ended = now - self._began, self.ended - self._before
        left = self.total - self.ended
        parts = [f"{self.ended - self._failed:,} done"]
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        parts += [f"{left:,} left", f"{duration(elapsed)} elapsed"]
        if ended >= _ESTIMATED_FROM and left > 0:
            parts.append(f"about {duration(elapsed / ended * left)} to go")
        if self.sent:
            rate = self._rate(now)
            parts.append(f"{size_text(self.sent)} sent")
            if rate:
                parts.append(f"{size_text(rate)}/s")
        return ", ".join(parts)

    def _rate(self, now: float) -> float:
        """Return the bytes per second of the last seconds."""
        self._samples.append((now, self.sent))
        while self._samples[0][0] < now - _RATE_SECONDS:
            self._samples.popleft()
        (since, before), span = self._samples[0], now - self._samples[0][0]
        return (self.sent - before) / span if span > 0 and since < now else 0.0


def migration_progress(total: int, done: int, failed: int, *, verbose: bool) -> MigrationProgress:
    """Return what shows the progress of a migration."""
    kind = _Live if is_terminal("stderr") else MigrationProgress
    return kind(total, done, failed, verbose=verbose)

"""The progress of a batch on standard error: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aconnect._core.text import clean
from aconnect.cli.output import echo_error, is_terminal
from aconnect.cli.progress import duration, error_console
from aconnect.cli.running import with_options

if TYPE_CHECKING:
    from rich.table import Table

    from aconnect.deploy.batch.running import BatchOutcome
    from aconnect.deploy.batch.state import BatchItem


class BatchProgress:
    """Prints a line for each item that ends."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._total = 0
        self._ended = 0

    @contextmanager
    def shown(self, total: int) -> Generator[None, None, None]:
        """Show the progress of this many items while the block runs."""
        self._total = total
        yield

    def on_progress(self, item: BatchItem, line: str) -> None:
        """Show that an item begins a step, or has a new line in its log."""

    def end(self, outcome: BatchOutcome) -> None:
        """Show how an item has ended; nothing if an earlier run has done it."""
        item = outcome.item
        if outcome.value is None and outcome.ok:
            return
        self._ended += 1
        seconds = duration(item.seconds or 0.0)
        what = f"{self._verb} in {seconds}"
        if not outcome.ok:
            what = f"failed after {seconds}, {item.step}: {with_options(item.error or '')}"
        echo_error(f"{self._ended}/{self._total} {item.name}: {what}")
        for warning in item.warnings:
            echo_error(f"  Warning: {with_options(warning)}")


class _LiveTable(BatchProgress):
    """Shows also what runs, in a table that is redrawn."""

    def __init__(self, verb: str) -> None:
        super().__init__(verb)
        self._running: dict[str, tuple[float, BatchItem, str]] = {}

    @contextmanager
    def shown(self, total: int) -> Generator[None, None, None]:
        from rich.live import Live

        with (
            super().shown(total),
            Live(
                get_renderable=self._table,
                console=error_console(),
                transient=True,
                redirect_stdout=False,
            ),
        ):
            yield

    def on_progress(self, item: BatchItem, line: str) -> None:
        began, _, before = self._running.get(item.key, (time.monotonic(), item, ""))
        self._running[item.key] = began, item, line or before

    def end(self, outcome: BatchOutcome) -> None:
        self._running.pop(outcome.item.key, None)
        super().end(outcome)

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True)
        # The log gives way where the terminal is narrow.
        table.add_column(no_wrap=True, overflow="ellipsis")
        now = time.monotonic()
        # A copy, because it is drawn in a thread.
        for began, item, line in list(self._running.values()):
            cells = (item.name, item.step, duration(now - began), line)
            table.add_row(*(Text(" ".join(clean(cell).split())) for cell in cells))
        return table


def batch_progress(verb: str) -> BatchProgress:
    """Return what shows the progress of a batch, whose items are `built` or `deployed`."""
    return _LiveTable(verb) if is_terminal("stderr") else BatchProgress(verb)

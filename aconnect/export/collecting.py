"""Collecting the items of one query into one file.

Decides the order of fetching, writing and saving, and what happens when it is interrupted. How rows
are written and what survives are decided by `sinks` and `parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from anyio import to_thread

from aconnect._client.files import reason
from aconnect._client.paged import Page, Paged, described
from aconnect.errors import AconnectError, FileError, PageLoopError, ResumeError
from aconnect.export.parts import Collected, PartFile, Source, saved_rows
from aconnect.export.series import Keep, Within
from aconnect.export.sinks import Format, sink_for

_AHEAD: Final = 2
_CLOSING: Final = 5.0


async def collect(
    paged: Paged[Any],
    path: str | Path,
    *,
    format: Format = "jsonl",  # noqa: A002  what users call it
    columns: Sequence[str] | None = None,
    keep: Keep | None = None,
    progress: Callable[[Collected], None] | None = None,
    restart: bool = False,
    overwrite: bool = False,
) -> Collected:
    """Write the rows of a query to a file, which is written atomically.

    Memory is bounded, whatever the number of rows. If interrupted by an error, a cancellation or a
    crash, it leaves `PATH.part` and `PATH.part.json`; the same call then resumes.

    A window that is not over can be collected; `Collected.until` is the time up to which the file
    is complete.

    Args:
        paged: The query, with decoded or `raw()` rows.
        path: The path of the file; its folder must exist.
        format: `jsonl` passes rows on as received. `csv` writes the fields of the row type; see
        `Csv` about text that looks like a formula.
        columns: For CSV: the fields to write, those of nested data as `data.path`.
        keep: Filters the rows of a page; `select` returns a filter for a time window.
        progress: Called in the event loop after each page.
        restart: Discard the partial file of an earlier run, instead of resuming it.
        overwrite: Replace a complete file.

    Raises:
        InvalidArgumentError: The file cannot be written or exists already, or there is no such
        column; nothing was fetched.
        ResumeError: The partial file of an earlier run belongs to another query, or the server has
        deleted or added rows in pages by number, which shifts them. The partial file is kept.
        FileError: The disk is full, or the file cannot be written any more.
    """
    sink = sink_for(format, paged.item_type, columns)
    source = Source(
        server=paged.api_root,
        query=paged.query,
        format=format,
        columns=sink.columns,
        keep="\n".join(filter(None, (*paged.kept, described(keep)))),
    )
    to = keep.window.to if isinstance(keep, Within) else None
    part = PartFile(Path(path), source, sink, to=to)
    try:
        try:
            await to_thread.run_sync(partial(part.open, restart=restart, overwrite=overwrite))
            if not part.ended:
                await _fetch(paged, part, keep, progress)
            return await to_thread.run_sync(part.finish)
        finally:
            with anyio.move_on_after(_CLOSING, shield=True):
                await to_thread.run_sync(part.close, abandon_on_cancel=True)
    except AconnectError as error:
        _add_hint(error, part.progress)
        raise
    except OSError as error:
        failed = FileError(f"cannot write {str(path)!r}: {reason(error)}")
        _add_hint(failed, part.progress)
        raise failed from error


async def _fetch(
    paged: Paged[Any],
    part: PartFile,
    keep: Keep | None,
    progress: Callable[[Collected], None] | None,
) -> None:
    async with aclosing(paged.raw().prefetch(_AHEAD).pages(part.token)) as pages:
        async for page in pages:
            _check_total(page, part.total)
            rows = page.items if keep is None else keep(page.items)
            ended = rows is None or page.token is None
            done = await to_thread.run_sync(
                partial(part.append, rows or (), page.token, ended=ended, total=page.total)
            )
            if progress is not None:
                reached = keep.time_of(rows[-1]) if rows and isinstance(keep, Within) else None
                progress(msgspec.structs.replace(done, reached=reached))
            if ended:
                return


def _check_total(page: Page[Any], before: int | None) -> None:
    """Refuse pages by number that have shifted; rows between two of them would be lost.

    A new row comes last and shifts none, but between two runs it can hide that one was deleted.
    """
    total = page.total
    if total is None or before is None or total == before:
        return
    if total < before or page.number == 1:
        raise ResumeError(
            f"the server reports {total:,} rows, {before:,} before: its numbered pages may have "
            "shifted, so rows could be lost; start again with restart=True. If it only has new "
            "rows, a window that is over can be resumed"
        )


def _add_hint(error: AconnectError, done: Collected) -> None:
    # Repeating does not help where the partial file cannot be resumed.
    if not done.rows or isinstance(error, ResumeError):
        return
    if isinstance(error, PageLoopError):
        # Resuming would fetch the rows of the loop again.
        error.add_note(f"Do not resume from {done.path}.part: start again with restart=True")
        return
    for hint in resume_hints(done.path):
        error.add_note(hint)


def resume_hints(path: Path) -> tuple[str, ...]:
    """Return what is kept on disk of an interrupted collection, and how to resume it."""
    rows = saved_rows(path)
    return (f"{rows:,} rows are kept in {path}.part; repeat it to resume.",) if rows else ()

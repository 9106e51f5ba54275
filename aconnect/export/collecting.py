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
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._client.paged import Paged
from aconnect.errors import AconnectError, FileError
from aconnect.export.parts import Collected, PartFile, Source
from aconnect.export.series import Keep
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
        ResumeError: The partial file of an earlier run belongs to another query; nothing was
        changed.
        FileError: The disk is full, or the file cannot be written any more.
    """
    sink = sink_for(format, paged.item_type, columns)
    source = Source(
        server=paged.api_root,
        query=paged.query,
        format=format,
        columns=sink.columns,
        keep=_described(keep),
    )
    part = PartFile(Path(path), source, sink)
    try:
        await to_thread.run_sync(partial(part.open, restart=restart, overwrite=overwrite))
        if not part.ended:
            await _fetch(paged, part, keep, progress)
        return await to_thread.run_sync(part.finish)
    except OSError as error:
        failed = FileError(f"cannot write {str(path)!r}: {reason(error)}")
        _add_hint(failed, part.progress)
        raise failed from error
    except AconnectError as error:
        _add_hint(error, part.progress)
        raise
    finally:
        with anyio.move_on_after(_CLOSING, shield=True):
            await to_thread.run_sync(part.close, abandon_on_cancel=True)


async def _fetch(
    paged: Paged[Any],
    part: PartFile,
    keep: Keep | None,
    progress: Callable[[Collected], None] | None,
) -> None:
    async with aclosing(paged.raw().prefetch(_AHEAD).pages(part.token)) as pages:
        async for page in pages:
            rows = page.items if keep is None else keep(page.items)
            ended = rows is None or page.token is None
            done = await to_thread.run_sync(
                partial(part.append, rows or (), page.token, ended=ended)
            )
            if progress is not None:
                progress(done)
            if ended:
                return


def _add_hint(error: AconnectError, done: Collected) -> None:
    if done.rows:
        error.add_note(resume_hint(done))


def resume_hint(done: Collected) -> str:
    """Return what is kept of an interrupted collection, and how to resume it."""
    return f"{done.rows:,} rows are kept in {done.path}.part; repeat it to resume."


def _described(keep: Keep | None) -> str:
    """Return a description of a filter, the same in every process."""
    if keep is None:
        return ""
    if isinstance(keep, Struct):
        return msgspec.json.encode(keep, order="sorted", enc_hook=repr).decode()
    return str(getattr(keep, "__qualname__", type(keep).__qualname__))

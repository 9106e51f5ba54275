"""Collecting the rows of one query into one file.

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

from aconnect._client.paged import Paged
from aconnect.errors import AconnectError
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
    """Write the rows of a query into a file, which is there when it is complete, and not before.

    Memory stays the same however many rows come. Broken off by an error, a cancellation or a
    crash, it leaves `PATH.part` and `PATH.part.json`; the same call then continues from there.

    Args:
        paged: The query, with its rows as they are or `raw()`.
        path: Where the file will be; its folder must be there.
        format: `jsonl` passes rows through as they came. `csv` writes the fields that the row type
            knows; see `Csv` about text that looks like a formula.
        columns: For CSV: which fields, those of nested data as `data.path`.
        keep: Chooses rows of a page; `select` gives one for a time window.
        progress: Called in the event loop after each page.
        restart: Drop what an earlier run left, instead of going on from there.
        overwrite: Replace a complete file.

    Raises:
        InvalidArgumentError: The file cannot be written or is there already; nothing was fetched.
        ResumeError: What an earlier run left belongs to another query; nothing was changed.
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
    except (AconnectError, OSError) as error:
        if part.progress.rows:
            error.add_note(going_on(part.progress))
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


def going_on(done: Collected) -> str:
    """Return what is left of a collection that was interrupted, and how it continues."""
    return f"{done.rows:,} rows are kept in {done.path}.part; the same again goes on from there."


def _described(keep: Keep | None) -> str:
    """Tell one way of choosing rows from another, the same in every process."""
    if keep is None:
        return ""
    if isinstance(keep, Struct):
        return msgspec.json.encode(keep, order="sorted", enc_hook=repr).decode()
    return str(getattr(keep, "__qualname__", type(keep).__qualname__))

"""A page with charts of collected data, to read without a server or a network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from aconnect.errors import InvalidArgumentError, MissingExtraError

__all__ = ["Report", "write_report"]


class Report(Struct, frozen=True, kw_only=True):
    """A page that was written."""

    path: Path
    notes: tuple[str, ...]
    """What the page does not show, and how to get it."""


def write_report(
    source: str | Path,
    path: str | Path = "report.html",
    *,
    title: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
) -> Report:
    """Write one HTML page with charts and tables of collected data; requires the extra `report`.

    The page needs nothing else, and no network. It is written atomically. It contains the names of
    content and users if the data does.

    Args:
        source: A folder with the files of `aconnect collect`, or a DuckDB file with its tables.
        path: The page; an existing one is replaced.
        title: The title of the page.
        from_: Leave out what happened before.
        to: Leave out what happened at this time or later.

    Raises:
        InvalidArgumentError: The source has no data, the period is empty, or the page cannot be
            written there.
        FileError: The data cannot be read, or the page cannot be written.
        MissingExtraError: The extra is not installed.
    """
    for name, time in (("from_", from_), ("to", to)):
        if time is not None and time.tzinfo is None:
            raise InvalidArgumentError(f"{name}={time} has no time zone; pass an aware datetime")
    if from_ is not None and to is not None and from_ >= to:
        raise InvalidArgumentError(
            f"the period from {from_.isoformat()} to {to.isoformat()} is empty; exchange them"
        )
    try:
        # Only needed for a report.
        from aconnect.report.contents import contents_of  # noqa: PLC0415
        from aconnect.report.page import check, render, save  # noqa: PLC0415
        from aconnect.report.reading import read  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            f"a report needs {error.name}: install it with pip install 'aconnect[report]'"
        ) from error
    path = Path(path)
    check(path)  # before minutes of reading
    with read(Path(source), from_=from_, to=to) as data:
        contents = contents_of(data)
    page = render(contents, title=title or "Usage of Posit Connect", made=datetime.now(UTC))
    save(page, path)
    return Report(path=path, notes=contents.missing)

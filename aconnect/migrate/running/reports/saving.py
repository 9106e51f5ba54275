"""Writing reports: the suffix of the file decides the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from aconnect._client.files import check_folder, replacing
from aconnect._client.threads import in_thread
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.running.events import Report
from aconnect.migrate.running.reports import addresses, page


def _json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


_FORMATS: Final[dict[str, Callable[[Report], str]]] = {
    ".html": page.render,
    ".json": _json,
    ".csv": addresses.render,
}
"""What makes the text of a report, by the suffix of the file."""


def check_report_path(path: str | Path) -> None:
    """Raise `InvalidArgumentError` unless a report can be written to this path."""
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise InvalidArgumentError(
            f"cannot write a report as {str(path)!r}; its name must end in {', '.join(_FORMATS)}"
        )
    check_folder(path)


async def save_report(report: Report, path: str | Path) -> Path:
    """Write a report to a file, atomically, and return its path. It has no secrets.

    The suffix decides what it is: ``.html`` a page to read and to keep, which needs nothing else,
    ``.json`` all of it for programs, and ``.csv`` a table of the old and new addresses, such as for
    redirects. An existing file is replaced.

    Raises:
        InvalidArgumentError: The suffix is none of these, or the file cannot be written there.
        FileError: The disk is full.
    """
    path = Path(path)
    check_report_path(path)

    def write() -> None:
        text = _FORMATS[path.suffix.lower()](report)
        with replacing(path) as file:
            file.write(text.encode("utf-8", "replace"))

    await in_thread(write)
    return path

"""Files in bundles, read from the archives as they were sent."""

import asyncio
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.dialect import ApiFault, Call, route
from aconnect.testing.connect.routes.content.bundles import bundle_of
from aconnect.testing.wire import Response, Row, ok

SHOWN = 1 << 20
"""Files larger than this are oversize; the real cap is not known."""

_SINCE = (2026, 6, 0)


@route("GET", "/v1/content/{guid}/bundles/{id}/files", since=_SINCE)
async def list_bundle_files(call: Call) -> Response:
    """List the regular files of a bundle."""
    return ok({"files": await asyncio.to_thread(_list, bundle_of(call).archive)})


@route("GET", "/v1/content/{guid}/bundles/{id}/files/{path...}", since=_SINCE)
async def get_bundle_file(call: Call) -> Response:
    """Answer with one file, its text only if it is one and not too large."""
    found = await asyncio.to_thread(_read, bundle_of(call).archive, call.args["path"])
    if found is None:
        raise ApiFault(404, 278, "The bundle has no such file.")
    return ok(found)


@contextmanager
def _opened(archive: Archive) -> Generator[tarfile.TarFile]:
    source: IO[bytes]
    with archive.open() as source, tarfile.open(fileobj=source, mode="r:gz") as tar:
        yield tar


def _name(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./")


def _list(archive: Archive) -> list[Row]:
    with _opened(archive) as tar:
        return [{"path": _name(entry), "size": entry.size} for entry in tar if entry.isreg()]


def _read(archive: Archive, path: str) -> Row | None:
    with _opened(archive) as tar:
        for entry in tar:
            member = tar.extractfile(entry) if entry.isreg() and _name(entry) == path else None
            if member is not None:
                head = member.read(SHOWN)
                return {
                    "path": path,
                    "size": entry.size,
                    **_shown(head, oversize=entry.size > SHOWN),
                }
    return None


def _shown(head: bytes, *, oversize: bool) -> Row:
    try:
        # A character that the cap cuts in two is no sign of a binary file.
        text = head.decode("utf-8", "ignore" if oversize else "strict")
    except UnicodeDecodeError:
        text = "\0"
    binary = "\0" in text
    return {
        "content": None if binary or oversize else text,
        "binary": binary,
        "oversize": oversize,
    }

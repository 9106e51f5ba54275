"""From a directory with a manifest to running content: pack, upload, start the deployment.

Decides what a bundle contains and which content it is for. Following the build is the business of
the returned task. It creates no manifests.
"""

from __future__ import annotations

import codecs
import gzip
import os
import re
import stat
import tarfile
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import msgspec
from anyio import to_thread
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core import decoding
from aconnect._core.arguments import is_guid
from aconnect._core.text import decode_text
from aconnect.connect import Client, ContentItem, Task
from aconnect.errors import DecodeError, FileError, InvalidArgumentError

MANIFEST: Final = "manifest.json"

DEFAULT_MAX_SIZE: Final = 4 << 30
"""The total size of a bundle's files in bytes, before compression."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{3,64}")


class _Manifest(Struct):
    files: dict[str, Any] | list[str]
    """The files by name, or their names alone, as the R package pins writes them."""


@asynccontextmanager
async def pack(
    directory: str | Path, *, max_size: int = DEFAULT_MAX_SIZE
) -> AsyncGenerator[Path, None]:
    """Pack the files that a manifest lists into a temporary gzip tar, which the block deletes.

    The same files make the same archive, byte for byte. Raise `InvalidArgumentError` for listed
    files that are missing, are outside the directory (by `..`, an absolute name or a link) or are
    not regular files, and for more than `max_size` bytes.
    """
    try:
        number, name = tempfile.mkstemp(prefix="aconnect-", suffix=".tar.gz")
    except OSError as error:
        raise FileError(f"cannot create a temporary archive: {error}") from error
    os.close(number)
    stopped = threading.Event()
    try:
        try:
            await to_thread.run_sync(
                partial(_pack, Path(directory), Path(name), max_size, stopped),
                abandon_on_cancel=True,
            )
        except OSError as error:
            raise FileError(f"cannot pack {str(directory)!r}: {error}") from error
        yield Path(name)
    finally:
        stopped.set()
        # Short and without waiting, so that a cancellation cannot leave the archive behind.
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108  the same, but ruff wants an async Path.unlink here


async def deploy(
    client: Client,
    directory: str | Path,
    *,
    name: str | None = None,
    guid: str | None = None,
    title: str | None = None,
    max_size: int = DEFAULT_MAX_SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> Task[ContentItem]:
    """Upload a directory as a new bundle, start its deployment, and return the task to follow.

    It is deployed to the content with this `guid`, or else to the key owner's content with this
    `name`, which is created if it does not exist. The directory is checked before anything is sent;
    a later error has a note about what is on the server.

    Args:
        client: The client of the server.
        directory: A folder with a `manifest.json`; see `pack`.
        name: 3 to 64 of `A-Z a-z 0-9 . _ -`; `.` on newer servers only. Together with `guid`, the
        content must have this name.
        guid: The guid of existing content.
        title: The title that users see; updated if the content has another.
        max_size: The maximum total size of the files, in bytes.
        progress: Called with the bytes sent so far and the total; a retry restarts the count.

    Raises:
        InvalidArgumentError: The name, the directory or its manifest is invalid; no request was
        made.
        FileError: A listed file cannot be read, or the temporary archive cannot be written.
        AconnectError: The upload or the start of the deployment failed; notes say what was created.
    """
    if name is None and guid is None:
        raise InvalidArgumentError("pass name= or guid=")
    if name is not None:
        check_name(name)
    async with pack(directory, max_size=max_size) as archive:
        item, made = await _content(client, name, guid, title)
        left = f"content {item.guid} was created" if made else ""
        try:
            if title is not None and item.title != title:
                item = await item.update(title=title)
            size = archive.stat().st_size
            bundle = await item.bundles.create(archive, progress=_counted(progress, size))
            left = f"{left} and" if made else f"content {item.guid}"
            left = f"{left} has bundle {bundle.id}, perhaps not active"
            return await item.deploy(bundle)
        except Exception as error:
            if left:
                error.add_note(f"Not undone: {left}. Deploying again uses that content.")
            raise


def check_name(name: str) -> None:
    """Raise if this cannot be the name of content."""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} cannot be the name of content; it takes 3 to 64 letters, digits, "
            "'.', '_' and '-'"
        )


async def _content(
    client: Client, name: str | None, guid: str | None, title: str | None
) -> tuple[ContentItem, bool]:
    """Return the content, and whether it was created."""
    if guid is not None:
        item = await client.content.get(guid)
        if name is not None and item.name != name:
            raise InvalidArgumentError(
                f"content {guid} is named {item.name!r}, not {name!r}; pass only the one you mean"
            )
        return item, False
    assert name is not None  # noqa: S101  checked above
    me = await client.me()
    if not is_guid(me.guid):
        raise DecodeError(
            f"{client.url} returned no guid for the owner of the key, so their content cannot be "
            "found; check that the address is Connect's, or pass guid="
        )
    found = await client.content.find_one(name=name, owner_guid=me.guid)
    if found is not None:
        return found, False
    if title is None:
        return await client.content.create(name=name), True
    return await client.content.create(name=name, title=title), True


def _counted(
    progress: Callable[[int, int], None] | None, size: int
) -> Callable[[int], None] | None:
    """Add up the chunks of an upload."""
    if progress is None:
        return None
    sent = 0

    def add(piece: int) -> None:
        nonlocal sent
        # Everything has been sent already: this is another attempt.
        sent = piece if sent >= size else min(sent + piece, size)
        progress(sent, size)

    return add


def _pack(directory: Path, archive: Path, most: int, stopped: threading.Event) -> None:
    """Write the archive; times, owners and order do not depend on this machine."""
    files = _listed(directory)
    # Not "wb": after a cancellation the archive is deleted, and must not be created again.
    with archive.open("r+b") as target:
        left = most
        # This level takes a fifth of the time of the highest, for a few per cent of size.
        with (
            gzip.GzipFile("", "wb", 6, target, mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name, path in files:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    size = status.st_size
                    if name == MANIFEST and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
                        # Windows begins UTF-8 with it; in JSON it is not allowed.
                        size -= len(codecs.BOM_UTF8)
                    else:
                        file.seek(0)
                    left -= size
                    if left < 0:
                        raise InvalidArgumentError(
                            f"the files of {directory} have more than {most:,} bytes; remove some "
                            "from its manifest, or raise max_size="
                        )
                    entry = tarfile.TarInfo(name)
                    entry.size = size
                    entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                    tar.addfile(entry, _Stoppable(file, stopped))  # pyright: ignore[reportArgumentType]


class _Stoppable:
    """A file that stops reading after a cancellation."""

    def __init__(self, file: IO[bytes], stopped: threading.Event) -> None:
        self._file = file
        self._stopped = stopped

    def read(self, size: int = -1) -> bytes:
        if self._stopped.is_set():
            raise InterruptedError("packing was interrupted")
        return self._file.read(size)


def _listed(directory: Path) -> list[tuple[str, Path]]:
    """List the files to pack, by their names in the archive."""
    try:
        text = decode_text((directory / MANIFEST).read_bytes())
        manifest = msgspec.json.decode(text, type=_Manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidArgumentError(
            f"{directory} has no {MANIFEST}; a bundle needs one at its top. Write it with "
            "rsconnect (rsconnect write-manifest) or, in R, rsconnect::writeManifest()"
        ) from error
    except UnicodeError as error:
        raise InvalidArgumentError(f"{directory / MANIFEST} is not a manifest: {error}") from None
    except decoding.FAILURES as error:
        raise InvalidArgumentError(
            f"{directory / MANIFEST} is not a manifest: {error}; it needs an object `files` whose "
            "keys are the names of the files, or an array of the names"
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"cannot read {str(directory / MANIFEST)!r}: {reason(error)}"
        ) from error
    root = directory.resolve()
    names = sorted({MANIFEST, *(_checked(name) for name in manifest.files)})
    return [(name, _regular(root, name)) for name in names]


def _checked(name: str) -> str:
    pure = PurePosixPath(name)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise InvalidArgumentError(
            f"{MANIFEST} lists {name!r}, which is not the name of a file below it; write names "
            "relative to it, with '/' between folders and without '..'"
        )
    return str(pure)


def _regular(root: Path, name: str) -> Path:
    try:
        # Not Path.resolve, which raises RuntimeError for a loop of links before Python 3.13.
        path = Path(os.path.realpath(root / name, strict=True))
        regular = path.is_file()
    except OSError as error:
        raise InvalidArgumentError(
            f"{MANIFEST} lists {name!r}, but there is no such file in {root} "
            f"({error.strerror or error}); add it, or write the manifest again"
        ) from error
    if not path.is_relative_to(root):
        raise InvalidArgumentError(
            f"{name!r} resolves outside {root}, to {path}; replace it with a copy"
        )
    if not regular:
        raise InvalidArgumentError(f"{name!r} in {root} is not a file; list the files in it")
    return path

"""Packing a project into an archive, the same bytes for the same files."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import stat
import tarfile
import tempfile
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import msgspec
from anyio import to_thread
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core import decoding
from aconnect._core.text import decode_text
from aconnect.errors import FileError, InvalidArgumentError

MANIFEST: Final = "manifest.json"

DEFAULT_MAX_SIZE: Final = 4 << 30
"""The total size of a bundle's files in bytes, before compression."""


class Archive(Struct):
    path: Path
    size: int
    md5: str
    warnings: tuple


class _Manifest(Struct):
    files: dict[str, Any] | list[str]
    """The files by name, or their names alone, as the R package pins writes them."""


@asynccontextmanager
async def pack(directory, *, max_size: int = DEFAULT_MAX_SIZE) -> AsyncGenerator[Path, None]:
    """Pack the files that a manifest lists into a temporary gzip tar, which the block deletes.

    The same files make the same archive, byte for byte. Raise `InvalidArgumentError` for listed
    files that are missing, are outside the directory (by `..`, an absolute name or a link) or are
    not regular files, and for more than `max_size` bytes.
    """
    directory = getattr(directory, "directory", directory)
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
        yield Archive(
            Path(name),
            Path(name).stat().st_size,
            hashlib.md5(Path(name).read_bytes()).hexdigest(),
            (),
        )
    finally:
        stopped.set()
        # Short and without waiting, so that a cancellation cannot leave the archive behind.
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108  the same, but ruff wants an async Path.unlink here


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

"""The bundle of a directory: a gzip tar of its files and its manifest.

Decides what the bytes of an archive are: the files in the order of their names, and last the
manifest, with the checksums of the bytes that were packed. Nothing is read twice. Which files these
are is decided by the manifest of the directory, or in `project`.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import tempfile
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final, cast

from anyio import to_thread
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core.message import CHUNK
from aconnect._core.text import some_of
from aconnect.deploy.project.compression import GzipWriter
from aconnect.deploy.project.files import MANIFEST, SourceFile
from aconnect.deploy.project.manifest import packed_manifest
from aconnect.deploy.project.project import Project, read_project
from aconnect.errors import FileError, InvalidArgumentError

DEFAULT_MAX_SIZE: Final = 4 << 30
"""The total size of a bundle's files in bytes, before compression."""

_md5 = partial(hashlib.md5, usedforsecurity=False)


class Archive(Struct, frozen=True):
    """A packed bundle, until the block of `pack` ends."""

    path: Path
    size: int
    """In bytes."""
    md5: str
    """The checksum of the archive, in hexadecimal."""
    warnings: tuple[str, ...] = ()
    """What the user should know, one sentence each."""

    def __fspath__(self) -> str:
        return str(self.path)


@asynccontextmanager
async def pack(
    source: str | Path | Project, *, max_size: int = DEFAULT_MAX_SIZE
) -> AsyncGenerator[Archive, None]:
    """Pack a directory or a project into a temporary gzip tar, which the block deletes.

    Of a directory, the files that its manifest lists are packed. The same files make the same
    archive, byte for byte, whatever their times and owners. The packed manifest has the checksums
    of the packed bytes, and is otherwise as it was.

    Args:
        source: A directory with a `manifest.json`, or a project.
        max_size: The maximum total size of the files, in bytes, before compression.

    Raises:
        InvalidArgumentError: The directory has no valid manifest, the manifest lists files that are
            missing, are outside the directory (by `..`, an absolute name or a link) or are not
            regular files, or the files have more than `max_size` bytes.
        FileError: A file cannot be read, became smaller or vanished while it was packed, or the
            archive cannot be written, for example because the disk is full.
    """
    try:
        number, name = tempfile.mkstemp(prefix="aconnect-", suffix=".tar.gz")
    except OSError as error:
        raise FileError(f"cannot create a temporary archive: {error}") from error
    os.close(number)
    stopped = threading.Event()
    try:
        yield await to_thread.run_sync(
            partial(_pack, source, Path(name), max_size, stopped), abandon_on_cancel=True
        )
    finally:
        stopped.set()
        # Short and without waiting, so that a cancellation cannot leave the archive behind.
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108  the same, but ruff wants an async Path.unlink here


def _pack(
    source: str | Path | Project, archive: Path, max_size: int, stopped: threading.Event
) -> Archive:
    project = source if isinstance(source, Project) else _project(Path(source))
    try:
        # Not "wb": after a cancellation the archive is deleted, and must not be created again.
        with archive.open("r+b") as file:
            target = _Target(file)
            compressed = GzipWriter(target)
            warnings = _Packer(project, compressed, max_size, stopped).pack()
            compressed.close()
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot pack {str(project.directory)!r}: {reason(error)}") from error
    return Archive(archive, target.size, target.md5.hexdigest(), tuple(warnings))


def _project(directory: Path) -> Project:
    project = read_project(directory)
    if project is None:
        raise InvalidArgumentError(
            f"{directory} has no {MANIFEST}, which lists what is packed; `prepare` makes a project "
            "of a directory without one"
        )
    return project


class _Target:
    """The file of the archive, with the size and checksum of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.md5 = _md5()

    def write(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        self.md5.update(data)
        self._file.write(data)


class _Reading:
    """A file that is packed, with the checksum of what was read; a cancellation stops it."""

    def __init__(self, name: str, file: IO[bytes], stopped: threading.Event) -> None:
        self._name = name
        self._file = file
        self._stopped = stopped
        self.md5 = _md5()

    def read(self, size: int = -1) -> bytes:
        if self._stopped.is_set():
            raise InterruptedError("packing was interrupted")
        with _naming(self._name):
            data = self._file.read(size)
        if len(data) < size:
            raise FileError(
                f"{self._name!r} became smaller while it was packed; pack again when nothing "
                "writes to it"
            )
        self.md5.update(data)
        return data


class _Packer:
    """Writes one archive; times, owners and order do not depend on this machine."""

    def __init__(
        self, project: Project, target: GzipWriter, max_size: int, stopped: threading.Event
    ) -> None:
        self._project = project
        self._target = target
        self._max_size = max_size
        self._stopped = stopped
        self._files: dict[str, SourceFile | bytes] = {
            **{file.name: file for file in project.files},
            **project.generated,
        }
        self._sizes = {
            name: len(file) if isinstance(file, bytes) else file.size
            for name, file in self._files.items()
        }
        self._checksums: dict[str, str] = {}
        self._changed: list[str] = []

    def pack(self) -> list[str]:
        """Write a tar, and return the warnings."""
        self._check_size()
        target = cast("IO[bytes]", self._target)
        with tarfile.TarFile(
            fileobj=target, mode="w", format=tarfile.PAX_FORMAT, copybufsize=CHUNK
        ) as tar:
            for name in sorted(self._files):
                file = self._files[name]
                if isinstance(file, bytes):
                    self._write(tar, name, io.BytesIO(file), len(file))
                else:
                    self._write_file(tar, name, file)
            text, stale = packed_manifest(
                self._project.manifest, self._project.manifest_text, self._checksums
            )
            self._write(tar, MANIFEST, io.BytesIO(text), len(text))
        notes = (
            (
                f"{MANIFEST} has other checksums of these files, which were packed as they are",
                stale,
            ),
            (
                "these files changed while they were packed, and were packed as they were read",
                self._changed,
            ),
        )
        return [f"{what}: {some_of(names)}" for what, names in notes if names]

    def _check_size(self) -> None:
        """Raise if the files are too large together."""
        sizes, most = self._sizes, self._max_size
        if (total := sum(sizes.values())) <= most:
            return
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:5]
        shown = ", ".join(f"{name} ({sizes[name]:,})" for name in largest)
        raise InvalidArgumentError(
            f"the files of {str(self._project.directory)!r} have {total:,} bytes, more than "
            f"{most:,}; the largest are {shown}. Leave files out: with exclude=, a line in "
            f".rscignore or, if there is a {MANIFEST}, by removing them from it. Or raise max_size="
        )

    def _write_file(self, tar: tarfile.TarFile, name: str, found: SourceFile) -> None:
        with _naming(name):
            file = open(found.path, "rb", opener=_open)  # noqa: SIM115
        with file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise FileError(f"{name!r} is not a file any more; pack again")
            mode = 0o755 if before.st_mode & stat.S_IXUSR else 0o644
            self._write(tar, name, file, before.st_size, mode)
            after = os.fstat(file.fileno())
        state = (before.st_size, before.st_mtime_ns)
        if found.size != before.st_size or state != (after.st_size, after.st_mtime_ns):
            self._changed.append(name)

    def _write(
        self, tar: tarfile.TarFile, name: str, file: IO[bytes], size: int, mode: int = 0o644
    ) -> None:
        # The manifest, which is not among them, does not count.
        if size > self._sizes.get(name, size):
            self._sizes[name] = size
            self._check_size()
        self._target.begin_member()
        entry = tarfile.TarInfo(name)
        entry.size = size
        entry.mode = mode
        reading = _Reading(name, file, self._stopped)
        tar.addfile(entry, reading)  # pyright: ignore[reportArgumentType]
        self._checksums[name] = reading.md5.hexdigest()


@contextmanager
def _naming(name: str) -> Generator[None]:
    """Name the file that cannot be read; what cannot be written is the archive."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {name!r}: {reason(error)}; pack again") from error


def _open(path: str, flags: int) -> int:
    # A FIFO that took the place of a file would wait for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

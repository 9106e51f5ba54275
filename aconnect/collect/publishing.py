"""Finished files: how they take their names, in a local folder or in an object store.

A file appears under its name complete or not at all. Everything is built in a local folder first,
because a stream to an object store that is closed after an error leaves half a file there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from aconnect._client.files import reason
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, MissingExtraError

_T = TypeVar("_T")

_CREDENTIALS: Final = re.compile(r"://[^@]*:[^@]*@")


def fsync_file(path: Path) -> None:
    """Make the content of a closed file durable."""
    _fsync(path, os.O_RDWR)


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable, such as after a rename."""
    if os.name != "nt":  # Windows cannot open a folder, and writes names through.
        _fsync(path, os.O_RDONLY)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(staged: Path, target: Path) -> None:
    """Rename a complete, synced and closed file atomically; replace what has its name."""
    staged.replace(target)
    fsync_folder(target.parent)


@contextmanager
def writable(target: str) -> Generator[None]:
    """Raise InvalidArgumentError if a target cannot be written."""
    try:
        yield
    except AconnectError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"cannot write {target!r}: {reason(error)}; choose another path"
        ) from error


class Destination(Protocol):
    """A folder of finished files; their names are relative to it, with `/` between the parts."""

    @property
    def shown(self) -> str:
        """The path or the URL, without credentials."""
        ...

    @property
    def state(self) -> Path:
        """The local folder for journals and for files that are not finished."""
        ...

    def find(self, name: str) -> list[str]:
        """Return a file, or the files in a folder and below."""
        ...

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if there is none."""
        ...

    def fetch(self, name: str, copy: Path) -> Path | None:
        """Return the path of a local file with the same content, if need be a new copy."""
        ...

    def publish(self, staged: Path, name: str) -> None:
        """Publish a durable local file; it may be gone afterwards."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        ...


class LocalFolder:
    """A folder on a local disk."""

    def __init__(self, path: Path, shown: str) -> None:
        self._path = path
        self.shown: str = shown
        self.state: Path = path

    def find(self, name: str) -> list[str]:
        path = self._path / name
        files: Iterable[Path] = [path] if path.is_file() else path.rglob("*")
        return [file.relative_to(self._path).as_posix() for file in files if file.is_file()]

    def size(self, name: str) -> int | None:
        path = self._path / name
        return path.stat().st_size if path.is_file() else None

    def fetch(self, name: str, copy: Path) -> Path | None:
        path = self._path / name
        return path if path.is_file() else None

    def publish(self, staged: Path, name: str) -> None:
        path = self._path / name
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            for parent in path.parent.relative_to(self._path).parents:
                fsync_folder(self._path / parent)
        publish(staged, path)

    def remove(self, name: str) -> None:
        path = self._path / name
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != self._path:
            with suppress(OSError):  # of another file, or gone already
                folder.rmdir()
            folder = folder.parent


class ObjectStore:
    """An object store or a remote file system, through fsspec."""

    def __init__(self, files: Any, root: str, shown: str, state: Path | None) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self.shown: str = shown
        self.state: Path = state or _state_folder() / _digest(shown)

    def find(self, name: str) -> list[str]:
        def find() -> list[str]:
            found: Iterable[str] = self._files.find(self._path(name))
            return [path.removeprefix(self._path("")) for path in found]

        return self._attempt("list", name, find)

    def size(self, name: str) -> int | None:
        def size() -> int | None:
            try:
                return int(self._files.size(self._path(name)))
            except FileNotFoundError:
                return None

        return self._attempt("read", name, size)

    def fetch(self, name: str, copy: Path) -> Path | None:
        def fetch() -> Path | None:
            try:
                self._files.get_file(self._path(name), str(copy))
            except FileNotFoundError:
                return None
            return copy

        return self._attempt("read", name, fetch)

    def publish(self, staged: Path, name: str) -> None:
        # One PUT: the object is replaced when all of it has arrived.
        self._attempt("write", name, lambda: self._files.put_file(str(staged), self._path(name)))

    def remove(self, name: str) -> None:
        def remove() -> None:
            with suppress(FileNotFoundError):
                self._files.rm_file(self._path(name))

        self._attempt("remove", name, remove)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _attempt(self, verb: str, name: str, action: Callable[[], _T]) -> _T:
        # Each file system raises errors of its own, such as botocore's.
        try:
            self._files.invalidate_cache()  # others may have written since
            return action()
        except Exception as error:
            raise FileError(
                f"cannot {verb} {self.shown}/{name}: {type(error).__name__}: {error}; "
                "check the address and the credentials, then run it again"
            ) from error


def refuse_credentials(url: str) -> None:
    """Raise InvalidArgumentError if an address contains credentials; it is not quoted.

    Addresses are written into journals, reports and jobs.
    """
    if _CREDENTIALS.search(url):
        scheme = url.partition("://")[0]
        raise InvalidArgumentError(
            f"this address ({scheme}://...) contains credentials, which would be written down: "
            "leave them out, and set them as the package for this store reads them, such as in "
            "environment variables"
        )


def open_destination(folder: str | Path, state: Path | None = None) -> Destination:
    """Return the destination that a path or a URL names.

    Args:
        folder: A path, or a URL that fsspec understands, such as `s3://bucket/usage`.
        state: The local folder for the journal of a URL; by default one of the user's.

    Raises:
        InvalidArgumentError: fsspec does not know the URL, or `state` was passed with a path.
        MissingExtraError: The URL needs a package that is not installed.
    """
    if isinstance(folder, str) and "://" in folder:
        refuse_credentials(folder)
        shown = folder.rstrip("/")
        files, root = _filesystem(folder, shown)
        if "file" not in files.protocol:
            return ObjectStore(files, root, shown, state)
        folder = root
    if state is not None:
        raise InvalidArgumentError(
            f"{str(folder)!r} keeps its journal itself; pass state= with a URL only"
        )
    return LocalFolder(Path(folder).absolute(), str(folder))


def _filesystem(url: str, shown: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415  of the extra cloud
    except ImportError as error:
        raise MissingExtraError(
            f"writing to {shown} needs fsspec: install it with pip install 'aconnect[cloud]'"
        ) from error
    try:
        files, root = url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(f"writing to {shown} needs another package: {error}") from error
    except Exception as error:
        raise InvalidArgumentError(f"cannot write to {shown}: {error}") from error
    return files, root


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "aconnect"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

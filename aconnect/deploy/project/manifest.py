"""Manifests: reading that of a directory, and writing that of an archive.

Decides which names a manifest may list, and what is corrected in one that was given.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core import decoding
from aconnect._core.guards import is_dict, is_list
from aconnect._core.text import decode_text
from aconnect.deploy.project.files import MANIFEST, SourceFile
from aconnect.errors import InvalidArgumentError


class _Manifest(Struct):
    files: dict[str, Any] | list[str]
    """The files by name, or their names alone, as the R package pins writes them."""


class Manifest(Struct, frozen=True):
    """The manifest of a directory, and the files that it lists."""

    value: dict[str, Any]
    """With `files`."""
    text: bytes
    """As it is in the directory, without a byte order mark."""
    files: tuple[SourceFile, ...]
    """In the order of their names."""


def read_manifest(directory: Path) -> Manifest | None:
    """Read the manifest of a directory and find the files that it lists; None if it has none.

    Raises:
        InvalidArgumentError: It is not a manifest; or it lists files that are missing, are outside
            the directory (by `..`, an absolute name or a link) or are not regular files.
    """
    path = directory / MANIFEST
    if not os.path.lexists(path):
        return None
    try:
        data = path.read_bytes()
        value = msgspec.json.decode(decode_text(data), type=dict[str, Any])
        listed = msgspec.convert(value, _Manifest).files
    except UnicodeError as error:
        raise InvalidArgumentError(f"{path} is not a manifest: {error}") from None
    except decoding.FAILURES as error:
        raise InvalidArgumentError(
            f"{path} is not a manifest: {error}; it needs an object `files` whose keys are the "
            "names of the files, or an array of the names. If it is one of a web application, "
            "rename it, for example to manifest.webmanifest: the server has this name for its own"
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"cannot read {str(path)!r}: {reason(error)}") from error
    root = directory.resolve()
    names = {_checked(name) for name in listed} - {MANIFEST}
    files = tuple(_regular(root, name) for name in sorted(names))
    # Windows begins UTF-8 with a mark; in JSON it is not allowed.
    return Manifest(value, data.removeprefix(codecs.BOM_UTF8), files)


def packed_manifest(
    manifest: Mapping[str, Any], text: bytes | None, checksums: Mapping[str, str]
) -> tuple[bytes, list[str]]:
    """Return the manifest of the archive, and the files for which the given one is wrong.

    Only what does not match is changed: checksums, and names with the backslashes of Windows.
    """
    listed = manifest.get("files", {})
    stale: list[str] = []
    files: dict[str, Any] | list[str]
    if is_list(listed):
        files = [_checked(name) for name in listed]
    else:
        files = {}
        for given, entry in listed.items():
            name = _checked(given)
            files[name] = entry
            checksum = entry.get("checksum") if is_dict(entry) else None
            if checksum and name in checksums and str(checksum).lower() != checksums[name]:
                stale.append(name)
                files[name] = {**entry, "checksum": checksums[name]}
        for name, checksum in checksums.items():
            files.setdefault(name, {"checksum": checksum})
    if text is not None and files == listed:
        return text, []
    return msgspec.json.format(msgspec.json.encode({**manifest, "files": files}), indent=2), stale


def _checked(name: str) -> str:
    pure = PurePosixPath(name.replace("\\", "/"))
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\0" in name:
        raise InvalidArgumentError(
            f"{MANIFEST} lists {name!r}, which is not the name of a file below it; write names "
            "relative to it, with '/' between folders and without '..'"
        )
    return str(pure)


def _regular(root: Path, name: str) -> SourceFile:
    try:
        # Not Path.resolve, which raises RuntimeError for a loop of links before Python 3.13.
        path = Path(os.path.realpath(root / name, strict=True))
        status = path.stat()
    except OSError as error:
        raise InvalidArgumentError(
            f"{MANIFEST} lists {name!r}, but there is no such file in {root} "
            f"({error.strerror or error}); add it, or write the manifest again"
        ) from error
    if not path.is_relative_to(root):
        raise InvalidArgumentError(
            f"{name!r} resolves outside {root}, to {path}; replace it with a copy"
        )
    if not stat.S_ISREG(status.st_mode):
        raise InvalidArgumentError(f"{name!r} in {root} is not a file; list the files in it")
    return SourceFile(name, path, status.st_size)

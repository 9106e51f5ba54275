"""What is packed: the files that a manifest lists, or those of a project, and the manifest.

Decides which names a manifest may list, and what the manifest of the archive says. The bytes of the
archive are decided in `archive`.
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
from aconnect.deploy.files import MANIFEST, SourceFile
from aconnect.deploy.project import Project
from aconnect.errors import InvalidArgumentError


class _Manifest(Struct):
    files: dict[str, Any] | list[str]
    """The files by name, or their names alone, as the R package pins writes them."""


class Contents(Struct, frozen=True):
    """What is packed."""

    directory: Path
    files: Mapping[str, SourceFile | bytes]
    """By their names in the archive, without the manifest."""
    manifest: Mapping[str, Any]
    text: bytes | None = None
    """The manifest as it is in the directory, if it has one."""

    def check_size(self, sizes: Mapping[str, int], max_size: int) -> None:
        """Raise if these files are too large together."""
        if (total := sum(sizes.values())) <= max_size:
            return
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:5]
        shown = ", ".join(f"{name} ({sizes[name]:,})" for name in largest)
        raise InvalidArgumentError(
            f"the files of {str(self.directory)!r} have {total:,} bytes, more than {max_size:,}; "
            f"the largest are {shown}. Leave files out: with exclude=, a line in .rscignore or, if "
            f"there is a {MANIFEST}, in that. Or raise max_size="
        )


def of_project(project: Project) -> Contents:
    """Return the files of a project, and those made for it."""
    files = {file.name: file for file in project.files}
    return Contents(project.directory, {**files, **project.generated}, project.manifest)


def of_directory(directory: Path) -> Contents:
    """Read the manifest of a directory, and find the files that it lists."""
    try:
        data = (directory / MANIFEST).read_bytes()
        manifest = msgspec.json.decode(decode_text(data))
        listed = msgspec.convert(manifest, _Manifest).files
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
    names = {_checked(name) for name in listed} - {MANIFEST}
    files: dict[str, SourceFile | bytes] = {name: _regular(root, name) for name in sorted(names)}
    # Windows begins UTF-8 with a mark; in JSON it is not allowed.
    return Contents(directory, files, manifest, data.removeprefix(codecs.BOM_UTF8))


def packed_manifest(contents: Contents, checksums: Mapping[str, str]) -> tuple[bytes, list[str]]:
    """Return the manifest of the archive, and the files for which the given one is wrong.

    Only what does not match is changed: checksums, and names with the backslashes of Windows.
    """
    listed = contents.manifest.get("files", {})
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
    if contents.text is not None and files == listed:
        return contents.text, []
    text = msgspec.json.encode({**contents.manifest, "files": files})
    return msgspec.json.format(text, indent=2), stale


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

"""What a server finds in the archive of a bundle.

Decides which archives can be unpacked, which manifests are valid, and which of the listed files are
missing or have another checksum. What follows from that is decided in `routes.content`.
"""

import hashlib
import posixpath
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, cast

import msgspec
from msgspec import Struct

from aconnect.testing.connect.archives import PIECE_SIZE, Archive
from aconnect.testing.connect.dialect import bad_request
from aconnect.testing.wire import Row

_PYTHON_APPS = frozenset(
    {
        "python-api",
        "python-bokeh",
        "python-dash",
        "python-fastapi",
        "python-gradio",
        "python-panel",
        "python-shiny",
        "python-streamlit",
    }
)
"""Application modes that need an entry point."""

APP_MODES = _PYTHON_APPS | {
    "api",
    "jupyter-static",
    "jupyter-voila",
    "nodejs",
    "quarto-shiny",
    "quarto-static",
    "rmd-shiny",
    "rmd-static",
    "shiny",
    "static",
    "tensorflow-saved-model",
}
"""The application modes that a manifest can have."""

_MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 5 << 20
_UNPACKED_LIMIT = 4 << 30


class _Metadata(Struct):
    appmode: str
    entrypoint: str | None = None


class _File(Struct):
    checksum: str | None = None


class IntegrationRequest(Struct):
    """An OAuth integration that content needs; it must match all fields that are set."""

    guid: str | None = None
    name: str | None = None
    description: str | None = None
    auth_type: str | None = None
    type: str | None = None


class _Manifest(Struct):
    metadata: _Metadata
    files: dict[str, _File] | list[str]
    integration_requests: list[IntegrationRequest] = []


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in an archive."""

    manifest: Row
    missing: tuple[str, ...]
    """Listed files that the archive does not have."""
    mismatches: tuple[str, ...]
    """Listed files whose checksum differs."""


def inspect(archive: Archive) -> Inspection:
    """Read an archive once; raise a fault if it, or its manifest, is not that of a bundle."""
    try:
        checksums, found = _read(archive)
        if found is None:
            raise bad_request("The bundle has no manifest.json at its top.", 38)
        manifest = msgspec.json.decode(found, type=_Manifest)
        row = msgspec.json.decode(found, type=dict[str, object])
    except (tarfile.TarError, OSError, EOFError) as cause:
        raise bad_request(f"The bundle is not a gzip tar archive: {cause}.", 38) from cause
    except (msgspec.DecodeError, RecursionError) as cause:
        raise bad_request(f"The manifest of the bundle is not valid: {cause}.", 38) from cause
    mode, entrypoint = manifest.metadata.appmode, manifest.metadata.entrypoint
    if mode not in APP_MODES:
        raise bad_request(f"The manifest has an unknown appmode: {mode!r}.", 38)
    if mode in _PYTHON_APPS and not entrypoint:
        raise bad_request(f"The manifest has no entrypoint, which {mode} needs.", 38)
    files = manifest.files if isinstance(manifest.files, dict) else {}
    return Inspection(
        manifest=row,
        missing=tuple(name for name in manifest.files if name not in checksums),
        mismatches=tuple(
            name
            for name, file in files.items()
            if file.checksum and checksums.get(name, file.checksum) != file.checksum
        ),
    )


def mode_of(manifest: Row) -> str | None:
    """Return the application mode of a manifest; None if it has none."""
    metadata = manifest.get("metadata")
    return cast("Row", metadata).get("appmode") if isinstance(metadata, dict) else None


def requests_of(manifest: Row) -> list[IntegrationRequest]:
    """Return the OAuth integrations that a manifest requests."""
    rows = manifest.get("integration_requests", [])
    return msgspec.convert(rows, list[IntegrationRequest])


def name_of(entry: tarfile.TarInfo) -> str:
    """Return the name of a member without `./` at its start."""
    return entry.name.removeprefix("./")


def top_folder(names: Iterable[str]) -> str:
    """Return the folder that all files are in, which servers leave out; empty if there is none."""
    tops = {top + slash for top, slash, _ in (name.partition("/") for name in names)}
    top = tops.pop() if len(tops) == 1 else ""
    return top if top.endswith("/") else ""


def _read(archive: Archive) -> tuple[dict[str, str], bytes | None]:
    """Return the checksums of the files of an archive, and the bytes of its manifest."""
    manifest, nested = None, None
    checksums: dict[str, str] = {}
    source: IO[bytes]
    with archive.open() as source, tarfile.open(fileobj=source, mode="r|gz") as tar:
        for entry in tar:
            _check(entry)
            if entry.isdir():
                continue
            name = name_of(entry)
            folder, _, last = name.rpartition("/")
            is_kept = last == _MANIFEST and "/" not in folder and entry.size <= _MANIFEST_LIMIT
            checksums[name], data = _hashed(tar, entry, is_kept=is_kept)
            if is_kept and folder:
                nested = data
            elif is_kept:
                manifest = data
    if manifest is None and (top := top_folder(checksums)):
        return {name.removeprefix(top): value for name, value in checksums.items()}, nested
    return checksums, manifest


def _hashed(tar: tarfile.TarFile, entry: tarfile.TarInfo, *, is_kept: bool) -> tuple[str, bytes]:
    """Return the checksum of a member, and its bytes if they are kept; links have no checksum."""
    member = tar.extractfile(entry) if entry.isreg() else None
    digest = hashlib.md5(usedforsecurity=False)
    data = bytearray()
    while member is not None and (piece := member.read(PIECE_SIZE)):
        digest.update(piece)
        if is_kept:
            data += piece
    return digest.hexdigest() if member is not None else "", bytes(data)


def _check(entry: tarfile.TarInfo) -> None:
    """Refuse a member that a server does not unpack."""
    name = entry.name
    if entry.offset_data + entry.size > _UNPACKED_LIMIT:
        raise bad_request(f"The bundle has more than {_UNPACKED_LIMIT:,} unpacked bytes.", 135)
    if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
        raise bad_request(f"{name!r} in the bundle is not a file, folder or link.", 135)
    paths = [name]
    if entry.issym():
        paths.append(posixpath.join(posixpath.dirname(name), entry.linkname))
    elif entry.islnk():
        paths.append(entry.linkname)
    if any(path.startswith("/") or _climbs(path) for path in paths):
        raise bad_request(f"{name!r} in the bundle is, or leads, outside its folder.", 135)


def _climbs(path: str) -> bool:
    return posixpath.normpath(path).split("/")[0] == ".."

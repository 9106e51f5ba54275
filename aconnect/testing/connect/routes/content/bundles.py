"""Bundles: uploads, lists and downloads."""

import asyncio
import hashlib
import io
import tarfile
from base64 import b64encode
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from gzip import GzipFile
from typing import IO

import msgspec
from aiohttp import BodyPartReader, MultipartReader
from aiohttp.http_exceptions import HttpProcessingError

from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.dialect import (
    ApiFault,
    Call,
    bad_request,
    forbidden,
    not_found,
    route,
)
from aconnect.testing.connect.manifests import Inspection, inspect, name_of, top_folder
from aconnect.testing.connect.paging import offset_page
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.routes.content._items import content_of, is_collaborator
from aconnect.testing.connect.routes.content._languages import seeded_runtimes
from aconnect.testing.connect.state import Bundle, State
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Response, Row, empty, ok

_CODE = b"print('hello')\n"

_INLINE = 1 << 16
"""Smaller archives are read without a thread."""

_GIVEN_METADATA = ("source", "source_repo", "source_branch", "source_commit")
"""The metadata that an upload can have; the server adds the checksums."""

_UNREADABLE = (AssertionError, HttpProcessingError, RuntimeError, ValueError)
"""The errors of aiohttp for malformed forms."""

SHOWN = 1 << 20
"""Larger files are oversize; the real limit is not documented."""

_SINCE = (2026, 6, 0)


def new_bundle(
    number: int, content_guid: str, created_by: str, archive: Archive, time: datetime
) -> Row:
    """Return a new bundle that is not active."""
    return {
        "id": str(number),
        "content_guid": content_guid,
        "created_by": created_by,
        "created_time": time,
        "environment_guid": None,
        "cluster_name": "Local",
        "image_name": "Local",
        "r_version": None,
        "r_environment_management": None,
        "py_version": None,
        "py_environment_management": None,
        "quarto_version": None,
        "active": False,
        "size": archive.size,
        "metadata": {
            **dict.fromkeys(_GIVEN_METADATA),
            "archive_md5": archive.md5,
            "archive_sha1": archive.sha1,
        },
    }


def small_archive(appmode: str) -> tuple[bytes, Row]:
    """Return a minimal bundle and its manifest; the same mode gives the same bytes."""
    return _packed(appmode), _small_manifest(appmode)


def _small_manifest(appmode: str) -> Row:
    return {
        "version": 1,
        "metadata": {"appmode": appmode, "entrypoint": "app"},
        "files": {"app.py": {"checksum": hashlib.md5(_CODE, usedforsecurity=False).hexdigest()}},
    }


@cache
def _packed(appmode: str) -> bytes:
    raw = io.BytesIO()
    # GzipFile instead of "w:gz", because its header then has no time.
    with (
        GzipFile(fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in (
            ("manifest.json", msgspec.json.encode(_small_manifest(appmode))),
            ("app.py", _CODE),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()


def seed(state: State) -> None:
    """Add an active bundle to each content item."""
    for content in state.content.values():
        data, manifest = small_archive(content["app_mode"])
        row = store(
            state,
            content,
            content["owner_guid"],
            Archive.of(data),
            manifest,
            content["created_time"],
        )
        if not state.seed.bundle_checksums:
            row["metadata"].update(archive_md5=None, archive_sha1=None)
        row["active"] = state.bundles[content["guid"]][row["id"]].is_built = True
        content["bundle_id"] = row["id"]
        built = seeded_runtimes(int(content["id"]), content["app_mode"])
        content.update(built)
        row.update({name: built[name] for name in row.keys() & built})


def store(
    state: State, content: Row, created_by: str, archive: Archive, manifest: Row, time: datetime
) -> Row:
    """Store a bundle that is not active, and return its row."""
    number = state.next_number("bundle")
    row = new_bundle(number, content["guid"], created_by, archive, time)
    state.bundles.setdefault(content["guid"], {})[str(number)] = Bundle(row, archive, manifest)
    return row


def _bundles(call: Call) -> dict[str, Bundle]:
    """Return the bundles of the content in the path, if the caller may edit it."""
    return call.state.bundles.get(content_of(call, edit=True)["guid"], {})


def _stored(call: Call) -> Bundle:
    """Return the bundle in the path, if its archive is on the disk."""
    bundle = bundle_of(call)
    if bundle.row["size"] == 0:
        raise not_found("The archive of the bundle")
    return bundle


def bundle_of(call: Call) -> Bundle:
    """Return the bundle in the path, if the caller may edit its content."""
    return existing(_bundles(call), call.args["id"], "The bundle")


@route("GET", "/v1/content/{guid}/bundles", since=(1, 8, 6))
def get_bundles(call: Call) -> Response:
    """List bundles: in pages, oldest first; older servers return all, newest first."""
    rows = [downgrade("bundle", bundle.row, call.features) for bundle in _bundles(call).values()]
    if not call.features.bundle_pages:
        return ok(rows[::-1])
    if not call.flag("asc_order", default=True):
        rows.reverse()
    return ok(offset_page(call, rows)["results"])


@route("GET", "/v1/content/{guid}/bundles/{id}", since=(1, 8, 6))
def get_bundle(call: Call) -> Response:
    """Get one bundle."""
    return ok(downgrade("bundle", bundle_of(call).row, call.features))


@route("DELETE", "/v1/content/{guid}/bundles/{id}", since=(1, 8, 6))
def delete_bundle(call: Call) -> Response:
    """Delete a bundle that is not active."""
    bundles, number = _bundles(call), call.args["id"]
    if number in bundles and bundles[number].row["active"]:
        raise ApiFault(409, 75, "The active bundle cannot be deleted.")
    remove_from(call, bundles, number, "The bundle", mark=f"bundle:{number}").archive.close()
    return empty()


@route("GET", "/v1/content/{guid}/bundles/{id}/download", since=(1, 8, 6))
def download_bundle(call: Call) -> Response:
    """Return the uploaded bytes; administrators must be collaborators too."""
    bundle = bundle_of(call)
    if not is_collaborator(call, call.state.content[bundle.row["content_guid"]]):
        raise forbidden()
    bundle = _stored(call)
    return Response(
        content_type="application/gzip",
        headers={"Content-Disposition": f'attachment; filename="bundle-{bundle.row["id"]}.tar.gz"'},
        pieces=bundle.archive.pieces(),
        length=bundle.archive.size,
    )


@route("POST", "/v1/content/{guid}/bundles", role="publisher", since=(1, 8, 6))
async def upload_bundle(call: Call) -> Response:
    """Upload an archive, either raw or, on newer servers, in a form with metadata."""
    content = content_of(call, edit=True)
    if content["guid"] in call.state.repositories:
        raise ApiFault(409, 144, "Content that comes from Git takes no bundles.")
    if call.value("url"):
        raise bad_request("This simulation does not fetch bundles by url.")
    kind = call.request.headers.get("Content-Type", "")
    archive = Archive()
    metadata: Row = {}
    try:
        if kind.startswith("multipart/form-data") and call.features.multipart_upload:
            metadata = await _read_form(call, archive)
        else:
            _check_room(call.state, _length(call))
            await _read(call, call.chunks(), archive)
        found = await _inspected(call.state, archive)
    except BaseException:
        archive.close()
        raise
    row = store(call.state, content, call.user["guid"], archive, found.manifest, call.state.now())
    row["metadata"] |= {name: metadata.get(name) for name in _GIVEN_METADATA}
    bundle = call.state.bundles[content["guid"]][row["id"]]
    bundle.missing_files, bundle.checksum_mismatches = found.missing, found.mismatches
    return ok(downgrade("bundle", row, call.features))


def _length(call: Call) -> int:
    length = call.request.headers.get("Content-Length")
    if length is None:
        raise bad_request("The Content-Length header is required.", 125)
    if int(length) == 0:
        raise bad_request("The Content-Length header must say the size of the archive.", 126)
    return int(length)


def _check_room(state: State, size: int) -> None:
    """Refuse an archive that is too large, or for which there is no space left."""
    if state.max_bundle_size is not None and size > state.max_bundle_size:
        raise ApiFault(413, 3, f"A bundle has at most {state.max_bundle_size} bytes.")
    if state.disk_size is not None:
        bundles = (bundle for rows in state.bundles.values() for bundle in rows.values())
        if sum(bundle.archive.size for bundle in bundles) + size > state.disk_size:
            raise ApiFault(507, 134, "There is no space left on the disk for the bundle.")


async def _read(call: Call, chunks: AsyncIterator[bytes], archive: Archive) -> None:
    """Store the archive, and compare it with the checksum of the request if there is one.

    The checksum is that of the archive, not of the form that the archive is sent in.
    """
    checksum = call.request.headers.get("X-Content-Checksum")
    async for chunk in chunks:
        archive.write(chunk)
        _check_room(call.state, archive.size)
    if checksum and checksum != b64encode(bytes.fromhex(archive.md5)).decode():
        raise bad_request("The checksum does not match the archive that arrived.", 104)


async def _inspected(state: State, archive: Archive) -> Inspection:
    """Read an archive, and refuse it if the checksums of its files must be right and are not."""
    is_small = archive.size <= _INLINE
    found = inspect(archive) if is_small else await asyncio.to_thread(inspect, archive)
    if state.strict_checksums and found.mismatches:
        names = ", ".join(found.mismatches)
        raise bad_request(f"The manifest has other checksums than the files: {names}.", 38)
    return found


async def _read_form(call: Call, archive: Archive) -> Row:
    """Read the parts of a form; the record of the request has the archive's size, not its bytes."""
    metadata: Row = {}
    seen = False
    try:
        reader = MultipartReader(call.request.headers, call.request.content)
        while (part := await reader.next()) is not None:
            if isinstance(part, MultipartReader):
                raise bad_request("Nested forms are not understood.")
            if part.name == "archive":
                seen = True
                await _read(call, _pieces(part), archive)
            elif part.name == "metadata":
                metadata = _decode_metadata(bytes(await part.read()))
    except _UNREADABLE as cause:
        raise bad_request(f"The form cannot be read: {cause}.") from cause
    if not seen:
        raise bad_request("The form has no part named archive.")
    if call.record is not None:
        call.record.size = archive.size
    return metadata


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(1 << 16):
        yield bytes(chunk)


def _decode_metadata(data: bytes) -> Row:
    try:
        return msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as cause:
        raise bad_request(f"The metadata is not a JSON object: {cause}.", 2) from cause


@route("GET", "/v1/content/{guid}/bundles/{id}/files", since=_SINCE)
async def list_bundle_files(call: Call) -> Response:
    """List the regular files of a bundle."""
    return ok({"files": await asyncio.to_thread(_list, _stored(call).archive)})


@route("GET", "/v1/content/{guid}/bundles/{id}/files/{path...}", since=_SINCE)
async def get_bundle_file(call: Call) -> Response:
    """Return one file, with its text only if it is text and not too large."""
    found = await asyncio.to_thread(_read_file, _stored(call).archive, call.args["path"])
    if found is None:
        raise ApiFault(404, 278, "The bundle has no such file.")
    return ok(found)


@contextmanager
def _opened(archive: Archive) -> Generator[tarfile.TarFile]:
    source: IO[bytes]
    with archive.open() as source, tarfile.open(fileobj=source, mode="r:gz") as tar:
        yield tar


def _files(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    entries = {name_of(entry): entry for entry in tar if not entry.isdir()}
    folder = top_folder(entries)
    return {name.removeprefix(folder): entry for name, entry in entries.items() if entry.isreg()}


def _list(archive: Archive) -> list[Row]:
    with _opened(archive) as tar:
        return [{"path": name, "size": entry.size} for name, entry in _files(tar).items()]


def _read_file(archive: Archive, path: str) -> Row | None:
    with _opened(archive) as tar:
        entry = _files(tar).get(path)
        member = tar.extractfile(entry) if entry is not None else None
        if entry is None or member is None:
            return None
        head = member.read(SHOWN)
        return {"path": path, "size": entry.size, **_shown(head, oversize=entry.size > SHOWN)}


def _shown(head: bytes, *, oversize: bool) -> Row:
    try:
        # A character that is split at the limit does not make a file binary.
        text = head.decode("utf-8", "ignore" if oversize else "strict")
    except UnicodeDecodeError:
        text = "\0"
    binary = "\0" in text
    return {
        "content": None if binary or oversize else text,
        "binary": binary,
        "oversize": oversize,
    }

"""Bundles: the archives that content is built from."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    ClassVar,
    Final,
    Generic,
    TypedDict,
    TypeVar,
)

from msgspec import UNSET, Struct, UnsetType

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.files import in_memory_or_path, reason
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.decoding import Envelope, encode
from aconnect._core.message import CHUNK, Upload, UploadSource
from aconnect._core.model import Id, Model
from aconnect._core.paging import PageResult, Position
from aconnect.connect._base.paging import NumberedArray
from aconnect.connect._base.resource import ConnectBound, ConnectResource
from aconnect.errors import DecodeError, InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.connect.tasks import ContentTask

_MD5: Final = re.compile("[0-9a-fA-F]{32}")
_METADATA_SINCE: Final = "2025.12.0"


class BundleMetadata(Model, kw_only=True):
    """Where a bundle came from."""

    source: str | None = None
    source_repo: str | None = None
    source_branch: str | None = None
    source_commit: str | None = None
    archive_md5: str | None = None
    archive_sha1: str | None = None


class Bundle(ConnectBound, kw_only=True):
    """An archive of code and data that content is built from."""

    id: Id = ""
    content_guid: str | None = None
    created_by: str | None = None
    created_time: datetime | None = None
    environment_guid: str | None = None
    cluster_name: str | None = None
    image_name: str | None = None
    r_version: str | None = None
    r_environment_management: bool | None = None
    py_version: str | None = None
    py_environment_management: bool | None = None
    quarto_version: str | None = None
    active: bool | None = None
    """Whether the content runs from this bundle."""
    size: int | None = None
    """In bytes."""
    metadata: BundleMetadata | None = None

    _bundles = resource(lambda: Bundles, guid="content_guid")

    files: ClassVar[ResourceBelow[BundleFiles]] = resource(lambda: BundleFiles, guid="content_guid")

    async def refresh(self) -> Bundle:
        """Reload the bundle."""
        return await self._bundles.get(self.id)

    async def delete(self) -> None:
        """Delete the bundle; refused while it is active (code 75)."""
        await self._bundles.delete(self.id)

    async def deploy(self, *, activate: bool | None = None) -> ContentTask:
        """Deploy this bundle; `activate=False` builds it as a draft, on servers from 2025.06."""
        item = self.client.content.handle(self._bundles.scope["guid"])
        return await item.deploy(self, activate=activate)

    async def download(self, path: str | Path) -> Path:
        """Write the archive to a file, atomically, and return its path."""
        return await self.client.download(path, self._bundles.download, self.id)


def newest_first(bundles: Iterable[Bundle]) -> list[Bundle]:
    """Return bundles in this order, in whatever order the server lists them."""
    return sorted(bundles, key=lambda one: int(one.id) if one.id.isdecimal() else 0, reverse=True)


class BundleMetadataParams(TypedDict, total=False):
    """Where a new bundle comes from."""

    source: str | None
    """The kind of source, such as `git`."""
    source_repo: str | None
    """The address of the repository, without a password."""
    source_branch: str | None
    source_commit: str | None


ArchiveSource = bytes | str | os.PathLike[str] | BinaryIO | Callable[[], AsyncIterator[bytes]]
"""An archive in memory, a path, an open file, or a function whose every call returns a new iterator
over the same bytes."""


def archive_upload(
    source: ArchiveSource,
    *,
    size: int | None = None,
    md5: str | None = None,
    reopenable: bool = True,
    metadata: BundleMetadataParams | None = None,
    progress: Callable[[int], None] | None = None,
) -> Upload:
    """Return an upload of a gzip tar with its checksum; reads files, so call it in a thread.

    The checksum is Base64 of the MD5, in `X-Content-Checksum`. A file is read once for it if `md5`
    is not passed. `metadata` makes a form of the upload, which servers before 2025.12 refuse.
    """
    if md5 is not None and not _MD5.fullmatch(md5):
        raise InvalidArgumentError(f"md5={md5!r} is not an MD5; write it as 32 hexadecimal digits")
    if callable(source) != (size is not None):
        raise InvalidArgumentError(
            "pass size=, the length of the archive in bytes, for a function, and for nothing else"
        )
    content: UploadSource
    checked = md5
    if callable(source):
        content = source
    else:
        content = in_memory_or_path("archive", source)
        size, md5 = _measured(content, md5)
        if isinstance(content, Path):
            # It may change until it is sent.
            checked = md5
    if not size:
        raise InvalidArgumentError("the archive is empty; a bundle is a gzip-compressed tar")
    headers: dict[str, str] = {}
    if md5 is not None:
        headers["X-Content-Checksum"] = base64.b64encode(bytes.fromhex(md5)).decode()
    upload = Upload(
        content,
        size=size,
        content_type="application/gzip",
        headers=headers,
        md5=None if checked is None else checked.lower(),
        reopenable=reopenable,
        progress=progress,
    )
    if fields := _known(metadata):
        _make_form(upload, fields)
    return upload


def _known(metadata: BundleMetadataParams | None) -> dict[str, object]:
    """Return the fields that have a value."""
    return {name: value for name, value in (metadata or {}).items() if value is not None}


def _measured(source: bytes | Path, md5: str | None) -> tuple[int, str]:
    """Return the size and the MD5 of an archive."""
    if isinstance(source, bytes):
        return len(source), md5 or hashlib.md5(source, usedforsecurity=False).hexdigest()
    digest, size = hashlib.md5(usedforsecurity=False), 0
    try:
        if md5 is not None:
            return source.stat().st_size, md5
        with source.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"cannot read the archive {str(source)!r}: {reason(error)}"
        ) from error
    return size, digest.hexdigest()


def _make_form(upload: Upload, metadata: Mapping[str, object]) -> None:
    """Make an upload the archive of a form that has the metadata as well."""
    boundary = secrets.token_hex(16)
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    upload.prefix = (
        f'{part}metadata"\r\n\r\n{encode(metadata).decode()}\r\n'
        f'{part}archive"; filename="bundle.tar.gz"\r\n'
        f"Content-Type: {upload.content_type}\r\n\r\n"
    ).encode()
    upload.suffix = f"\r\n--{boundary}--\r\n".encode()
    upload.content_type = f"multipart/form-data; boundary={boundary}"


class Bundles(ConnectResource, name="content.bundles", scope=("guid",), since="1.8.6"):
    """The bundles of one content item."""

    @paged("/v1/content/{guid}/bundles", by=NumberedArray(), role="content viewer")
    def find(self, *, asc_order: bool = False) -> Paged[Bundle]:
        """List the bundles, newest first unless `asc_order`.

        Args:
            asc_order: Whether the oldest are first. It is always sent, because the order without it
                depends on the version; older servers ignore it, and list the newest first.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    def handle(self, id: str) -> Bundle:  # noqa: A002  the vendor's noun
        """Return a handle for a bundle with this id; makes no request."""
        return Bundle(id=id).bind(self.client, {**self.scope, "id": id})

    async def prune(self, *, keep: int) -> list[Bundle]:
        """Delete all bundles but the newest ones, and return those that were deleted.

        The active bundle is never deleted, nor is one that an active job runs or builds.

        Args:
            keep: How many of the newest bundles stay, at least 1.

        Raises:
            InvalidArgumentError: The number is too small; no request was made.
        """
        from aconnect.connect.content.pruning import pruned  # noqa: PLC0415  rarely needed

        return await pruned(self, keep)

    async def active(self) -> Bundle | None:
        """Return the active bundle, or None before the first deployment."""
        return await self.find_by(active=True)

    @endpoint("GET", "/v1/content/{guid}/bundles/{id}", role="content viewer")
    async def get(self, id: str) -> Bundle:  # noqa: A002  as above
        """Get one bundle."""
        ...

    @endpoint("DELETE", "/v1/content/{guid}/bundles/{id}", role="collaborator")
    async def delete(self, id: str) -> None:  # noqa: A002  as above
        """Delete a bundle; refused while it is active (code 75)."""
        ...

    @endpoint("POST", "/v1/content/{guid}/bundles", upload=archive_upload)
    async def upload(self, body: Upload) -> Bundle:
        """Upload an archive with its checksum; `archive_upload` creates both."""
        ...

    async def create(
        self,
        archive: ArchiveSource,
        *,
        metadata: BundleMetadataParams | None = None,
        md5: str | None = None,
        size: int | None = None,
        reopenable: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> Bundle:
        """Upload an archive, which is a gzip tar with a `manifest.json`.

        The server gets a complete request only if the archive has the announced size and MD5.

        Args:
            archive: Bytes, a path, an open file, which is read into memory from its position on, or
                a function whose every call returns a new iterator over the same bytes.
            metadata: Where the archive comes from. It is left out if the server is older than
                2025.12 or hides its version.
            md5: The MD5 of the archive as hexadecimal digits, if it is known. Otherwise, a path is
                read once more before it is sent, and a function is sent without a checksum.
            size: The length of the archive in bytes; required for a function, and only there.
            reopenable: Whether the function can be called again for another attempt.
            progress: Called with the number of bytes of each chunk sent; a retry starts again.

        Raises:
            InvalidArgumentError: The archive cannot be read or is empty; no request was made.
            UploadSourceError: It could not be read to its end, or is not what was announced.
            ApiError: The server refused the archive.
            TransportError: The request could not be sent, or its response was lost or late.
        """
        if _known(metadata):
            version = await self.client.version()
            if version is None or version < _METADATA_SINCE:
                metadata = None
        body = await asyncio.to_thread(
            archive_upload,
            archive,
            size=size,
            md5=md5,
            reopenable=reopenable,
            metadata=metadata,
            progress=progress,
        )
        return await self.upload(body)

    @endpoint("GET", "/v1/content/{guid}/bundles/{id}/download", role="collaborator only")
    async def download(self, id: str) -> bytes:  # noqa: A002  as above
        """Get the archive in memory; `Bundle.download` writes it to a file instead."""
        ...


T = TypeVar("T")


class BundleFile(Model, kw_only=True):
    """A file in a bundle; folders and links are not listed."""

    path: str = ""
    """Relative to the top of the bundle, with `/` between folders."""
    size: int | None = None
    """In bytes."""


class BundleFileContent(Model, kw_only=True):
    """A file in a bundle, with its content."""

    path: str = ""
    size: int | None = None
    """In bytes."""
    content: str | None = None
    """None if the file is `binary` or `oversize`; download the bundle for these."""
    binary: bool | None = None
    """Whether it is not UTF-8 text."""
    oversize: bool | None = None
    """Whether it is too large for the server to return."""


class _FilesPage(Envelope, Generic[T]):
    files: list[T] | UnsetType | None = UNSET
    results: list[T] | UnsetType | None = UNSET


class FileList(Struct, frozen=True):
    """All items in one response, in an object whose array has no documented name.

    It is expected to be `files`, as in the path, or `results`, as in other lists.
    """

    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ()

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {}

    def response_type(self, item: Any) -> Any:
        return _FilesPage[item]

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        found = page.results if page.files is UNSET else page.files
        if found is UNSET:
            raise DecodeError(
                "the list of a bundle's files has neither `files` nor `results`; this server's "
                "version is not supported yet: please report it, and download the bundle instead"
            )
        items: list[Any] = found or []
        return PageResult(items, None, len(items))


class BundleFiles(
    ConnectResource, name="content.bundles.files", scope=("guid", "id"), role="collaborator"
):
    """The files in one bundle; requires edit permission."""

    @paged("/v1/content/{guid}/bundles/{id}/files", by=FileList())
    def find(self) -> Paged[BundleFile]:
        """List all files, without folders and links."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/content/{guid}/bundles/{id}/files/{path}", multi_segment=("path",))
    async def get(self, path: str) -> BundleFileContent:
        """Get one file by its path; `NotFoundError` with code 278 if there is none."""
        ...

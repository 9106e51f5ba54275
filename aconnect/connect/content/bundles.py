"""Bundles: the archives that content is built from."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.files import in_memory_or_path, reason
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.decoding import Envelope
from aconnect._core.message import CHUNK, Upload
from aconnect._core.model import Id, Model
from aconnect._core.paging import PageResult, Position, Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource, required
from aconnect.errors import DecodeError, InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.connect.tasks import ContentTask


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

    async def deploy(self) -> ContentTask:
        """Deploy this bundle."""
        return await self.client.content.deploy(
            self._bundles.scope["guid"], bundle_id=required("id", self.id)
        )

    async def download(self, path: str | Path) -> Path:
        """Write the archive to a file, atomically, and return its path."""
        return await self.client.download(path, self._bundles.download, self.id)


def archive_upload(
    source: bytes | str | Path | BinaryIO, *, progress: Callable[[int], None] | None = None
) -> Upload:
    """Return an upload of a gzip tar with its checksum; reads a file once, so call it in a thread.

    The checksum is Base64 of the MD5, in `X-Content-Checksum`.
    """
    source = in_memory_or_path("archive", source)
    digest, size = hashlib.md5(usedforsecurity=False), 0
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(
                f"cannot read the archive {str(source)!r}: {reason(error)}"
            ) from error
    else:
        digest.update(source)
        size = len(source)
    if not size:
        raise InvalidArgumentError("the archive is empty; a bundle is a gzip-compressed tar")
    checksum = base64.b64encode(digest.digest()).decode()
    return Upload(
        source,
        size=size,
        content_type="application/gzip",
        headers={"X-Content-Checksum": checksum},
        progress=progress,
    )


BundleMetadataParams = dict


class Bundles(ConnectResource, name="content.bundles", scope=("guid",), since="1.8.6"):
    """The bundles of one content item."""

    @paged("/v1/content/{guid}/bundles", by=Unpaged(), role="content viewer")
    def find(self, *, asc_order: bool | None = None) -> Paged[Bundle]:
        """List the bundles, newest first unless `asc_order`.

        Args:
            asc_order: Whether the oldest are first; older servers ignore it.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    def handle(self, id: str) -> Bundle:  # noqa: A002  the vendor's noun
        """Return a handle for a bundle with this id; makes no request."""
        return Bundle(id=id).bind(self.client, {**self.scope, "id": id})

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
        archive: bytes | str | Path | BinaryIO,
        *,
        progress: Callable[[int], None] | None = None,
        md5=None,
        metadata=None,
    ) -> Bundle:
        """Upload an archive (gzip tar with `manifest.json` at the top) from memory or a file.

        A path is read once for the checksum and streamed after that. An open file is read into
        memory, from its position on. `progress` is called with the number of bytes of each chunk
        sent; a retried upload restarts.
        """
        body = await asyncio.to_thread(archive_upload, archive, progress=progress)
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
    """All items in one response, in an object whose array no document names.

    The array is expected under the name that the path suggests, or that other lists have.
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

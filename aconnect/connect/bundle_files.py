"""The files in a bundle, without downloading it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from aconnect._core.decoding import Envelope
from aconnect._core.endpoint import endpoint, paged
from aconnect._core.model import Model
from aconnect._core.paging import Paged
from aconnect._core.styles import Cut, Position
from aconnect.connect.base import ConnectResource
from aconnect.errors import DecodeError

T = TypeVar("T")


class BundleFile(Model, kw_only=True):
    """A file in a bundle; folders and links are not listed."""

    path: str = ""
    """From the top of the bundle, with `/` between folders."""
    size: int | None = None
    """In bytes."""


class BundleFileContent(Model, kw_only=True):
    """A file in a bundle, with its text."""

    path: str = ""
    size: int | None = None
    """In bytes."""
    content: str | None = None
    """None where the file is `binary` or `oversize`: download the bundle for these."""
    binary: bool | None = None
    """Whether it is no UTF-8."""
    oversize: bool | None = None
    """Whether it is larger than the server shows."""


class _FilesPage(Envelope, Generic[T]):
    files: list[T] | UnsetType | None = UNSET
    results: list[T] | UnsetType | None = UNSET


class FileList(Struct, frozen=True):
    """Everything comes at once, in an object whose one array no document names.

    It is taken under the name that the path suggests, or that other lists have.
    """

    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ()

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        return {}

    def wire(self, row: Any) -> Any:
        return _FilesPage[row]

    def cut(self, page: Any, at: Position, size: int) -> Cut:
        found = page.results if page.files is UNSET else page.files
        if found is UNSET:
            raise DecodeError(
                "the list of a bundle's files has neither `files` nor `results`; this server's "
                "version is not known to this library: report it, and download the bundle meanwhile"
            )
        rows: list[Any] = found or []
        return Cut(rows, None, len(rows))


class BundleFiles(ConnectResource, name="content.bundles.files", role="collaborator"):
    """The files in one bundle; for who may change the content."""

    @paged("/v1/content/{guid}/bundles/{id}/files", by=FileList())
    def find(self) -> Paged[BundleFile]:
        """Find all files, but no folders or links."""
        ...

    @endpoint("GET", "/v1/content/{guid}/bundles/{id}/files/{path}", deep=("path",))
    async def get(self, path: str) -> BundleFileContent:
        """Get one file by its path in the bundle; `NotFoundError` with code 278 without it."""
        ...

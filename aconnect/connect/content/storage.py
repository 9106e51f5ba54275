"""Disk usage of bundles; for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Model
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.content.query import Order


class ContentStorageBundles(Model, kw_only=True):
    """The disk usage of the bundles of one content item, in bytes."""

    count: int | None = None
    bytes_total: int | None = None
    bytes_active: int | None = None
    """Of the active bundle."""
    bytes_inactive: int | None = None
    """Of the other bundles, which can be deleted."""


class ContentStorageItem(Model, kw_only=True):
    """The disk usage of one content item, summarized."""

    content_guid: str = ""
    content_name: str | None = None
    content_title: str | None = None
    owner_guid: str | None = None
    """None if the owner was deleted."""
    owner_username: str | None = None
    app_mode: str | None = None
    bundles: ContentStorageBundles | None = None


class BundleStorage(Model, kw_only=True):
    """The disk usage of one bundle."""

    id: Id = ""
    created_time: datetime | None = None
    size_bytes: int | None = None
    is_active: bool | None = None
    """Whether the content runs from it."""


class ContentStorageDetail(Model, kw_only=True):
    """The disk usage of one content item by bundle; sizes in bytes."""

    content_guid: str = ""
    content_name: str | None = None
    owner_guid: str | None = None
    """None if the content has no owner."""
    owner_username: str | None = None
    bundle_count: int | None = None
    bundle_bytes_total: int | None = None
    bundle_bytes_active: int | None = None
    bundle_bytes_inactive: int | None = None
    bundles: list[BundleStorage] | None = None
    """Newest first."""


ContentStorageSort = Literal["bytes_total", "bytes_active", "bytes_inactive", "count"] | str
"""What content is sorted by: the bytes of its bundles, or their number."""


class ContentStorage(
    ConnectResource, name="content.storage", since="2026.06.0", role="administrator"
):
    """The disk usage of content; `ContentItem.storage` returns that of one item."""

    @paged("/v1/content/storage", by=PageNumber(max_size=500))
    def find(
        self, *, sort: ContentStorageSort | None = None, order: Order | None = None
    ) -> Paged[ContentStorageItem]:
        """List all content with the disk usage of its bundles.

        Args:
            sort: The number of the bundles, or their bytes.
            order: Ascending or descending.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/content/{guid}/storage")
    async def get(self, guid: str) -> ContentStorageDetail:
        """Get the disk usage of each bundle of one content item."""
        ...

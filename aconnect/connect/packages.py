"""Packages installed for content, in the libraries that the server manages."""

from __future__ import annotations

from typing import Final

from aconnect._client.derived import first_of, match_of, matching, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.arguments import guid_filter
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.content.packages import Package, PackageLanguage


class Packages(ConnectResource, name="packages"):
    """The packages of all content whose library the server manages."""

    def find(
        self,
        *,
        name: str | None = None,
        asc_order: bool | None = None,
        language: PackageLanguage | None = None,
        version: str | None = None,
        hash: str | None = None,  # noqa: A002  the vendor's noun
        bundle_id: str | None = None,
        app_id: str | None = None,
        app_guid: str | None = None,
    ) -> Paged[Package]:
        """List the packages of all content by language, then name; or all uses of one package.

        The server selects by `name`; the other values are compared here, so all pages are read.
        """
        return matching(
            self._find(name=name, asc_order=asc_order),
            language=language,
            version=version,
            hash=hash,
            bundle_id=bundle_id,
            app_id=app_id,
            app_guid=guid_filter("app_guid", app_guid),
        )

    # Larger pages are allowed, but need memory without saving time.
    @paged("/v1/packages", by=PageNumber(max_size=10_000), role="publisher", since="2024.11.0")
    def _find(
        self, *, name: str | None = None, asc_order: bool | None = None
    ) -> Paged[Package]: ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

"""Packages: what is installed for one content item."""

from __future__ import annotations

from typing import Final, Literal

from aconnect._client.derived import first_of, match_of, matching, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Row
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource

PackageLanguage = Literal["python", "r"] | str
"""The language of a package."""


class Package(Row, kw_only=True, frozen=True, gc=False):
    """One version of a package, as installed for one content item."""

    language: str | None = None
    """`python` or `r`."""
    language_version: str | None = None
    name: str = ""
    version: str | None = None
    hash: str | None = None
    """Of an R package's description; None for Python."""
    bundle_id: Id | None = None
    app_id: Id | None = None
    """The former name of `content_id`."""
    app_guid: str | None = None
    """The former name of `content_guid`."""
    content_id: Id | None = None
    content_guid: str | None = None


class ContentPackages(ConnectResource, name="content.packages", scope=("guid",)):
    """The packages of one content item."""

    def find(
        self,
        *,
        language: PackageLanguage | None = None,
        name: str | None = None,
        version: str | None = None,
        hash: str | None = None,  # noqa: A002  the vendor's noun
    ) -> Paged[Package]:
        """List the packages by language, then name; none before the first deployment.

        They include dependencies, and what the server itself needs to run the content.
        """
        return matching(self._find(), language=language, name=name, version=version, hash=hash)

    @paged("/v1/content/{guid}/packages", by=Unpaged(), role="publisher", since="2024.11.0")
    def _find(self) -> Paged[Package]: ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

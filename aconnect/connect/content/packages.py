"""Packages: what is installed for one content item."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import field

from aconnect._client.derived import first_of, match_of, matching, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.model import Row, id_text
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
    wire_bundle_id: str | int | None = field(default=None, name="bundle_id")
    wire_app_id: str | int | None = field(default=None, name="app_id")
    app_guid: str | None = None
    """The former name of `content_guid`."""
    wire_content_id: str | int | None = field(default=None, name="content_id")
    content_guid: str | None = None

    @property
    def bundle_id(self) -> str | None:
        """As text, regardless of the server version."""
        return id_text(self.wire_bundle_id)

    @property
    def app_id(self) -> str | None:
        """The former name of `content_id`."""
        return id_text(self.wire_app_id)

    @property
    def content_id(self) -> str | None:
        """As text, regardless of the server version."""
        return id_text(self.wire_content_id)


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

"""Packages installed for content, in the libraries that the server manages."""

from __future__ import annotations

from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.content.packages import Package


class Packages(ConnectResource, name="packages"):
    """The packages of all content whose library the server manages."""

    # Larger pages are allowed, but need memory without saving time.
    @paged("/v1/packages", by=PageNumber(max_size=10_000), role="publisher", since="2024.11.0")
    def find(self, *, name: str | None = None, asc_order: bool | None = None) -> Paged[Package]:
        """List the packages of all content by language, then name; or all uses of one package.

        Args:
            name: Only uses of this package.
            asc_order: Whether to sort in ascending order, as by default.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

"""Packages: what is installed for content, in the server's own libraries."""

from __future__ import annotations

from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect.connect._base.lookup import first_match
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.content.packages import Package


class Packages(ConnectResource, name="packages"):
    """The packages of all content whose library the server manages."""

    # Larger pages are allowed, and cost memory without saving time.
    @paged("/v1/packages", by=PageNumber(max_size=10_000), role="publisher", since="2024.11.0")
    def find(self, *, name: str | None = None, asc_order: bool | None = None) -> Paged[Package]:
        """Find packages of all content, by language, then name; or all uses of the one so named."""
        ...

    async def find_by(self, **fields: object) -> Package | None:
        """Find the first package whose fields have these values, or None.

        Packages are asked for by the name where it is given, else it may take many pages.
        """
        name = fields.get("name")
        rows = self.find(name=name if isinstance(name, str) else None)
        return await first_match(rows, Package, fields)

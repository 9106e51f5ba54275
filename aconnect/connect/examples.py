"""Example content of the server; deprecated by the vendor.

No document describes the items of the list, so they are returned unchanged.
"""

from __future__ import annotations

from typing import Any, Final

from aconnect._client.derived import first_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


class Examples(ConnectResource, name="examples"):
    """Example content of the server; deprecated without a replacement."""

    @paged("/v1/examples", by=Unpaged())
    def find(self) -> Paged[dict[str, Any]]:
        """List all examples; the other operations take their `name`."""
        ...

    find_one: Final = first_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/examples/{name}/thumbnail")
    async def thumbnail(self, name: str) -> bytes:
        """Get the image of an example in memory; `client.download` writes it to a file."""
        ...

    @endpoint("GET", "/v1/examples/{name}/zip")
    async def zip(self, name: str) -> bytes:
        """Get an example as a ZIP archive in memory; `client.download` writes it to a file."""
        ...

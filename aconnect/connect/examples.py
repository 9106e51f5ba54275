"""Examples: content that the server offers for a first try, which the vendor has deprecated.

No document describes the rows of the list, so they stay as they come.
"""

from __future__ import annotations

from typing import Any, Final

from aconnect._client.endpoint import endpoint, first_of, match_of, paged, total_of
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


class Examples(ConnectResource, name="examples"):
    """Content that the server offers for a first try; deprecated without a replacement."""

    @paged("/v1/examples", by=Unpaged())
    def find(self) -> Paged[dict[str, Any]]:
        """List all examples; their `name` is what the other operations take."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/examples/{name}/thumbnail")
    async def thumbnail(self, name: str) -> bytes:
        """Get the picture of an example into memory; `client.download` writes it to a file."""
        ...

    @endpoint("GET", "/v1/examples/{name}/zip")
    async def zip(self, name: str) -> bytes:
        """Get an example as a ZIP archive into memory; `client.download` writes it to a file."""
        ...

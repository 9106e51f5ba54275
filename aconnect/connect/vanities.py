"""The vanity URLs of all content."""

from __future__ import annotations

from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.content.vanity import Vanity


class Vanities(ConnectResource, name="vanities"):
    """The vanity URLs of all content."""

    @paged("/v1/vanities", by=Unpaged(), role="administrator", since="1.8.6")
    def find(self) -> Paged[Vanity]:
        """List all vanity URLs."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

"""Which features of the server have been used."""

from __future__ import annotations

from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.model import Model
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


class Feature(Model, kw_only=True):
    """A feature whose use the server tracks."""

    name: str = ""
    used: bool | None = None
    """Whether it has ever been used."""


class FeatureUsage(ConnectResource, name="feature_usage"):
    """Features whose use the server tracks."""

    @paged("/v1/feature-usage", by=Unpaged(), role="publisher")
    def find(self) -> Paged[Feature]:
        """List all features, used or not."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

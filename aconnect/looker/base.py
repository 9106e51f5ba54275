"""What all resources of Looker share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from aconnect._client.resource import Resource

if TYPE_CHECKING:
    from aconnect.looker.client import Client


class LookerResource(Resource):
    """A group of operations of the Looker API 4.0."""

    service: ClassVar[str] = "looker"

    @property
    def client(self) -> Client:
        """The client."""
        return cast("Client", self.origin[0])

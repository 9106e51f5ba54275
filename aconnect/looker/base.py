"""What all resources of Looker share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aconnect._client.endpoint import Resource

if TYPE_CHECKING:
    from aconnect.looker.client import Client


class LookerResource(Resource):
    """A group of operations of the Looker API 4.0."""

    service = "looker"
    client: Client

"""What all resources and models of CloudEndure share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from aconnect._client.resource import Resource
from aconnect._client.signature import Naming, camel
from aconnect._core.model import Model

if TYPE_CHECKING:
    from aconnect.cloudendure.client import Client

API: Final = "/api/latest"


class CloudEndureResource(Resource):
    """A group of operations of the CloudEndure API."""

    service: ClassVar[str] = "cloudendure"
    naming: ClassVar[Naming] = staticmethod(camel)

    @property
    def client(self) -> Client:
        """The client."""
        return cast("Client", self.origin[0])


class CloudEndureModel(Model, kw_only=True, rename="camel"):
    """A CloudEndure object; its names are in camelCase in JSON."""

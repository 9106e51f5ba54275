"""What all resources and models of CloudEndure share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from aconnect._client.endpoint import Resource
from aconnect._client.signature import Naming, camel
from aconnect._core.model import Model

if TYPE_CHECKING:
    from aconnect.cloudendure.client import Client

API: Final = "/api/latest"


class CloudEndureResource(Resource):
    """A group of operations of the CloudEndure API."""

    service = "cloudendure"
    naming: ClassVar[Naming] = staticmethod(camel)
    client: Client


class CloudEndureModel(Model, kw_only=True, rename="camel"):
    """A CloudEndure object; the wire writes its names in camelCase."""

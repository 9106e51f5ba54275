"""What all resources and models of CloudEndure share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from aconnect._core.endpoint import Resource
from aconnect._core.model import Model
from aconnect._core.plan import Spell, camel

if TYPE_CHECKING:
    from aconnect.cloudendure.client import Client

API: Final = "/api/latest"


class CloudEndureResource(Resource):
    """A group of operations of the CloudEndure API."""

    service = "cloudendure"
    spell: ClassVar[Spell] = staticmethod(camel)
    _client: Client


class CloudEndureModel(Model, kw_only=True, rename="camel"):
    """A CloudEndure object; the wire writes its names in camelCase."""

"""What all resources and models of CloudEndure share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct, structs

from aconnect._core.endpoint import Resource
from aconnect._core.model import Model
from aconnect._core.plan import Spell, camel
from aconnect._core.redaction import HIDDEN

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


def hidden_repr(model: Struct, *names: str) -> str:
    """Show a model without the values of fields that are as good as a password."""
    hidden: Mapping[str, str] = {name: HIDDEN for name in names if getattr(model, name)}
    return Struct.__repr__(structs.replace(model, **hidden))

"""What all resources and models of CloudEndure share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, cast

from aconnect._client.resource import Resource
from aconnect._client.signature import Naming, camel
from aconnect._core.model import Model

if TYPE_CHECKING:
    from aconnect.cloudendure.client import Client

LATEST: Final = "/api/latest"
_ENTRY_POINT: Final = re.compile(r"/api(/latest|/v[0-9]+)?$")


def api_root(address: str) -> str:
    """Return where the API begins, given the address of the console or of an entry point."""
    address = address.strip().rstrip("/")
    entry_point = _ENTRY_POINT.search(address)
    if entry_point is not None and entry_point[1]:
        return address
    return console(address) + LATEST


def console(address: str) -> str:
    """Return an address without the API's part."""
    return _ENTRY_POINT.sub("", address)


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

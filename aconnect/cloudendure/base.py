"""What all resources and models of CloudEndure share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from aconnect._client.resource import Resource
from aconnect._client.signature import Naming, camel
from aconnect._core.decoding import Envelope
from aconnect._core.model import Model, key_of
from aconnect._core.paging import Offset, PageResult, Position
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.cloudendure.client import Client

T = TypeVar("T")

DEFAULT_LIMIT: Final = 1500
"""The server's own, of every list; no maximum is documented."""
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


def by_key(
    name: str, values: Mapping[Any, Any], type_: type[Model]
) -> Iterator[tuple[str, list[Any]]]:
    """Yield the lists in a mapping, each with the key of its object, or raise TypeError.

    A single value stands for a list, or a text would be split into its letters.
    """
    for key, own in {**values}.items():
        yield required_key(name, key, type_), [own] if isinstance(own, str | Model) else [*own]


def required_key(name: str, value: Any, type_: type[Model]) -> str:
    """Return the id of an object, or the id that was passed instead; refuse what is neither."""
    key = key_of(name, value, type_)
    if not isinstance(key, str) or not key:
        raise InvalidArgumentError(f"{name}: pass a {type_.__name__} or its id, not {value!r}")
    return key


class _Items(Envelope, Generic[T]):
    items: list[T] | None


class Items(Offset, frozen=True):
    """`limit` and `offset` over the `items` of an object; the server's own limit by default."""

    max_size: int | None = None

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {"limit": size or None, "offset": position.get("offset", 0)}

    def response_type(self, item: Any) -> Any:
        return _Items[item]

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        return super().parse(page and page.items, position, size or DEFAULT_LIMIT)

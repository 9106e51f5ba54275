"""What all resources and models of Looker share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Final,
    ParamSpec,
    TypeVar,
    cast,
    get_args,
)

import msgspec

from aconnect._client.bound import Bound
from aconnect._client.derived import Matching, match_of
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource
from aconnect._client.signature import return_hint
from aconnect._core.model import Id
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.looker.client import Client

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Resource)


class LookerResource(Resource):
    """A group of operations of the Looker API 4.0."""

    service: ClassVar[str] = "looker"

    @property
    def client(self) -> Client:
        """The client."""
        return cast("Client", self.origin[0])


class LookerBound(Bound, kw_only=True):
    """A Looker object that can make calls through the client it came from."""

    id: Id = ""

    @property
    def client(self) -> Client:
        """The client that this object came from."""
        return cast("Client", self.origin[0])


def id_of(type_: type[LookerBound], item: object) -> str:
    """Return the id of an object, or the id passed instead; refuse what is neither.

    The id of another type of object would mean an object that nobody had in mind.
    """
    value = item.id if isinstance(item, type_) else item
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise InvalidArgumentError(
            f"pass a {type_.__name__} of Looker or its id, not {_shown(type_, item)}"
        )
    return str(value)


def _shown(type_: type[LookerBound], item: object) -> str:
    if not isinstance(item, Bound):
        return repr(item)
    return f"a {type(item).__name__}{' without an id' if isinstance(item, type_) else ''}"


_PATTERN: Final = str.maketrans("%\\ ", "___")
"""What means something else in a pattern: `IS NULL` does as a whole. `_` matches any character."""


def match_of_search(search: Callable[Concatenate[R, P], Paged[T]]) -> Matching[T | None]:
    """Derive `find_by` from a search, which takes texts for patterns and ignores case.

    The search is given a pattern that the text matches, and what it finds is compared exactly.
    """

    @functools.cache
    def searched() -> Collection[str]:
        (item,) = get_args(return_hint(search))
        return {field.name for field in msgspec.structs.fields(item)}

    @functools.wraps(search)
    def find(self: R, /, **arguments: Any) -> Paged[T]:
        if "fields" in arguments:
            raise TypeError("find_by() takes no fields: those left out could not be compared")
        patterns = {
            name: value.translate(_PATTERN)
            for name, value in arguments.items()
            if isinstance(value, str) and name in searched()
        }
        found: Paged[T] = cast("Any", search)(self, **{**arguments, **patterns})
        return found

    return match_of(find)

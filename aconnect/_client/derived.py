"""What follows from a declared `find`: `find_one`, `count` and `find_by`, with its signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Final,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    get_args,
    get_origin,
)
from uuid import UUID

import msgspec

from aconnect._client.lazy import LazySequence, first_match
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource
from aconnect._client.signature import argument_hints, return_hint
from aconnect._core.arguments import canonical_guid, is_guid_name
from aconnect._core.model import Id, key_name, union_members
from aconnect._core.url import timestamp
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Resource)

_signature: Final = functools.cache(inspect.signature)
"""Three methods derive from each `find`."""


class _Derived(Generic[P, T_co]):
    """A method that is derived from `find`."""

    takes_arguments: ClassVar[bool] = True
    """Whether its arguments are those of `find`."""

    def __init__(
        self,
        find: Callable[..., LazySequence[Any]],
        call: Callable[..., Coroutine[Any, Any, Any]],
        summary: str,
        returns: str,
    ) -> None:
        call.__doc__ = f"{summary}\n\nRaises:\n    AconnectError: As `{find.__name__}`."
        call.__module__ = find.__module__
        # What tools see: its arguments, and what it returns.
        item = str(find.__annotations__.get("return", "")).partition("[")[2].removesuffix("]")
        returned = returns.format(item=item)
        arguments = find if self.takes_arguments else call
        call.__annotations__ = {**arguments.__annotations__, "return": returned}
        if self.takes_arguments:
            signature = _signature(find).replace(return_annotation=returned)
            cast("Any", call).__signature__ = signature
        self._call = call

    def __set_name__(self, owner: type, name: str) -> None:
        self._call.__name__ = name
        self._call.__qualname__ = f"{owner.__qualname__}.{name}"
        # The function itself becomes the method, as if it were written in the class.
        setattr(owner, name, self._call)

    def __get__(
        self, instance: object, owner: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, T_co]]:
        raise NotImplementedError  # for type checkers: `__set_name__` replaces this object


def first_of(find: Callable[Concatenate[R, P], LazySequence[T]]) -> _Derived[P, T | None]:
    """Derive `find_one` from `find`, with its arguments."""

    async def find_one(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        return await find(self, *args, **kwargs).first()

    summary = "Return the first item that `find` returns, or None."
    return _Derived(find, find_one, summary, "{item} | None")


def total_of(find: Callable[Concatenate[R, P], LazySequence[Any]]) -> _Derived[P, int]:
    """Derive `count` from `find`, with its arguments."""

    async def count(self: R, /, *args: P.args, **kwargs: P.kwargs) -> int:
        return await find(self, *args, **kwargs).total()

    summary = "Return the number of items that `find` returns; the server may have to list them."
    return _Derived(find, count, summary, "int")


def matching(items: Paged[T], **fields: object) -> Paged[T]:
    """Return the items whose attributes have these values; None leaves an attribute out.

    For filters that the server does not have. Values are compared as by `find_by`.
    """
    types = attribute_types(items.item_type)
    wanted = {k: _comparable(k, types[k], v) for k, v in fields.items() if v is not None}
    if not wanted:
        return items
    return items.where(_Equal(wanted))


class _Equal(msgspec.Struct, frozen=True):
    """Keeps the items whose attributes have these values."""

    fields: dict[str, Any]

    def __call__(self, item: Any) -> bool:
        return all(getattr(item, name) == value for name, value in self.fields.items())


class _ByFields(Protocol[T_co]):
    def __call__(self, **fields: object) -> Coroutine[Any, Any, T_co]: ...


class Matching(_Derived[..., T_co]):
    takes_arguments: ClassVar[bool] = False

    def __get__(self, instance: object, owner: type | None = None) -> _ByFields[T_co]:
        raise NotImplementedError  # as above


def match_of(
    find: Callable[Concatenate[R, P], LazySequence[T]], **narrowing: str
) -> Matching[T | None]:
    """Derive `find_by` from `find`: the first item whose attributes have the given values.

    Values are compared as what the fields hold: a time may be text, an id a number, and an object
    its key. What names an argument of `find` is passed to it as well, if it is text or a number, or
    no field, so that the server returns fewer items.

    `narrowing` names arguments of `find` by fields: the value of such a field is passed as that
    argument, which leaves the items with this value and others, such as `username="prefix"`.
    """

    async def find_by(self: R, /, **fields: object) -> T | None:
        names, types, details = _searchable(find)
        arguments = {k: fields.pop(k) for k in names if k in fields and k not in types}
        for name, value in fields.items():
            if name not in types:
                raise _unknown(name, [*types, *names])
            fields[name] = wanted = _comparable(name, types[name], value)
            if name in names and isinstance(wanted, str | int):
                arguments[name] = wanted
        included = [details[name] for name in fields if name in details]
        if included:
            asked = arguments.get("include") or ()
            asked = (asked,) if isinstance(asked, str) else cast("Iterable[str]", asked)
            arguments["include"] = list(dict.fromkeys([*asked, *included]))
        search = cast("Callable[..., LazySequence[T]]", find)
        for name, argument in narrowing.items():
            if fields.get(name) and argument not in arguments:
                items = search(self, **arguments, **{argument: fields[name]})
                match, is_all = await _match_on_first_page(cast("Paged[T]", items), fields)
                if match is not None or is_all:
                    return match
                break
        return await first_match(search(self, **arguments), fields)

    summary = (
        "Return the first item whose attributes have these values, or None.\n\n"
        f"Other arguments are those of `{find.__name__}`."
    )
    return Matching(find, find_by, summary, "{item} | None")


async def _match_on_first_page(
    items: Paged[T], fields: Mapping[str, object]
) -> tuple[T | None, bool]:
    """Return the first item of the first page that matches, and whether there is no other page.

    With a prefix, some servers return one page only, of whatever items begin like that.
    """
    async with aclosing(items.pages()) as pages:
        async for page in pages:
            for item in page.items:
                if all(getattr(item, name) == value for name, value in fields.items()):
                    return item, True
            return None, page.token is None
    return None, True


_PLAIN: Final = (str, int, float, bool, datetime, type(None))
"""What properties can be searched by; others return resources or make requests."""


@functools.cache
def _searchable(
    find: Callable[..., Any],
) -> tuple[Collection[str], dict[str, Any], dict[str, str]]:
    """Return the arguments of `find`, the types of what items can be searched by, and `include`.

    The last is what to include for a field that the server does not send by default.
    """
    arguments = argument_hints(inspect.unwrap(find))
    optional = set(_literals(arguments.get("include")))
    item, *others = union_members(*get_args(return_hint(find)))
    types = attribute_types(item)
    details: dict[str, str] = {}
    for field in msgspec.structs.fields(item):
        if field.encode_name in optional:
            details[field.name] = field.encode_name
    common = {name: hint for name, hint in types.items() if all(hasattr(o, name) for o in others)}
    return arguments, common, details


@functools.cache
def attribute_types(item: type) -> dict[str, Any]:
    """Return the types of the attributes with values: fields, then computed ones."""
    types = {field.name: field.type for field in msgspec.structs.fields(item)}
    for name, value in inspect.getmembers_static(item, lambda member: isinstance(member, property)):
        hint = return_hint(value.fget)
        if all(isinstance(m, type) and issubclass(m, _PLAIN) for m in union_members(hint)):
            types[name] = hint
    return types


def _literals(hint: Any) -> Iterator[object]:
    for part in get_args(hint):
        if get_origin(hint) is Literal:
            yield part
        else:
            yield from _literals(part)


def _unknown(name: str, allowed: list[str]) -> TypeError:
    """Return the error for a name that would otherwise look like no match."""
    hint = name_hint(name, allowed)
    return TypeError(f"find_by() got {name!r}, which is not a field of the items; {hint}")


def name_hint(name: str, allowed: list[str]) -> str:
    """Return what an error message suggests instead of an unknown name."""
    import difflib  # noqa: PLC0415  only a mistake needs it

    near = difflib.get_close_matches(name, allowed, n=3) or [n for n in allowed if name in n]
    return f"did you mean {' or '.join(near)}?" if near else f"pass one of {', '.join(allowed)}"


def _comparable(name: str, type_: Any, value: Any) -> Any:
    """Return a value as a field of this type holds it; raise if the field cannot hold it."""
    if value is None:
        return None
    members = union_members(type_)
    if (key := key_name(type(value))) and type(value) not in members:
        value = getattr(value, key)
    if datetime in members:
        value = timestamp(name, value)
        if isinstance(value, str):
            return datetime.fromisoformat(value.upper())
    elif is_guid_name(name):
        value = canonical_guid(name, value)
    elif type(value) in {int, UUID} and (str in members or Id in members):
        return str(value)
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        shown = f"<{type(value).__name__}>" if isinstance(value, msgspec.Struct) else repr(value)
        raise InvalidArgumentError(
            f"cannot find {name}={shown}, which the field never is: {error}"
        ) from error

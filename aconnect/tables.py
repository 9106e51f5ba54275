"""Rows as tables: dicts that data frames take, with names beside the ids.

Decides which attributes are columns, and which lists have the names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from functools import reduce
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, get_origin

from aconnect._client.derived import attribute_types, name_hint
from aconnect._client.lazy import LazySequence, wait_for_end
from aconnect._core.arguments import no_text
from aconnect._core.guards import is_dict
from aconnect._core.model import Model, Row, union_members
from aconnect._core.plain import plain
from aconnect.errors import InvalidArgumentError, PermissionDeniedError

if TYPE_CHECKING:
    from aconnect.connect import Client

__all__ = ["records"]

_logger = logging.getLogger("aconnect")

_Rows = AsyncIterable[Any] | Iterable[Any]
_Shape = Mapping[str, Any]
"""The attributes of a row, or the keys of a dict, with the types of their values."""
_Shapes = Mapping[Any, _Shape]
"""The shapes of rows by their classes."""
_Reader = Callable[[Any], Any]
_NamesById = Mapping[str, str]


class _Lookup(NamedTuple):
    """Where the names of a column come from."""

    id: str
    """The attribute with the id."""
    lists: tuple[str, ...]


_LOOKUPS: Final = {
    "content_title": _Lookup("content_guid", ("content",)),
    "content_name": _Lookup("content_guid", ("content",)),
    "username": _Lookup("user_guid", ("users",)),
    "owner_username": _Lookup("owner_guid", ("users",)),
    "group_name": _Lookup("group_guid", ("groups",)),
    "principal_name": _Lookup("principal_guid", ("users", "groups")),
}
"""The columns of names; the server uses the same names where it sends them itself."""


def records(
    query: AsyncIterable[Any] | Iterable[Any], *fields: str, names: Client | None = None
) -> LazySequence[dict[str, Any]]:
    """Return rows as dicts: `await` it for a list, or use `async for` to stream them.

    `pandas.DataFrame` takes such a list, and `polars.DataFrame` with `infer_schema_length=None`, as
    a column may begin with many None. Values are those of `to_dict()`.

    With `names`, ids get names, in further columns: `content_title` (the name, if there is no
    title) and `content_name` for `content_guid`, `username` for `user_guid`, `owner_username` for
    `owner_guid`, `group_name` for `group_guid`, `principal_name` for `principal_guid`. For them,
    content, users and groups are listed once, while the first rows are requested, and only if a
    column needs them. A name is None if the object was deleted or the key may not see it.

    Args:
        query: What lists the rows, or any iterable or asynchronous iterable of rows, models or
            dicts.
        fields: The attributes that become columns, such as `time` or `owner.username`. By default,
            all of them, with computed ones such as `is_active` of a job. Where rows are of several
            types, or are dicts with different keys, a row without the attribute has None.
        names: The client that lists the names.

    Raises:
        InvalidArgumentError: A field does not exist in any row. Raised at once if `query` is a list
            or knows the type of its rows, else if the first row does not have it.
        AconnectError: As the operations that list the rows and the names.
    """
    for field in fields:
        if not isinstance(cast("object", field), str):
            raise InvalidArgumentError(
                f"records() got {field!r}; pass names of fields as arguments"
            )
    if names is not None:
        from aconnect.connect import Client  # noqa: PLC0415  most tables need none

        if not isinstance(cast("object", names), Client):
            raise InvalidArgumentError(f"records() got names={names!r}; pass a client of Connect")
    no_text("query", query)
    shapes = _known_shapes(query)
    if shapes:
        _check(fields, shapes.values(), names)
    return LazySequence(lambda: _stream(query, fields, shapes, names))


async def _stream(
    query: _Rows, fields: tuple[str, ...], shapes: _Shapes, client: Client | None
) -> AsyncGenerator[dict[str, Any], None]:
    names = _Names(client)
    readers: dict[Any, list[tuple[str, _Reader]]] = {}
    try:
        for shape in shapes.values():
            # While the first rows are requested.
            names.start(_columns(shape, fields, client).values())
        async with aclosing(_each(query)) as rows:
            async for row in rows:
                kind: Any = type(cast("object", row))
                if kind not in readers:
                    shape = shapes.get(kind) or _shape(kind, row)
                    if not shapes and not readers:
                        _check(fields, [shape], client)
                    columns = _columns(shape, fields, client)
                    names.start(columns.values())
                    readers[kind] = [
                        (name, await _reader(kind, name, lookup, names))
                        for name, lookup in columns.items()
                    ]
                record = {name: plain(read(row)) for name, read in readers[kind]}
                if not fields and is_dict(row):
                    # Later dicts of a stream may have other keys than the first.
                    record |= plain(row)
                yield record
    finally:
        await names.aclose()


async def _each(rows: _Rows) -> AsyncGenerator[Any, None]:
    if isinstance(rows, AsyncIterable):
        iterator = aiter(rows)
        try:
            async for row in iterator:
                yield row
        finally:
            if isinstance(iterator, AsyncGenerator):
                await cast("AsyncGenerator[Any, None]", iterator).aclose()
    else:
        for row in rows:
            yield row


def _known_shapes(query: _Rows) -> _Shapes:
    """Return the shapes of rows as far as they are known before the first one is read."""
    if isinstance(query, LazySequence):
        kinds = () if query.item_type is None else union_members(query.item_type)
        return {kind: _shape(kind) for kind in kinds if get_origin(kind) is not dict}
    shapes: dict[Any, dict[str, Any]] = {}
    for row in query if isinstance(query, list | tuple) else ():
        kind: Any = type(cast("object", row))
        if is_dict(row):
            shapes.setdefault(kind, {}).update(_shape(kind, row))
        elif kind not in shapes:
            shapes[kind] = {**_shape(kind)}
    return shapes


def _shape(kind: Any, row: Any = None) -> _Shape:
    """Return the attributes of a class, or the keys of a row that is a dict.

    Raises:
        InvalidArgumentError: These are no rows.
    """
    if is_dict(row):
        return dict.fromkeys(row, Any)
    if isinstance(kind, type) and issubclass(kind, Model | Row):
        return attribute_types(kind)
    name = getattr(cast("Any", kind), "__name__", "objects of that type")
    raise InvalidArgumentError(f"records() takes rows, models and dicts, not {name}")


def _columns(
    shape: _Shape, fields: Iterable[str], client: Client | None
) -> dict[str, _Lookup | None]:
    """Return the columns of rows of one shape; with a lookup, if their values are looked up."""
    lookups = {
        name: lookup
        for name, lookup in _LOOKUPS.items()
        if client is not None and lookup.id in shape and name not in shape
    }
    return {name: lookups.get(name) for name in fields or (*shape, *lookups)}


def _check(fields: Iterable[str], shapes: Collection[_Shape], client: Client | None) -> None:
    """Refuse a field that no row has.

    Raises:
        InvalidArgumentError: There is one.
    """
    known = {name: None for shape in shapes for name in _columns(shape, (), client)}
    for field in fields:
        head, *parts = field.split(".")
        hints = [shape[head] for shape in shapes if head in shape]
        if field in known or any(_has(hint, parts) for hint in hints):
            continue
        if client is None and field in _LOOKUPS:
            hint = "pass names=client to look it up"
        elif hints and parts:
            inner = [name for hint in hints for name in _inside(hint)]
            hint = name_hint(field, [f"{head}.{name}" for name in inner] or [head])
        else:
            hint = name_hint(field, list(known))
        raise InvalidArgumentError(
            f"records() got {field!r}, which is not a field of the rows; {hint}"
        )


def _inside(hint: Any) -> _Shape:
    """Return the attributes of an object in a field of this type."""
    for member in union_members(hint):
        if isinstance(member, type) and issubclass(member, Model | Row):
            return attribute_types(member)
    return {}


def _has(hint: Any, parts: list[str]) -> bool:
    """Return True if values of this type have an attribute, or may have such a key."""
    for part in parts:
        if any(each is Any or get_origin(each) is dict for each in union_members(hint)):
            return True
        inner = _inside(hint)
        if part not in inner:
            return False
        hint = inner[part]
    return True


async def _reader(kind: Any, name: str, lookup: _Lookup | None, names: _Names) -> _Reader:
    """Return what reads the value of a column from rows of one class."""
    if lookup is not None:
        named, id_ = await names.of(name, lookup), lookup.id
        return lambda row: named.get(_get(row, id_))
    if not issubclass(kind, dict) and name in attribute_types(kind):
        return attrgetter(name)
    parts = name.split(".")
    return lambda row: reduce(_get, parts, row)


def _get(value: Any, name: str) -> Any:
    """Return an attribute of an object, or a value of a dict; None if there is none."""
    return value.get(name) if is_dict(value) else getattr(value, name, None)


class _Names:
    """The names for one pass over the rows; each list is requested once."""

    def __init__(self, client: Client | None) -> None:
        self._client = client
        self._tasks: dict[str, asyncio.Task[dict[str, _NamesById]]] = {}

    def start(self, lookups: Iterable[_Lookup | None]) -> None:
        """Request the lists that columns need, and that were not requested before."""
        for name in {name for lookup in lookups if lookup is not None for name in lookup.lists}:
            if name not in self._tasks:
                work = _listed(name, cast("Client", self._client))
                self._tasks[name] = asyncio.create_task(work, name=f"names of {name}")

    async def of(self, column: str, lookup: _Lookup) -> _NamesById:
        """Return the names of a column, whose lists were started."""
        lists = [await self._tasks[name] for name in lookup.lists]
        return {id_: name for each in lists for id_, name in each.get(column, {}).items()}

    async def aclose(self) -> None:
        """Stop requesting."""
        for task in self._tasks.values():
            task.cancel()
        await wait_for_end(self._tasks.values())
        for task in self._tasks.values():
            if not task.cancelled():
                task.exception()  # seen, even if nobody awaited the names


async def _listed(name: str, client: Client) -> dict[str, _NamesById]:
    """Return the names that a list has, by columns; none if the key may not list them."""
    try:
        return await _LISTS[name](client)
    except PermissionDeniedError as error:
        _logger.warning("records() has no names of %s: %s", name, error)
        return {}


async def _content(client: Client) -> dict[str, _NamesById]:
    titles: dict[str, str] = {}
    names: dict[str, str] = {}
    async for item in client.content.find():
        names[item.guid] = item.name
        titles[item.guid] = item.title or item.name
    return {"content_title": titles, "content_name": names}


async def _users(client: Client) -> dict[str, _NamesById]:
    names = {user.guid: user.username async for user in client.users.find()}
    return dict.fromkeys(("username", "owner_username", "principal_name"), names)


async def _groups(client: Client) -> dict[str, _NamesById]:
    names = {group.guid: group.name async for group in client.groups.find()}
    return dict.fromkeys(("group_name", "principal_name"), names)


_LISTS: Final = {"content": _content, "users": _users, "groups": _groups}

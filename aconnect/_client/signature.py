"""What a declaration's signature says: which argument goes where, and what comes back.

Compiled once, on the first call of an endpoint.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from types import UnionType
from typing import (
    Any,
    Final,
    NotRequired,
    Protocol,
    Required,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from msgspec import Struct

from aconnect._core import decoding
from aconnect._core.message import Response
from aconnect._core.url import quote_segment, quote_segments

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_UNIONS: Final = (Union, UnionType)


class Built(Protocol):
    """A return type that makes itself from the answer, such as a handle of a started task."""

    wire: Any
    """What the answer's body is decoded to."""

    @classmethod
    def build(
        cls, wire: Any, response: Response, client: Any, scope: Mapping[str, Any], *, optional: bool
    ) -> Any:
        """Make the value from what the answer's body was decoded to; perhaps None if `optional`."""
        ...


class OperationSignature(Struct, frozen=True):
    """A compiled signature."""

    arguments: tuple[str, ...]
    positional: int
    """How many of the arguments may be given by position."""
    required: frozenset[str]
    begin: str
    path: tuple[tuple[str, Callable[[str, object], str], str], ...]
    """The names in the template, each with what quotes it and the text that follows it; `begin`
    precedes all."""
    query: dict[str, str]
    guids: tuple[str, ...]
    """The arguments in the query that name one object."""
    times: tuple[str, ...]
    """The arguments and body fields that are points in time."""
    has_body: bool
    fields: frozenset[str] | None
    spelled: dict[str, str]
    """How those fields are written."""
    returns: Any
    wire: Any
    plain: bool
    """Whether the answer is not JSON: bytes, text or nothing."""
    bind: decoding.Binder | None
    build: Callable[[Any, Response, Any, Mapping[str, Any]], Any] | None
    """What makes the value of what the body was decoded to, where its class does."""
    removes: bool
    keeps_scope: bool
    """Whether what comes back remembers the path arguments of the call."""


Naming = Callable[[str], str]
"""How a service writes the names of arguments and fields."""


def as_written(name: str) -> str:
    """Write a name as Python does; most services do."""
    return name


def camel(name: str) -> str:
    """Write a name in camelCase."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def compile_signature(
    function: Callable[..., Any],
    template: str,
    *,
    rename: Mapping[str, str],
    deep: Collection[str],
    authorization: str | None,
    naming: Naming,
    paged: bool,
    deletes: bool,
) -> OperationSignature:
    """Read a declared function's signature."""
    hints = _hints(function)
    returns = hints.pop("return")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    arguments = tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
    required = {p.name for p in parameters if p.default is p.empty and p.name in arguments}
    fields = _fields(parameters, hints)
    if fields is not None:
        required |= fields[1]
    placeholders: list[str] = _PLACEHOLDER.findall(template)
    texts = _PLACEHOLDER.split(template)[::2]
    wires: dict[str, str] = {
        name: rename.get(name) or naming(name.rstrip("_")) for name in arguments
    }
    places = {wire: name for name, wire in wires.items()}
    elsewhere = {*placeholders, *_PLACEHOLDER.findall(authorization or ""), "body"}
    query = {name: wire for name, wire in wires.items() if wire not in elsewhere}
    wire, bind, build = _answer(returns, paged=paged)
    return OperationSignature(
        arguments=arguments,
        positional=sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters),
        required=frozenset(required),
        begin=texts[0],
        path=tuple(
            (places.get(place, place), quote_segments if place in deep else quote_segment, text)
            for place, text in zip(placeholders, texts[1:], strict=True)
        ),
        query=query,
        guids=tuple(name for name, wire in query.items() if wire.endswith("guid")),
        times=(
            *(name for name in query if _is_time(hints[name])),
            *(fields[2] if fields is not None else ()),
        ),
        has_body="body" in arguments,
        fields=None if fields is None else fields[0],
        spelled={name: naming(name) for name in (fields[0] if fields else ())},
        returns=returns,
        wire=wire,
        plain=wire in {bytes, str, type(None)},
        bind=bind,
        build=build,
        removes=deletes and wire is type(None),
        keeps_scope=bind is not None or build is not None,
    )


def accepts_text(function: Callable[..., Any], name: str) -> bool:
    """Tell whether an argument or body field of a declared function may be text."""
    hints = _hints(function)
    if name not in hints:
        unpacked = [get_args(hint)[0] for hint in hints.values() if get_origin(hint) is Unpack]
        fields = [get_type_hints(kind) for kind in unpacked]
        hints = {field: hint for known in fields for field, hint in known.items()}
    hint = hints.get(name, str)
    choices = get_args(hint) if get_origin(hint) in _UNIONS else (hint,)
    return any(
        choice is str or (isinstance(choice, type) and issubclass(choice, str))
        for choice in choices
    )


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    # Names that a module knows only while types are checked are the service's public ones.
    package = sys.modules[function.__module__.rpartition(".")[0]]
    names = {**vars(package), **function.__globals__}
    return get_type_hints(function, globalns=names, include_extras=True)


def _is_time(hint: Any) -> bool:
    return hint is datetime or datetime in get_args(hint)


def _fields(
    parameters: list[inspect.Parameter], hints: Mapping[str, Any]
) -> tuple[frozenset[str], set[str], list[str]] | None:
    """Give the fields of a keyword body, the required ones and the times; None without one."""
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            (kind,) = get_args(hints[parameter.name])
            if not is_typeddict(kind):
                raise TypeError(f"**{parameter.name} must be Unpack of a TypedDict, not {kind!r}")
            times = [key for key, hint in get_type_hints(kind).items() if _is_time(hint)]
            return kind.__required_keys__ | kind.__optional_keys__, _required_keys(kind), times
    return None


def _required_keys(kind: Any) -> set[str]:
    # Where annotations are text, a TypedDict does not see Required and NotRequired itself.
    required: set[str] = set()
    for key, hint in get_type_hints(kind, include_extras=True).items():
        qualifier = get_origin(hint)
        if qualifier is Required or (
            qualifier is not NotRequired and key in kind.__required_keys__
        ):
            required.add(key)
    return required


def _answer(returns: Any, *, paged: bool) -> tuple[Any, decoding.Binder | None, Any]:
    """Give what a body is decoded to, how that is tied to its client, and what makes it more."""
    for choice in get_args(returns) if get_origin(returns) in _UNIONS else (returns,):
        origin = get_origin(choice) or choice
        if hasattr(origin, "build") and hasattr(origin, "wire"):
            return origin.wire, None, partial(origin.build, optional=choice is not returns)
    if paged:
        (row,) = get_args(returns)
        return row, decoding.rows_binder_for(row), None
    return returns, decoding.binder_for(returns), None

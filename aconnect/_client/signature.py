"""The compiled signature of an operation: which argument goes where, and what comes back.

Compiled on the first call of an operation: compiling two hundred signatures at import would cost
more than importing all of them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import (
    Any,
    ClassVar,
    Final,
    Self,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from msgspec import Struct

from aconnect._client.bound import Binder, ChannelOwner, Scope, binder_for, list_binder_for
from aconnect._core.arguments import canonical_guid, guid_filter, is_guid_name, no_text
from aconnect._core.completion import Completed, field_parameters, package_names, required_keys
from aconnect._core.message import Response
from aconnect._core.model import Model, key_of, keyed_types, mentions, union_members
from aconnect._core.url import quote_guid, quote_segment, quote_segments, timestamp

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
# An endpoint is an object of authentik.
_IDENTIFIER: Final = re.compile(r"(\w+_)?(guid|ids?)|name|endpoint")

Naming = Callable[[str], str]
"""How a service writes the names of arguments and fields."""


def as_written(name: str) -> str:
    """Return a name as Python writes it; most services do."""
    return name


def camel(name: str) -> str:
    """Return a name in camelCase."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


class FromResponse(Completed):
    """Base of return types that construct themselves from a response, such as a started task."""

    __slots__ = ()
    _inner: ClassVar[Collection[str]] = ("from_response", "response_type")

    response_type: ClassVar[Any]
    """What the response body is decoded to."""

    @classmethod
    def from_response(
        cls, value: Any, response: Response, client: ChannelOwner, scope: Scope, *, optional: bool
    ) -> Self | None:
        """Return the object for a decoded body; None is allowed if `optional`."""
        raise NotImplementedError


Quote = Callable[[str, object], str]
"""Quotes the value of a placeholder; its name is for the message of an error."""


Converter = Callable[[str, Any], Any]
"""Checks the value of an argument, whose name is for the message of an error, and converts it."""


class OperationSignature(Struct, frozen=True):
    """A compiled signature."""

    arguments: tuple[str, ...]
    positional: int
    """How many of the arguments may be passed by position."""
    required: frozenset[str]
    defaults: Mapping[str, Any]
    """What is sent for arguments that are left out, unless that is nothing."""
    prefix: str
    """The path before the first placeholder."""
    path: tuple[tuple[str, Quote, str], ...]
    """The placeholders: argument, how it is quoted, and the text up to the next one."""
    query: dict[str, str]
    """The names of the query parameters, by argument."""
    window: tuple[str, ...]
    """The arguments that belong to paging: which of the items the caller wants."""
    identifiers: tuple[str, ...]
    """The arguments in the query that identify objects."""
    converters: tuple[tuple[str, str, Converter], ...]
    """The arguments and body fields that are checked and converted: how messages name them, and
    what converts them."""
    has_body: bool
    fields: dict[str, str] | None
    """The names of the body's fields, by keyword; None if the body is not made of keywords."""
    response_type: Any
    """What the body is decoded to; the type of an item if the operation is paged."""
    is_plain: bool
    """Whether the response is not JSON: bytes, text or nothing."""
    is_optional: bool
    """Whether an empty body is None."""
    bind: Binder | None
    factory: type[FromResponse] | None
    """The class that constructs the value from the decoded body, if there is one."""
    is_factory_optional: bool
    keeps_scope: bool
    """Whether the value remembers the path arguments of the call."""


def placeholders(template: str) -> list[str]:
    """Return the names in a path template."""
    return _PLACEHOLDER.findall(template)


def wire_name(argument: str, rename: Mapping[str, str], naming: Naming) -> str:
    """Return the name that an argument has in the path or query."""
    return rename.get(argument) or naming(argument.rstrip("_"))


def compile_signature(
    function: Callable[..., Any],
    template: str,
    *,
    rename: Mapping[str, str],
    multi_segment: Collection[str],
    authorization: str | None,
    naming: Naming,
    is_paged: bool,
    controls: Collection[str] = (),
) -> OperationSignature:
    """Compile the signature of a declared function."""
    hints = _hints(function)
    returns = hints.pop("return")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    arguments = tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
    required = {p.name for p in parameters if p.default is p.empty and p.name in arguments}
    body = _keyword_body(parameters, hints)
    if body is not None:
        required |= required_keys(body)
    names = placeholders(template)
    wire_names = {name: wire_name(name, rename, naming) for name in arguments}
    argument_of = {wire: name for name, wire in wire_names.items()}
    elsewhere = {*names, *placeholders(authorization or ""), *controls, "body"}
    query = {name: wire for name, wire in wire_names.items() if wire not in elsewhere}
    factory, is_factory_optional = _factory(returns)
    response_type, bind = _decoded_type(returns, factory, is_paged=is_paged)
    body_hints = {} if body is None else get_type_hints(body)
    return OperationSignature(
        arguments=arguments,
        positional=sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters),
        required=frozenset(required),
        defaults={p.name: p.default for p in parameters if p.default not in {p.empty, None}},
        prefix=template.partition("{")[0],
        path=_path(template, argument_of, multi_segment),
        query=query,
        window=tuple(name for name in arguments if name in controls),
        identifiers=tuple(name for name in query if _IDENTIFIER.fullmatch(name)),
        converters=tuple(
            (name, name.rstrip("_"), convert)
            for name, convert in _converters(hints, query, body_hints)
        ),
        has_body="body" in arguments,
        fields=None if body is None else {name: naming(name) for name in body_hints},
        response_type=response_type,
        is_plain=response_type in {bytes, str, type(None)},
        is_optional=type(None) in get_args(response_type),
        bind=bind,
        factory=factory,
        is_factory_optional=is_factory_optional,
        keeps_scope=bind is not None or factory is not None,
    )


def _converters(
    hints: Mapping[str, Any], query: Mapping[str, str], body_hints: Mapping[str, Any]
) -> Iterator[tuple[str, Converter]]:
    """Yield the arguments and body fields that are converted, and how."""
    for name, hint in {**hints, **body_hints}.items():
        if types := keyed_types(hint):
            yield name, _to_key(types)
    for name, wire in query.items():
        if mentions(hints[name], datetime):
            yield name, timestamp
        elif is_guid_name(wire):
            yield name, guid_filter
    sent = {**body_hints, "body": hints["body"]} if "body" in hints else body_hints
    for name, hint in sent.items():
        if mentions(hint, datetime):
            yield name, timestamp
        elif is_guid_name(name):
            yield name, canonical_guid
        elif _is_list(hint):
            yield name, no_text


def _to_key(types: tuple[type[Model], ...]) -> Converter:
    return lambda name, value: key_of(name, value, *types)


def _is_list(hint: Any) -> bool:
    origins = [get_origin(member) for member in union_members(hint)]
    return any(isinstance(origin, type) and issubclass(origin, Sequence) for origin in origins)


def _decoded_type(
    returns: Any, factory: type[FromResponse] | None, *, is_paged: bool
) -> tuple[Any, Binder | None]:
    """Return the type that a response, or each item of it, is decoded to, and how it is bound."""
    if factory is not None:
        return factory.response_type, None
    if is_paged:
        (item,) = get_args(returns)
        return item, list_binder_for(item)
    return returns, binder_for(returns)


def _path(
    template: str, argument_of: Mapping[str, str], multi_segment: Collection[str]
) -> tuple[tuple[str, Quote, str], ...]:
    """Return the argument, the quoting and the following text of each placeholder."""
    texts = _PLACEHOLDER.split(template)[2::2]
    return tuple(
        (
            argument_of.get(name, name),
            quote_segments if name in multi_segment else _quote_of(name),
            text,
        )
        for name, text in zip(placeholders(template), texts, strict=True)
    )


def _quote_of(name: str) -> Quote:
    return quote_guid if is_guid_name(name) else quote_segment


def argument_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the arguments of a declared function, the body's fields included."""
    hints = _hints(function)
    hints.pop("return", None)
    for name, hint in list(hints.items()):
        if get_origin(hint) is Unpack:
            del hints[name]
            hints.update(get_type_hints(get_args(hint)[0]))
    return hints


def call_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a method, with resolved types, and the fields of a keyword body."""
    hints = argument_hints(function)
    signature = list(inspect.signature(function).parameters.values())[1:]
    parameters = [one for one in signature if one.kind is not one.VAR_KEYWORD]
    # What is shown of a method may have the fields already.
    if len(parameters) < len(signature):
        parameters.extend(field_parameters(keyword_fields(function)))
    return [one.replace(annotation=hints[one.name]) for one in parameters]


def keyword_fields(function: Callable[..., Any]) -> Any:
    """Return the TypedDict of the keywords that a method accepts; None if it lists all of them."""
    unpacked = [hint for hint in _hints(function).values() if get_origin(hint) is Unpack]
    return get_args(unpacked[0])[0] if unpacked else None


def return_hint(function: Callable[..., Any]) -> Any:
    """Return the type that a function returns, whether or not it is a declared one."""
    return _hints(inspect.unwrap(function))["return"]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    names = {**package_names(function), **function.__globals__}
    return get_type_hints(function, globalns=names, include_extras=True)


def _keyword_body(parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> Any:
    """Return the TypedDict of a body made of keywords; None without one."""
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            (fields,) = get_args(hints[parameter.name])
            if not is_typeddict(fields):
                raise TypeError(f"**{parameter.name} must be Unpack of a TypedDict, not {fields!r}")
            return fields
    return None


def _factory(returns: Any) -> tuple[type[FromResponse] | None, bool]:
    """Return the class that constructs the value, and whether None is allowed besides."""
    members = union_members(returns)
    for member in members:
        origin = get_origin(member) or member
        if isinstance(origin, type) and issubclass(origin, FromResponse):
            return origin, len(members) > 1
    return None, False

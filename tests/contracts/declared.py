"""Describe a declaration in the terms of the contracts' tables, so that the two can be compared."""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from aconnect._client.operation import Operation
from aconnect._core.decoding import Envelope
from aconnect._core.message import Upload
from aconnect._core.model import LogTime, keyed_types
from tests.contracts.table import Field, Kind, Type, placeholders

_PLAIN: Final[Mapping[Any, tuple[Kind, ...]]] = {
    str: (Kind("string"),),
    datetime: (Kind("string", "date-time"),),
    bytes: (Kind("string", "binary"),),
    Upload: (Kind("string", "binary"),),
    bool: (Kind("boolean"),),
    int: (Kind("integer"),),
    float: (Kind("number"),),
    dict: (Kind("object"),),
    msgspec.Raw: (Kind("any"),),
}
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Body:
    """The request body of a declaration."""

    media: str
    type: Type
    headers: frozenset[str] = frozenset()
    """The headers that are specific to this body, in lower case."""


@dataclass(frozen=True)
class Declared:
    """A declaration in the terms of the tables."""

    name: str
    method: str
    template: str
    path: Mapping[str, Type]
    """The placeholders that are arguments; the others come from the parent object."""
    query: Mapping[str, Field]
    controls: tuple[str, ...]
    """The query parameters that the page style sends."""
    body: Body | None
    response: Type | None
    """None if no response body is expected."""


def declared(operation: Operation) -> Declared:
    """Describe a declaration."""
    signature = operation.signature
    hints = _hints(operation)
    response_type = signature.response_type
    if operation.style is not None:
        response_type = operation.style.response_type(response_type)
        # A page style accepts null as an empty page, which no contract mentions.
        if NoneType in get_args(response_type):
            (response_type,) = set(get_args(response_type)) - {NoneType}
    return Declared(
        name=operation.name,
        method=operation.method,
        template=operation.template,
        path={
            placeholder: type_of(hints[name])
            for placeholder, (name, *_) in zip(
                placeholders(operation.template), signature.path, strict=True
            )
            if name in hints
        },
        query={
            name: Field(type_of(hints[argument]), argument in signature.required)
            for argument, name in signature.query.items()
        }
        | {
            name: Field(type_of(Literal[value]), required=True, constant=True)
            for name, value in operation.constant_query.items()
        },
        controls=operation.style.controls if operation.style is not None else (),
        body=_body(operation, hints),
        response=None if response_type is NoneType else type_of(response_type),
    )


def _hints(operation: Operation) -> dict[str, Any]:
    package = sys.modules[operation.function.__module__.rpartition(".")[0]]
    names = {**vars(package), **operation.function.__globals__}
    return get_type_hints(operation.function, globalns=names, include_extras=True)


def _body(operation: Operation, hints: Mapping[str, Any]) -> Body | None:
    signature = operation.signature
    if signature.fields is not None:
        wire_names = signature.fields
        (fields,) = (hint for hint in map(_unpacked, hints.values()) if is_typeddict(hint))
        kind = Kind(
            "fields",
            title=fields.__name__,
            load=lambda: {
                wire_names[name]: field
                for name, field in _entries(fields, signature.required).items()
            },
        )
        return Body(_FORM if operation.form else _JSON, Type((kind,)))
    if not signature.has_body:
        return None
    if hints["body"] is Upload:
        assert operation.upload is not None, (
            f"{operation.name} has a body of type Upload, but no upload="
        )
        sample = operation.upload(Path(__file__))
        own = {name.lower() for name in sample.headers} - {"content-type", "content-length"}
        return Body(sample.content_type, type_of(Upload), frozenset(own))
    return Body(_JSON, type_of(hints["body"]))


def _unpacked(hint: Any) -> Any:
    return get_args(hint)[0] if get_args(hint) else hint


def type_of(hint: Any) -> Type:
    """Describe the JSON that an annotation stands for."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        choices = [one for one in arguments if one not in {NoneType, msgspec.UnsetType}]
        # Where an object may be passed instead of its key, the key is sent.
        keys = [one for one in choices if one not in keyed_types(hint)]
        members = [type_of(one) for one in keys or choices]
        kinds = dict.fromkeys(kind for member in members for kind in member.kinds)
        return Type(tuple(kinds), NoneType in arguments or any(m.nullable for m in members))
    if hint == LogTime:
        return type_of(datetime)
    if origin in {Annotated, Required, NotRequired}:
        return type_of(arguments[0])
    if origin is Literal:
        return Type((Kind("string", values=tuple(map(str, arguments)), literal=True),))
    if hint in {Any, object}:
        return Type((Kind("any"),), nullable=True)
    return Type(_PLAIN.get(hint) or (_kind(hint, origin, arguments),))


def _kind(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Kind:
    if origin in {list, tuple, Sequence}:
        return Kind("array", item=type_of(arguments[0]))
    if origin in {dict, Mapping}:
        value = type_of(arguments[1])
        return Kind("object") if value == type_of(Any) else Kind("map", item=value)
    plain = origin or hint
    if is_typeddict(plain):
        return Kind("fields", title=plain.__name__, load=lambda: _entries(plain, _required(plain)))
    if issubclass(plain, enum.Enum):
        name = "string" if issubclass(plain, str) else "integer"
        return Kind(name, values=tuple(str(one.value) for one in plain))
    if issubclass(plain, msgspec.Struct):
        # The envelope of a page declares only the fields that paging needs.
        envelope = issubclass(plain, Envelope)
        title = plain.__name__
        return Kind("fields", title=title, load=lambda: _fields(hint), partial=envelope)
    raise TypeError(f"{hint!r} has no counterpart in a contract; describe it in {__name__}")


def _fields(model: Any) -> dict[str, Field]:
    return {
        one.encode_name: Field(type_of(one.type), one.required)
        for one in msgspec.structs.fields(model)
    }


def _entries(model: Any, required: frozenset[str]) -> dict[str, Field]:
    hints = get_type_hints(model)
    return {name: Field(type_of(hint), name in required) for name, hint in hints.items()}


def _required(model: Any) -> frozenset[str]:
    required: frozenset[str] = model.__required_keys__
    return required

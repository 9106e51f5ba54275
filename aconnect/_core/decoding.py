"""From bytes to models, forgiving what real servers do, and tying models to their client.

A value that does not fit its field costs that value, not the answer: a recorded server sends
`2006-01-02T15:04:05Z07:00` as a time. Such an answer is decoded a second time, slowly, with the
misfits left out.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from aconnect._core.guards import is_dict, is_list
from aconnect._core.message import Response
from aconnect._core.model import Bound, Confidential
from aconnect.errors import DecodeError

logger = logging.getLogger("aconnect")

_UNIONS: Final = (Union, UnionType)
_SHOWN_BODY: Final = 120
_PAGE: Final = (
    "an HTML page came. A login page or a proxy seems to stand in front of the API; check the "
    "address and whether the key reaches the server"
)

encode = msgspec.json.Encoder().encode
"""Write a body as JSON."""


@cache
def decoder_for(kind: Any) -> msgspec.json.Decoder[Any]:
    """Give the one decoder for a type; made on first use because making one is not cheap."""
    return msgspec.json.Decoder(kind)


class Envelope(Struct):
    """What rows come in: unlike other models it decides what is asked next, so it must fit."""


def decode(response: Response, kind: Any, what: str, hide: Callable[[str], str] = str) -> Any:
    """Decode a JSON answer, or raise a `DecodeError` that says what came instead.

    `hide` takes secrets out of a text, for what came may repeat them.
    """
    try:
        try:
            return decoder_for(kind).decode(response.body)
        except msgspec.ValidationError:
            return _decode_forgivingly(response.body, kind, what)
    except msgspec.ValidationError as error:
        raise DecodeError(
            f"{what} gave JSON of another shape than documented: {error}",
            body=b"" if is_confidential(kind) else response.body,
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if is_confidential(kind):
            said, body = describe(response, quote=False), b""
        else:
            said, body = hide(describe(response)), response.body
        raise DecodeError(
            f"{what} answered {response.status}, but not with JSON: {said}", body=body
        ) from error


def refuse_page(content_type: str, what: str, body: bytes = b"") -> None:
    """Raise where an HTML page came: no operation answers with one, but a login page has 200."""
    if content_type == "text/html":
        raise DecodeError(f"{what}: {_PAGE}", body=body)


def is_confidential(kind: Any) -> bool:
    """Tell whether an answer is as good as a password, so that no error may keep it."""
    return isinstance(kind, type) and issubclass(kind, Confidential)


def describe(response: Response, *, quote: bool = True) -> str:
    """Say in a few words what kind of body this is, for an error message."""
    body = response.body.lstrip()
    if not body:
        return "the body is empty"
    if body[:1] == b"<" or response.content_type == "text/html":
        return _PAGE
    if body[:1] in b"[{":
        return f"the JSON is damaged or cut short ({len(response.body)} bytes came)"
    if not quote:
        return f"{response.content_type or 'no content type'} ({len(response.body)} bytes came)"
    text = body[:_SHOWN_BODY].decode("utf-8", "replace")
    return f"{response.content_type or 'no content type'}, starting with {text!r}"


def _decode_forgivingly(body: bytes, kind: Any, what: str) -> Any:
    misfits: Counter[str] = Counter()
    value = _convert(msgspec.json.decode(body), kind, "", misfits)
    # Places and not values: those may be private.
    for place, times in (+misfits).items():
        logger.warning("left out of %s, %d times: %s, which does not fit", what, times, place)
    return value


def _convert(data: Any, kind: Any, place: str, misfits: Counter[str]) -> Any:
    """Convert plain values, leaving out what does not fit; each value is looked at once a level."""
    try:
        # A number in quotes is a number; but a number is no time.
        return msgspec.convert(data, kind, strict=not isinstance(data, str))
    except msgspec.ValidationError:
        for choice in _choices(kind):
            origin = get_origin(choice) or choice
            if origin is list and data is None:
                # Go writes an empty array as null.
                return []
            if origin is list and is_list(data):
                (item,) = get_args(choice)
                return [_convert(row, item, f"{place}[]", misfits) for row in data]
            if isinstance(origin, type) and issubclass(origin, Struct) and is_dict(data):
                return _convert_struct(data, choice, place, misfits)
        raise


def _convert_struct(data: dict[str, Any], kind: Any, place: str, misfits: Counter[str]) -> Any:
    origin = get_origin(kind) or kind
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in data:
            continue
        inner = f"{place}.{field.encode_name}"
        try:
            fields[field.name] = _convert(data[field.encode_name], field.type, inner, misfits)
        except msgspec.ValidationError:
            if issubclass(origin, Envelope):
                raise
            # A null says no more than a missing field.
            misfits[inner] += data[field.encode_name] is not None
    try:
        return origin(**fields)
    except TypeError as error:
        raise msgspec.ValidationError(str(error)) from error


def _choices(kind: Any) -> tuple[Any, ...]:
    """Give the members of a union, or the type itself."""
    return get_args(kind) if get_origin(kind) in _UNIONS else (kind,)


Binder = Callable[[Any, Any, Mapping[str, Any]], Any]
"""Ties a decoded value to its client and to the path arguments of the call."""


def binder_for(kind: Any) -> Binder | None:
    """Find how values of a type are tied to their client; None where there is nothing to tie."""
    kind = next((choice for choice in _choices(kind) if choice is not type(None)), kind)
    if get_origin(kind) is list:
        return rows_binder_for(*get_args(kind))
    bind = rows_binder_for(kind)
    return None if bind is None else _bind_one(bind)


def rows_binder_for(kind: Any, around: frozenset[type] = frozenset()) -> Binder | None:
    """Find how many values of a type, and their parts, are tied; what holds itself is tied once."""
    if not isinstance(kind, type) or not issubclass(kind, Struct) or kind in around:
        return None
    ties: list[tuple[str, Binder]] = []
    for field in msgspec.structs.fields(kind):
        for choice in _choices(field.type):
            many = get_origin(choice) is list
            row = get_args(choice)[0] if many else choice
            bind = rows_binder_for(row, around | {kind})
            if bind is not None:
                ties.append((field.name, bind if many else _bind_one(bind)))
    own = _bind_all if issubclass(kind, Bound) else None
    return _bind_parts(own, ties) if ties else own


def _bind_all(values: list[Bound], client: Any, scope: Mapping[str, Any]) -> list[Bound]:
    origin = (client, scope)
    for value in values:
        value._origin = origin
    return values


def _bind_one(bind: Binder) -> Binder:
    return lambda value, client, scope: bind([value], client, scope)[0]


def _bind_parts(own: Binder | None, ties: list[tuple[str, Binder]]) -> Binder:
    def bind(values: list[Any], client: Any, scope: Mapping[str, Any]) -> list[Any]:
        if own is not None:
            own(values, client, scope)
        for name, tie in ties:
            for value in values:
                part = getattr(value, name)
                if part is not None:
                    tie(part, client, scope)
        return values

    return bind

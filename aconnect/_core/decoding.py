"""From bytes to models, tolerating what real servers send.

A value that does not match its field is dropped and logged; the rest of the response is kept. For
example, a recorded server sends `2006-01-02T15:04:05Z07:00` as a time. Such a response is decoded a
second time, slowly, without the invalid values.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec import Struct

from aconnect._core.guards import is_dict, is_list
from aconnect._core.message import Response
from aconnect._core.model import Confidential, union_members
from aconnect._core.text import excerpt
from aconnect.errors import DecodeError

logger = logging.getLogger("aconnect")

_SHOWN_BODY: Final = 120
# What is searched for secrets before a body is cut.
_SEARCHED: Final = 64 * 1024
_HTML: Final = (
    "received an HTML page instead of JSON. A login page or a proxy may be in front of the API; "
    "check the address and whether the key reaches the server"
)

FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise for a response that they cannot decode."""

encode = msgspec.json.Encoder().encode
"""Write a body as JSON."""


@cache
def decoder_for(type_: Any) -> msgspec.json.Decoder[Any]:
    """Return the one decoder for a type; created on first use because that is not cheap."""
    return msgspec.json.Decoder(type_)


class Envelope(Struct):
    """What rows come in: unlike other models it decides the next request, so it must match."""


def decode(response: Response, type_: Any, call: str, redact: Callable[[str], str] = str) -> Any:
    """Decode a JSON response, or raise a `DecodeError` that describes what was received.

    `call` names the call in the message. `redact` removes secrets from text that the response may
    repeat.
    """
    try:
        return decoder_for(type_).decode(response.body)
    except FAILURES as error:
        return decode_leniently(response, type_, call, redact, error)


def decode_leniently(
    response: Response, type_: Any, call: str, redact: Callable[[str], str], error: Exception
) -> Any:
    """Decode a response that did not decode at full speed because of `error`, or explain why not.

    The error may be that some values are invalid, which are then dropped.
    """
    confidential = is_confidential(type_)
    try:
        if isinstance(error, msgspec.ValidationError):
            return _decode_without_misfits(response.body, type_, call)
        raise error
    except msgspec.ValidationError as invalid:
        raise DecodeError(
            f"{call} returned JSON that does not match the expected schema: "
            f"{excerpt(str(invalid), redact)}",
            body=b"" if confidential else response.body,
        ) from None  # it may quote a value
    except FAILURES as broken:
        shown = describe(response, None if confidential else redact)
        raise DecodeError(
            f"{call} returned {response.status} without JSON: {shown}",
            body=b"" if confidential else response.body,
        ) from (None if isinstance(broken, UnicodeDecodeError) else broken)  # it has the body


def refuse_page(content_type: str, call: str, body: bytes = b"") -> None:
    """Raise if the response is an HTML page: no operation returns one, but login pages have 200."""
    if content_type == "text/html":
        raise DecodeError(f"{call}: {_HTML}", body=body)


def is_confidential(type_: Any) -> bool:
    """Return True if a response is as sensitive as a password, so that no error may keep it."""
    return isinstance(type_, type) and issubclass(type_, Confidential)


def describe(response: Response, redact: Callable[[str], str] | None) -> str:
    """Describe the body in a few words, for an error message; without `redact`, quote nothing."""
    body = response.body.lstrip()
    if not body:
        return "the body is empty"
    if body[:1] == b"<" or response.content_type == "text/html":
        return _HTML
    if body[:1] in b"[{":
        return f"the JSON is damaged or truncated (received {len(response.body)} bytes)"
    content_type = response.content_type or "no content type"
    if redact is None:
        return f"{content_type} (received {len(response.body)} bytes)"
    text = excerpt(body[:_SEARCHED].decode("utf-8", "replace"), redact, _SHOWN_BODY)
    return f"{excerpt(content_type, redact)}, starting with {text!r}"


def _decode_without_misfits(body: bytes, type_: Any, call: str) -> Any:
    misfits: Counter[str] = Counter()
    value = _convert(msgspec.json.decode(body), type_, "", misfits)
    # Paths and not values: those may be private.
    for path, times in (+misfits).items():
        logger.warning("dropped from %s, %d times: the invalid value of %s", call, times, path)
    return value


def _convert(data: Any, type_: Any, path: str, misfits: Counter[str]) -> Any:
    """Convert plain values without the invalid ones; each value is visited once per level."""
    try:
        # A number in quotes is a number; but a number is no time.
        return msgspec.convert(data, type_, strict=not isinstance(data, str))
    except msgspec.ValidationError:
        for choice in union_members(type_):
            origin = get_origin(choice) or choice
            if origin is list and data is None:
                # Go writes an empty array as null.
                return []
            if origin is list and is_list(data):
                (item,) = get_args(choice)
                return [_convert(row, item, f"{path}[]", misfits) for row in data]
            if isinstance(origin, type) and issubclass(origin, Struct) and is_dict(data):
                return _convert_struct(data, choice, path, misfits)
        raise


def _convert_struct(data: dict[str, Any], type_: Any, path: str, misfits: Counter[str]) -> Any:
    origin = get_origin(type_) or type_
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(type_):
        if field.encode_name not in data:
            continue
        inner = f"{path}.{field.encode_name}"
        try:
            fields[field.name] = _convert(data[field.encode_name], field.type, inner, misfits)
        except msgspec.ValidationError:
            if issubclass(origin, Envelope):
                raise
            # A null means no more than a missing field.
            misfits[inner] += data[field.encode_name] is not None
    try:
        return origin(**fields)
    except TypeError as error:
        raise msgspec.ValidationError(str(error)) from error

"""From bytes to models, tolerating what real servers send.

A value that does not match its field is dropped and logged; the rest of the response is kept. For
example, a recorded server sends `2006-01-02T15:04:05Z07:00` as a time. Such a response is decoded a
second time, slowly, without the invalid values. A field without a default must be there and match:
it decides what the client does next.

What decoding costs is bounded as well: the number of objects, and that of invalid values.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from math import isfinite
from random import randrange
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec import Struct

from aconnect._core.guards import is_dict, is_list
from aconnect._core.message import Response
from aconnect._core.model import Confidential, union_members
from aconnect._core.text import excerpt
from aconnect.errors import BodyTooLargeError, DecodeError, InvalidArgumentError

logger = logging.getLogger("aconnect")

_SHOWN_BODY: Final = 120
# What is searched for secrets before a body is cut.
_SEARCHED: Final = 64 * 1024
HTML_PAGE: Final = (
    "received an HTML page instead of JSON. A login page or a proxy may be in front of the API; "
    "check the address and whether the key reaches the server"
)
_LOST: Final = (
    "The server reported success: the change was made, and what only this response contains is "
    "lost. Look at the server before repeating the call."
)


class TooManyObjectsError(Exception):
    """A small body that would fill the memory with objects."""


FAILURES: Final = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    TooManyObjectsError,
)
"""What decoders raise for a response that they cannot decode."""

# An empty object of three bytes becomes a model of 500; those of real lists have 100 and more.
_FREE_OBJECTS: Final = 250_000
_BYTES_PER_OBJECT: Final = 64
# A block in each step is counted first.
_STEP: Final = 64 * 1024
_BLOCK: Final = 4 * 1024
# It matches text without an end too, or looking for the end would take quadratic time.
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# All escapes: a backslash that is escaped itself begins none. The halves of a character beyond
# U+FFFF are groups: the first half and what completes it, or the second half alone.
_ESCAPE: Final = re.compile(
    rb"\\(?:u([dD][89abAB]..)(\\u[dD][c-fC-F]..)?|u([dD][c-fC-F]..)|.)", re.DOTALL
)
# A failed conversion takes some microseconds, and the event loop stands still for all of them.
_MAX_FAILED: Final = 250_000

encode = msgspec.json.Encoder().encode
"""Write a value as JSON."""


def encode_body(body: Any, operation: str) -> bytes:
    """Write a body as JSON; refuse what JSON cannot express."""
    try:
        data = encode(body)
        # msgspec writes NaN and infinity as null, which means something else.
        if b"null" in data:
            _refuse_not_finite(msgspec.to_builtins(body), "")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(
            f"the body of {operation} cannot be written as JSON: {error}"
        ) from error
    return data


def _refuse_not_finite(value: Any, path: str) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{path.removeprefix('.') or 'it'} is {value}; pass a finite number")
    if is_dict(value):
        for key, inner in value.items():
            _refuse_not_finite(inner, f"{path}.{key}")
    elif is_list(value):
        for inner in value:
            _refuse_not_finite(inner, f"{path}[]")


@cache
def decoder_for(type_: Any) -> Callable[[bytes], Any]:
    """Return the one decoder for a type; created on first use because that is not cheap."""
    decode = msgspec.json.Decoder(type_).decode

    def bounded(body: bytes) -> Any:
        # In a smaller one, there is no room for too many.
        if len(body) > 2 * _FREE_OBJECTS:
            _count_objects(body)
        return decode(body)

    return bounded


def _count_objects(body: bytes) -> None:
    """Raise if a body has too many objects and arrays."""
    most = _FREE_OBJECTS + len(body) // _BYTES_PER_OBJECT
    if not _is_dense(body, most):
        return
    # First all such characters, which is fast; those in text are left out only if need be.
    if body.count(b"{") + body.count(b"[") > most:
        rest = _TEXT.sub(b"", body)
        count = rest.count(b"{") + rest.count(b"[")
        if count > most:
            raise TooManyObjectsError(f"{count} objects and arrays in {len(body)} bytes")


def _is_dense(body: bytes, most: int) -> bool:
    """Return True unless a sample of the blocks has far fewer objects; counting all is slow."""
    # Where it begins is random, so that no server can arrange its objects around the sample.
    first = randrange(0, _STEP, _BLOCK)  # noqa: S311  no cryptography
    count = sum(
        body.count(b"{", start, start + _BLOCK) + body.count(b"[", start, start + _BLOCK)
        for start in range(first, len(body), _STEP)
    )
    return count * (_STEP // _BLOCK) > most // 2


class Envelope(Struct):
    """What rows come in: unlike other models it decides the next request, so it must match."""


def decode(
    response: Response, type_: Any, call: str, redact: Callable[[str], str] | None = str
) -> Any:
    """Decode a JSON response, or raise a `DecodeError` that describes what was received.

    `call` names the call in the message. `redact` removes secrets from text that the response may
    repeat; without it, nothing is quoted.
    """
    try:
        return decoder_for(type_)(response.body)
    except FAILURES as error:
        return decode_leniently(response, type_, call, redact, error)


def decode_leniently(
    response: Response,
    type_: Any,
    call: str,
    redact: Callable[[str], str] | None,
    error: Exception,
) -> Any:
    """Decode a response that did not decode at full speed because of `error`, or explain why not.

    The error may be that some values are invalid, which are then dropped.
    """
    confidential = is_confidential(type_)
    # An id in the path may be a secret that an earlier response has repeated.
    call = call if redact is None else redact(call)
    if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
        body, count = replace_lone_surrogates(response.body)
        if count:
            logger.warning("replaced in %s, %d times: half of a character", call, count)
            return decode(msgspec.structs.replace(response, body=body), type_, call, redact)
    try:
        if isinstance(error, msgspec.ValidationError):
            return decode_without_misfits(response.body, type_, call)
        raise error
    except TooManyObjectsError as bomb:
        raise BodyTooLargeError(
            f"{call} returned {bomb}, which would take too much memory; if you expect that, stream "
            "the response"
        ) from bomb
    except msgspec.ValidationError as invalid:
        raise DecodeError(
            f"{call} returned JSON that does not match the expected schema: "
            f"{excerpt(str(invalid), redact or str)}",
            body=b"" if confidential else response.body,
        ) from None  # it may quote a value
    except FAILURES as broken:
        shown = describe(response, None if confidential else redact)
        raise DecodeError(
            f"{call} returned {response.status} without JSON: {shown}",
            body=b"" if confidential else response.body,
        ) from (None if isinstance(broken, UnicodeDecodeError) else broken)  # it has the body


def replace_lone_surrogates(body: bytes) -> tuple[bytes, int]:
    """Replace escaped halves of characters by U+FFFD in JSON, and count them.

    Some servers cut text in the middle of a character. No decoder accepts what is left of it.
    """
    count = 0

    def replaced(escape: re.Match[bytes]) -> bytes:
        nonlocal count
        if escape[3] or (escape[1] and not escape[2]):
            count += 1
            return rb"\ufffd"
        return escape[0]

    return _ESCAPE.sub(replaced, body), count


def refuse_page(content_type: str, call: str, body: bytes = b"") -> None:
    """Raise if the response is an HTML page: no operation returns one, but login pages have 200."""
    if content_type == "text/html":
        raise DecodeError(f"{call}: {HTML_PAGE}", body=body)


def is_page(response: Response) -> bool:
    """Return True if a response looks like an HTML page; an empty one is none, however labelled."""
    body = response.body.lstrip()
    return body[:1] == b"<" or (response.content_type == "text/html" and bool(body))


def value_of_lost_response(response: Response, type_: Any, error: DecodeError) -> Any:
    """Return what a write returns whose response cannot be used: as little as its type allows.

    The server reported success, so the change was made: that is logged, and the value is None, an
    object without fields or an empty list. Raise the error if the response shows that a login page
    or a proxy is in front of the API, or if it is as sensitive as a password: then nothing else can
    replace it.
    """
    if is_page(response):
        raise error
    if is_confidential(type_):
        error.add_note(_LOST)
        raise error
    for body in (b"null", b"{}", b"[]"):
        try:
            value = decoder_for(type_)(body)
        except msgspec.ValidationError:
            continue
        logger.warning("the change was made, but its response is lost: %s", error)
        return value
    raise error


def is_confidential(type_: Any) -> bool:
    """Return True if a response is as sensitive as a password, so that no error may keep it."""
    return isinstance(type_, type) and issubclass(type_, Confidential)


def describe(response: Response, redact: Callable[[str], str] | None) -> str:
    """Describe the body in a few words, for an error message; without `redact`, quote nothing."""
    body = response.body.lstrip()
    if not body:
        return "the body is empty"
    if is_page(response):
        return HTML_PAGE
    if body[:1] in b"[{":
        return f"the JSON is damaged or truncated (received {len(response.body)} bytes)"
    content_type = response.content_type or "no content type"
    if redact is None:
        return f"{content_type} (received {len(response.body)} bytes)"
    text = excerpt(body[:_SEARCHED].decode("utf-8", "replace"), redact, _SHOWN_BODY)
    return f"{excerpt(content_type, redact)}, starting with {text!r}"


def decode_without_misfits(body: bytes, type_: Any, call: str) -> Any:
    """Decode JSON without the values that do not match their fields; log their paths."""
    misfits = _Misfits(call)
    value = _convert(msgspec.json.decode(body), type_, "", misfits)
    # Paths and not values: those may be private.
    for path, times in (+misfits.dropped).items():
        logger.warning("dropped from %s, %d times: the invalid value of %s", call, times, path)
    return value


class _Misfits:
    """What did not match in one response."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._failed = 0
        self.dropped: Counter[str] = Counter()
        """How often a value was dropped, by its path."""

    def add_failed(self) -> None:
        """Count a failed conversion; raise if there are too many."""
        self._failed += 1
        if self._failed > _MAX_FAILED:
            raise DecodeError(
                f"{self._call} returned JSON of which too much does not match the expected schema"
            )


def _convert(
    data: Any, type_: Any, path: str, misfits: _Misfits, *, drops_items: bool = False
) -> Any:
    """Convert plain values without the invalid ones; each value is visited once per level.

    `drops_items` leaves the invalid items out of a list; otherwise one of them is an error.
    """
    try:
        # A number in quotes is a number; but a number is no time.
        return msgspec.convert(data, type_, strict=not isinstance(data, str))
    except msgspec.ValidationError:
        misfits.add_failed()
        for choice in union_members(type_):
            origin = get_origin(choice) or choice
            if origin is list and data is None:
                # Go writes an empty array as null.
                return []
            if origin is list and is_list(data):
                (item,) = get_args(choice)
                if drops_items:
                    return _convert_items(data, item, f"{path}[]", misfits)
                return [_convert(row, item, f"{path}[]", misfits) for row in data]
            if isinstance(origin, type) and issubclass(origin, Struct) and is_dict(data):
                return _convert_struct(data, choice, path, misfits)
        raise


def _convert_items(data: list[Any], type_: Any, path: str, misfits: _Misfits) -> list[Any]:
    items: list[Any] = []
    for item in data:
        try:
            items.append(_convert(item, type_, path, misfits))
        except msgspec.ValidationError:
            misfits.dropped[path] += 1
    return items


def _convert_struct(data: dict[str, Any], type_: Any, path: str, misfits: _Misfits) -> Any:
    origin = get_origin(type_) or type_
    known = _fields_of(type_)
    fields: dict[str, Any] = {}
    is_envelope = issubclass(origin, Envelope)
    for key, value in data.items():
        if key not in known:
            continue
        field = known[key]
        inner = f"{path}.{key}"
        try:
            fields[field.name] = _convert(
                value, field.type, inner, misfits, drops_items=not is_envelope
            )
        except msgspec.ValidationError as error:
            if is_envelope or field.required:
                raise msgspec.ValidationError(f"{inner.lstrip('.')}: {error}") from error
            # A null means no more than a missing field.
            misfits.dropped[inner] += value is not None
    try:
        return origin(**fields)
    except TypeError as error:
        raise msgspec.ValidationError(str(error)) from error


@cache
def _fields_of(type_: Any) -> dict[str, Any]:
    """Return the fields by their names in JSON; to look them up takes longer than many rows."""
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}

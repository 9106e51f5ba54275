"""From bytes to models, forgiving what real servers do, and tying models to their client.

A value that does not fit its field costs that value, not the answer: a recorded server sends
`2006-01-02T15:04:05Z07:00` as a time. Such an answer is decoded a second time, slowly, with the
misfits left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec

from aconnect._core.message import Answer
from aconnect._core.model import Bound, decode_hook
from aconnect.errors import DecodeError

logger = logging.getLogger("aconnect")

_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_PATH: Final = re.compile(r" - at `(?:key in )?\$(.*)`$")
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
    return msgspec.json.Decoder(kind, dec_hook=decode_hook)


def decode(answer: Answer, kind: Any, method: str, template: str) -> Any:
    """Decode a JSON answer, or raise a `DecodeError` that says what came instead."""
    try:
        return decoder_for(kind).decode(answer.body)
    except msgspec.ValidationError as error:
        try:
            return _decode_forgivingly(answer.body, kind)
        except msgspec.ValidationError:
            raise DecodeError(
                f"{method} {template} gave JSON of another shape than documented: {error}",
                body=answer.body,
            ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(
            f"{method} {template} answered {answer.status}, but not with JSON: {describe(answer)}",
            body=answer.body,
        ) from error


def refuse_page(content_type: str, method: str, template: str) -> None:
    """Raise where an HTML page came: no operation answers with one, but a login page has 200."""
    if content_type == "text/html":
        raise DecodeError(f"{method} {template}: {_PAGE}")


def describe(answer: Answer) -> str:
    """Say in a few words what kind of body this is, for an error message."""
    body = answer.body.lstrip()
    if not body:
        return "the body is empty"
    if body[:1] == b"<" or answer.content_type == "text/html":
        return _PAGE
    if body[:1] in b"[{":
        return f"the JSON is damaged or cut short ({len(answer.body)} bytes came)"
    text = body[:_SHOWN_BODY].decode("utf-8", "replace")
    return f"{answer.content_type or 'no content type'}, starting with {text!r}"


def _decode_forgivingly(body: bytes, kind: Any) -> Any:
    data = msgspec.json.decode(body)
    # Row by row where there are rows, so that an odd row does not cost a second look at the rest.
    if get_origin(kind) is list:
        return _convert_rows(_rows(data), kind)
    if get_origin(kind) is not None and isinstance(data, dict) and "results" in data:
        whole = _convert({**data, "results": []}, kind)
        whole.results = _convert_rows(_rows(data["results"]), kind)
        return whole
    return _convert(data, kind)


def _rows(data: Any) -> list[Any]:
    return msgspec.convert(data, list[Any])


def _convert_rows(rows: list[Any], kind: Any) -> list[Any]:
    (row,) = get_args(kind)
    return [_convert(value, row) for value in rows]


def _convert(data: Any, kind: Any) -> Any:
    """Convert plain values, dropping what does not fit; each round drops one value."""
    while True:
        try:
            return msgspec.convert(data, kind, strict=False, dec_hook=decode_hook)
        except msgspec.ValidationError as error:
            found = _PATH.search(str(error))
            steps = _STEP.findall(found[1]) if found else []
            if not steps or not _drop(data, steps):
                raise
            logger.warning("left a value out of a %s that does not fit: %s", kind, error)


def _drop(data: Any, steps: list[tuple[str, str]]) -> bool:
    """Delete what a path of names and indices leads to; False where it leads nowhere."""
    keys = [name or (int(index) if index.isdigit() else -1) for name, index in steps]
    try:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


Binder = Callable[[Any, Any, Mapping[str, Any]], Any]
"""Ties a decoded value to its client and to the path arguments of the call."""


def binder_for(kind: Any) -> Binder | None:
    """Find how values of a type are tied to their client; None where there is nothing to tie."""
    if get_origin(kind) is list:
        return rows_binder_for(*get_args(kind))
    return _bind_one if isinstance(kind, type) and issubclass(kind, Bound) else None


def rows_binder_for(row: Any) -> Binder | None:
    """Find how rows of a type are tied to their client."""
    return _bind_all if isinstance(row, type) and issubclass(row, Bound) else None


def _bind_one(value: Bound, client: Any, scope: Mapping[str, Any]) -> Bound:
    return value._bind(client, scope)


def _bind_all(values: list[Bound], client: Any, scope: Mapping[str, Any]) -> list[Bound]:
    for value in values:
        value._bind(client, scope)
    return values

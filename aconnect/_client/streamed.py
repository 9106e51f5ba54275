"""A list that comes in one response, decoded while it arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from msgspec import Raw

from aconnect._core import decoding
from aconnect._core.array_stream import ArrayStream
from aconnect._core.channel import Channel
from aconnect._core.message import Request, Response, StreamingResponse

_NO_CONTENT: Final = 204
"""How some lists report that they are empty."""


async def stream_items(
    channel: Channel, request: Request, item: Any
) -> AsyncGenerator[list[Any], None]:
    """Yield the items of an array as they arrive, decoded as those of a page."""
    call = f"{request.method} {channel.api_root}{request.path}"
    async with channel.stream(request) as response:
        if response.status == _NO_CONTENT:
            return
        async with aclosing(_rows(response, ArrayStream(call, channel.redact))) as parts:
            async for rows in parts:
                yield rows if item is Raw else _decoded(rows, response, item, call, channel)


async def _rows(response: StreamingResponse, array: ArrayStream) -> AsyncGenerator[list[Raw], None]:
    async for chunk in response:
        if rows := array.feed(chunk):
            yield rows
    if rows := array.close():
        yield rows


def _decoded(
    rows: list[Raw], response: StreamingResponse, item: Any, call: str, channel: Channel
) -> list[Any]:
    body = b"".join((b"[", b",".join(rows), b"]"))
    part = Response(status=response.status, headers=response.headers, body=body)
    items: list[Any] = decoding.decode(part, list[item], call, channel.redact)
    return items

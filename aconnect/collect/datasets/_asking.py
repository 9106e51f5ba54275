"""What the datasets share: arguments of their queries, and rows below each content item."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Raw

from aconnect._core.arguments import guid_filter
from aconnect._core.url import check_filter
from aconnect.collect.options import Options
from aconnect.collect.sink import as_datetime
from aconnect.collect.strategies import Fetched, Strategy
from aconnect.concurrency import amap
from aconnect.connect import Client
from aconnect.errors import NotFoundError

_BATCH: Final = 2000


def moment(time: int | None) -> datetime | None:
    """Return a time in microseconds since 1970 as an argument of a query."""
    return None if time is None else as_datetime(time)


def guids(content_guid: str | UUID | Sequence[str] | None) -> list[str] | None:
    """Return a filter by content, the same for the same content."""
    if content_guid is None:
        return None
    given = [content_guid] if isinstance(content_guid, str | UUID) else content_guid
    found = sorted(set(guid_filter("content_guid", given)))
    check_filter("content_guid", found)
    return found


def given(**filters: Any) -> Mapping[str, Any]:
    """Return the filters that were given."""
    return {name: value for name, value in filters.items() if value is not None}


async def listed(paged: Any) -> AsyncGenerator[Fetched, None]:
    """Yield the raw rows of a list, page by page."""
    async with aclosing(paged.raw().pages()) as pages:
        async for page in pages:
            yield Fetched(page.items)


async def below_content(
    client: Client,
    options: Options,
    strategy: Strategy,
    rows: Callable[[Any], Any],
) -> AsyncGenerator[Fetched, None]:
    """Yield the rows of a list that each content item has, with its GUID."""

    async def of(guid: str) -> list[Raw] | None:
        try:
            items = await rows(client.content.handle(guid)).raw()
        except NotFoundError:
            return None
        return [with_field(Raw(bytes(row)), "content_guid", guid) for row in items]

    found = [item.guid async for item in client.content.find()]
    gone, requests, batch = 0, 1, list[Raw]()
    async with aclosing(aiter(amap(of, found, limit=options.in_flight))) as lists:
        async for items in lists:
            gone += items is None
            requests += 1
            batch += items or ()
            if len(batch) >= _BATCH:
                yield Fetched(batch, requests=requests)
                requests, batch = 0, []
    yield Fetched(batch, requests=requests)
    if gone:
        strategy.notes.append(f"{gone:,} content items were deleted while they were listed")


def with_field(row: Raw, name: str, value: Any) -> Raw:
    """Return an object with one more field, unless it has it."""
    if f'"{name}":'.encode() in bytes(row):
        return row
    fields = msgspec.json.encode({name: value})[:-1]
    rest = bytes(row).lstrip()[1:]
    comma = b"" if rest.lstrip()[:1] == b"}" else b","
    return Raw(fields + comma + rest)

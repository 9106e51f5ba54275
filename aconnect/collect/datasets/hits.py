"""Requests to content of any type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import given, guids, moment
from aconnect.collect.options import EventOptions, options_of
from aconnect.collect.strategies import Strategy
from aconnect.collect.strategies.slices import Slices
from aconnect.connect import Client
from aconnect.connect.instrumentation import ContentHit

HITS = Dataset(
    name="hits",
    row_type=ContentHit,
    time_field="timestamp",
    identity=("content_guid", "user_guid", "timestamp"),
)


def hits(
    client: Client,
    *,
    content_guid: str | Sequence[str] | None = None,
    **keywords: Unpack[EventOptions],
) -> Collection[ContentHit]:
    """Collect hits on content.

    Args:
        client: The client of the server.
        content_guid: Only this content, or any of these.
        **keywords: See `EventOptions`.
    """
    options, content = options_of(keywords), guids(content_guid)

    def ask(from_: int | None, to: int | None) -> Any:
        return client.instrumentation.hits(from_=moment(from_), to=moment(to), content_guid=content)

    async def choose(_: str | None) -> Strategy:
        # Servers before 2026.01 ignore the filter by content.
        return Slices(ask, "timestamp", options, contents=content)

    return Collection(client, HITS, options, choose, given(content_guid=content))

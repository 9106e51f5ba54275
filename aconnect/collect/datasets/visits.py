"""Visits of static or rendered content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import given, guids, moment
from aconnect.collect.options import EventOptions, options_of
from aconnect.collect.strategies import Strategy
from aconnect.collect.strategies.by_time import ByTime
from aconnect.connect import Client
from aconnect.connect.instrumentation import ContentVisit

VISITS = Dataset(
    name="visits",
    row_type=ContentVisit,
    time_field="time",
    identity=("content_guid", "user_guid", "variant_key", "time", "rendering_id", "bundle_id"),
)


def visits(
    client: Client,
    *,
    content_guid: str | Sequence[str] | None = None,
    min_data_version: int | None = None,
    **keywords: Unpack[EventOptions],
) -> Collection[ContentVisit]:
    """Collect visits of content.

    Args:
        client: The client of the server.
        content_guid: Only this content, or any of these; about 40 at most.
        min_data_version: 3 by default; 0 includes old and unreliable rows.
        **keywords: See `EventOptions`.
    """
    options, content = options_of(keywords), guids(content_guid)

    def ask(from_: int | None, to: int | None) -> Any:
        return client.instrumentation.visits(
            from_=moment(from_),
            to=moment(to),
            content_guid=content,
            min_data_version=min_data_version,
        )

    async def choose(_: str | None) -> Strategy:
        return ByTime(ask, "time", options, first=lambda: ask(None, None))

    filters = given(content_guid=content, min_data_version=min_data_version)
    return Collection(client, VISITS, options, choose, filters)

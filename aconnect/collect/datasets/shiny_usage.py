"""Sessions of Shiny applications."""

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
from aconnect.connect.instrumentation import ShinyUsage

SHINY_USAGE = Dataset(
    name="shiny_usage",
    row_type=ShinyUsage,
    time_field="started",
    identity=("content_guid", "user_guid", "started"),
    open_field="ended",
)


def shiny_usage(
    client: Client,
    *,
    content_guid: str | Sequence[str] | None = None,
    min_data_version: int | None = None,
    **keywords: Unpack[EventOptions],
) -> Collection[ShinyUsage]:
    """Collect sessions of Shiny applications, each in the window in which it began.

    Args:
        client: The client of the server.
        content_guid: Only this content, or any of these; about 40 at most.
        min_data_version: 1 by default; 0 includes old and unreliable rows.
        **keywords: See `EventOptions`.
    """
    options, content = options_of(keywords), guids(content_guid)

    def usage(from_: int | None, to: int | None, *, asc_order: bool) -> Any:
        return client.instrumentation.shiny_usage(
            from_=moment(from_),
            to=moment(to),
            content_guid=content,
            min_data_version=min_data_version,
            asc_order=asc_order,
        )

    def ask(from_: int | None, to: int | None) -> Any:
        # The server returns all sessions that overlap a window. In ascending order those that began
        # before it would come first, and with every later window again if they never end.
        return usage(from_, to, asc_order=False)

    async def choose(_: str | None) -> Strategy:
        def first() -> Any:
            return usage(None, None, asc_order=True)

        return ByTime(ask, "started", options, first=first, descending=True)

    filters = given(content_guid=content, min_data_version=min_data_version)
    return Collection(client, SHINY_USAGE, options, choose, filters)

"""The content of the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Unpack

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import listed
from aconnect.collect.options import CollectOptions, options_of
from aconnect.collect.strategies import Fetched, Strategy
from aconnect.collect.strategies.snapshot import Snapshot
from aconnect.connect import Client
from aconnect.connect.content.content import ContentItem

CONTENT = Dataset(name="content", row_type=ContentItem)


def content(client: Client, **keywords: Unpack[CollectOptions]) -> Collection[ContentItem]:
    """Collect all content items that the key can see, with their owners and tags."""
    options = options_of(keywords, is_snapshot=True)

    def rows(_: Strategy) -> AsyncGenerator[Fetched, None]:
        return listed(client.content.find(include=["owner", "tags"]))

    async def choose(_: str | None) -> Strategy:
        return Snapshot(rows)

    return Collection(client, CONTENT, options, choose)

"""The jobs of all content."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Unpack

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import below_content
from aconnect.collect.options import CollectOptions, options_of
from aconnect.collect.strategies import Fetched, Strategy
from aconnect.collect.strategies.snapshot import Snapshot
from aconnect.connect import Client
from aconnect.connect.content.jobs import Job

JOBS = Dataset(name="jobs", row_type=Job)


def jobs(client: Client, **keywords: Unpack[CollectOptions]) -> Collection[Job]:
    """Collect the jobs that the server knows of each content item."""
    options = options_of(keywords, is_snapshot=True)

    def rows(strategy: Strategy) -> AsyncGenerator[Fetched, None]:
        return below_content(client, options, strategy, lambda item: item.jobs.find())

    async def choose(_: str | None) -> Strategy:
        return Snapshot(rows)

    return Collection(client, JOBS, options, choose)

"""How scheduled jobs went, over all content."""

from __future__ import annotations

from datetime import datetime

from aconnect._core.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect.base import ConnectResource


class JobSummaryTotals(Model, kw_only=True):
    """How many scheduled jobs there are, by how they went."""

    waiting: int | None = None
    """0 for times in the past, like `running`."""
    running: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    skipped: int | None = None
    """Counted from 2026.03 on."""


class JobSummaryBucket(Model, kw_only=True):
    """The scheduled jobs of one span of time."""

    timestamp: datetime | None = None
    """Where the span begins; its length follows from the window asked for."""
    failed: int | None = None
    succeeded: int | None = None
    skipped: int | None = None


class JobSummary(Model, kw_only=True):
    """How scheduled jobs went, in all and over time."""

    totals: JobSummaryTotals | None = None
    buckets: list[JobSummaryBucket] | None = None
    """Of 5 minutes to 30 days each, depending on the window asked for."""


class ExperimentalJobs(ConnectResource, name="experimental.jobs"):
    """Jobs of all content; the vendor may still change what stands here."""

    @endpoint("GET", "/v1/experimental/jobs/summary", role="publisher")
    async def summary(
        self, *, from_: datetime | str | None = None, to: datetime | str | None = None
    ) -> JobSummary:
        """Count the scheduled jobs that started within a window, its ends included; else all.

        Publishers get the numbers of content that they may change. Jobs started by hand, such as
        deployments, do not count.
        """
        ...

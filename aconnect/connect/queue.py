"""The queue of background work of the server; for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class QueueItem(ConnectBound, kw_only=True):
    """One item of background work."""

    id: Id = ""
    name: str | None = None
    """Its queue: `default`, `git`, `memberships`, `job-finalizer` or another."""
    job_type: str | None = None
    """The type of work, such as `ScheduledRender`."""
    created_time: datetime | None = None
    updated_time: datetime | None = None
    started_time: datetime | None = None
    """When the work started; None while it waits."""

    async def delete(self) -> None:
        """Remove the item from the queue, so that it is not processed."""
        await self.client.queue.delete(self.id)


class Queue(ConnectResource, name="queue", role="administrator"):
    """The queue of background work."""

    @paged("/v1/queue", by=PageNumber(max_size=500))
    def find(
        self, *, queue_names: str | Sequence[str] | None = None, asc_order: bool | None = None
    ) -> Paged[QueueItem]:
        """List all items, or those of some queues such as `default` and `git`."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("DELETE", "/v1/queue/{id}")
    async def delete(self, id: str) -> None:  # noqa: A002  the vendor's noun
        """Remove an item from the queue, so that it is not processed.

        An item in progress is retried for as long as the retry policy allows, and then raises
        `BadRequestError` with code 100.
        """
        ...

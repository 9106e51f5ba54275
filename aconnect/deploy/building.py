"""Builds: started once, and followed by their task or, where that is lost, by their jobs.

The id of a task cannot be looked up. So after a lost response, and for a build that another process
has started, the active job of the bundle is followed instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from aconnect._client.once import create_once
from aconnect.connect import ContentItem, ContentTask, Job
from aconnect.connect.content.content import ContentDeployParams
from aconnect.connect.tasks import LAST_LINES, failure_with_output
from aconnect.errors import (
    EndpointMissingError,
    PermissionDeniedError,
    TaskLostError,
)


def log_url(item: ContentItem) -> str:
    """Return the page of the dashboard with the logs of content; empty if it is not known."""
    return f"{item.dashboard_url}/logs" if item.dashboard_url else ""


class Build:
    """A build on the server."""

    def __init__(
        self,
        item: ContentItem,
        bundle_id: str | None,
        *,
        task: ContentTask | None = None,
        job: Job | None = None,
        earlier: Collection[str] = (),
    ) -> None:
        self._item = item
        self._bundle_id = bundle_id
        self._task = task
        self._job = job
        self._earlier = earlier
        """The keys of jobs that were there before the build."""

    @property
    def id(self) -> str:
        """The id of the task, or the key of the job that is followed instead; empty if it ended."""
        return self.task_id or ("" if self._job is None else self._job.key)

    @property
    def title(self) -> str:
        """What is followed, in a few words, such as `task 5fd2`."""
        if self._task is not None:
            return f"task {self._task.id}"
        return f"job {self.id}, which runs already" if self._job is not None else "it has ended"

    @property
    def task_id(self) -> str | None:
        """The id of the task; None if it is not known."""
        return None if self._task is None else self._task.id

    async def output(self, timeout: float | None = None) -> AsyncGenerator[str, None]:
        """Yield the lines of the log as they arrive, until the build ends."""
        if self._task is not None:
            try:
                async with aclosing(self._task.output(timeout=timeout)) as lines:
                    async for line in lines:
                        yield line
            except TaskLostError:
                # `result` finds out how the build ended.
                return
        elif self._job is not None:
            async with aclosing(self._job.follow(timeout)) as entries:
                async for entry in entries:
                    # A build that prints its environment would print the API key.
                    yield self._item.client.channel.redact(entry.data)

    async def result(self, timeout: float | None = None) -> ContentItem:
        """Wait for the end as `wait` does, and return the updated content."""
        await self.wait(timeout)
        return await self._item.refresh()

    async def wait(self, timeout: float | None = None) -> None:
        """Wait for the end.

        Raises:
            TaskFailedError: The build failed.
            TaskLostError: The server knows neither the task nor a job of the bundle.
            PollTimeoutError: It did not end in time.
        """
        if self._task is not None:
            try:
                await self._task.success(timeout)
            except TaskLostError:
                self._job = await build_job(self._item, self._bundle_id, earlier=self._earlier)
                if self._job is None and not await self._is_active():
                    raise
        if self._job is not None:
            await _job_result(self._item, self._job, self._bundle_id, timeout)

    async def _is_active(self) -> bool:
        bundle_id = self._bundle_id
        return bundle_id is not None and (await self._item.refresh()).bundle_id == bundle_id


async def start_build(
    item: ContentItem, bundle_id: str | None, *, activate: bool | None = None
) -> Build:
    """Start the deployment of a bundle, or of the repository if it is None.

    If the response is lost, a build that runs is looked up before another one is started.
    """
    fields: ContentDeployParams = {}
    if bundle_id is not None:
        fields["bundle_id"] = bundle_id
    if activate is not None:
        fields["activate"] = activate
    content = item.client.content
    # The bundle of a commit is not known before it is fetched, so it does not identify the job.
    earlier = [job.key for job in await _jobs(item)] if bundle_id is None else []

    async def start() -> Build:
        task = await content.deploy(item.guid, **fields)
        return Build(item, bundle_id, task=task, earlier=earlier)

    async def look_up() -> Build | None:
        running = await running_build(item, bundle_id, earlier)
        if running is not None:
            return running
        if bundle_id is None or activate is False or item.bundle_id == bundle_id:
            # It is not known whether it has ended already; building again is harmless.
            return None
        now = await content.get(item.guid, include=None)
        return Build(item, bundle_id) if now.bundle_id == bundle_id else None

    return await create_once(item.client.clock, start, look_up, is_complete=lambda _: True)


async def running_build(
    item: ContentItem, bundle_id: str | None, earlier: Collection[str] = ()
) -> Build | None:
    """Return the build of a bundle that runs already, or None."""
    job = await build_job(item, bundle_id, active=True, earlier=earlier)
    return None if job is None else Build(item, bundle_id, job=job)


async def build_job(
    item: ContentItem,
    bundle_id: str | None,
    *,
    active: bool = False,
    earlier: Collection[str] = (),
) -> Job | None:
    """Return the newest job that builds this bundle (any, if it is None), or None."""
    for job in await _jobs(item):
        is_build = not job.is_process and job.key not in earlier
        if is_build and bundle_id in {None, job.bundle_id} and (job.is_active or not active):
            return job
    return None


async def _jobs(item: ContentItem) -> list[Job]:
    """Return the jobs of the content, newest first; none if the server or the key shows none."""
    try:
        return await item.jobs.find()
    except (EndpointMissingError, PermissionDeniedError):
        return []


async def _job_result(
    item: ContentItem, job: Job, bundle_id: str | None, timeout: float | None
) -> None:
    """Wait for a job, and for those that follow it: a build restores packages, then renders."""
    redact = item.client.channel.redact
    while True:
        last: deque[str] = deque(maxlen=LAST_LINES)
        async with aclosing(job.follow(timeout)) as entries:
            async for entry in entries:
                last.append(redact(entry.data))
        job = await job.refresh()
        if job.exit_code or job.error:
            summary = f"job {job.key} failed with code {job.exit_code}"
            raise failure_with_output(summary, last, code=job.exit_code)
        following = await build_job(item, bundle_id or job.bundle_id, active=True)
        if following is None or following.key == job.key:
            return
        job = following

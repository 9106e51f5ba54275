"""Jobs: the processes that run content, and their logs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import call_with, endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.polling import Reloader, ResumeInfo, final_state, follow
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.message import CallOptions
from aconnect._core.model import Id, LogTime, Model, OpenIntEnum, Row
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class JobStatus(OpenIntEnum):
    """The status of a job."""

    ACTIVE = 0
    FINISHED = 1
    FINALIZED = 2
    SKIPPED = 3


class LogEntry(Model, kw_only=True):
    """One line of a log."""

    source: str | None = None
    """`stdout` or `stderr`."""
    timestamp: LogTime | None = None
    data: str = ""


class LogEntries(Model, kw_only=True):
    """A log."""

    entries: list[LogEntry] = []


class LoggedError(Model, kw_only=True):
    """The server's explanation of a job's failure."""

    code: str | None = None
    summary: str | None = None
    help_url: str | None = None


class KillOrder(Model, kw_only=True):
    """The server's confirmation that a job will be ended."""

    guid: str | None = None
    app_id: Id | None = None
    app_guid: str | None = None
    content_id: Id | None = None
    content_guid: str | None = None
    job_id: Id | None = None
    job_key: str | None = None
    result: str | None = None


class MetricSample(Row, kw_only=True, frozen=True, gc=False):
    """The resources used by one process of a job at one time."""

    timestamp: datetime | None = None
    cpu_fraction: float | None = None
    """1.0 is one fully used core."""
    memory_bytes: int | None = None
    connections: int | None = None
    """Open connections to the process; None if they are not counted."""
    process_id: int | None = None


class JobMetrics(Model, kw_only=True):
    """The resources used by a job."""

    content_guid: str | None = None
    job_key: str | None = None
    samples: list[MetricSample] | None = None
    """Empty if the content's metrics are not collected."""


class Job(ConnectBound, kw_only=True):
    """A process that runs, builds or renders content."""

    id: Id | None = None
    key: str = ""
    ppid: Id | None = None
    pid: Id | None = None
    remote_id: str | None = None
    app_id: Id | None = None
    content_id: Id | None = None
    content_guid: str | None = None
    variant_id: Id | None = None
    variant_key: str | None = None
    bundle_id: Id | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    last_heartbeat_time: datetime | None = None
    queued_time: datetime | None = None
    queue_name: str | None = None
    tag: str | None = None
    """Its purpose, such as `run_app` or `build_report`."""
    exit_code: int | None = None
    error: str | None = None
    status: JobStatus | None = None
    hostname: str | None = None
    cluster: str | None = None
    image: str | None = None
    run_as: str | None = None
    skip_reason: str | None = None

    jobs: ClassVar[ResourceBelow[Jobs]] = resource(lambda: Jobs, guid="content_guid")

    async def refresh(self) -> Job:
        """Reload the job."""
        return await self.jobs.get(self.key)

    async def kill(self) -> KillOrder:
        """Request the end of the job; `ConflictError` with code 163 if it is not active."""
        return await self.jobs.kill(self.key)

    async def log(self, *, max_lines: int | None = None) -> LogEntries:
        """Get the log so far, or its last `max_lines` lines."""
        return await self.jobs.log(self.key, max_lines=max_lines)

    async def logged_error(self) -> LoggedError | None:
        """Get the server's explanation of the job's failure, or None."""
        return await self.jobs.error(self.key)

    async def metrics(
        self, *, from_: datetime | str | None = None, to: datetime | str | None = None
    ) -> JobMetrics:
        """Get the resources used by the job, or by it within a time window."""
        return await self.jobs.metrics(self.key, from_=from_, to=to)

    async def download(self, path: str | Path) -> Path:
        """Write the log to a file, atomically, and return its path."""
        return await self.client.download(path, self.jobs.download, self.key)

    async def wait(self, timeout: float | None = None) -> Job:
        """Wait until the job is no longer active, and return its final state.

        `timeout` is in seconds, by default that of the client's polling policy.

        Raises:
            TaskLostError: The server no longer has the job.
            PollTimeoutError: The job did not end in time.
        """
        client = self.client
        poller = Reloader(f"job {self.key}", self, self.jobs.get, self.key, _has_ended)
        return await final_state(poller, client.channel, client.polling, timeout)

    async def follow(self, timeout: float | None = None) -> AsyncGenerator[LogEntry, None]:
        """Yield the lines of the log as they arrive, from the first one, until the job ends.

        Raises:
            TaskLostError: The server no longer has the job.
            PollTimeoutError: The job did not end in time.
        """
        client, yielded = self.client, 0
        poller = _LogPoller(self)
        async with aclosing(follow(poller, client.channel, client.polling, timeout)) as states:
            async for _, entries in states:
                for entry in entries[yielded:]:
                    yield entry
                yielded = max(yielded, len(entries))

    @property
    def is_active(self) -> bool:
        """Whether the job still runs."""
        return self.status == JobStatus.ACTIVE

    @property
    def is_process(self) -> bool:
        """Whether it serves visitors, and does not build or render."""
        tag = self.tag or ""
        return tag.startswith("run_") or tag == "render_shiny"


def _has_ended(job: Job) -> bool | None:
    """Return True if a job has ended, or None if its status is missing or was invalid."""
    return None if job.status is None else not job.is_active


class _LogPoller:
    """Follows a job together with its log."""

    can_wait = False

    def __init__(self, job: Job) -> None:
        self._key = job.key
        self._jobs = job.jobs
        self._length = 0

    @property
    def title(self) -> str:
        return f"job {self._key}"

    async def poll(self, options: CallOptions) -> tuple[Job, list[LogEntry]]:
        job = await call_with(options, self._jobs.get, self._key)
        # Requested after the state, so that the last lines are not missed.
        log = await call_with(options, self._jobs.log, self._key)
        return job, log.entries

    def is_finished(self, state: tuple[Job, list[LogEntry]]) -> bool | None:
        return _has_ended(state[0])

    def has_news(self, state: tuple[Job, list[LogEntry]]) -> bool:
        before, self._length = self._length, len(state[1])
        return self._length > before

    def resume_info(self) -> ResumeInfo:
        return ResumeInfo()


class Jobs(ConnectResource, name="content.jobs", scope=("guid",), role="collaborator"):
    """The jobs of one content item."""

    @paged("/v1/content/{guid}/jobs", by=Unpaged(), since="2022.10.0")
    def find(self) -> Paged[Job]:
        """List the jobs, newest first."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/content/{guid}/jobs/{key}", since="2022.10.0")
    async def get(self, key: str) -> Job:
        """Get one job."""
        ...

    @endpoint("DELETE", "/v1/content/{guid}/jobs/{key}", since="2022.10.0")
    async def kill(self, key: str) -> KillOrder:
        """Request the end of a job; `ConflictError` with code 163 if it is not active."""
        ...

    @endpoint(
        "GET",
        "/v1/content/{guid}/jobs/{key}/log",
        rename={"max_lines": "maxLogLines"},
        since="2022.10.0",
    )
    async def log(self, key: str, *, max_lines: int | None = None) -> LogEntries:
        """Get a job's log so far, or its last lines.

        Args:
            key: The job.
            max_lines: How many lines, counted from the end.
        """
        ...

    @endpoint("GET", "/v1/content/{guid}/jobs/{key}/tail", since="2022.10.0")
    async def tail(self, key: str) -> LogEntry:
        """Get the newest line of a job's log; `Job.follow` yields all of them."""
        ...

    @endpoint("GET", "/v1/content/{guid}/jobs/{key}/error", since="2022.10.0")
    async def error(self, key: str) -> LoggedError | None:
        """Get the server's explanation of a job's failure, or None."""
        ...

    @endpoint("GET", "/v1/content/{guid}/jobs/{key}/download", since="2022.10.0")
    async def download(self, key: str, *, filename: str | None = None) -> bytes:
        """Get a job's log as plain text.

        Args:
            key: The job.
            filename: The name of the file that the response suggests.
        """
        ...

    @endpoint("GET", "/v1/content/{guid}/jobs/{key}/metrics")
    async def metrics(
        self, key: str, *, from_: datetime | str | None = None, to: datetime | str | None = None
    ) -> JobMetrics:
        """Get the resources used by a job, or by it within a time window.

        Nothing is sampled if the content's `metrics_collection_enabled` is off.

        Args:
            key: The job.
            from_: The first moment.
            to: The last moment.
        """
        ...

"""What jobs used, and how the scheduled ones went.

Decides the samples of a job, which are always the same for the same job, and the lengths of the
spans that jobs are counted in.
"""

from datetime import UTC, datetime, timedelta

from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.paging import time_of
from aconnect.testing.connect.progress import JobState
from aconnect.testing.connect.routes.content._items import content_of, may_edit
from aconnect.testing.connect.routes.content.jobs import job_of
from aconnect.testing.wire import Response, Row, ok

_SINCE = (2023, 12, 0)
_EVERY = timedelta(seconds=10)
_SKIPPED = 3
_SPANS = (
    (timedelta(days=1), timedelta(minutes=5)),
    (timedelta(days=7), timedelta(hours=1)),
    (timedelta(days=180), timedelta(days=1)),
    (timedelta.max, timedelta(days=30)),
)
"""How long a window may be for each length of its spans; only the first and last are known."""


def _window(call: Call) -> tuple[datetime, datetime]:
    """Read the ends of the window, which belong to it."""
    start, end = time_of(call, "from"), time_of(call, "to")
    if start is not None and end is not None and end < start:
        raise bad_request("The interval ends before it starts.", 138)
    return start or datetime.min.replace(tzinfo=UTC), end or datetime.max.replace(tzinfo=UTC)


@route("GET", "/v1/content/{guid}/jobs/{key}/metrics", since=_SINCE)
def get_job_metrics(call: Call) -> Response:
    """Answer with a sample for each ten seconds that a job ran."""
    row = job_of(call).row
    start, end = _window(call)
    samples: list[Row] = []
    if content_of(call)["metrics_collection_enabled"] is not False:
        until = row["end_time"] or row["last_heartbeat_time"]
        number = int((until - row["start_time"]) / _EVERY) + 1
        samples = [_sample(row, i) for i in range(number)]
    return ok(
        {
            "content_guid": row["content_guid"],
            "job_key": row["key"],
            "samples": [sample for sample in samples if start <= sample["timestamp"] <= end],
        }
    )


def _sample(row: Row, i: int) -> Row:
    return {
        "timestamp": row["start_time"] + i * _EVERY,
        "cpu_fraction": (i % 5) / 4,
        "memory_bytes": (64 + i) << 20,
        "connections": i % 3,
        "process_id": int(row["pid"]),
    }


@route("GET", "/v1/experimental/jobs/summary", role="publisher", since=_SINCE)
def get_jobs_summary(call: Call) -> Response:
    """Count the scheduled jobs of the content that the caller may change."""
    state = call.state
    start, end = _window(call)
    jobs = [
        job
        for guid, jobs in state.jobs.items()
        if may_edit(call, state.content[guid])
        for job in jobs.values()
        if job.scheduled and start <= job.row["start_time"] <= end
    ]
    waiting = [
        row
        for row in state.queue.values()
        if row["job_type"] == "ScheduledRender" and row.get("started_time") is None
    ]
    ended = _outcomes(jobs)
    return ok(
        {
            "totals": {
                "waiting": len(waiting) if end >= state.now() else 0,
                "running": sum(job.row["status"] == 0 for job in jobs),
                **{name: len(times) for name, times in ended.items()},
            },
            "buckets": _buckets(ended),
        }
    )


def _outcomes(jobs: list[JobState]) -> dict[str, list[datetime]]:
    """Sort the starts of jobs that ended by how they ended."""
    found: dict[str, list[datetime]] = {"failed": [], "succeeded": [], "skipped": []}
    for job in jobs:
        row = job.row
        if row["status"] == _SKIPPED:
            found["skipped"].append(row["start_time"])
        elif row["status"] != 0:
            found["failed" if row["exit_code"] else "succeeded"].append(row["start_time"])
    return found


def _buckets(ended: dict[str, list[datetime]]) -> list[Row]:
    """Count by spans, leaving out those without jobs."""
    times = [time for each in ended.values() for time in each]
    if not times:
        return []
    first, length = min(times), max(times) - min(times)
    span = next(span for most, span in _SPANS if length <= most)
    counts: dict[int, Row] = {}
    for name, each in ended.items():
        for time in each:
            i = (time - first) // span
            bucket = counts.setdefault(
                i, {"timestamp": first + i * span, **dict.fromkeys(ended, 0)}
            )
            bucket[name] += 1
    return [counts[i] for i in sorted(counts)]

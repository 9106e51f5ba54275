"""Jobs of content and their logs."""

import re
from datetime import UTC, datetime, timedelta

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, route
from aconnect.testing.connect.paging import time_of
from aconnect.testing.connect.progress import BuildScript, JobState, Run
from aconnect.testing.connect.routes._checks import existing
from aconnect.testing.connect.routes.content._items import RENDERED, content_of
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Response, Row, empty, ok

_ACTIVE = 0

PROCESS_TAGS = {
    "api": "run_api",
    "jupyter-voila": "run_voila_app",
    "nodejs": "run_node_api",
    "python-api": "run_python_api",
    "python-bokeh": "run_bokeh_app",
    "python-dash": "run_dash_app",
    "python-fastapi": "run_fastapi_app",
    "python-gradio": "run_gradio_app",
    "python-panel": "run_panel_app",
    "python-shiny": "run_pyshiny_app",
    "python-streamlit": "run_streamlit",
    "quarto-shiny": "render_shiny",
    "rmd-shiny": "render_shiny",
    "shiny": "run_app",
    "tensorflow-saved-model": "run_tensorflow",
}
"""The tag of processes by application mode; those of Gradio, Node.js and Panel are made up."""

_UNQUOTABLE = re.compile(r'[\x00-\x1f\x7f"\\]')
"""Characters that cannot be in a quoted file name."""

METRICS = (2023, 12, 0)
_EVERY = timedelta(seconds=10)
_KEPT = 360
"""The number of samples that are kept of a job, those of an hour."""


def build_tag(mode: str) -> str:
    """Return the tag of jobs that build content of a type, or render it."""
    if mode in RENDERED:
        return "build_jupyter" if mode.startswith("jupyter") else "build_report"
    return "python_restore" if mode.startswith("python") else "packrat_restore"


def new_job(key: str, number: int, content: Row, tag: str, time: datetime) -> Row:
    """Return a new active job."""
    return {
        "id": str(number),
        "ppid": str(20000 + number),
        "pid": str(30000 + number),
        "key": key,
        "remote_id": None,
        "app_id": content["id"],
        "content_id": content["id"],
        "content_guid": content["guid"],
        "variant_id": "0",
        "variant_key": "",
        "bundle_id": content["bundle_id"] or "0",
        "start_time": time,
        "end_time": None,
        "last_heartbeat_time": time,
        "queued_time": time,
        "queue_name": "default",
        "tag": tag,
        "exit_code": None,
        "error": None,
        "status": 0,
        "hostname": "connect",
        "cluster": "Local",
        "image": None,
        "run_as": "rstudio-connect",
        "skip_reason": None,
    }


def seed(state: State) -> None:
    """Add finished jobs, distributed over the content; one in ten failed."""
    content = [*state.content.values()]
    for i in range(state.seed.jobs if content else 0):
        item = content[i % len(content)]
        time = state.seed.start + state.seed.step * i
        failed = i % 10 == 9
        script = BuildScript(tuple(f"line {n} of job {i}" for n in range(10)), code=int(failed))
        key = guid_of("job", i).replace("-", "")[:16]
        mode = item["app_mode"]
        tag = PROCESS_TAGS.get(mode) or build_tag(mode)
        row = new_job(key, state.next_number("job"), item, tag, time)
        row.update(end_time=time + timedelta(minutes=1), exit_code=int(failed), status=2)
        row["variant_key"] = next(iter(state.variants.get(item["guid"], ())), "")
        run = Run.ended(script, time)
        job = JobState(row, run, scheduled=mode in RENDERED)
        if failed:
            job.logged_error = {
                "code": "python-process-exited",
                "summary": "The process exited with status 1.",
                "help_url": "https://docs.posit.co/connect/errors/",
            }
        state.jobs[item["guid"]][key] = job


def _jobs(call: Call) -> dict[str, JobState]:
    """Return the jobs of the content in the path, if the caller may edit it."""
    return call.state.jobs.get(content_of(call, edit=True)["guid"], {})


def job_of(call: Call, *, poll: bool = False) -> JobState:
    """Return the job in the path; each request to its log advances a running one."""
    job = existing(_jobs(call), call.args["key"], "The job")
    if poll or job.run.timed:
        job.run.poll()
    return job


@route("GET", "/v1/content/{guid}/jobs", since=(2022, 10, 0))
def get_jobs(call: Call) -> Response:
    """List jobs, newest first, not paged."""
    found = reversed(_jobs(call).values())
    return ok([downgrade("job", job.row, call.features) for job in found])


@route("GET", "/v1/content/{guid}/jobs/{key}", since=(2022, 10, 0))
def get_job(call: Call) -> Response:
    """Get one job."""
    return ok(downgrade("job", job_of(call).row, call.features))


@route("DELETE", "/v1/content/{guid}/jobs/{key}", since=(2022, 10, 0))
def kill_job(call: Call) -> Response:
    """Register a kill order, which this server carries out immediately."""
    job = job_of(call)
    row = job.row
    if row["status"] != _ACTIVE:
        raise ApiFault(409, 163, "The job is not active.")
    job.run.end(-15, "The job was killed.")
    order: Row = {
        "guid": row["key"],
        "app_id": int(row["app_id"]),
        "app_guid": row["content_guid"],
        "content_id": row["app_id"],
        "content_guid": row["content_guid"],
        "job_id": int(row["id"]),
        "job_key": row["key"],
        "result": "Order to kill job registered",
    }
    return ok(
        downgrade("job", order, call.features) if call.features.modern_fields else _old_order(order)
    )


def _old_order(order: Row) -> Row:
    return {name: value for name, value in order.items() if not name.startswith("content_")}


@route("GET", "/v1/content/{guid}/jobs/{key}/log", since=(2022, 10, 0))
def get_job_log(call: Call) -> Response:
    """Return the log, or its last `maxLogLines` lines."""
    entries = job_of(call, poll=True).entries()
    most = call.integer("maxLogLines", 0)
    return ok({"entries": entries[-most:] if most else entries})


@route("GET", "/v1/content/{guid}/jobs/{key}/tail", since=(2022, 10, 0))
def tail_job_log(call: Call) -> Response:
    """Return the last log entry."""
    entries = job_of(call, poll=True).entries()
    return ok(entries[-1] if entries else {"source": "stdout", "timestamp": None, "data": ""})


@route("GET", "/v1/content/{guid}/jobs/{key}/error", since=(2022, 10, 0))
def get_job_error(call: Call) -> Response:
    """Return the job's error, if there is one."""
    found = job_of(call).logged_error
    return empty() if found is None else ok(found)


@route("GET", "/v1/content/{guid}/jobs/{key}/download", since=(2022, 10, 0))
def download_job_log(call: Call) -> Response:
    """Return the log as a text file."""
    job = job_of(call, poll=True)
    name = _UNQUOTABLE.sub("", call.value("filename") or f"{job.row['key']}.log")
    return Response(
        "".join(f"{line}\n" for line in job.run.output()).encode(),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def window(call: Call) -> tuple[datetime, datetime]:
    """Parse the start and the end of the window, which are both inclusive."""
    start, end = time_of(call, "from"), time_of(call, "to")
    if start is not None and end is not None and end < start:
        raise bad_request("The interval ends before it starts.", 138)
    return start or datetime.min.replace(tzinfo=UTC), end or datetime.max.replace(tzinfo=UTC)


@route("GET", "/v1/content/{guid}/jobs/{key}/metrics", since=METRICS)
def get_job_metrics(call: Call) -> Response:
    """Return a sample for each ten seconds that a job ran."""
    row = job_of(call).row
    start, end = window(call)
    samples: list[Row] = []
    if content_of(call)["metrics_collection_enabled"] is not False:
        until = row["end_time"] or call.state.now()
        number = int((until - row["start_time"]) / _EVERY) + 1
        samples = [_sample(row, i) for i in range(max(0, number - _KEPT), number)]
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
        "memory_bytes": (64 + i % 64) << 20,
        "connections": i % 3,
        "process_id": int(row["pid"]),
    }

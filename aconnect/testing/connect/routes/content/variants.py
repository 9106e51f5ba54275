"""Variants of reports."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aconnect.testing.connect import searching
from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.paging import parse_time
from aconnect.testing.connect.routes.content._items import (
    RENDERED,
    may_view,
    sent_content,
)
from aconnect.testing.connect.routes.content.search import sorted_page
from aconnect.testing.connect.searching import Test, select
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ok

_VARIANT_SORTS = {"content_name", "variant_name", "created_time", "render_time", "failures"}


def new_variant(content: Row, key: str, time: datetime, **more: Any) -> Row:
    """Return a new variant of a report."""
    return {
        "variant_key": key,
        "variant_name": content["title"] or content["name"],
        "is_default": False,
        "created_time": time,
        "render_time": None,
        **more,
    }


def seed(state: State) -> None:
    """Add the rendered variant of each document, with the key that its visits have."""
    for i, (guid, content) in enumerate(state.content.items()):
        if content["app_mode"] in {"quarto-static", "rmd-static"}:
            time = content["created_time"]
            row = new_variant(content, f"var{i}", time, is_default=True, render_time=time)
            state.variants[guid] = {row["variant_key"]: row}


def variants_of(call: Call, content: Row) -> dict[str, Row]:
    """Return the variants of a content item by key; rendered content has a default one."""
    rows = call.state.variants.setdefault(content["guid"], {})
    renders = content["app_mode"] in RENDERED and content["bundle_id"] is not None
    if renders and not any(row["is_default"] for row in rows.values()):
        row = new_variant(content, "default", content["created_time"], is_default=True)
        rows[row["variant_key"]] = row
    return rows


@route("GET", "/v1/search/variants", since=(2023, 12, 0))
def search_variants(call: Call) -> Response:
    """Search the variants of the content that the caller may view, by page number."""
    include = call.value("include")
    if include not in {None, "", "schedule"}:
        raise bad_request(f"include knows schedule only; got {include!r}.", 161)
    state = call.state
    since: dict[str, datetime] = {}
    query = call.value("q") or ""
    filters = {name: _since(name, since) for name in ("failed", "skipped")}
    for term in searching.read(query, {*filters}):
        if term.name in filters and not term.negated:
            filters[term.name](term.values)
    rows = [
        _sent_variant(call, content, row, since)
        for content in state.content.values()
        if may_view(call, content)
        for row in variants_of(call, content).values()
    ]
    rows, _ = select(rows, query, filters, _variant_text)
    page = sorted_page(call, rows, _VARIANT_SORTS, "content_name")
    if include:
        for row in page["results"]:
            row.update(_schedule(call, row))
    return ok(page)


def _variant_text(row: Row) -> str:
    return "\n".join(row[name] or "" for name in ("content_name", "content_title", "variant_name"))


def _since(name: str, since: dict[str, datetime]) -> Callable[[tuple[str, ...]], Test]:
    """Parse `failed:>=<time>`: variants with failures since then, which are counted."""
    count = "failures" if name == "failed" else "skips"

    def make(values: tuple[str, ...]) -> Test:
        if not values[0].startswith(">="):
            raise bad_request(f"{name} takes >= and a time; got {values[0]!r}.")
        since[count] = parse_time(values[0].removeprefix(">="), name)
        return lambda row: row[count] > 0

    return make


def _sent_variant(call: Call, content: Row, row: Row, since: dict[str, datetime]) -> Row:
    jobs = [
        job.row
        for job in call.state.jobs.get(content["guid"], {}).values()
        if job.row["variant_key"] == row["variant_key"]
    ]
    failed = _times(jobs, "end_time", since.get("failures"), lambda job: bool(job["exit_code"]))
    skipped = _times(jobs, "queued_time", since.get("skips"), lambda job: job["status"] == 3)
    return {
        "content_guid": content["guid"],
        "content_name": content["name"],
        "content_title": content["title"],
        **row,
        "failures": len(failed),
        "last_failed": max(failed, default=None),
        "skips": len(skipped),
        "last_skipped": max(skipped, default=None),
    }


def _times(jobs: list[Row], field: str, since: datetime | None, test: Test) -> list[datetime]:
    times = [job[field] for job in jobs if job[field] is not None and test(job)]
    return [time for time in times if since is None or time >= since]


def _schedule(call: Call, row: Row) -> Row:
    """Return a variant's schedule as it is sent; None if there is none."""
    content = call.state.content[row["content_guid"]]
    for schedule in sent_content(call, content, frozenset({"schedule"}))["schedules"]:
        if schedule["variant"]["key"] == row["variant_key"]:
            return {"schedule": {name: schedule[name] for name in schedule if name != "variant"}}
    return {}

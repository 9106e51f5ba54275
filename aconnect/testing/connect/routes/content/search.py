"""The search of content and of variants."""

from collections.abc import Callable
from datetime import datetime
from operator import itemgetter

from aconnect.testing.connect import searching
from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.paging import cut, parse_time
from aconnect.testing.connect.routes._checks import is_descending, one_of
from aconnect.testing.connect.routes.content._items import included, may_view, sent_content
from aconnect.testing.connect.routes.content.deployment import variants_of
from aconnect.testing.connect.searching import Filters, Misfit, Test, select, truth
from aconnect.testing.wire import Response, Row, ok

_CONTENT_SORTS = {"name", "title", "created_time", "last_deployed_time", "app_mode"}
_VARIANT_SORTS = {"content_name", "variant_name", "created_time", "render_time", "failures"}


@route("GET", "/v1/search/content", since=(2024, 4, 0))
def search_content(call: Call) -> Response:
    """Search the content that the caller sees, by page number."""
    include = included(call)
    rows = [row for row in call.state.content.values() if may_view(call, row)]
    rows, warnings = select(rows, call.value("q") or "", _content_filters(call), _content_text)
    page = _page(call, rows, _CONTENT_SORTS, "name")
    page["results"] = [sent_content(call, row, include) for row in page["results"]]
    return ok({**page, "warnings": warnings} if warnings else page)


def _page(call: Call, rows: list[Row], sorts: set[str], sort: str) -> Row:
    """Sort the rows found and cut the page that is asked for."""
    sort = one_of(call, "sort", sorts, sort)
    known = [row for row in rows if row[sort] is not None]
    known.sort(key=itemgetter(sort), reverse=is_descending(call, "asc"))
    return cut(call, known + [row for row in rows if row[sort] is None])


def _content_text(row: Row) -> str:
    return "\n".join(row[name] or "" for name in ("name", "title", "description"))


def _content_filters(call: Call) -> Filters:
    """Name the filters of content; what only some fields of an answer tell is read from there."""
    users = call.state.users

    def owner(values: tuple[str, ...]) -> Test:
        wanted = {(call.user["username"] if v == "@me" else v).lower() for v in values}
        return lambda row: users[row["owner_guid"]]["username"].lower() in wanted

    def kind(values: tuple[str, ...]) -> Test:
        return lambda row: row["app_mode"] in values

    def tag(values: tuple[str, ...]) -> Test:
        wanted = {guid for value in values for guid in _tags_at(call, value)}
        return lambda row: bool(wanted & call.state.content_tags.get(row["guid"], set()))

    def image(values: tuple[str, ...]) -> Test:
        return lambda row: any(
            value in (row["image_name"] or "") or value in (row["default_image_name"] or "")
            for value in values
        )

    def package(_: tuple[str, ...]) -> Test:
        raise Misfit("The simulated server does not search packages; 'package' was ignored")

    def told(row: Row, word: str, field: str) -> bool:
        return bool(sent_content(call, row, frozenset({word}))[field])

    return {
        "owner": owner,
        "type": kind,
        "tag": tag,
        "image": image,
        "package": package,
        "published": _flag("published", lambda row: row["bundle_id"] is not None),
        "locked": _flag("locked", itemgetter("locked")),
        "bookmarked": _flag("bookmarked", lambda row: told(row, "bookmarked", "bookmarked")),
        "scheduled": _flag("scheduled", lambda row: told(row, "schedule", "schedules")),
        "python": _version("py_version"),
        "r": _version("r_version"),
    }


def _flag(name: str, holds: Test) -> Callable[[tuple[str, ...]], Test]:
    def make(values: tuple[str, ...]) -> Test:
        wanted = truth(name, values)
        return lambda row: bool(holds(row)) == wanted

    return make


def _version(field: str) -> Callable[[tuple[str, ...]], Test]:
    """Compare as many numbers of a version as are given; `is:python` asks for any."""

    def make(values: tuple[str, ...]) -> Test:
        if values == ("true",):
            return lambda row: row[field] is not None
        return lambda row: any(f"{row[field]}.".startswith(f"{value}.") for value in values)

    return make


def _tags_at(call: Call, path: str) -> list[str]:
    """Return the ids of the tags with this name, or at the end of this path of names."""
    tags = call.state.tags
    *above, name = path.split("/")
    found: list[str] = []
    for guid, row in tags.items():
        at, parents = row, list(above)
        while parents and at["parent_id"] in tags and tags[at["parent_id"]]["name"] == parents[-1]:
            at = tags[at["parent_id"]]
            parents.pop()
        # A name may contain a slash itself.
        if (row["name"] == name and not parents) or row["name"] == path:
            found.append(guid)
    return found


@route("GET", "/v1/search/variants", since=(2023, 12, 0))
def search_variants(call: Call) -> Response:
    """Search the variants of the content that the caller sees, by page number."""
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
    page = _page(call, rows, _VARIANT_SORTS, "content_name")
    if include:
        for row in page["results"]:
            row.update(_schedule(call, row))
    return ok(page)


def _variant_text(row: Row) -> str:
    return "\n".join(row[name] or "" for name in ("content_name", "content_title", "variant_name"))


def _since(name: str, since: dict[str, datetime]) -> Callable[[tuple[str, ...]], Test]:
    """Read `failed:>=<time>`: variants with failures since then, which the counts then tell."""
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
    """Return a variant's schedule as the answer spells it; nothing where there is none."""
    content = call.state.content[row["content_guid"]]
    for schedule in sent_content(call, content, frozenset({"schedule"}))["schedules"]:
        if schedule["variant"]["key"] == row["variant_key"]:
            return {"schedule": {name: schedule[name] for name in schedule if name != "variant"}}
    return {}

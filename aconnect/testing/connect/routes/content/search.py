"""The search of content."""

from collections.abc import Callable
from operator import itemgetter

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.paging import offset_page
from aconnect.testing.connect.routes._checks import is_descending, one_of
from aconnect.testing.connect.routes.content._items import included, may_view, sent_content
from aconnect.testing.connect.searching import Filters, InvalidFilterError, Test, select, truth
from aconnect.testing.wire import Response, Row, ok

_CONTENT_SORTS = {"name", "title", "created_time", "last_deployed_time", "app_mode"}


@route("GET", "/v1/search/content", since=(2024, 4, 0))
def search_content(call: Call) -> Response:
    """Search the content that the caller may view, by page number."""
    include = included(call)
    rows = [row for row in call.state.content.values() if may_view(call, row)]
    rows, warnings = select(rows, call.value("q") or "", _content_filters(call), _content_text)
    page = sorted_page(call, rows, _CONTENT_SORTS, "name")
    page["results"] = [sent_content(call, row, include) for row in page["results"]]
    return ok({**page, "warnings": warnings} if warnings else page)


def sorted_page(call: Call, rows: list[Row], sorts: set[str], sort: str) -> Row:
    """Sort the rows and return the requested page."""
    sort = one_of(call, "sort", sorts, sort)
    present = [row for row in rows if row[sort] is not None]
    present.sort(key=itemgetter(sort), reverse=is_descending(call, "asc"))
    return offset_page(call, present + [row for row in rows if row[sort] is None])


def _content_text(row: Row) -> str:
    return "\n".join(row[name] or "" for name in ("name", "title", "description"))


def _content_filters(call: Call) -> Filters:
    """Return the filters of content; some use the fields of a response."""
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
        raise InvalidFilterError(
            "The simulated server does not search packages; 'package' was ignored"
        )

    def sent(row: Row, word: str, field: str) -> bool:
        return bool(sent_content(call, row, frozenset({word}))[field])

    return {
        "owner": owner,
        "type": kind,
        "tag": tag,
        "image": image,
        "package": package,
        "published": _flag("published", lambda row: row["bundle_id"] is not None),
        "locked": _flag("locked", itemgetter("locked")),
        "bookmarked": _flag("bookmarked", lambda row: sent(row, "bookmarked", "bookmarked")),
        "scheduled": _flag("scheduled", lambda row: sent(row, "schedule", "schedules")),
        "python": _version("py_version"),
        "r": _version("r_version"),
    }


def _flag(name: str, holds: Test) -> Callable[[tuple[str, ...]], Test]:
    def make(values: tuple[str, ...]) -> Test:
        wanted = truth(name, values)
        return lambda row: bool(holds(row)) == wanted

    return make


def _version(field: str) -> Callable[[tuple[str, ...]], Test]:
    """Compare as many numbers of a version as are given; `is:python` matches any."""

    def make(values: tuple[str, ...]) -> Test:
        if values == ("true",):
            return lambda row: row[field] is not None
        return lambda row: any(f"{row[field]}.".startswith(f"{value}.") for value in values)

    return make


def _tags_at(call: Call, path: str) -> list[str]:
    """Return the ids of the tags with this name, or at the end of this path of names."""
    tags = call.state.tags
    *above, name = path.split("/")
    tag_ids: list[str] = []
    for guid, row in tags.items():
        tag, parents = row, list(above)
        while (
            parents and tag["parent_id"] in tags and tags[tag["parent_id"]]["name"] == parents[-1]
        ):
            tag = tags[tag["parent_id"]]
            parents.pop()
        # A name may contain a slash itself.
        if (row["name"] == name and not parents) or row["name"] == path:
            tag_ids.append(guid)
    return tag_ids

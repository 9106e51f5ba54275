"""What bundles take up, by the sizes of the archives that are really there."""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.paging import MAX_LIMIT, cut
from aconnect.testing.connect.routes._checks import is_descending, one_of
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.wire import Response, Row, ok

_SINCE = (2026, 6, 0)
_SORTS = ("bytes_total", "bytes_active", "bytes_inactive", "count")


def _bundles(call: Call, guid: str) -> list[Row]:
    return [bundle.row for bundle in call.state.bundles.get(guid, {}).values()]


def _sums(rows: list[Row]) -> Row:
    total = sum(row["size"] for row in rows)
    active = sum(row["size"] for row in rows if row["active"])
    return {
        "count": len(rows),
        "bytes_total": total,
        "bytes_active": active,
        "bytes_inactive": total - active,
    }


def _owner(call: Call, content: Row) -> Row:
    owner = call.state.users.get(content["owner_guid"])
    return {
        "owner_guid": owner and owner["guid"],
        "owner_username": owner and owner["username"],
    }


@route("GET", "/v1/system/storage", role="administrator", since=_SINCE)
def get_server_storage(call: Call) -> Response:
    """Add up all bundles."""
    found = [rows for guid in call.state.content if (rows := _bundles(call, guid))]
    sums = _sums([row for rows in found for row in rows])
    return ok({"bundles": {**sums, "content_count": len(found)}})


@route("GET", "/v1/content/storage", role="administrator", since=_SINCE)
def list_content_storage(call: Call) -> Response:
    """List content with what its bundles take up; the most first, unless asked otherwise."""
    sort = one_of(call, "sort", _SORTS, "bytes_total")
    descending = is_descending(call, "desc")
    rows: list[Row] = [
        {
            "content_guid": guid,
            "content_name": content["name"],
            "content_title": content["title"],
            **_owner(call, content),
            "app_mode": content["app_mode"],
            "bundles": _sums(_bundles(call, guid)),
        }
        for guid, content in call.state.content.items()
    ]
    rows.sort(key=lambda row: row["bundles"][sort], reverse=descending)
    size = call.integer("page_size", 20, 1, MAX_LIMIT)
    return ok({**cut(call, rows, size=size), "total_pages": -(-len(rows) // size)})


@route("GET", "/v1/content/{guid}/storage", role="administrator", since=_SINCE)
def get_content_storage(call: Call) -> Response:
    """List the bundles of an item with their sizes, newest first."""
    content = content_of(call)
    rows = _bundles(call, content["guid"])
    sums = _sums(rows)
    return ok(
        {
            "content_guid": content["guid"],
            "content_name": content["name"],
            **_owner(call, content),
            **{f"bundle_{name}": value for name, value in sums.items()},
            "bundles": [
                {
                    "id": row["id"],
                    "created_time": row["created_time"],
                    "size_bytes": row["size"],
                    "is_active": row["active"],
                }
                for row in reversed(rows)
            ],
        }
    )

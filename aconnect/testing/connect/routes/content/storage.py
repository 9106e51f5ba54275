"""The storage of content, from the sizes of its stored bundles."""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.paging import MAX_LIMIT, offset_page
from aconnect.testing.connect.routes._checks import is_descending, one_of
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.wire import Response, Row, ok

_SINCE = (2026, 6, 0)
_SORTS = ("bytes_total", "bytes_active", "bytes_inactive", "count")


def bundle_rows(call: Call, guid: str) -> list[Row]:
    """Return the bundles of a content item."""
    return [bundle.row for bundle in call.state.bundles.get(guid, {}).values()]


def bundle_sums(rows: list[Row]) -> Row:
    """Add up the sizes of bundles, in bytes."""
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


@route("GET", "/v1/content/storage", role="administrator", since=_SINCE)
def list_content_storage(call: Call) -> Response:
    """List content with the size of its bundles; by default the largest first."""
    sort = one_of(call, "sort", _SORTS, "bytes_total")
    descending = is_descending(call, "desc")
    rows: list[Row] = [
        {
            "content_guid": guid,
            "content_name": content["name"],
            "content_title": content["title"],
            **_owner(call, content),
            "app_mode": content["app_mode"],
            "bundles": bundle_sums(bundle_rows(call, guid)),
        }
        for guid, content in call.state.content.items()
    ]
    rows.sort(key=lambda row: row["bundles"][sort], reverse=descending)
    size = call.integer("page_size", 20, 1, MAX_LIMIT)
    return ok({**offset_page(call, rows, size=size), "total_pages": -(-len(rows) // size)})


@route("GET", "/v1/content/{guid}/storage", role="administrator", since=_SINCE)
def get_content_storage(call: Call) -> Response:
    """List the bundles of an item with their sizes, newest first."""
    content = content_of(call)
    rows = bundle_rows(call, content["guid"])
    sums = bundle_sums(rows)
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

"""The history of schedules of content."""

from aconnect.testing.connect.dialect import Call, not_found, route
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.content._schedules import new_schedule
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, ok

_MOST = 100
"""The maximum number of changes of one variant."""


def seed(state: State) -> None:
    """Add a schedule to each variant."""
    for guid, variants in state.variants.items():
        content = state.content[guid]
        owner = state.users[content["owner_guid"]]
        state.schedules[guid] = [
            new_schedule(key, owner, content["created_time"]) for key in variants
        ]


@route("GET", "/v1/content/{guid}/schedule/history", since=(2023, 12, 0))
def get_schedule_history(call: Call) -> Response:
    """List the schedules of all variants, or of one, with their latest changes."""
    rows = call.state.schedules.get(content_of(call, edit=True)["guid"], [])
    wanted = call.value("variant")
    if wanted is not None:
        rows = [row for row in rows if row["variant_key"] == wanted]
        if not rows:
            raise not_found("The variant")
    return ok({"results": [{**row, "history": row["history"][:_MOST]} for row in rows]})

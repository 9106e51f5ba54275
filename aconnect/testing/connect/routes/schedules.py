"""How schedules of content were changed."""

from aconnect.testing.connect.dialect import Call, not_found, route
from aconnect.testing.connect.routes._checks import content_of
from aconnect.testing.wire import Answer, ok

_MOST = 100
"""How many changes are told of one variant."""


@route("GET", "/v1/content/{guid}/schedule/history", since=(2023, 12, 0))
def get_schedule_history(call: Call) -> Answer:
    """List the schedules of all variants, or of one, with their latest changes."""
    rows = call.state.schedules.get(content_of(call, edit=True)["guid"], [])
    wanted = call.value("variant")
    if wanted is not None:
        rows = [row for row in rows if row["variant_key"] == wanted]
        if not rows:
            raise not_found("The variant")
    return ok({"results": [{**row, "history": row["history"][:_MOST]} for row in rows]})

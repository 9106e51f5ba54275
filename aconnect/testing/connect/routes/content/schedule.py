"""The history of schedules of content."""

from datetime import datetime, timedelta

from aconnect.testing.connect.dialect import Call, not_found, route
from aconnect.testing.connect.routes.content._items import RENDERED, content_of
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ok

_MOST = 100
"""The maximum number of changes of one variant."""


def new_schedule(user: Row, time: datetime) -> Row:
    """Return the schedule of a default variant that was created and then changed."""
    changes = (
        ("updated", time + timedelta(days=1), "RRULE:FREQ=WEEKLY;INTERVAL=1"),
        ("created", time, "RRULE:FREQ=DAILY;INTERVAL=2"),
    )
    names = ("guid", "username", "first_name", "last_name", "email")
    history: list[Row] = [
        {
            "change_type": kind,
            "change_time": when,
            "user": {name: user[name] for name in names},
            "new_schedule": {"schedule": _recurrence(when, rule)},
        }
        for kind, when, rule in changes
    ]
    return {
        "variant_key": "default",
        "current_schedule": {
            **history[0]["new_schedule"],
            "next_run": time + timedelta(days=8),
        },
        "history": history,
        "total_count": len(history),
    }


def _recurrence(time: datetime, rule: str) -> Row:
    return {"dtstart": f"DTSTART:{time:%Y%m%dT%H%M%SZ}", "rrules": [rule], "until": ""}


def seed(state: State) -> None:
    """Add a schedule to all content that can be rendered."""
    for guid, content in state.content.items():
        if content["app_mode"] in RENDERED:
            owner = state.users[content["owner_guid"]]
            state.schedules[guid] = [new_schedule(owner, content["created_time"])]


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

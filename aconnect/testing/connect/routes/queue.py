"""The queue of background work, from which waiting items can be removed."""

from collections.abc import Mapping
from datetime import datetime

from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.routes._checks import remove_from
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, empty

_SINCE = (2023, 12, 0)


QUEUES: Mapping[str, str] = {
    "default": "ScheduledRender",
    "git": "GitPoll",
    "memberships": "MembershipUpdate",
    "job-finalizer": "JobFinalizer",
}
"""The type of the items of each queue."""


def new_queue_item(number: int, name: str, time: datetime, *, started: bool = False) -> Row:
    """Return a new item of a queue; one that was not started is waiting."""
    row = {
        "id": str(number),
        "name": name,
        "job_type": QUEUES.get(name, "Other"),
        "created_time": time,
        "updated_time": time,
    }
    return {**row, "started_time": time} if started else row


def seed(state: State) -> None:
    """Add waiting items, distributed over the queues."""
    for i in range(state.seed.queue):
        number = state.next_number("queue")
        name = tuple(QUEUES)[i % len(QUEUES)]
        state.queue[str(number)] = new_queue_item(number, name, state.seed.start)


@route("GET", "/v1/queue", role="administrator", since=_SINCE)
def find_queue_items(call: Call) -> Response:
    """Find items, by default oldest first, of all or some queues."""
    names = {name for name in (call.value("queue_names") or "").split(",") if name}
    rows = [row for row in call.state.queue.values() if not names or row["name"] in names]
    if not call.flag("asc_order", default=True):
        rows.reverse()
    return offset(call, rows)


@route("DELETE", "/v1/queue/{id}", role="administrator", since=_SINCE)
def delete_queue_item(call: Call) -> Response:
    """Remove an item that is not in progress."""
    number = call.args["id"]
    row = call.state.queue.get(number)
    if row is not None and row.get("started_time") is not None:
        raise bad_request("The item is being processed and cannot be removed now.", 100)
    remove_from(call, call.state.queue, number, "The queue item")
    return empty()

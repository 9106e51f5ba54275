"""Schedules of variants as rows, and as they are sent with content."""

from datetime import datetime, timedelta

from aconnect.testing.connect.state import State
from aconnect.testing.wire import Row

_TYPES = {
    "MINUTELY": "minute",
    "HOURLY": "hour",
    "DAILY": "day",
    "WEEKLY": "week",
    "MONTHLY": "month",
    "YEARLY": "year",
}
"""The types of schedules by the frequency of their rule."""

_STATUSES = ("active", "finished", "finalized", "skipped")


def new_schedule(variant_key: str, user: Row, time: datetime) -> Row:
    """Return the schedule of a variant that was created and then changed."""
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
        "variant_key": variant_key,
        "current_schedule": {
            **history[0]["new_schedule"],
            "next_run": time + timedelta(days=8),
        },
        "history": history,
        "total_count": len(history),
    }


def _recurrence(time: datetime, rule: str) -> Row:
    return {"dtstart": f"DTSTART:{time:%Y%m%dT%H%M%SZ}", "rrules": [rule], "until": ""}


def sent_schedules(state: State, content: Row) -> list[Row]:
    """Return the schedules that the variants of a content item have now."""
    return [
        _sent(state, content, row["variant_key"], row["current_schedule"])
        for row in state.schedules.get(content["guid"], ())
        if row["current_schedule"] is not None
    ]


def _sent(state: State, content: Row, key: str, current: Row) -> Row:
    guid = content["guid"]
    variant = state.variants.get(guid, {}).get(key, {})
    frequency = current["schedule"]["rrules"][0].partition("FREQ=")[2].partition(";")[0]
    return {
        **current,
        "type": _TYPES[frequency],
        "email": False,
        "timezone": "UTC",
        "start_time": datetime.strptime(current["schedule"]["dtstart"], "DTSTART:%Y%m%dT%H%M%S%z"),
        "end_time": None,
        "last_run": _last_run(state, guid, key),
        "variant": {
            "key": key,
            "name": variant.get("variant_name") or content["title"] or content["name"],
            "is_default": variant.get("is_default", True),
        },
    }


def _last_run(state: State, guid: str, variant_key: str) -> Row | None:
    """Return the newest job that the schedule of a variant has started."""
    jobs = (
        job.row
        for job in state.jobs.get(guid, {}).values()
        if job.scheduled and job.row["variant_key"] == variant_key
    )
    row = max(jobs, key=lambda row: row["start_time"], default=None)
    if row is None:
        return None
    start, end = row["start_time"], row["end_time"]
    return {
        "job_key": row["key"],
        "status": _STATUSES[row["status"]],
        "scheduled_time": row["queued_time"],
        "queued_time": row["queued_time"],
        "start_time": start,
        "end_time": end,
        "run_duration_ms": None if end is None else (end - start) // timedelta(milliseconds=1),
        "exit_code": row["exit_code"],
    }

"""When content is rendered by itself."""

from __future__ import annotations

from datetime import datetime

from aconnect._core.model import Model


class RecurrenceRules(Model, kw_only=True):
    """A recurrence in the terms of RFC 5545."""

    dtstart: str | None = None
    rrules: list[str] | None = None
    until: str | None = None


class ScheduleLastRun(Model, kw_only=True):
    """The last run of a schedule."""

    job_key: str | None = None
    status: str | None = None
    scheduled_time: datetime | None = None
    queued_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    run_duration_ms: int | None = None
    """In milliseconds."""
    exit_code: int | None = None


class ScheduleVariant(Model, kw_only=True):
    """The variant of a report that a schedule renders."""

    key: str | None = None
    name: str | None = None
    is_default: bool | None = None


class Schedule(Model, kw_only=True):
    """When something is rendered by itself."""

    type: str | None = None
    schedule: RecurrenceRules | None = None
    next_run: datetime | None = None
    email: bool | None = None
    """Whether its result is sent by e-mail."""
    timezone: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    last_run: ScheduleLastRun | None = None


class ContentSchedule(Schedule, kw_only=True):
    """A schedule of content."""

    variant: ScheduleVariant | None = None

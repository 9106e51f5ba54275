"""Schedules of content, and the history of their changes."""

from __future__ import annotations

from datetime import datetime

from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.model import Model
from aconnect.connect._base.paging import UnpagedEnvelope
from aconnect.connect._base.resource import ConnectResource


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
    """A schedule."""

    type: str | None = None
    schedule: RecurrenceRules | None = None
    next_run: datetime | None = None
    email: bool | None = None
    """Whether the result is sent by e-mail."""
    timezone: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    last_run: ScheduleLastRun | None = None


class ContentSchedule(Schedule, kw_only=True):
    """A schedule of content."""

    variant: ScheduleVariant | None = None


class CurrentSchedule(Model, kw_only=True):
    """The schedule that a variant has now."""

    schedule: RecurrenceRules | None = None
    next_run: datetime | None = None
    """None if it does not run again."""


class HistorySchedule(Model, kw_only=True):
    """A schedule after a change."""

    schedule: RecurrenceRules | None = None


class ScheduleHistoryUser(Model, kw_only=True):
    """The user who changed a schedule."""

    guid: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class ScheduleHistoryEntry(Model, kw_only=True):
    """One change of a schedule."""

    change_type: str | None = None
    """`created`, `updated` or `deleted`."""
    change_time: datetime | None = None
    user: ScheduleHistoryUser | None = None
    """None if the user has been deleted."""
    new_schedule: HistorySchedule | None = None
    """None if the change deleted the schedule."""


class VariantScheduleHistory(Model, kw_only=True):
    """The schedule of one variant, now and before."""

    variant_key: str | None = None
    current_schedule: CurrentSchedule | None = None
    """None if the variant has none now."""
    history: list[ScheduleHistoryEntry] | None = None
    """Newest first, at most 100."""
    total_count: int | None = None
    """The total number of changes."""


class Schedules(ConnectResource, name="content.schedule", scope=("guid",)):
    """The schedules of one content item; requires edit permission."""

    @paged(
        "/v1/content/{guid}/schedule/history",
        by=UnpagedEnvelope(),
        role="collaborator",
    )
    def history(self, *, variant: str | None = None) -> Paged[VariantScheduleHistory]:
        """List the schedule history of all variants, or of one.

        Args:
            variant: The key of the variant.
        """
        ...

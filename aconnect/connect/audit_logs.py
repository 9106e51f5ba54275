"""Audit logs: the actions of users on the server."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Model, Row
from aconnect._core.paging import Unpaged
from aconnect._core.url import check_filter, rfc3339, timestamp
from aconnect.connect._base.paging import Keyset, PageNumber
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.content.query import Order


class AuditLog(Row, kw_only=True, frozen=True, gc=False):
    """One audited action."""

    id: Id | None = None
    user_id: Id | None = None
    time: datetime | None = None
    user_guid: str | None = None
    """None if the server itself acted."""
    user_description: str | None = None
    action: str | None = None
    event_description: str | None = None


class AuditAction(Model, kw_only=True):
    """A type of action that is audited."""

    action: str = ""
    description: str | None = None


class AuditLogs(ConnectResource, name="audit_logs"):
    """The audit log, for administrators."""

    @paged(
        "/v1/audit_logs",
        by=Keyset(max_size=500),
        rename={"asc_order": "ascOrder"},
        role="administrator",
    )
    def find(self, *, asc_order: bool | None = None) -> Paged[AuditLog]:
        """List all entries, oldest first unless `asc_order=False`; `search` has a time window.

        Args:
            asc_order: Whether the oldest are first, as by default.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @paged("/v1/search/auditlogs", by=PageNumber(max_size=500), role="administrator")
    def search(self, *, q: str | None = None, order: Order | None = None) -> Paged[AuditLog]:
        """Search in the query language of the server; `audit_query` returns such queries.

        Newer servers only.

        Args:
            q: A query such as `from:2026-01-01T00:00:00Z action:add_user`.
            order: Ascending or descending, by time.
        """
        ...

    @paged("/v1/audit/actions", by=Unpaged())
    def actions(self) -> Paged[AuditAction]:
        """List the types of actions that are audited."""
        ...


def audit_query(
    *,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
    action: str | None = None,
    user_guid: str | None = None,
) -> str:
    """Return a query for `AuditLogs.search`; both ends of the time window are inclusive."""
    check_filter("action", action)
    check_filter("user_guid", user_guid)
    terms = {"from": timestamp("from", from_), "to": timestamp("to", to)}
    words = [
        f"{name}:{rfc3339(name, value) if isinstance(value, datetime) else value}"
        for name, value in terms.items()
        if value is not None
    ]
    words += [f"action:{action}"] if action is not None else []
    words += [f"user_guid:{user_guid}"] if user_guid is not None else []
    return " ".join(words)

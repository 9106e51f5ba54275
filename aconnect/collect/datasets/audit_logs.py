"""Actions of users on the server."""

from __future__ import annotations

from typing import Any, Unpack

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import moment
from aconnect.collect.options import EventOptions, options_of
from aconnect.collect.strategies import Strategy
from aconnect.collect.strategies.both_ends import BothEnds
from aconnect.collect.strategies.search import Search
from aconnect.connect import Client, audit_query
from aconnect.connect.audit_logs import AuditLog
from aconnect.errors import EndpointMissingError

AUDIT_LOGS = Dataset(
    name="audit_logs",
    row_type=AuditLog,
    time_field="time",
    identity=("user_id", "time", "user_guid", "action", "event_description"),
)


def audit_logs(client: Client, **keywords: Unpack[EventOptions]) -> Collection[AuditLog]:
    """Collect the audit log, by searching if the server can, else from both ends at once.

    Args:
        client: The client of the server, with the key of an administrator.
        **keywords: See `EventOptions`.
    """
    options, logs = options_of(keywords), client.audit_logs

    def ask(from_: int | None, to: int | None) -> Any:
        return logs.search(q=audit_query(from_=moment(from_), to=moment(to)), order="asc")

    def entries(*, ascending: bool) -> Any:
        return logs.find(asc_order=ascending)

    async def choose(previous: str | None) -> Strategy:
        search = Search(ask, "time", options, first=lambda: ask(None, None))
        both_ends = BothEnds(entries, "time", options)
        if previous is not None:
            return search if previous == search.name else both_ends
        try:
            await ask(None, None).first()
        except EndpointMissingError:
            return both_ends
        return search

    return Collection(client, AUDIT_LOGS, options, choose)

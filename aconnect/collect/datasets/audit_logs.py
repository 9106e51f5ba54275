"""Actions of users on the server."""

from __future__ import annotations

from aconnect.collect.dataset import Dataset
from aconnect.connect.audit_logs import AuditLog

AUDIT_LOGS = Dataset(
    name="audit_logs",
    row_type=AuditLog,
    time_field="time",
    identity=("user_id", "time", "user_guid", "action", "event_description"),
)

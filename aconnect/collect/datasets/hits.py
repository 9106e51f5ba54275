"""Requests to content of any type."""

from __future__ import annotations

from aconnect.collect.dataset import Dataset
from aconnect.connect.instrumentation import ContentHit

HITS = Dataset(
    name="hits",
    row_type=ContentHit,
    time_field="timestamp",
    identity=("content_guid", "user_guid", "timestamp"),
)

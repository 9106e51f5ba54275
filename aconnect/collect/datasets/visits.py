"""Visits of static or rendered content."""

from __future__ import annotations

from aconnect.collect.dataset import Dataset
from aconnect.connect.instrumentation import ContentVisit

VISITS = Dataset(
    name="visits",
    row_type=ContentVisit,
    time_field="time",
    identity=("content_guid", "user_guid", "variant_key", "time", "rendering_id", "bundle_id"),
)

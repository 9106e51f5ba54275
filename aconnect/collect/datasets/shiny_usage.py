"""Sessions of Shiny applications."""

from __future__ import annotations

from aconnect.collect.dataset import Dataset
from aconnect.connect.instrumentation import ShinyUsage

SHINY_USAGE = Dataset(
    name="shiny_usage",
    row_type=ShinyUsage,
    time_field="started",
    identity=("content_guid", "user_guid", "started"),
    open_field="ended",
)

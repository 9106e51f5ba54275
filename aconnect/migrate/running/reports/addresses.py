"""Reports as CSV: the old and the new addresses, such as for redirects."""

from __future__ import annotations

import csv
import io

from aconnect.migrate.running.events import Report
from aconnect.migrate.running.reports.counting import state

_COLUMNS = (
    "number",
    "name",
    "owner",
    "state",
    "old_guid",
    "new_guid",
    "old_url",
    "new_url",
    "vanity",
)


def render(report: Report) -> str:
    """Return a line for each item; what is not known is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for item in report.items:
        writer.writerow(
            (
                item.number,
                item.name,
                item.owner,
                state(item),
                item.source_guid,
                item.target_guid,
                item.source_url,
                item.target_url,
                item.vanity,
            )
        )
    return text.getvalue()

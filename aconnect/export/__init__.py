"""High-volume collection of the items of a query into a file, resumable, in bounded memory.

::

    selected = await select(client, "visits", Window(from_=begin, to=end))
    done = await collect(selected.paged, "visits.jsonl", keep=selected.keep)

One query is written to one file, page by page.
"""

from aconnect.export.collecting import collect
from aconnect.export.parts import Collected
from aconnect.export.series import KINDS, Keep, Kind, Selected, Window, select
from aconnect.export.sinks import Format

__all__ = [
    "KINDS",
    "Collected",
    "Format",
    "Keep",
    "Kind",
    "Selected",
    "Window",
    "collect",
    "select",
]

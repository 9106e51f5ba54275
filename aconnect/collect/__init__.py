"""High-volume collection: usage and audit data in parallel, resumable, in bounded memory.

::

    from aconnect import Client, collect

    async with Client() as client:
        await collect.visits(client, from_=begin, to=end).to_parquet("usage/")

Events (`visits`, `shiny_usage`, `hits`, `audit_logs`) are fetched in windows of time at once. What
a server has now (`content`, `users`, `groups`, `permissions`, `jobs`, `packages`) is a snapshot, so
that the GUIDs of events can be joined to names.
"""

from aconnect.collect.batch import Batch
from aconnect.collect.collection import Collection, Following
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.audit_logs import audit_logs
from aconnect.collect.datasets.content import content
from aconnect.collect.datasets.groups import groups
from aconnect.collect.datasets.hits import hits
from aconnect.collect.datasets.jobs import jobs
from aconnect.collect.datasets.packages import packages
from aconnect.collect.datasets.permissions import permissions
from aconnect.collect.datasets.shiny_usage import shiny_usage
from aconnect.collect.datasets.users import users
from aconnect.collect.datasets.visits import visits
from aconnect.collect.options import CollectOptions, EventOptions
from aconnect.collect.progress import Progress, RunReport
from aconnect.collect.sink import Checkpoint, Entries, Period, Run, Sink, Source, Written

__all__ = [
    "Batch",
    "Checkpoint",
    "CollectOptions",
    "Collection",
    "Dataset",
    "Entries",
    "EventOptions",
    "Following",
    "Period",
    "Progress",
    "Run",
    "RunReport",
    "Sink",
    "Source",
    "Written",
    "audit_logs",
    "content",
    "groups",
    "hits",
    "jobs",
    "packages",
    "permissions",
    "shiny_usage",
    "users",
    "visits",
]

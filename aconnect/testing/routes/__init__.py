"""The simulated operations, one module per resource group.

Importing this package registers all of them in `aconnect.testing.dialect.ROUTES`. A new operation
is one decorated function in its module; a new group is one module, named here.
"""

from aconnect.testing.routes import (
    audit,
    bundle_files,
    bundles,
    content,
    deployment,
    groups,
    instrumentation,
    job_metrics,
    jobs,
    packages,
    queue,
    repository,
    schedules,
    server_info,
    storage,
    tags,
    users,
)

__all__ = [
    "audit",
    "bundle_files",
    "bundles",
    "content",
    "deployment",
    "groups",
    "instrumentation",
    "job_metrics",
    "jobs",
    "packages",
    "queue",
    "repository",
    "schedules",
    "server_info",
    "storage",
    "tags",
    "users",
]

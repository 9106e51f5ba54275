"""The simulated operations, one module per resource group.

Importing this package registers all of them in `aconnect.testing.dialect.ROUTES`. A new operation
is one decorated function in its module; a new group is one module, named here.
"""

from aconnect.testing.routes import (
    audit,
    bundles,
    checks,
    content,
    deployment,
    environments,
    groups,
    instrumentation,
    jobs,
    server_info,
    service_tokens,
    system,
    tags,
    users,
)

__all__ = [
    "audit",
    "bundles",
    "checks",
    "content",
    "deployment",
    "environments",
    "groups",
    "instrumentation",
    "jobs",
    "server_info",
    "service_tokens",
    "system",
    "tags",
    "users",
]

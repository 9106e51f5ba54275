"""The simulated operations, one module per resource group.

Importing this package registers all of them in `aconnect.testing.dialect.ROUTES`. A new operation
is one decorated function in its module; a new group is one module, named here.
"""

from aconnect.testing.routes import (
    audit,
    bootstrap,
    bundles,
    content,
    deployment,
    examples,
    experimental,
    groups,
    instrumentation,
    jobs,
    server_info,
    tags,
    users,
)

__all__ = [
    "audit",
    "bootstrap",
    "bundles",
    "content",
    "deployment",
    "examples",
    "experimental",
    "groups",
    "instrumentation",
    "jobs",
    "server_info",
    "tags",
    "users",
]

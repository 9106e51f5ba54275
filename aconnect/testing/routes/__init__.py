"""The simulated operations, one module per resource group.

Importing this package registers all of them in `aconnect.testing.dialect.ROUTES`. A new operation
is one decorated function in its module; a new group is one module, named here.
"""

from aconnect.testing.routes import (
    audit,
    bookmarks,
    bootstrap,
    bundles,
    content,
    deployment,
    examples,
    experimental,
    groups,
    instrumentation,
    jobs,
    keys,
    metrics,
    oauth,
    oauth_credentials,
    permissions,
    search,
    server_info,
    tags,
    thumbnails,
    users,
    vanities,
)

__all__ = [
    "audit",
    "bookmarks",
    "bootstrap",
    "bundles",
    "content",
    "deployment",
    "examples",
    "experimental",
    "groups",
    "instrumentation",
    "jobs",
    "keys",
    "metrics",
    "oauth",
    "oauth_credentials",
    "permissions",
    "search",
    "server_info",
    "tags",
    "thumbnails",
    "users",
    "vanities",
]

"""Filling a new server.

Decides in which order the groups add what they have at first. What that is, each group's `seed`
says, and `histories` of the high-volume rows. The same seed makes the same data.
"""

from aconnect.testing.connect import histories
from aconnect.testing.connect.paging import PageCache
from aconnect.testing.connect.routes import environments, examples, groups, queue, tags, users
from aconnect.testing.connect.routes.content import (
    bundles,
    content,
    jobs,
    schedule as schedules,
    variants,
)
from aconnect.testing.connect.routes.oauth import (
    clients as oauth_clients,
    integrations as oauth_integrations,
)
from aconnect.testing.connect.routes.system import caches, checks, service_tokens, system
from aconnect.testing.connect.state import Seed, State, guid_of
from aconnect.testing.connect.versions import Features

# A seed that needs the objects of others comes after them.
_SEEDS = (
    users.seed,
    groups.seed,
    tags.seed,
    content.seed,
    bundles.seed,
    variants.seed,
    schedules.seed,
    jobs.seed,
    oauth_integrations.seed,
    oauth_clients.seed,
    examples.seed,
    queue.seed,
    environments.seed,
    caches.seed,
    system.seed,
    checks.seed,
    service_tokens.seed,
)


def seeded_state(seed: Seed, features: Features, page_cache: int = 2100) -> State:
    """Create the state of a new server."""
    people = [guid_of("user", i) for i in range(max(3, seed.users))]
    items = [guid_of("content", i) for i in range(max(1, seed.content))]
    state = State(
        seed,
        features,
        visits=histories.visits(seed, people, items, features),
        shiny_usage=histories.shiny_usage(seed, people, items),
        audit_logs=histories.audit_logs(seed, people, items, users.seeded_name),
        hits=histories.hits(seed, people, items),
        pages=PageCache(page_cache),
    )
    for add in _SEEDS:
        add(state)
    return state

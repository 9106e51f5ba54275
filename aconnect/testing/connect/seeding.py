"""Creates the state of a new server.

Decides the order in which the modules of routes add their initial objects. The objects are defined
by the `seed` function of each module, and the high-volume rows in `histories`. The same seed always
produces the same data.
"""

from aconnect.testing.connect import histories
from aconnect.testing.connect.paging import PageCache
from aconnect.testing.connect.routes import environments, examples, groups, queue, tags, users
from aconnect.testing.connect.routes.content import (
    _processes,
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

# A module that needs objects of other modules comes after them.
_SEED_FUNCTIONS = (
    users.seed,
    groups.seed,
    tags.seed,
    content.seed,
    bundles.seed,
    variants.seed,
    schedules.seed,
    jobs.seed,
    _processes.seed,
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
    user_guids = [guid_of("user", i) for i in range(max(3, seed.users))]
    content_guids = [guid_of("content", i) for i in range(max(1, seed.content))]
    state = State(
        seed,
        features,
        visits=histories.visits(seed, user_guids, content_guids),
        shiny_usage=histories.shiny_usage(seed, user_guids, content_guids),
        audit_logs=histories.audit_logs(seed, user_guids, content_guids, users.seeded_name),
        hits=histories.hits(seed, user_guids, content_guids),
        pages=PageCache(page_cache),
    )
    for add_objects in _SEED_FUNCTIONS:
        add_objects(state)
    return state

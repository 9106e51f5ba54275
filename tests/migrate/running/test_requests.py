"""What a run asks of the servers: nothing that it knows, or does not need."""

from collections import Counter

from aconnect import migrate
from tests.migrate.migrating import clients, make_plan, operation, servers

KINDS = ("report", "app", "api")
"""Each has bundles, and an owner whose content needs a grant."""


async def test_what_is_requested_for_an_item(tmp_path):
    """An item that is new takes one request for each thing that is read or written."""
    async with servers(KINDS) as (a, b), clients(a, b) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, migrate.Options(grant_self=True))
        a.requests.clear()
        b.requests.clear()
        assert not (await migrate.run(plan, journal=tmp_path / "run.db")).has_failed
        old, new = (
            Counter(operation(one.method, one.path) for one in server.requests) for server in (a, b)
        )
    items = len(KINDS)
    once = {
        # As the item, and the role of the key's owner, was planned.
        "GET */v1/content/*/permissions": 2,
        "POST */v1/content/*/permissions": 1,
        "DELETE */v1/content/*/permissions/*": 1,
        "GET */v1/content/*/bundles": 1,
        "GET */v1/content/*": 1,
        "GET */v1/content/*/bundles/*/download": 1,
        "GET */v1/content/*/bundles/*/files/manifest.json": 0,
    }
    assert {kind: old[kind] for kind in once} == {kind: n * items for kind, n in once.items()}
    once = {
        "POST */v1/content": 1,
        "POST */v1/content/*/bundles": 1,
        # A draft, and its activation.
        "POST */v1/content/*/deploy": 2,
        # Whether it is active, and what it is in the end.
        "GET */v1/content/*": 2,
        "GET */v1/content/*/permissions": 1,
        "GET */v1/content/*/bundles": 1,
        "GET */v1/content/*/bundles/*/files/manifest.json": 0,
    }
    assert {kind: new[kind] for kind in once} == {kind: n * items for kind, n in once.items()}

"""Two servers for tests of migrations: a source with everything that can be carried, a destination.

Nothing is the same on both by accident: GUIDs, ids and keys differ, and only some users, groups,
tags, integrations and environments exist on both. The same arguments give the same servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from aconnect.testing import BuildScript, FakeConnect
from aconnect.testing.connect.routes.oauth.templates import TEMPLATES
from aconnect.testing.connect.routes.users import new_user
from aconnect.testing.wire import Row
from tests.migrate.describing import described
from tests.migrate.furnishing import VARIABLES, empty
from tests.migrate.kinds import CLEAN, CONFLICTS, IMAGE, OLD_IMAGE

__all__ = [
    "CLEAN",
    "CONFLICTS",
    "VARIABLES",
    "described",
    "destination",
    "secrets",
    "source",
]

# (username, mailbox, role); `root` and `admin` own the keys of the servers.
_SOURCE_USERS = (
    ("root", "operations", "administrator"),
    ("alice", "alice", "publisher"),
    ("bob", "bob", "publisher"),
    ("carol", "carol", "publisher"),
    ("dave", "dave", "publisher"),
    ("erin", "erin", "viewer"),
    ("frank", "team", "publisher"),
    ("grace", "team", "publisher"),
    ("henry", "henry", "publisher"),
    ("ivan", "ivan", "publisher"),
    ("judy", "judy", "publisher"),
)
_DESTINATION_USERS = (
    ("admin", "operations", "administrator"),
    ("alice.smith", "alice", "publisher"),  # by e-mail address
    ("bob", "bob", "publisher"),  # by both
    ("carol", "carol.jones", "publisher"),  # by username
    ("dave", "dave", "publisher"),  # locked on the source
    ("erin", "erin", "viewer"),  # a collaborator on the source
    ("team", "team", "publisher"),  # the address of two users of the source
    ("henry.first", "henry", "publisher"),  # two users with one address
    ("henry.second", "henry", "publisher"),
    ("judy", "judy", "viewer"),  # owns content on the source
    ("zoe", "zoe", "publisher"),  # on the destination only
)
_DIRECTORY = ("ivan", "grace", "newcomer")
"""Users in the directory of the destination, if `State.authentication` says that it has one."""
_SOURCE_GROUPS = {
    "analysts": ("alice", "bob", "erin"),
    "engineers": ("bob", "carol"),
    "auditors": ("ivan",),
}
_DESTINATION_GROUPS = {"analysts": ("bob",), "engineers": (), "others": ("zoe",)}
_SOURCE_TAGS = (
    ("Team",),
    ("Team", "Data"),
    ("Team", "Data", "Weekly"),
    ("Team", "Operations"),
    ("Region",),
    ("Region", "North"),
)
_DESTINATION_TAGS = (("Department",), ("Team",), ("Team", "Data"), ("Department", "Weekly"))


def source(
    items: int | None = None,
    *,
    kinds: Sequence[str] = (*CLEAN, *CONFLICTS),
    bundle_size: int | None = None,
    **options: Any,
) -> FakeConnect:
    """Return a server to migrate from.

    Args:
        items: The number of content items; by default one of each kind.
        kinds: The kinds of content, from `CLEAN` and `CONFLICTS`. The first item of each kind has
            its name, the others the name and a number, such as `report-2`.
        bundle_size: The least size of bundles, in bytes; by default they are as small as possible.
        options: The other arguments of `FakeConnect`.
    """
    world = empty("source", 1000, options, bundle_size)
    world.add_users(_SOURCE_USERS)
    world.user("dave")["locked"] = True
    world.add_groups(_SOURCE_GROUPS)
    world.add_tags(_SOURCE_TAGS)
    world.add_integration("Connect", "connect", max_role="Admin")
    for name in ("Warehouse", "Legacy"):
        world.add_integration(name, "custom", **_custom(name, world.name))
    world.add_integration("GitHub", "github", **_github(world.name))
    world.add_environment(IMAGE, "Current", "4.4.2", "3.12.7")
    guid = world.add_environment(OLD_IMAGE, "Old", "4.1.3", "3.8.20")
    permission = world.guid("environment permission", "engineers")
    world.state.environment_permissions[guid][permission] = {
        "id": str(world.state.next_number("environment permission")),
        "guid": permission,
        "environment_guid": guid,
        "user_guid": None,
        "group_guid": world.guid("group", "engineers"),
    }
    furnish = {**CLEAN, **CONFLICTS}
    for i in range(len(kinds) if items is None else items):
        kind = kinds[i % len(kinds)]
        turn = i // len(kinds) + 1
        furnish[kind](world, kind if turn == 1 else f"{kind}-{turn}")
    return world.server


def destination(**options: Any) -> FakeConnect:
    """Return a server to migrate to; `options` are the arguments of `FakeConnect`."""
    world = empty("destination", 1, options, None)
    world.add_users(_DESTINATION_USERS)
    world.add_groups(_DESTINATION_GROUPS)
    for username in _DIRECTORY:
        row = new_user("", username, "viewer", world.time, email=f"{username}@acme.example")
        world.state.remote_users[f"ticket-{username}"] = row
    world.state.remote_groups["ticket-auditors"] = {"name": "auditors"}
    world.add_tags(_DESTINATION_TAGS)
    world.add_integration("Connect", "connect", max_role="Admin")
    world.add_integration("Warehouse", "custom", **_custom("Warehouse", world.name))
    world.add_integration("GitHub", "github", **_github(world.name))
    world.add_environment(IMAGE, "Current", "4.4.2", "3.12.7")
    world.state.runtimes["quarto"] = ()
    world.state.limits["max_processes"] = 20
    world.deploy(world.add_content("taken", "bob"), "static")
    other = world.add_content("other", "zoe")
    world.deploy(other, "static")
    world.set_vanity(other, "/shared/")
    world.set_variables(other)
    # Builds are followed by few polls.
    world.state.build_script = BuildScript(("Building", "Completed"))
    return world.server


def secrets(server: FakeConnect) -> set[str]:
    """Return everything on a server that must never be written down.

    These are keys, the values of environment variables, the secrets of integrations, and the
    passwords in the addresses of repositories.
    """
    state = server.state
    found = {*state.keys, *state.session_tokens}
    for values in state.environment.values():
        found.update(values.values())
    for row in state.oauth_integrations.values():
        fields = (field for field in TEMPLATES[row["template"]]["fields"] if field["secret"])
        found.update(row["config"].get(field["name"], "") for field in fields)
    addresses: list[str] = [row["repository"] for row in state.repositories.values()]
    for bundles in state.bundles.values():
        for bundle in bundles.values():
            addresses += _texts(bundle.manifest.get("packages", {}))
    found.update(urlsplit(address).password or "" for address in addresses)
    return found - {""}


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*cast("Row", value).values()])
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from _texts(part)


def _custom(name: str, server: str) -> dict[str, str]:
    return {
        "client_id": f"{name}-on-{server}",
        "client_secret": f"client-secret-of-{name}-on-{server}",
        "authorization_uri": "https://login.acme.example/authorize",
        "token_uri": "https://login.acme.example/token",
    }


def _github(server: str) -> dict[str, str]:
    return {
        "client_id": f"github-on-{server}",
        "client_secret": f"client-secret-of-github-on-{server}",
    }

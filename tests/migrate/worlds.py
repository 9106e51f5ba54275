"""Two servers for tests of migrations: a source with everything that can be carried, a destination.

Nothing is the same on both by accident: GUIDs, ids and keys differ, and only some users, groups,
tags, integrations and environments exist on both. The same arguments give the same servers.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from gzip import GzipFile
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from aconnect.testing import BuildScript, FakeConnect, Seed, State
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content._items import new_content
from aconnect.testing.connect.routes.content._runs import activate_bundle
from aconnect.testing.connect.routes.content._schedules import new_schedule
from aconnect.testing.connect.routes.content.bundles import store
from aconnect.testing.connect.routes.content.repository import new_repository
from aconnect.testing.connect.routes.content.variants import new_variant
from aconnect.testing.connect.routes.environments import new_environment
from aconnect.testing.connect.routes.groups import new_group
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from aconnect.testing.connect.routes.oauth.templates import TEMPLATES
from aconnect.testing.connect.routes.tags import new_tag
from aconnect.testing.connect.routes.users import new_user
from aconnect.testing.connect.state import Bundle, guid_of
from aconnect.testing.wire import Row
from tests.migrate.describing import described

__all__ = ["CLEAN", "CONFLICTS", "described", "destination", "secrets", "source"]

IMAGE = "ghcr.io/acme/base:r4.4-py3.12"
"""The image of an environment that both servers have."""
OLD_IMAGE = "ghcr.io/acme/base:r4.1-py3.8"
"""The image of an environment that only the source has."""
VARIABLES = ("API_URL", "TOKEN")
"""The names of the environment variables that content has, if it has any."""
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
"""The thumbnail of content, if it has one."""

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


@dataclass(frozen=True)
class World:
    """A server that is being furnished."""

    server: FakeConnect
    name: str
    bundle_size: int | None = None
    tag_ids: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])
    """The ids of tags by their paths."""
    archives: dict[bytes, Archive] = field(default_factory=dict[bytes, Archive])
    """The archives of large bundles, each of which several bundles share, to save memory."""

    @property
    def state(self) -> State:
        return self.server.state

    @property
    def time(self) -> datetime:
        return self.state.seed.start

    def guid(self, kind: str, name: object) -> str:
        return guid_of(self.name, kind, name)

    def user(self, username: str) -> Row:
        return self.state.known_user(username)

    def add_users(self, users: Iterable[tuple[str, str, str]]) -> None:
        """Add users, each with a key; the first one's is the key of the server."""
        for username, mailbox, role in users:
            guid, key = self.guid("user", username), f"{self.name}-key-of-{username}"
            email = f"{mailbox}@acme.example"
            row = new_user(guid, username, role, self.time, email=email, active_time=self.time)
            self.state.users[guid] = row
            self.state.add_key(key, guid, "default", role, self.time)
        self.server.api_key = next(iter(self.state.keys))

    def add_groups(self, groups: dict[str, tuple[str, ...]]) -> None:
        for name, members in groups.items():
            guid = self.guid("group", name)
            owner = next(iter(self.state.users))
            self.state.groups[guid] = new_group(guid, name, owner)
            self.state.members[guid] = [self.user(member)["guid"] for member in members]

    def add_tags(self, paths: Iterable[tuple[str, ...]]) -> None:
        for path in paths:
            number = self.state.next_number("tag")
            parent = self.tag_ids.get(path[:-1])
            self.tag_ids[path] = str(number)
            self.state.tags[str(number)] = new_tag(number, path[-1], parent, self.time)

    def add_integration(self, name: str, template: str, **config: str) -> None:
        guid, number = self.guid("integration", name), self.state.next_number("integration")
        self.state.oauth_integrations[guid] = new_integration(
            guid, number, template, config, self.time, name=name
        )

    def add_environment(self, image: str, title: str, r: str, python: str) -> str:
        guid, number = self.guid("environment", image), self.state.next_number("environment")
        self.state.environments[guid] = new_environment(
            guid,
            number,
            image,
            self.time,
            title=title,
            r={"installations": [{"version": r, "path": "/opt/R/bin/R"}]},
            python={"installations": [{"version": python, "path": "/opt/python/bin/python"}]},
        )
        self.state.environment_permissions[guid] = {}
        return guid

    def add_content(self, name: str, owner: str, **fields: Any) -> Row:
        number = self.state.next_number("content")
        guid = self.guid("content", f"{owner}/{name}")
        time = self.time + timedelta(hours=number)
        fields.setdefault("title", f"The title of {name}")
        row = new_content(guid, number, name, self.user(owner)["guid"], time, **fields)
        self.state.content[guid] = row
        self.state.jobs[guid] = {}
        return row

    def add_bundle(self, content: Row, mode: str, number: int = 1, **sections: object) -> Bundle:
        """Add a bundle that is not active, by the owner."""
        frozen = msgspec.json.encode(sections)
        if self.bundle_size is None:
            archive = Archive.of(_packed(mode, f"{content['name']} {number}".encode(), frozen))
        else:
            data = _packed(mode, _noise(self.bundle_size), frozen)
            if data not in self.archives:
                self.archives[data] = Archive.of(data)
            archive = self.archives[data]
        time = content["created_time"] + timedelta(minutes=number)
        manifest = _manifest(mode, sections)
        row = store(self.state, content, content["owner_guid"], archive, manifest, time)
        return self.state.bundles[content["guid"]][row["id"]]

    def activate(self, content: Row, bundle: Bundle) -> None:
        """Make a bundle the active one, as a deployment does."""
        bundle.is_built = True
        activate_bundle(self.state.bundles[content["guid"]], bundle, content)
        content["last_deployed_time"] = bundle.row["created_time"]

    def deploy(self, content: Row, mode: str, **sections: object) -> Bundle:
        """Add an active bundle."""
        bundle = self.add_bundle(content, mode, 1, **sections)
        self.activate(content, bundle)
        return bundle

    def set_variables(self, content: Row) -> None:
        self.state.environment[content["guid"]] = {
            name: f"value-of-{name}-for-{content['name']}-on-{self.name}" for name in VARIABLES
        }

    def tag(self, content: Row, *path: str) -> None:
        """Give content a tag and its ancestors, except their category."""
        ids = {self.tag_ids[path[:length]] for length in range(2, len(path) + 1)}
        self.state.content_tags.setdefault(content["guid"], set()).update(ids)

    def permit(self, content: Row, kind: str, name: str, role: str = "viewer") -> None:
        self.state.permit(content["guid"], self.guid(kind, name), role)

    def set_vanity(self, content: Row, path: str) -> None:
        guid, time = content["guid"], content["created_time"]
        self.state.vanities[guid] = {"content_guid": guid, "path": path, "created_time": time}

    def associate(self, content: Row, *names: str) -> None:
        guids = [self.guid("integration", name) for name in names]
        self.state.oauth_associations[content["guid"]] = dict.fromkeys(guids, self.time)


def _report(world: World, name: str) -> None:
    """Three bundles of which the second is active; permissions, a tag, a schedule, a thumbnail."""
    content = world.add_content(name, "alice", description="A weekly report.", notify_on_share=True)
    bundles = [world.add_bundle(content, "quarto-static", number) for number in (1, 2, 3)]
    world.activate(content, bundles[1])
    world.set_variables(content)
    world.tag(content, "Team", "Data", "Weekly")
    world.tag(content, "Region", "North")
    world.permit(content, "user", "bob")
    world.permit(content, "group", "analysts")
    world.set_vanity(content, f"/{name}/weekly/")
    guid, time = content["guid"], content["created_time"]
    variant = new_variant(content, "default", time, is_default=True, render_time=time)
    world.state.variants[guid] = {variant["variant_key"]: variant}
    owner = world.state.users[content["owner_guid"]]
    world.state.schedules[guid] = [new_schedule("default", owner, time)]
    world.state.thumbnails[guid] = PICTURE


def _app(world: World, name: str) -> None:
    """Limits of processes, collaborators, and an integration."""
    content = world.add_content(
        name,
        "bob",
        access_type="logged_in",
        min_processes=1,
        max_processes=5,
        max_conns_per_process=10,
        load_factor=0.75,
        connection_timeout=60,
        idle_timeout=120,
    )
    world.deploy(content, "python-shiny")
    world.set_variables(content)
    world.permit(content, "user", "carol", "owner")
    world.permit(content, "group", "engineers", "owner")
    world.associate(content, "Warehouse")


def _api(world: World, name: str) -> None:
    """Two integrations, an old bundle without checksums, a package repository with a password."""
    content = world.add_content(name, "carol", default_py_environment_management=False)
    old = world.add_bundle(content, "python-fastapi", 1)
    old.row["metadata"].update(archive_md5=None, archive_sha1=None)
    repository = f"https://reader:password-of-packages-on-{world.name}@packages.acme.example/cran"
    packages = {"R6": {"Source": "CRAN", "Repository": repository}}
    world.activate(content, world.add_bundle(content, "python-fastapi", 2, packages=packages))
    world.associate(content, "Warehouse", "GitHub")
    world.set_vanity(content, f"/{name}/")
    world.tag(content, "Team", "Operations")


def _git(world: World, name: str) -> None:
    """A Git repository, whose address has a password; servers no longer accept such addresses."""
    content = world.add_content(name, "alice")
    bundle = world.deploy(content, "static")
    address = f"https://reader:password-of-{name}-on-{world.name}@git.acme.example/site.git"
    repository = new_repository(address, world.time, branch="release", directory="site")
    repository["polling"] = True
    world.state.repositories[content["guid"]] = repository
    bundle.row["metadata"].update(source="git", source_branch="release")


def _never(world: World, name: str) -> None:
    """Content that was never deployed."""
    content = world.add_content(name, "bob", description="Created, and nothing else.")
    world.set_variables(content)
    world.tag(content, "Region", "North")


def _history(world: World, name: str) -> None:
    """An older bundle that is no longer on the disk, and a newer one that was never built."""
    content = world.add_content(name, "carol", access_type="all")
    gone, active = (world.add_bundle(content, "shiny", number) for number in (1, 2))
    world.add_bundle(content, "shiny", 3)
    world.activate(content, active)
    world.state.lose_archive(content["guid"], gone.row["id"])
    world.permit(content, "group", "analysts")


def _locked(world: World, name: str) -> None:
    """Locked content that everybody may view."""
    content = world.add_content(
        name, "alice", access_type="all", locked=True, locked_message="Frozen for the audit."
    )
    world.deploy(content, "static")
    world.state.thumbnails[content["guid"]] = PICTURE


def _image(world: World, name: str) -> None:
    """An execution environment, and the limits that go with it."""
    content = world.add_content(
        name,
        "bob",
        default_environment_guid=world.guid("environment", IMAGE),
        cpu_request=0.5,
        cpu_limit=2.0,
        memory_request=1 << 28,
        memory_limit=1 << 30,
    )
    world.deploy(content, "api")


def _own(world: World, name: str) -> None:
    """Content of the owner of the key, which needs no grant."""
    content = world.add_content(name, "root")
    world.deploy(content, "static")
    world.permit(content, "user", "alice", "owner")


def _taken(world: World, name: str) -> None:
    """A name that its owner has on the destination already."""
    world.deploy(world.add_content(name, "bob"), "static")


def _vanity_taken(world: World, name: str) -> None:
    """A vanity path below one that other content has on the destination."""
    content = world.add_content(name, "carol")
    world.deploy(content, "static")
    world.set_vanity(content, "/shared/team/" if name == "vanity-taken" else f"/{name}/")


def _gone(world: World, name: str) -> None:
    """The active bundle is no longer on the disk."""
    content = world.add_content(name, "carol")
    bundle = world.deploy(content, "static")
    world.state.lose_archive(content["guid"], bundle.row["id"])


def _unmapped(world: World, name: str) -> None:
    """An owner and a group that the destination lacks."""
    content = world.add_content(name, "ivan")
    world.deploy(content, "static")
    world.permit(content, "group", "auditors")


def _viewer(world: World, name: str) -> None:
    """An owner who may not publish on the destination."""
    world.deploy(world.add_content(name, "judy"), "static")


def _locked_owner(world: World, name: str) -> None:
    """An owner who is locked."""
    world.deploy(world.add_content(name, "dave"), "static")


def _demoted(world: World, name: str) -> None:
    """A collaborator who may not publish (any more)."""
    content = world.add_content(name, "bob")
    world.deploy(content, "static")
    world.permit(content, "user", "erin", "owner")


def _ambiguous(world: World, name: str) -> None:
    """Permissions of users whose e-mail address is that of several."""
    content = world.add_content(name, "alice")
    world.deploy(content, "static")
    for username in ("frank", "grace", "henry"):
        world.permit(content, "user", username)


def _run_as(world: World, name: str) -> None:
    """Accounts that content runs as."""
    content = world.add_content(
        name, "carol", run_as="analysis", run_as_current_user=True, service_account_name="default"
    )
    world.deploy(content, "shiny")


def _requests(world: World, name: str) -> None:
    """An integration and an environment that the destination lacks; the manifest requests one."""
    content = world.add_content(
        name, "alice", default_environment_guid=world.guid("environment", OLD_IMAGE)
    )
    requests = [{"name": "Legacy", "type": "custom"}]
    world.deploy(content, "python-fastapi", integration_requests=requests)
    world.associate(content, "Legacy")


def _over_limit(world: World, name: str) -> None:
    """A setting above the limit of the destination."""
    world.deploy(world.add_content(name, "bob", max_processes=50), "shiny")


def _runtime(world: World, name: str) -> None:
    """A language that is not installed on the destination."""
    content = world.add_content(name, "carol", quarto_version="1.5.57")
    bundle = world.deploy(content, "quarto-static", quarto={"version": "1.5.57"})
    bundle.row["quarto_version"] = "1.5.57"


Furnish = Callable[[World, str], None]

CLEAN: dict[str, Furnish] = {
    "report": _report,
    "app": _app,
    "api": _api,
    "git": _git,
    "never": _never,
    "history": _history,
    "locked": _locked,
    "image": _image,
    "own": _own,
}
"""Content that can be migrated as it is, if users are matched by name or address, integrations and
environments by name, and `VARIABLES` have values."""

CONFLICTS: dict[str, Furnish] = {
    "taken": _taken,
    "vanity-taken": _vanity_taken,
    "gone": _gone,
    "unmapped": _unmapped,
    "viewer": _viewer,
    "locked-owner": _locked_owner,
    "demoted": _demoted,
    "ambiguous": _ambiguous,
    "run-as": _run_as,
    "requests": _requests,
    "over-limit": _over_limit,
    "runtime": _runtime,
}
"""Content that needs a decision, or loses something."""


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
    world = _empty("source", 1000, options, bundle_size)
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
    world = _empty("destination", 1, options, None)
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
    addresses = [row["repository"] for row in state.repositories.values()]
    for bundles in state.bundles.values():
        for bundle in bundles.values():
            addresses += _texts(bundle.manifest.get("packages", {}))
    found.update(urlsplit(address).password or "" for address in addresses)
    return found - {""}


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _empty(name: str, number: int, options: dict[str, Any], bundle_size: int | None) -> World:
    """Return a server without any objects, whose ids begin after a number."""
    server = FakeConnect(Seed(content=0, groups=0), **options)
    state = server.state
    for table in (
        state.users,
        state.keys,
        state.api_keys,
        state.tags,
        state.oauth_integrations,
        state.environments,
        state.environment_permissions,
        state.remote_users,
        state.remote_groups,
    ):
        table.clear()
    kinds = ("content", "bundle", "tag", "permission", "integration", "environment", "job")
    state.counters = {kind: number + 100 * i for i, kind in enumerate(kinds)}
    return World(server, name, bundle_size)


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


def _manifest(mode: str, sections: dict[str, object]) -> Row:
    metadata = {"appmode": mode, "entrypoint": "app"}
    return {"version": 1, "metadata": metadata, "files": {"app.py": {}}, **sections}


@cache
def _noise(size: int) -> bytes:
    return Random(size).randbytes(size)


@cache
def _packed(mode: str, code: bytes, sections: bytes) -> bytes:
    """Return an archive with a manifest; the same arguments give the same bytes."""
    manifest = _manifest(mode, msgspec.json.decode(sections))
    raw = io.BytesIO()
    # GzipFile instead of "w:gz", because its header then has no time.
    with (
        GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in (("manifest.json", msgspec.json.encode(manifest)), ("app.py", code)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()

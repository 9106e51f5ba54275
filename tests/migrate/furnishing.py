"""What simulated servers are furnished with for tests of migrations.

Objects are added to the state by the functions that the routes use, so that it is consistent.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from gzip import GzipFile
from random import Random
from typing import Any

import msgspec

from aconnect.testing import FakeConnect, Seed, State
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content._items import new_content
from aconnect.testing.connect.routes.content._runs import activate_bundle
from aconnect.testing.connect.routes.content.bundles import store
from aconnect.testing.connect.routes.environments import new_environment
from aconnect.testing.connect.routes.groups import new_group
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from aconnect.testing.connect.routes.tags import new_tag
from aconnect.testing.connect.routes.users import new_user
from aconnect.testing.connect.state import Bundle, guid_of
from aconnect.testing.wire import Row

VARIABLES = ("API_URL", "TOKEN")
"""The names of the environment variables that content has, if it has any."""


@dataclass(frozen=True)
class World:
    """A server that is being furnished."""

    server: FakeConnect
    name: str
    bundle_size: int | None = None
    tag_ids: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])
    """The ids of tags by their paths."""
    archives: dict[bytes, Archive] = field(default_factory=dict[bytes, Archive])
    """The archives of large bundles, whose bytes several bundles share, to save memory."""

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
            # A copy, because one that is removed from the disk must not remove the others.
            archive = copy(self.archives[data])
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


def empty(name: str, number: int, options: dict[str, Any], bundle_size: int | None) -> World:
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

"""Shared by the benchmarks of migrations: the servers, and the scripts that they are compared with.

The scripts make the calls of the library for one item after the other, each when the previous one
has its response. They use the client of the library, which costs them nothing here: what they wait
for is the server.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from aconnect import Client
from aconnect.connect import ContentItem
from aconnect.connect._base.resource import none_if_missing
from aconnect.migrate import Mapping, Plan, PlannedItem, ValueSource
from aconnect.migrate.running.transfer import copy_bundle
from aconnect.migrate.snapshots.model import ContentDetails, TagPath

if TYPE_CHECKING:
    from aconnect.testing import FakeConnect

LATENCY = 0.025
VARIABLE = "ACONNECT_BENCHMARK"
"""The variable of this process that has the values of all environment variables."""
_ID = re.compile(r"/(?:[0-9a-f]{8}-[0-9a-f-]{27}|(?:_bundle)?\d+|[A-Za-z0-9_-]{16,})(?=/|$)")
_CATEGORY = "content_category"


def old_server(items: int, kinds: list[str], size: int | None, latency: float) -> FakeConnect:
    """Return a server to migrate from."""
    from tests.migrate.worlds import source

    return source(items, kinds=kinds, bundle_size=size, latency=latency)


def new_server(latency: float) -> FakeConnect:
    """Return a server to migrate to, whose builds end with the first poll."""
    from aconnect.testing import BuildScript
    from tests.migrate.worlds import destination

    server = destination(latency=latency)
    server.state.build_script = BuildScript(lines=("Completed",))
    return server


def requests(server: FakeConnect) -> dict[str, int]:
    """Return the number of requests for each operation; a function to ask a running server."""
    found = Counter[str]()
    numbers: Counter[tuple[str, str]] = vars(server.requests)["numbers"]
    for (method, path), number in numbers.items():
        found[f"{method} {_ID.sub('/*', path)}"] += number
    return dict(found)


def mapping() -> Mapping:
    """Return a mapping with which all variables have values."""
    from tests.migrate.worlds import VARIABLES

    return Mapping(env=dict.fromkeys(VARIABLES, ValueSource(environ=VARIABLE)))


async def read_by_hand(item: ContentItem) -> None:
    """Request the details of an item, one after the other."""
    await item.permissions.find()
    await item.environment_variables.find()
    await item.bundles.find()
    await none_if_missing(item.repository.get())
    await item.oauth.associations.find()


async def plan_by_hand(item: ContentItem) -> None:
    """Request what a plan needs of an item, one after the other."""
    await read_by_hand(item)
    if item.bundle_id is not None:
        await none_if_missing(item.bundles.handle(item.bundle_id).files.get("manifest.json"))


class Script:
    """Migrates the items of a plan, one call after the other."""

    def __init__(self, plan: Plan, value: str) -> None:
        self._plan = plan
        self._value = value
        self._principals = {(one.kind, one.target): one.target_guid for one in plan.principals}
        self._tags = dict[TagPath, str]()

    @property
    def _old(self) -> Client:
        return self._plan.clients[0]

    @property
    def _new(self) -> Client:
        return self._plan.clients[1]

    async def create_tags(self) -> None:
        """Create the tags that the items need."""
        for path in {path for item in self._plan.items for path in item.target.tags}:
            self._tags[path] = (await self._new.tags.ensure_tag_path(path)).id

    async def migrate(self, item: PlannedItem) -> None:
        """Migrate one item."""
        old, target = self._old.content.handle(item.source.guid), item.target
        details = target.details or ContentDetails()
        await read_by_hand(old)
        await old.refresh()
        me = self._plan.source.me_guid
        await old.permissions.find_one(principal_guid=me)
        grant = await old.permissions.create(principal_guid=me, principal_type="user", role="owner")
        new = await self._new.content.create(
            name=item.staging_name, title=target.title or "", access_type="acl"
        )
        if details.variables:
            await new.environment_variables.update(dict.fromkeys(details.variables, self._value))
        await self._build(item, old, new, details)
        await self._dress(item, old, new, details)
        fields: dict[str, Any] = {k: v for k, v in target.settings.items() if k != _CATEGORY}
        fields |= {"name": target.name, "access_type": target.access_type}
        await new.update(owner_guid=item.owner_guid, **fields)
        if target.locked:
            await new.update(locked=True, locked_message=target.locked_message or "")
        if target.vanity is not None:
            await new.vanity.put(path=target.vanity)
        await read_by_hand(await new.refresh())
        await old.permissions.delete(grant)

    async def _build(
        self, item: PlannedItem, old: ContentItem, new: ContentItem, details: ContentDetails
    ) -> None:
        """Send the active bundle and build it, as a draft first."""
        (bundle,) = details.bundles
        sent = await copy_bundle(old, new, bundle, lambda _, __: None)
        integrations = list(item.integration_guids)
        if integrations:
            await new.oauth.associations.update(integrations)
        await (await new.deploy(sent, activate=False)).wait()
        await new.verify(sent)
        await (await new.deploy(sent)).wait()
        await new.refresh()
        if integrations:
            await new.oauth.associations.update(integrations)

    async def _dress(
        self, item: PlannedItem, old: ContentItem, new: ContentItem, details: ContentDetails
    ) -> None:
        image = await old.thumbnail.get()
        if image is not None:
            await new.thumbnail.put(image)
        for path in item.target.tags:
            await new.tags.add(self._tags[path])
        for one in details.permissions:
            guid = self._principals[one.kind, one.name]
            if guid != item.owner_guid:
                await new.permissions.create(
                    principal_guid=guid, principal_type=one.kind, role=one.role
                )

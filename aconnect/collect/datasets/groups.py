"""The groups of the server, with their members."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Unpack

import msgspec
from msgspec import Raw

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import listed, with_field
from aconnect.collect.options import CollectOptions, options_of
from aconnect.collect.strategies import Fetched, Strategy
from aconnect.collect.strategies.snapshot import Snapshot
from aconnect.concurrency import amap
from aconnect.connect import Client
from aconnect.connect.groups import Group


class GroupWithMembers(Group, kw_only=True):
    """A group and its members."""

    member_guids: list[str] = []


GROUPS = Dataset(name="groups", row_type=GroupWithMembers)


def groups(client: Client, **keywords: Unpack[CollectOptions]) -> Collection[GroupWithMembers]:
    """Collect all groups, each with the GUIDs of its members."""
    options = options_of(keywords, is_snapshot=True)

    async def members(group: Raw) -> Raw:
        guid = msgspec.json.decode(group, type=Group).guid
        handle = client.groups.handle(guid)
        return with_field(
            group, "member_guids", [user.guid async for user in handle.members.find()]
        )

    async def rows(_: Strategy) -> AsyncGenerator[Fetched, None]:
        async for page in listed(client.groups.find()):
            copies = [Raw(bytes(group)) for group in page.rows]
            found = await amap(members, copies, limit=options.in_flight)
            yield Fetched(found, requests=1 + len(copies))

    async def choose(_: str | None) -> Strategy:
        return Snapshot(rows)

    return Collection(client, GROUPS, options, choose)

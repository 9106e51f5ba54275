"""The users of the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Unpack

from aconnect.collect.collection import Collection
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets._asking import listed
from aconnect.collect.options import CollectOptions, options_of
from aconnect.collect.strategies import Fetched, Strategy
from aconnect.collect.strategies.snapshot import Snapshot
from aconnect.connect import Client
from aconnect.connect.users import User

USERS = Dataset(name="users", row_type=User)


def users(client: Client, **keywords: Unpack[CollectOptions]) -> Collection[User]:
    """Collect all users."""
    options = options_of(keywords, is_snapshot=True)

    def rows(_: Strategy) -> AsyncGenerator[Fetched, None]:
        return listed(client.users.find())

    async def choose(_: str | None) -> Strategy:
        return Snapshot(rows)

    return Collection(client, USERS, options, choose)

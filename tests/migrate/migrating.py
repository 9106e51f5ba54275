"""Migrations between two simulated servers, as the tests of faults need them."""

from __future__ import annotations

import copy
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aconnect import Client, migrate
from aconnect.testing import FakeConnect, State, VirtualClock
from aconnect.testing.connect.archives import Archive
from tests.migrate import worlds
from tests.migrate.describing import described

VALUES = {name: f"value-of-{name}-on-the-destination" for name in worlds.VARIABLES}
"""The values that environment variables get; they are secrets."""

KINDS = ("report", "git")
"""Content with most of what can be carried."""


@asynccontextmanager
async def servers(
    kinds: Sequence[str] = KINDS, **options: Any
) -> AsyncGenerator[tuple[FakeConnect, FakeConnect]]:
    """A server to migrate from, and one to migrate to."""
    async with worlds.source(kinds=kinds) as source, worlds.destination(**options) as destination:
        yield source, destination


@asynccontextmanager
async def clients(*both: FakeConnect, **options: Any) -> AsyncGenerator[tuple[Client, Client]]:
    """Clients of the two servers, whose clocks take no time."""
    first, second = (
        Client(server.url, server.api_key, clock=VirtualClock(), **options) for server in both
    )
    async with first, second:
        yield first, second


def mapping(folder: Path) -> migrate.Mapping:
    """A mapping that finds the values of variables in a file."""
    secrets = folder / "secrets.env"
    if not secrets.exists():
        secrets.write_text("".join(f"{name}={value}\n" for name, value in VALUES.items()))
    source = migrate.ValueSource(file=str(secrets))
    return migrate.Mapping(env=dict.fromkeys(VALUES, source))


OPTIONS = migrate.Options(grant_self=True, bundles="all", lock_source="Moved to the new server.")


async def make_plan(
    source: Client, destination: Client, folder: Path, options: migrate.Options = OPTIONS
) -> migrate.Plan:
    """Plan the migration of all content."""
    return await migrate.plan(source, destination, mapping=mapping(folder), options=options)


def state(server: FakeConnect) -> dict[str, Any]:
    """What the server has, in a form that two servers can be compared by."""
    return described(server)


_ID = re.compile(r"/(?:[0-9a-f]{8}-[0-9a-f-]{27}|\d+|[A-Za-z0-9_-]{16,})(?=/|$)")


def operation(method: str, path: str) -> str:
    """The pattern of a request for `FakeConnect.script`: its ids match any."""
    path = path.split("?", maxsplit=1)[0].removeprefix("/__api__")
    return f"{method} *{_ID.sub('/*', path)}"


def operations(server: FakeConnect) -> list[str]:
    """The patterns of all requests that the server got, each once."""
    return list(dict.fromkeys(operation(one.method, one.path) for one in server.requests))


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """What differs between two states, each with its path."""
    if isinstance(one, dict) and isinstance(other, dict):
        found: list[str] = []
        for key in sorted({*one, *other}):
            found += differences(one.get(key), other.get(key), f"{path}/{key}")
        return found
    return [] if one == other else [f"{path}: {one!r} instead of {other!r}"]


def copied(state: State) -> State:
    """A copy of the state of a server, to begin from it again."""
    archives = [one.archive for bundles in state.bundles.values() for one in bundles.values()]
    return copy.deepcopy(state, {id(one): Archive.of(b"".join(one.pieces())) for one in archives})

"""Content of the destination that a migration updates, with everything that it changes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from aconnect import Client, migrate
from aconnect.testing import FakeConnect
from aconnect.testing.connect.routes.content.bundles import small_archive
from aconnect.testing.wire import Row
from tests.migrate.migrating import clients, mapping, servers

OPTIONS = migrate.Options(
    grant_self=True,
    bundles="all",
    lock_source="Moved to the new server.",
    policies=migrate.Policies(vanity_taken="take", missing="without"),
)
KINDS = ("report", "api", "git")


def named(server: FakeConnect, name: str) -> Row:
    """The only content with a name."""
    (row,) = (row for row in server.state.content.values() if row["name"] == name)
    return row


def guid(server: FakeConnect, kind: str, name: str) -> str:
    """The guid of a user or group, or the id of a tag."""
    tables: dict[str, tuple[dict[str, Row], str, str]] = {
        "user": (server.state.users, "username", "guid"),
        "group": (server.state.groups, "name", "guid"),
        "tag": (server.state.tags, "name", "id"),
        "integration": (server.state.oauth_integrations, "name", "guid"),
    }
    table, field, key = tables[kind]
    return next(str(row[key]) for row in table.values() if row[field] == name)


async def plan_update(
    both: tuple[FakeConnect, FakeConnect],
    two: tuple[Client, Client],
    folder: Path,
    names: tuple[str, ...],
    **options: Any,
) -> migrate.Plan:
    """Plan a migration that updates the content with these names."""
    content = {named(both[0], name)["guid"]: named(both[1], name)["guid"] for name in names}
    chosen = msgspec.structs.replace(mapping(folder), content=content)
    return await migrate.plan(
        *two, mapping=chosen, options=msgspec.structs.replace(OPTIONS, **options)
    )


@asynccontextmanager
async def existing(
    folder: Path, kinds: tuple[str, ...] = KINDS, **options: Any
) -> AsyncGenerator[tuple[tuple[FakeConnect, FakeConnect], tuple[Client, Client]]]:
    """Two servers that have the same content, which differs in all that is carried."""
    async with servers(kinds, **options) as both, clients(*both) as two:
        plan = await migrate.plan(
            *two,
            mapping=mapping(folder),
            options=msgspec.structs.replace(OPTIONS, lock_source=None, bundles="active"),
        )
        report = await migrate.run(plan, journal=folder / "first.db")
        assert not report.has_failed, report
        for name in kinds:
            await _change(both[0], two[0], name, "analysts", "bob")
            await _change(both[1], two[1], name, "others", "erin")
            destination = two[1].content.handle(named(both[1], name)["guid"])
            await destination.update(owner_guid=guid(both[1], "user", "zoe"))
            await destination.permissions.create(
                principal_guid=guid(both[1], "user", "bob"), principal_type="user", role="owner"
            )
        yield both, two


async def _change(server: FakeConnect, client: Client, name: str, group: str, user: str) -> None:
    row = named(server, name)
    item = client.content.handle(row["guid"])
    side = "source" if group == "analysts" else "destination"
    await item.update(title=f"The new title on the {side}", description=f"On the {side}")
    if row["guid"] in server.state.repositories:
        await item.repository.put(repository=f"https://git.acme.example/{side}.git", polling=True)
        await (await client.content.deploy(row["guid"]))
    else:
        archive, _ = small_archive(row["app_mode"])
        bundle = await item.bundles.create(archive + side.encode())
        await (await item.deploy(bundle))
    for kind, principal in (("group", group), ("user", user)):
        await item.ensure_permission(
            client.users.handle(guid(server, kind, principal))
            if kind == "user"
            else client.groups.handle(guid(server, kind, principal)),
            "viewer",
        )
    await item.vanity.put(path=f"/{name}-{side}/")
    await item.tags.add(guid(server, "tag", "Data" if side == "destination" else "North"))
    await item.oauth.associations.update(
        [guid(server, "integration", "GitHub" if side == "destination" else "Warehouse")]
    )

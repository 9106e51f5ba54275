"""From names to projects, machines and users, and objects where the API takes their ids."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, strategies as st

from aconnect import errors
from aconnect.cloudendure import (
    Client,
    Machine,
    Project,
    ReplicationConfiguration,
    ReplicationStatus,
    Role,
)
from aconnect.cloudendure.base import Items
from aconnect.testing.cloudendure import FakeCloudEndure
from tests.client.pager import FakePager


async def project_named(client: Client, name: str) -> Project:
    found = await client.projects.find_by(name=name)
    assert found is not None
    return found


async def machine_named(client: Client, project: Project, name: str) -> Machine:
    found = await client.machines.find_by(project_id=project, name=name)
    assert found is not None
    return found


async def test_projects(client: Client, server: FakeCloudEndure) -> None:
    """The projects of the account are listed, and found by name."""
    server.state.add_project("second")
    assert [project.name for project in await client.projects.find()] == ["first", "second"]
    assert await client.projects.count() == 2
    assert (await project_named(client, "second")).id == "project-2"
    assert await client.projects.find_by(name="SECOND") is None


async def test_machines(client: Client, server: FakeCloudEndure) -> None:
    """Machines that replicate are listed, others on request; each is returned by its id."""
    project = await project_named(client, "first")
    server.state.add_machine(project.id, "stopped", replicationStatus="STOPPED")
    names = [machine.name for machine in await client.machines.find(project)]
    assert names == ["machine-1", "machine-2"]
    machines = await client.machines.find(project.id, all=True)
    assert [machine.name for machine in machines] == [*names, "stopped"]
    assert machines[-1].replication_status is ReplicationStatus.STOPPED
    assert await client.machines.count(project, all=True) == 3
    assert await client.machines.get(project, machines[0].id) == machines[0]
    await client.machines.find(project, types="TARGET")
    assert server.requests[-2].query["types"] == ["TARGET"]
    with pytest.raises(errors.NotFoundError, match="No such machine"):
        await client.machines.get(project, "other")


async def test_a_machine_without_a_name(client: Client, server: FakeCloudEndure) -> None:
    """A machine whose properties are missing or of another shape has an empty name."""
    project = await project_named(client, "first")
    for properties in (None, {}, {"name": None}, {"name": 5}, "text"):
        server.state.add_machine(project.id, "", sourceProperties=properties)
    found = await client.machines.find(project)
    assert [machine.name for machine in found] == ["machine-1", "machine-2", *[""] * 5]


async def test_from_names_to_a_rescan(client: Client, server: FakeCloudEndure) -> None:
    """A machine of a project is rescanned, both found by their names."""
    project = await project_named(client, "first")
    machine = await machine_named(client, project, "machine-2")
    await client.machines.force_rescan(project, machine)
    await client.machines.force_rescan(project.id, machine.id)
    await client.machines.force_rescan(project_id=project, machine_id=machine)
    assert await client.machines.get(project, machine) == machine
    assert server.state.rescans == [machine.id] * 3


async def test_projects_instead_of_ids(client: Client) -> None:
    """All operations of a project take the object."""
    project = await project_named(client, "first")
    assert (await client.projects.storage(project)).project_id == project.id
    log = await client.projects.audit_log(project)
    assert log == await client.projects.audit_log(project.id)
    assert await client.projects.audit_log_csv(project)
    entries = client.projects.audit_log_events(project, from_date_time="2021-01-01T00:00:00Z")
    assert len([entry async for entry in entries]) == len(log.items)


async def test_users_and_projects_as_keys_of_mappings(
    client: Client, server: FakeCloudEndure
) -> None:
    """Mappings take objects as well as ids, in both places."""
    project = await project_named(client, "first")
    user = await client.users.create(username="invited@example.com")
    await client.projects.assign_users({project: [user, "user-2"]})
    assert server.state.projects[project.id]["usersIDs"] == ["user-1", user.id, "user-2"]
    await client.projects.remove_users({project.id: [user]})
    assert server.state.projects[project.id]["usersIDs"] == ["user-1", "user-2"]
    (changed,) = await client.users.assign_roles({user: [Role.ACCOUNT_ADMIN]})
    assert changed.roles == [Role.USER, Role.ACCOUNT_ADMIN]
    (changed,) = await client.users.revoke_roles({changed: "ACCOUNT_ADMIN"})
    assert changed == user


async def test_objects_of_another_type(client: Client, server: FakeCloudEndure) -> None:
    """An object of another type, or without an id, is refused before any request."""
    project, machine = Project(id="p"), Machine(id="m")
    for call in (
        client.machines.force_rescan(machine, project),  # type: ignore[arg-type]
        client.machines.get(Project(), "m"),
        client.projects.assign_users({project: [machine]}),  # type: ignore[list-item]
        client.users.assign_roles({project: ["USER"]}),  # type: ignore[type-var]
        client.users.assign_roles({None: ["USER"]}),  # type: ignore[type-var]
        client.users.assign_roles({"": ["USER"]}),
        client.projects.remove_users({None: ["user-2"]}),  # type: ignore[type-var]
        client.projects.assign_users({project: [None]}),  # type: ignore[list-item]
    ):
        with pytest.raises(errors.InvalidArgumentError):
            await call
    assert not server.requests


def test_secrets_of_configurations_are_not_printed() -> None:
    """The address of a proxy may have a password, so it is not printed."""
    address = "http://user:the-password@proxy.example.com"
    shown = repr(ReplicationConfiguration(proxy_url=address))
    shown += repr(Machine(replication_configuration={"proxyUrl": address}))
    assert "the-password" not in shown


@given(st.integers(0, 30), st.integers(1, 12) | st.none(), st.integers(1, 12), st.booleans())
async def test_pages(total: int, size: int | None, cap: int, nullable: bool) -> None:
    """All items arrive once and in order, whatever limit the server has of its own."""

    def serve(query: dict[str, str]) -> dict[str, object]:
        begin, limit = int(query["offset"]), min(int(query.get("limit", cap)), cap)
        items = [{"n": n} for n in range(total)][begin : begin + limit]
        return {"items": items or (None if nullable else [])}

    pager = FakePager(serve)
    found = pager.find(Items())
    rows = await (found if size is None else found.page_size(size))
    assert [row["n"] for row in rows] == list(range(total))
    assert all(("limit=" in target) == (size is not None) for target in pager.targets)


async def test_a_server_that_ignores_the_offset() -> None:
    """A short list that comes again is complete; a full page that comes again is an error."""
    assert await FakePager(lambda _: {"items": [{"n": 1}]}).find(Items()) == [{"n": 1}]
    full = {"items": [{"n": n} for n in range(1500)]}
    with pytest.raises(errors.PageLoopError):
        await FakePager(lambda _: full).find(Items())
    numbers = count()
    assert len([row async for row in FakePager(lambda _: _unless(numbers)).find(Items())]) == 3


def _unless(numbers: count[int]) -> dict[str, object]:
    number = next(numbers)
    return {"items": [{"n": number}] if number < 3 else []}


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"items": {}}', b""])
async def test_a_list_of_another_shape(body: bytes) -> None:
    """A response without items raises DecodeError, instead of being an empty list."""
    with pytest.raises(errors.DecodeError):
        await FakePager(lambda _: body).find(Items())

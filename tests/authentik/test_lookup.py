"""From names to providers, users and endpoints, and objects where the API takes their keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aconnect import errors
from aconnect.authentik import Client, Endpoint, RACProvider, User, UserType
from aconnect.testing.authentik import FakeAuthentik


async def provider_named(client: Client, name: str) -> RACProvider:
    found = await client.providers.find_by(name=name)
    assert found is not None
    return found


async def user_named(client: Client, username: str) -> User:
    found = await client.users.find_by(username=username)
    assert found is not None
    return found


async def test_providers(client: Client) -> None:
    """Providers are listed by name and application, and each is returned by its key."""
    assert [each.name for each in await client.providers.find()] == ["Laboratory", "Servers"]
    assert await client.providers.count() == 2
    (found,) = await client.providers.find(name_iexact="SERVERS", application_isnull=False)
    assert found == await client.providers.get(found.pk)
    assert await client.providers.find(application_isnull=True) == []
    assert await client.providers.find(search="labor", ordering="-name") != []
    with pytest.raises(errors.NotFoundError, match="No RACProvider"):
        await client.providers.get(9)


async def test_a_provider_by_its_exact_name(server: FakeAuthentik, client: Client) -> None:
    """A provider is looked up on the server, which ignores case, and compared exactly."""
    assert (await provider_named(client, "Servers")).pk == 2
    assert server.requests[-1].query["name__iexact"] == ["Servers"]
    assert await client.providers.find_by(name="SERVERS") is None


async def test_users(server: FakeAuthentik, client: Client) -> None:
    """Users are listed by each filter, and each is returned by its key."""
    other = server.state.add_user(
        "eve", is_active=False, type="external", path="guests/2026", last_login=None
    )
    server.state.users[2]["groups_obj"] = [{"pk": other["uuid"], "num_pk": 5, "name": "Staff"}]
    names = [user.username for user in await client.users.find()]
    assert names == ["ada", "eve", "grace"]
    for filters, found in (
        ({"email": "grace@example.com"}, ["grace"]),
        ({"is_active": False}, ["eve"]),
        ({"is_superuser": True}, ["ada"]),
        ({"uuid": other["uuid"].upper()}, ["eve"]),
        ({"search": "EXAMPLE gra"}, ["grace"]),
        ({"type": ["internal", UserType.EXTERNAL], "ordering": "-username"}, names[::-1]),
        ({"groups_by_name": "Staff"}, ["grace"]),
        ({"path_startswith": "guests/"}, ["eve"]),
        ({"last_login_isnull": True}, ["eve"]),
        ({"date_joined_gt": datetime(2026, 6, 1, tzinfo=UTC)}, []),
        ({"date_joined_lt": "2026-06-01T00:00:00Z"}, names),
    ):
        users = await client.users.find(**filters)
        assert [user.username for user in users] == found, filters
    grace = await client.users.get(2)
    assert grace.groups_obj is not None
    assert grace.groups_obj[0].name == "Staff"
    (without,) = await client.users.find(username="grace", include_groups=False)
    assert without.groups_obj is None


async def test_several_values_of_a_filter(server: FakeAuthentik, client: Client) -> None:
    """A filter with several values is sent several times, as the API expects."""
    await client.users.find(type=["internal", "external"])
    assert server.requests[-1].query["type"] == ["internal", "external"]


async def test_a_user_by_exact_name(server: FakeAuthentik, client: Client) -> None:
    """A user is looked up on the server, by names and flags."""
    assert (await user_named(client, "grace")).pk == 2
    assert server.requests[-1].query["username"] == ["grace"]
    assert await client.users.find_by(username="GRACE") is None
    found = await client.users.find_by(email="ada@example.com", is_active=True)
    assert found is not None
    assert server.requests[-1].query["is_active"] == ["true"]


async def test_an_endpoint_by_exact_name(server: FakeAuthentik, client: Client) -> None:
    """Endpoints and tokens have the same methods, and fields that filter are passed on."""
    servers = await provider_named(client, "Servers")
    found = await client.endpoints.find_by(
        name="machine-001", provider=servers, superuser_full_list=True
    )
    assert found is not None
    assert found.provider == servers.pk
    query = server.requests[-1].query
    assert (query["name"], query["provider"]) == (["machine-001"], ["2"])
    assert await client.endpoints.count(superuser_full_list=True) == 3
    token = await client.connection_tokens.find_by(endpoint=found)
    assert token == await client.connection_tokens.find_one(endpoint=found.pk)
    assert await client.connection_tokens.count(provider=servers) == 1


async def test_objects_instead_of_keys(server: FakeAuthentik, client: Client) -> None:
    """Where an operation takes a key, it takes the object as well."""
    servers, ada = await provider_named(client, "Servers"), await user_named(client, "ada")
    made = await client.endpoints.create(
        name="new", provider=servers, protocol="ssh", host="h", auth_mode="prompt"
    )
    assert made.provider == 2
    assert await client.endpoints.find(name="new", provider=servers) == [made]
    tokens = await client.connection_tokens.find(session_user=ada)
    assert {token.user.username for token in tokens if token.user} == {"ada"}
    assert await client.connection_tokens.find(session_user=tokens[0].user) == tokens
    changed = await tokens[0].patch(endpoint=made, provider=servers)
    assert (changed.endpoint, changed.provider) == (made.pk, 2)
    assert server.requests[-1].json() == {"endpoint": made.pk, "provider": 2}


async def test_objects_in_paths(client: Client) -> None:
    """An operation of one object takes the object as well, instead of its key."""
    servers, ada = await provider_named(client, "Servers"), await user_named(client, "ada")
    assert await client.providers.get(servers) == servers
    assert await client.users.get(ada) == ada
    token = (await client.connection_tokens.find())[0]
    endpoint = await client.endpoints.get(token.endpoint)
    assert await client.endpoints.get(endpoint) == endpoint
    assert (await client.endpoints.patch(endpoint, host="h")).host == "h"
    (used,) = [each for each in await client.endpoints.used_by(endpoint) if each.pk == token.pk]
    assert used.action == "cascade"
    assert (await client.connection_tokens.get(token)).pk == token.pk
    await client.connection_tokens.delete(token)
    await client.endpoints.delete(endpoint)
    with pytest.raises(errors.NotFoundError):
        await client.endpoints.get(endpoint)


async def test_objects_of_another_type(server: FakeAuthentik, client: Client) -> None:
    """An object of another type, or without its key, is refused before any request."""
    wrong: object = Endpoint(pk="x")
    with pytest.raises(errors.InvalidArgumentError, match=r"provider.*Endpoint.*RACProvider"):
        await client.connection_tokens.find(provider=wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgumentError, match="RACProvider has no pk"):
        await client.endpoints.patch("x", provider=RACProvider(name="from nowhere"))
    assert not server.requests

"""Every operation of authentik, over a real socket."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aconnect import errors
from aconnect.authentik import (
    AuthMode,
    Client,
    ConnectionToken,
    Endpoint,
    EndpointProtocol,
    UsedByAction,
)
from aconnect.testing.authentik import FakeAuthentik


@pytest.fixture
async def token(client: Client) -> ConnectionToken:
    found = await client.connection_tokens.find().first()
    assert found is not None
    return found


@pytest.fixture
async def endpoint(client: Client) -> Endpoint:
    found = await client.endpoints.find().first()
    assert found is not None
    return found


@pytest.fixture
async def other(client: Client) -> Endpoint:
    """An endpoint other than the first."""
    return (await client.endpoints.find())[-1]


async def test_a_token_comes_with_its_objects(client: Client, token: ConnectionToken) -> None:
    """The provider, endpoint and user of a token are decoded as objects."""
    found = await client.connection_tokens.get(token.pk)
    assert found == token
    assert found.provider_obj is not None
    assert (found.provider_obj.pk, found.provider_obj.connection_expiry) == (1, "hours=8")
    assert found.endpoint_obj is not None
    assert found.endpoint_obj.pk == found.endpoint
    assert found.endpoint_obj.protocol is EndpointProtocol.RDP
    assert found.endpoint_obj.auth_mode is AuthMode.PROMPT
    assert found.user is not None
    assert found.user.username == "ada"
    assert found.user.last_login == datetime(2026, 8, 1, 8, tzinfo=UTC)


async def test_a_partial_update_sends_only_what_was_given(
    server: FakeAuthentik, client: Client, token: ConnectionToken, other: Endpoint
) -> None:
    """A partial update sends only the fields that are passed."""
    changed = await client.connection_tokens.patch(token.pk, endpoint=other.pk)
    assert server.requests[-1].json() == {"endpoint": other.pk}
    assert (changed.pk, changed.provider, changed.endpoint) == (token.pk, token.provider, other.pk)
    assert changed.endpoint_obj == other
    assert changed.provider_obj is not None
    assert changed.user == token.user
    await changed.patch(provider=2, pk=token.pk)
    assert server.requests[-1].json() == {"provider": 2, "pk": token.pk}
    await other.patch(maximum_connections=5)
    assert server.requests[-1].json() == {"maximum_connections": 5}
    await client.connection_tokens.patch(token.pk)
    assert server.requests[-1].json() == {}


async def test_tokens_are_updated(client: Client, token: ConnectionToken, other: Endpoint) -> None:
    """A full update returns the updated token."""
    changed = await token.update(provider=2, endpoint=other.pk)
    assert (changed.pk, changed.provider, changed.endpoint) == (token.pk, 2, other.pk)
    assert await client.connection_tokens.get(token.pk) == changed


async def test_tokens_are_deleted(client: Client, token: ConnectionToken) -> None:
    """A token that no object uses can be deleted, and is then not found."""
    assert await token.used_by() == []
    await token.delete()
    with pytest.raises(errors.NotFoundError, match="No ConnectionToken"):
        await client.connection_tokens.get(token.pk)


@pytest.mark.parametrize(
    ("query", "sent", "count"),
    [
        ({"session_user": 2}, "session__user=2", 2),
        ({"provider": 2}, "provider=2", 1),
        ({"search": "MACHINE-000"}, "search=MACHINE-000", 2),
    ],
)
async def test_tokens_are_filtered(
    server: FakeAuthentik, client: Client, query: dict[str, int], sent: str, count: int
) -> None:
    """Filters are sent with the API's parameter names."""
    found = await client.connection_tokens.find(**query)  # type: ignore[arg-type]
    assert server.requests[-1].query_string == f"{sent}&page=1&page_size=100"
    assert len(found) == count


async def test_tokens_of_an_endpoint_in_order(client: Client, token: ConnectionToken) -> None:
    """Tokens can be filtered by endpoint and are returned in the requested order."""
    found = await client.connection_tokens.find(endpoint=token.endpoint, ordering="-pk")
    assert {one.endpoint for one in found} == {token.endpoint}
    assert [one.pk for one in found] == sorted((one.pk for one in found), reverse=True)
    assert len(found) == 2


async def test_the_life_of_an_endpoint(server: FakeAuthentik, client: Client) -> None:
    """An endpoint can be created, read, fully or partially updated, and deleted."""
    made = await client.endpoints.create(
        name="new",
        provider=1,
        protocol=EndpointProtocol.SSH,
        host="new.example.com",
        auth_mode=AuthMode.STATIC,
        settings={"username": "ada"},
    )
    assert await client.endpoints.get(made.pk) == made
    assert made.settings == {"username": "ada"}
    assert made.launch_url == f"/application/rac/laboratory/{made.pk}/"
    changed = await made.update(
        name="newer", provider=2, protocol="vnc", host="h", auth_mode="prompt"
    )
    assert (changed.name, changed.protocol) == ("newer", EndpointProtocol.VNC)
    assert (await changed.patch(host="other")).host == "other"
    await changed.delete()
    with pytest.raises(errors.NotFoundError):
        await made.patch(host="x")
    assert made.pk not in server.state.endpoints


async def test_an_endpoint_and_what_uses_it(
    server: FakeAuthentik, client: Client, endpoint: Endpoint
) -> None:
    """The objects that use an endpoint are listed, and are deleted with it."""
    users = await endpoint.used_by()
    assert {one.action for one in users} == {UsedByAction.CASCADE}
    assert {one.pk for one in users} <= server.state.connection_tokens.keys()
    await endpoint.delete()
    left = [one.pk for one in await client.connection_tokens.find()]
    assert not {one.pk for one in users} & set(left)
    assert left


async def test_the_endpoint_of_a_token_can_make_calls(token: ConnectionToken) -> None:
    """Nested objects are bound to the client and can make requests."""
    assert token.endpoint_obj is not None
    assert await token.endpoint_obj.used_by()


async def test_an_endpoint_without_a_client() -> None:
    """An endpoint that is not bound to a client raises RuntimeError."""
    with pytest.raises(RuntimeError, match="did not come from a client"):
        await Endpoint(pk="x").delete()


async def test_values_of_later_versions(server: FakeAuthentik, client: Client) -> None:
    """Unknown protocols and fields of later versions are accepted."""
    row = next(iter(server.state.endpoints.values()))
    row.update(protocol="spice", later={"x": 1})
    found = await client.endpoints.get(row["pk"])
    assert found.protocol == "spice"
    assert isinstance(found.protocol, EndpointProtocol)


async def test_endpoints_are_filtered(server: FakeAuthentik, client: Client) -> None:
    """Endpoints can be filtered by name, provider or search text, and sorted."""
    found = client.endpoints.find
    assert [one.name for one in await found(name="machine-001")] == ["machine-001"]
    assert [one.name for one in await found(provider=2)] == ["machine-001"]
    assert [one.name for one in await found(search="ssh")] == ["machine-002"]
    names = [one.name for one in await found(ordering="-name", superuser_full_list=True)]
    assert names == ["machine-002", "machine-001", "machine-000"]
    assert "superuser_full_list=true" in server.requests[-1].query_string

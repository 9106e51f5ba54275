"""`login_user` returns a client that acts as another user."""

from __future__ import annotations

import asyncio

import pytest

from aconnect import Limits, errors
from aconnect.looker import Client
from aconnect.testing import VirtualClock, faults
from aconnect.testing.looker import FakeLooker


@pytest.fixture
def other(server: FakeLooker) -> str:
    """The id of another user."""
    return list(server.state.users)[3]


async def test_acts_as_the_user(client: Client, server: FakeLooker, other: str) -> None:
    """Only its own calls are made as the user; closing it ends its session alone."""
    sudo = client.login_user(other)
    assert server.requests == []
    async with sudo:
        assert (await sudo.me()).id == other
        assert (await client.me()).id != other
        assert (await sudo.with_options(timeout=5).me()).id == other
        assert len(server.state.tokens) == 2
    assert len(server.state.tokens) == 1
    assert server.count("DELETE", "/logout") == 1
    assert (await client.me()).id != other
    assert server.logins == 1
    with pytest.raises(errors.ClientClosedError):
        await sudo.me()


@pytest.mark.parametrize("as_user", [True, False])
async def test_users_and_ids(client: Client, other: str, as_user: bool) -> None:
    """A user or an id is accepted; nobody is refused."""
    async with client.login_user(client.users.handle(other) if as_user else int(other)) as sudo:
        assert (await sudo.me()).id == other
    with pytest.raises(errors.InvalidArgumentError, match="not None"):
        client.login_user(await client.users.find_by(email="nobody"))  # type: ignore[arg-type]


async def test_renewed_by_itself(
    client: Client, server: FakeLooker, clock: VirtualClock, other: str
) -> None:
    """Its token is renewed when it has expired or was revoked, by signing in as both again."""
    async with client.login_user(other) as sudo:
        await sudo.me()
        clock.advance(4000)
        assert (await sudo.me()).id == other
        server.invalidate()
        assert (await sudo.me()).id == other
    # One of them was refused, because the first client's own token was revoked too.
    assert server.count("POST", f"/login/{other}") == 4
    assert server.logins == 3


async def test_one_login_for_all(server: FakeLooker, other: str) -> None:
    """Concurrent calls share one sign-in, and the limits of the first client."""
    limits = Limits(initial=1, maximum=1)
    async with (
        Client(server.url, server.client_id, server.client_secret, limits=limits) as narrow,
        narrow.login_user(other) as sudo,
    ):
        users = await asyncio.gather(*(sudo.me() for _ in range(20)), narrow.me())
    assert {user.id for user in users[:20]} == {other}
    assert server.count("POST", f"/login/{other}") == server.logins == 1


async def test_without_the_permission(client: Client, server: FakeLooker, other: str) -> None:
    """Without the permission to act as others, or for an unknown user, the error says so."""
    async with client.login_user("0") as sudo:
        with pytest.raises(errors.NotFoundError, match=r"check the id of the user.*sudo"):
            await sudo.me()
    server.state.sudoers.clear()
    async with client.login_user(other) as sudo:
        with pytest.raises(errors.PermissionDeniedError, match="needs the permission sudo"):
            await sudo.me()
    assert server.count("DELETE", "/logout") == 0
    assert (await client.me()).id != other


async def test_the_token_is_not_shown(client: Client, server: FakeLooker, other: str) -> None:
    """An error that repeats the token shows it redacted; the first client does not keep it."""
    async with client.login_user(other) as sudo:
        await sudo.me()
        token = next(t for t, user in server.state.token_users.items() if user == other)
        body = {"message": f"bad {token}!", "documentation_url": "x"}
        server.script(faults.status(400, body=body), on="GET /permissions")
        with pytest.raises(errors.BadRequestError, match=r"bad \*\*\*!") as caught:
            await sudo.permissions.all()
        assert token not in f"{caught.value!r} {caught.value.payload}"
        assert token not in repr(sudo)
        assert sudo.channel.redact(token) == "***"
    assert client.channel.redact(token) == token


@pytest.mark.parametrize("token", [None, "", "a\r\nX-Injected: b"])
async def test_a_login_without_a_token(
    client: Client, server: FakeLooker, other: str, token: str | None
) -> None:
    """A response without a token that can be sent is an error of this login."""
    server.script(faults.status(200, body={"access_token": token}), on="POST /login/*")
    async with client.login_user(other) as sudo:
        with pytest.raises(errors.DecodeError, match=f"login/{other}.*usable access_token"):
            await sudo.me()

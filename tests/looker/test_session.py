"""Signing in to Looker, staying signed in, and signing out."""

from __future__ import annotations

import asyncio

import pytest

from aconnect import errors
from aconnect.looker import Client
from aconnect.testing import VirtualClock, faults
from aconnect.testing.looker import FakeLooker


async def test_one_login_for_all(client: Client, server: FakeLooker) -> None:
    """Fifty concurrent callers share one login, a form without an Authorization header."""
    assert server.logins == 0
    await asyncio.gather(*(client.permissions.all() for _ in range(50)))
    assert server.logins == 1
    login, call = server.requests[0], server.requests[-1]
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert login.body == b"client_id=fake-looker-client&client_secret=fake-looker-secret"
    assert "Authorization" not in login.headers
    assert call.headers["Authorization"].startswith("token ")


async def test_renewed_before_the_end(
    client: Client, server: FakeLooker, clock: VirtualClock
) -> None:
    """A token is renewed a minute before it expires, while calls still use it."""
    await client.permissions.all()
    clock.advance(3530)
    await client.permissions.all()
    assert server.logins == 1
    clock.advance(20)
    await asyncio.gather(*(client.permissions.all() for _ in range(50)))
    async with asyncio.timeout(10):
        while len(server.state.tokens) < 2:  # noqa: ASYNC110  the renewal is in the background
            await asyncio.sleep(0.001)
    clock.advance(60)
    await client.permissions.all()
    assert server.logins == 2


async def test_renewed_after_a_refusal(client: Client, server: FakeLooker) -> None:
    """If the token is rejected, one caller signs in again and all calls are retried."""
    await client.permissions.all()
    server.invalidate()
    await asyncio.gather(*(client.permissions.all() for _ in range(50)))
    assert server.logins == 2


async def test_refused_again(client: Client, server: FakeLooker) -> None:
    """A call that is also rejected with a new token raises AuthenticationError."""
    body = {"message": "Requires authentication.", "documentation_url": "https://docs"}
    server.script(*[faults.status(401, body=body)] * 2, on="GET /permissions")
    with pytest.raises(errors.AuthenticationError, match="Requires authentication"):
        await client.permissions.all()
    server.assert_script_used()
    assert server.logins == 2


async def test_logout_on_close(server: FakeLooker) -> None:
    """Closing the client signs out, if it was signed in."""
    client = Client(server.url, server.client_id, server.client_secret)
    async with client:
        await client.permissions.all()
        assert len(server.state.tokens) == 1
    assert server.state.tokens == {}
    assert server.count("DELETE", "/logout") == 1
    async with Client(server.url, server.client_id, server.client_secret):
        pass
    assert server.count("DELETE", "/logout") == 1


async def test_nothing_is_signed_in_to_sign_out(server: FakeLooker) -> None:
    """Closing a client whose token was revoked, or that signed out by hand, fetches no token."""
    async with Client(server.url, server.client_id, server.client_secret) as client:
        await client.permissions.all()
        server.invalidate()
    async with Client(server.url, server.client_id, server.client_secret) as client:
        await client.session.logout()
    assert server.logins == 2
    assert server.state.tokens == {}


@pytest.mark.parametrize("token", [None, "", " ", "a\r\nX-Injected: b", "ключ"])
async def test_a_login_without_a_token(
    client: Client, server: FakeLooker, token: str | None
) -> None:
    """A login response without a token that can be sent is an error of the login."""
    server.script(faults.status(200, body={"access_token": token}), on="POST /login")
    with pytest.raises(errors.DecodeError, match="usable access_token"):
        await client.permissions.all()
    assert [request.path for request in server.requests] == ["/login"]


async def test_logout_by_hand(client: Client, server: FakeLooker) -> None:
    """After a logout, the next call signs in again."""
    await client.permissions.all()
    await client.session.logout()
    assert server.state.tokens == {}
    await client.permissions.all()
    assert server.logins == 2


async def test_login_by_hand(client: Client, server: FakeLooker) -> None:
    """A token can be obtained for other uses, and is redacted in its repr."""
    token = await client.session.login(
        client_id=server.client_id, client_secret=server.client_secret
    )
    assert token.access_token in server.state.tokens
    assert token.expires_in == 3600
    assert token.access_token not in repr(token)


async def test_wrong_secret(server: FakeLooker) -> None:
    """A 404 for a login raises AuthenticationError, which says what to check."""
    async with Client(server.url, server.client_id, "not-the-secret") as client:
        with pytest.raises(errors.AuthenticationError, match="LOOKERSDK_CLIENT_SECRET") as caught:
            await client.permissions.all()
    assert caught.value.status == 404
    assert "not-the-secret" not in str(caught.value)
    assert server.logins == 1


async def test_a_forbidden_login(client: Client, server: FakeLooker) -> None:
    """A login that is forbidden is not blamed on missing permissions; no echoed secret is shown."""
    server.script(faults.status(403, body={"message": "x"}), on="POST /login")
    with pytest.raises(errors.PermissionDeniedError, match="not disabled"):
        await client.permissions.all()
    server.script(
        faults.status(422, body={"message": "no-secret?", "documentation_url": "https://docs"}),
        on="POST /login",
    )
    with pytest.raises(errors.UnprocessableError) as caught:
        await client.session.login(client_id="who", client_secret="no-secret")
    assert caught.value.message == "***?"


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/", "/api/4.0", "/api/4.0/"])
async def test_settings_from_the_environment(
    server: FakeLooker, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """The variables of Looker's own SDK are read; the address may include the API's path."""
    monkeypatch.setenv("LOOKERSDK_BASE_URL", server.url + ending)
    monkeypatch.setenv("LOOKERSDK_CLIENT_ID", server.client_id)
    monkeypatch.setenv("LOOKERSDK_CLIENT_SECRET", server.client_secret)
    async with Client() as client:
        assert await client.permissions.all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "i", "s"), "LOOKERSDK_BASE_URL"),
        (("https://looker.example.com", "", "s"), "LOOKERSDK_CLIENT_ID"),
        (("https://looker.example.com", "i", ""), "LOOKERSDK_CLIENT_SECRET"),
        (("https://looker.example.com/api/3.1", "i", "s"), "speaks 4.0"),
        (("looker.example.com", "i", "s"), "not a web address"),
    ],
)
def test_refused_settings(arguments: tuple[str, str, str], message: str) -> None:
    """Missing or invalid settings are reported before anything is sent."""
    with pytest.raises(errors.InvalidArgumentError, match=message):
        Client(*arguments)

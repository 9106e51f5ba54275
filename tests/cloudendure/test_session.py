"""Signing in, staying signed in, and keeping secrets."""

import asyncio
import logging
import pickle
from collections.abc import Callable

import aiohttp
import pytest

from aconnect import errors
from aconnect.cloudendure import Client
from aconnect.cloudendure.client import CONSOLE
from aconnect.testing import faults
from aconnect.testing.cloudendure import FakeCloudEndure

MakeClient = Callable[..., Client]


def paths(server: FakeCloudEndure) -> list[str]:
    return [request.path for request in server.requests]


async def test_the_simulation_is_strict(client: Client, server: FakeCloudEndure) -> None:
    """A cookie without its XSRF token is refused, so the other tests prove that it is sent."""
    await client.users.me()
    headers = dict(client._keyring.headers)
    del headers["X-XSRF-TOKEN"]
    async with aiohttp.ClientSession(headers=headers) as session:
        response = await session.get(f"{server.url}/api/latest/me")
        assert response.status == 403
        assert (await response.json())["code"] == "XSRF"


async def test_token_login(client: Client, server: FakeCloudEndure) -> None:
    """A client signs in with its token before its first call, once."""
    await client.users.me()
    await client.users.me()
    assert paths(server) == ["/login", "/me", "/me"]
    assert server.requests[0].json() == {"userApiToken": server.user_api_token}
    assert "Cookie" not in server.requests[0].headers


async def test_password_login(make_client: MakeClient, server: FakeCloudEndure) -> None:
    """User name and password are accepted as well."""
    client = make_client(username=server.username, password=server.password)
    assert (await client.users.me()).username == server.username
    assert server.requests[0].json() == {"username": server.username, "password": server.password}


async def test_headers_of_a_session(client: Client, server: FakeCloudEndure) -> None:
    """Each call sends the cookies and the XSRF token of the login."""
    await client.projects.assign_users({"project-1": ["user-2"]})
    ((cookie, (_, xsrf)),) = server.state.sessions.items()
    headers = server.requests[-1].headers
    assert headers["Cookie"] == f'session={cookie}; XSRF-TOKEN="{xsrf}"'
    assert headers["X-XSRF-TOKEN"] == xsrf


async def test_a_session_that_ends(client: Client, server: FakeCloudEndure) -> None:
    """After the session ends, a call signs in once and is repeated, whatever it does."""
    await client.users.me()
    server.end_sessions()
    await client.machines.force_rescan("project-1", "project-1-machine-1")
    rescan = "/projects/project-1/machines/project-1-machine-1/forceRescan"
    assert paths(server) == ["/login", "/me", rescan, "/login", rescan]
    assert server.state.rescans == ["project-1-machine-1"]


async def test_many_calls_sign_in_once(client: Client, server: FakeCloudEndure) -> None:
    """One call signs in while the others wait, at the start and after the session ends."""
    await asyncio.gather(*[client.users.me() for _ in range(20)])
    assert server.count("POST", "/login") == 1
    server.end_sessions()
    await asyncio.gather(*[client.users.me() for _ in range(20)])
    assert server.count("POST", "/login") == 2


async def test_a_refusal_is_final(client: Client, server: FakeCloudEndure) -> None:
    """A call that is refused with a new token is an error."""
    server.script(*[faults.status(401)] * 9, on="GET /me")
    with pytest.raises(errors.AuthenticationError):
        await client.users.me()
    assert paths(server) == ["/login", "/me", "/login", "/me"]


async def test_wrong_credentials(make_client: MakeClient, server: FakeCloudEndure) -> None:
    """Wrong credentials are an error at once, which names their source."""
    client = make_client(username=server.username, password="wrong-password")
    with pytest.raises(errors.AuthenticationError, match="CLOUDENDURE_PASSWORD") as caught:
        await client.users.me()
    assert caught.value.code == "INVALID_CREDENTIALS"
    assert paths(server) == ["/login"]


async def test_a_login_without_cookies(client: Client, server: FakeCloudEndure) -> None:
    """A login without a session is an error of the login, not of the next call."""
    server.script(faults.status(200, body={"id": "x"}), on="POST /login")
    with pytest.raises(errors.DecodeError, match="session cookie"):
        await client.users.me()


async def test_logout_on_close(server: FakeCloudEndure) -> None:
    """Closing signs out if signed in, and opens no session to close it."""
    async with Client(base_url=server.url, user_api_token=server.user_api_token):
        pass
    assert not server.requests
    async with Client(base_url=server.url, user_api_token=server.user_api_token) as client:
        await client.users.me()
    assert paths(server) == ["/login", "/me", "/logout"]
    assert not server.state.sessions
    async with Client(base_url=server.url, user_api_token=server.user_api_token) as client:
        await client.users.me()
        server.script(faults.status(401), on="POST /logout")
    assert paths(server)[3:] == ["/login", "/me", "/logout"]


async def test_explicit_login_and_logout(client: Client, server: FakeCloudEndure) -> None:
    """Credentials can be checked and a session ended; the next call opens another."""
    user = await client.session.login(username="user@example.com", password="another-fake-password")
    assert user.username == "user@example.com"
    assert (await client.users.me()).username == server.username
    await client.session.logout()
    assert (await client.users.me()).username == server.username
    assert paths(server) == ["/login", "/login", "/me", "/logout", "/me", "/login", "/me"]


async def test_the_token_is_replaced(client: Client, server: FakeCloudEndure) -> None:
    """A new token replaces the old one, in this client and those made by `with_options`."""
    other = client.with_options(timeout=5)
    old = server.user_api_token
    new = await client.users.replace_api_token()
    assert new.reveal() == server.user_api_token != old
    for one in (client, other):
        server.end_sessions()
        assert (await one.users.me()).username == server.username
        assert server.requests[-2].json() == {"userApiToken": new.reveal()}


async def test_a_replacement_without_a_token(client: Client, server: FakeCloudEndure) -> None:
    """A response without the new token is an error, and the client keeps the old one."""
    server.script(faults.status(200, body={}), on="POST /replaceApiToken")
    with pytest.raises(errors.DecodeError, match="apiToken"):
        await client.users.replace_api_token()
    server.end_sessions()
    assert (await client.users.me()).username == server.username


async def test_a_lost_replacement_is_not_retried(client: Client, server: FakeCloudEndure) -> None:
    """A replacement whose response was lost is not retried."""
    server.script(faults.after(faults.reset()), on="POST /replaceApiToken")
    with pytest.raises(errors.ConnectionLostError):
        await client.users.replace_api_token()
    assert server.count("POST", "/replaceApiToken") == 1


async def test_no_secret_is_shown(
    client: Client, server: FakeCloudEndure, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither models nor clients, errors nor logs show a token, password or cookie."""
    caplog.set_level(logging.DEBUG)
    other = client.with_options(timeout=5)
    shown = [
        repr(client),
        repr(await client.users.me()),
        repr(await client.accounts.extended_info()),
    ]
    old = server.user_api_token
    new = await client.users.replace_api_token()
    shown += [repr(new), str(new)]
    fault = faults.status(400, body={"message": f"What is {new.reveal()}? And {old}?"})
    for one in (client, other):
        server.script(fault, on="GET /me")
        with pytest.raises(errors.BadRequestError) as caught:
            await one.users.me()
        shown += [str(caught.value), repr(caught.value)]
    shown.append(caplog.text)
    (cookie,) = server.state.sessions
    for secret in (old, new.reveal(), cookie, "fake-agent-token"):
        assert not any(secret in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(new)


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing arguments are read from the environment; without any, the error names both."""
    with pytest.raises(errors.InvalidArgumentError, match="CLOUDENDURE_USER_API_TOKEN"):
        Client()
    with pytest.raises(errors.InvalidArgumentError, match="not both"):
        Client(user_api_token="x", username="y")
    with pytest.raises(errors.InvalidArgumentError, match="no credentials"):
        Client(user_api_token=" ")
    monkeypatch.setenv("CLOUDENDURE_USERNAME", "who")
    with pytest.raises(errors.InvalidArgumentError, match="CLOUDENDURE_PASSWORD"):
        Client()
    monkeypatch.setenv("CLOUDENDURE_PASSWORD", "word")
    assert Client()._keyring.login() == {"username": "who", "password": "word"}
    monkeypatch.setenv("CLOUDENDURE_USER_API_TOKEN", "token")
    assert Client()._keyring.login() == {"user_api_token": "token"}
    assert Client(username="me")._keyring.login() == {"username": "me", "password": "word"}


@pytest.mark.parametrize("address", [CONSOLE, f"{CONSOLE}/", f"{CONSOLE}/api/latest/"])
def test_addresses(address: str) -> None:
    """The console's and the API's address are equivalent."""
    client = Client(base_url=address, user_api_token="x")
    assert client.url == CONSOLE
    assert client.api_root == f"{CONSOLE}/api/latest"

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
    headers = dict(await client._auth.headers())
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


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("", "/api/latest"),
        ("/", "/api/latest"),
        ("/api/", "/api/latest"),
        ("/api/latest/", "/api/latest"),
        ("/api/v13", "/api/v13"),
        ("/below/api/v9/", "/below/api/v9"),
    ],
)
def test_addresses(path: str, root: str) -> None:
    """The address may be the console's or that of an entry point of the API."""
    client = Client(base_url=CONSOLE + path, user_api_token="x")
    assert client.url == CONSOLE + root.partition("/api")[0]
    assert client.api_root == CONSOLE + root


@pytest.mark.parametrize("prefix", ["", "/below"])
async def test_a_login_that_redirects(prefix: str) -> None:
    """A login may redirect to the entry point of the account, which then serves all calls."""
    async with (
        FakeCloudEndure(entry_point="v13", prefix=prefix) as server,
        Client(base_url=server.url, user_api_token=server.user_api_token) as client,
    ):
        other = client.with_options(timeout=5)
        assert (await client.users.me()).username == server.username
        server.end_sessions()
        assert (await other.users.me()).username == server.username
        assert client.api_root == other.api_root == f"{server.url}/api/v13"
        assert client.url == server.url
        server.script(faults.status(404), on="GET /me")
        with pytest.raises(errors.NotFoundError, match="/api/v13/me"):
            await other.users.me()
    first, *rest = paths(server)
    assert first == "/api/latest/login"
    assert rest == ["/login", "/me", "/me", "/login", "/me", "/me", "/logout"]


async def test_a_login_at_an_entry_point() -> None:
    """The entry point of an account can be the address of the client."""
    async with (
        FakeCloudEndure(entry_point="v13") as server,
        Client(base_url=f"{server.url}/api/v13", user_api_token=server.user_api_token) as client,
    ):
        await client.users.me()
    assert paths(server) == ["/login", "/me", "/logout"]


async def test_a_login_that_redirects_elsewhere(client: Client, server: FakeCloudEndure) -> None:
    """A login never sends the credentials to another origin."""
    server.script(faults.redirect(code=307), on="POST /login")
    with pytest.raises(errors.RedirectRefusedError, match="another origin"):
        await client.users.me()
    assert not server.elsewhere_requests
    assert client.api_root == f"{server.url}/api/latest"


async def test_a_new_token_after_a_refusal(
    make_client: MakeClient, server: FakeCloudEndure
) -> None:
    """A client whose token was refused signs in at once with another one."""
    client = make_client(user_api_token="not-the-token")
    with pytest.raises(errors.AuthenticationError):
        await client.users.me()
    client.use_token(server.user_api_token)
    assert (await client.users.me()).username == server.username


async def test_echoed_secrets(client: Client, server: FakeCloudEndure) -> None:
    """Passwords, invitations and cookies are redacted if the server repeats them in an error."""
    echo = faults.status(400, body={"message": "Not correct-horse, and not the-invitation."})
    server.script(echo, on="POST /setPassword")
    with pytest.raises(errors.BadRequestError) as caught:
        await client.users.set_password(token="the-invitation", new_password="correct-horse")
    assert caught.value.message == "Not ***, and not ***."
    server.script(echo, on="POST /login")
    with pytest.raises(errors.BadRequestError) as caught:
        await client.session.login(username="the-invitation", password="correct-horse")
    assert caught.value.message == "Not ***, and not the-invitation."
    await client.users.me()
    ((cookie, (_, xsrf)),) = server.state.sessions.items()
    server.script(faults.status(400, body={"message": f"{cookie} and {xsrf}"}), on="GET /me")
    with pytest.raises(errors.BadRequestError) as caught:
        await client.users.me()
    assert caught.value.message == "*** and ***"


async def test_hint_of_an_invitation(client: Client) -> None:
    """A refused invitation is not blamed on the client's own credentials."""
    with pytest.raises(errors.AuthenticationError, match="invite the user again") as caught:
        await client.users.set_password(token="not-an-invitation", new_password="chosen")
    assert "CLOUDENDURE" not in str(caught.value)


async def test_hint_of_a_forbidden_login(client: Client, server: FakeCloudEndure) -> None:
    """A login that is forbidden is not blamed on missing permissions for the call."""
    server.script(faults.status(403), on="POST /login")
    with pytest.raises(errors.PermissionDeniedError, match="may sign in this way"):
        await client.users.me()


async def test_no_body_has_no_type(client: Client, server: FakeCloudEndure) -> None:
    """A POST without a body has no Content-Type."""
    await client.machines.force_rescan("project-1", "project-1-machine-1")
    await client.session.logout()
    assert [request.headers.get("Content-Type") for request in server.requests] == [
        "application/json",
        None,
        None,
    ]

"""Bootstrap: creating the first administrator of a new server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from aconnect import Client, errors
from aconnect.connect import BootstrapSuccess, bootstrap, bootstrap_token
from aconnect.testing import FakeConnect, VirtualClock, faults

SECRET = b"the secret that a test is made of"


@pytest.fixture
def server(server: FakeConnect) -> FakeConnect:
    server.state.users.clear()
    server.state.bootstrap_secret = SECRET
    return server


def part(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def test_the_token() -> None:
    """The token is a JWT signed with HS256, valid for a few minutes."""
    token = bootstrap_token(SECRET, 1_700_000_000.9)
    head, claims, signature = token.reveal().split(".")
    assert part(head) == {"alg": "HS256", "typ": "JWT"}
    assert part(claims) == {
        "iss": "rsconnect-python",
        "aud": "rsconnect",
        "iat": 1_700_000_000,
        "exp": 1_700_000_300,
        "scope": "bootstrap",
    }
    due = hmac.digest(SECRET, f"{head}.{claims}".encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(signature + "=") == due
    assert signature not in f"{token} {token!r}"


@pytest.mark.parametrize("version", ["2023.09.0", "2024.05.0", "2026.03.0"])
async def test_the_key(version: str) -> None:
    """Bootstrap returns an administrator's key; the call is the same for older servers."""
    async with FakeConnect(version=version) as server:
        server.state.users.clear()
        key = await bootstrap(server.url, server.state.bootstrap_secret)
        async with Client(server.url, key) as client:
            assert (await client.me()).user_role == "administrator"


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "one line": base64.b64encode,
    "many lines": base64.encodebytes,
    "by Windows": lambda secret: b"\xef\xbb\xbf" + base64.b64encode(secret) + b"\r\n",
    "with blanks": lambda secret: b"\n " + base64.b64encode(secret) + b"\r\n\n",
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
async def test_secrets_from_elsewhere(
    server: FakeConnect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[bytes], bytes],
) -> None:
    """The secret is read from a file or the environment, as Base64 with any line breaks."""
    path = tmp_path / "secret"
    path.write_bytes(write(SECRET))
    monkeypatch.setenv("CONNECT_SERVER", server.url)
    monkeypatch.setenv("CONNECT_BOOTSTRAP_SECRETKEY", write(SECRET).decode())
    for secret in (path, str(path), None):
        server.state.users.clear()
        assert await bootstrap(secret=secret) in server.state.keys


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"not base64!" * 8, "is not Base64 text"),
        (b"\xff\xfe" * 40, "is not Base64 text"),
        ("not base64!".encode("utf-16"), "is not Base64 text: it is UTF-16 text; save it as UTF-8"),
        (base64.b64encode(b"x" * 31), "has 31 bytes; it needs 32 or more"),
        (None, "cannot read the bootstrap secret from"),
    ],
)
async def test_bad_secrets(
    server: FakeConnect, tmp_path: Path, text: bytes | None, words: str
) -> None:
    """An invalid secret is refused before anything is sent, and is not in the error."""
    path = tmp_path / "secret"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(errors.InvalidArgumentError, match=words) as caught:
        await bootstrap(server.url, path)
    assert server.requests == []
    assert "not base64" not in str(caught.value)


async def test_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a secret, the error names the argument and the variable."""
    monkeypatch.delenv("CONNECT_BOOTSTRAP_SECRETKEY", raising=False)
    with pytest.raises(errors.InvalidArgumentError, match="secret= or set CONNECT_BOOTSTRAP_SEC"):
        await bootstrap("https://connect.example.com")


async def test_done_already(server: FakeConnect) -> None:
    """A server that has users raises PermissionDeniedError, which explains the reason."""
    await bootstrap(server.url, SECRET)
    with pytest.raises(errors.PermissionDeniedError, match="once, while it has no users") as caught:
        await bootstrap(server.url, SECRET)
    assert caught.value.code == 165


async def test_another_secret(server: FakeConnect) -> None:
    """A rejected token raises an error that names the secret's setting, not the API key."""
    with pytest.raises(errors.AuthenticationError, match=r"Bootstrap\.SecretKey") as caught:
        await bootstrap(server.url, SECRET[::-1])
    assert "CONNECT_API_KEY" not in str(caught.value)


async def test_wrong_clock(server: FakeConnect) -> None:
    """If the client's clock is wrong, the token is rejected and the error mentions the clocks."""
    with pytest.raises(errors.AuthenticationError, match="clocks of both machines"):
        await bootstrap(server.url, SECRET, clock=VirtualClock(epoch=1_000_000_000))


async def test_not_there(server: FakeConnect) -> None:
    """If both paths are missing, the error names the setting that may be disabled."""
    missing = faults.status(404, body="404 page not found")
    server.script(missing, missing)
    with pytest.raises(errors.EndpointMissingError) as caught:
        await bootstrap(server.url, SECRET)
    assert "Bootstrap.Enabled" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("fault", "noted"),
    [
        (faults.after(faults.reset()), True),
        (faults.truncated_json(), True),
        (faults.reset_mid_body(), True),
        (faults.error(401, 30), False),
    ],
)
async def test_a_lost_answer(server: FakeConnect, fault: Any, noted: bool) -> None:
    """A failed bootstrap is not retried; the error says if the key may be lost."""
    server.script(fault)
    with pytest.raises(errors.AconnectError) as caught:
        await bootstrap(server.url, SECRET, clock=VirtualClock())
    assert any("empty database" in note for note in getattr(caught.value, "__notes__", ())) == noted
    assert server.count("POST", "*") == 1
    keys = [key for key, guid in server.state.keys.items() if guid in server.state.users]
    assert not any(key in str(caught.value) for key in keys)


async def test_unreachable() -> None:
    """If nothing was sent, the error does not mention a lost key."""
    with pytest.raises(errors.ConnectionFailedError) as caught:
        await bootstrap("http://127.0.0.1:1", SECRET, clock=VirtualClock())
    assert not hasattr(caught.value, "__notes__")


async def test_no_key(server: FakeConnect) -> None:
    """A successful response without a key raises an error."""
    server.script(faults.status(200, body="{}", content_type="application/json"))
    with pytest.raises(errors.AconnectError, match="no API key"):
        await bootstrap(server.url, SECRET)


async def test_an_echo(server: FakeConnect) -> None:
    """A token that a proxy repeats is redacted, for both bootstrap operations."""
    token = bootstrap_token(SECRET, 0).reveal()
    async with Client(server.url, server.api_key) as client:
        for call in (client.bootstrap.create, client.experimental.bootstrap.create):
            server.script(faults.status(401, body=f"denied: Connect-Bootstrap {token}"))
            with pytest.raises(errors.AuthenticationError, match=r"denied: .* \*\*\*") as caught:
                await call(token)
            assert token not in str(caught.value)
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == [f"Connect-Bootstrap {token}"] * 2


def test_hidden() -> None:
    """The key is redacted in the printed response."""
    response = BootstrapSuccess(api_key="precious")
    for text in (repr(response), str(response), pretty_repr(response)):
        assert "precious" not in text
    assert response.api_key == "precious"

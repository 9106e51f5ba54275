"""The address, the token, and the error classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aconnect import NO_RETRY, errors
from aconnect.authentik import Client
from aconnect.testing import faults
from aconnect.testing.authentik import FakeAuthentik

INVALID = "this is no uuid"


@pytest.mark.parametrize("tail", ["", "/", "/api/v3", "/api/v3/", "//api/v3//"])
@pytest.mark.parametrize("root", ["https://auth.example.com", "https://example.com:9443/sso"])
def test_all_spellings_of_the_address(root: str, tail: str) -> None:
    """The address can be that of the server or that of its API."""
    client = Client(f" {root}{tail}\n", "t")
    assert client.url == root
    assert client.api_root == f"{root}/api/v3"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Address and token are read from the environment; arguments take precedence."""
    monkeypatch.setenv("AUTHENTIK_URL", "https://one.example.com/")
    monkeypatch.setenv("AUTHENTIK_TOKEN", " token\n")
    assert Client().url == "https://one.example.com"
    assert Client("https://two.example.com").url == "https://two.example.com"
    assert "token" not in repr(Client())


@pytest.mark.parametrize("missing", ["AUTHENTIK_URL", "AUTHENTIK_TOKEN"])
def test_nothing_to_go_by(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Without an address or a token, the error names the missing variable."""
    monkeypatch.setenv("AUTHENTIK_URL", "https://one.example.com/")
    monkeypatch.setenv("AUTHENTIK_TOKEN", "token")
    monkeypatch.delenv(missing)
    with pytest.raises(errors.InvalidArgumentError, match=missing):
        Client()


async def test_a_prefix() -> None:
    """A server with a path prefix can be addressed by its own URL and by that of its API."""
    async with FakeAuthentik(prefix="/sso") as server:
        for address in (server.url, f"{server.url}/api/v3/"):
            async with Client(address, server.token) as client:
                assert await client.endpoints.find().total() == 3


async def test_the_token_goes_out(server: FakeAuthentik, client: Client) -> None:
    """The token is sent as a bearer token."""
    await client.endpoints.find()
    assert server.requests[-1].headers["Authorization"] == f"Bearer {server.token}"


async def test_a_refused_token(server: FakeAuthentik) -> None:
    """An invalid token raises AuthenticationError, although the status is 403."""
    async with Client(server.url, "another-token") as client:
        with pytest.raises(errors.AuthenticationError, match="AUTHENTIK_TOKEN") as caught:
            await client.endpoints.find()
    error = caught.value
    assert (error.status, error.code) == (403, "authentication_failed")
    assert error.message == "Token invalid/expired"
    assert "another-token" not in str(error)


async def test_no_permission(server: FakeAuthentik) -> None:
    """A missing permission raises PermissionDeniedError with the server's detail and code."""
    async with Client(server.url, server.reader_token) as client:
        tokens = await client.connection_tokens.find()
        with pytest.raises(errors.PermissionDeniedError) as caught:
            await tokens[0].delete()
    assert (caught.value.status, caught.value.code) == (403, "permission_denied")
    assert caught.value.message == "You do not have permission to perform this action."


async def test_every_field_that_is_wrong(client: Client) -> None:
    """The message lists the errors of all fields; the payload has them unchanged."""
    with pytest.raises(errors.BadRequestError) as caught:
        await client.endpoints.create(
            name=" ", provider=99, protocol="telnet", host="h", auth_mode="prompt"
        )
    error = caught.value
    assert error.code == "invalid"
    assert error.message == (
        "name: This field may not be blank.; "
        'provider: Invalid pk "99" - object does not exist.; '
        'protocol: "telnet" is not a valid choice.'
    )
    assert error.payload["provider"] == ['Invalid pk "99" - object does not exist.']


async def test_an_endpoint_that_does_not_exist(client: Client) -> None:
    """A token cannot be moved to an endpoint that does not exist."""
    token = await client.connection_tokens.find().first()
    assert token is not None
    with pytest.raises(errors.BadRequestError, match=f"endpoint: .{INVALID}. is not a valid UUID"):
        await token.patch(endpoint=INVALID)


async def test_errors_about_no_single_field(client: Client) -> None:
    """An error about the whole body is reported without a field name."""
    with pytest.raises(errors.BadRequestError) as caught:
        await client.request("POST", "/rac/endpoints/", json=[])
    assert caught.value.message == "Invalid data. Expected a dictionary, but got list."


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "code"),
    [
        (
            400,
            {"name": ["a", "b"], "non_field_errors": ["Whole."], "code": "unique"},
            errors.BadRequestError,
            "Whole.; name: a; name: b",
            "unique",
        ),
        (400, {"code": ["Required."]}, errors.BadRequestError, "code: Required.", None),
        (
            400,
            {"settings": {"port": ["Bad."]}},
            errors.BadRequestError,
            "settings.port: Bad.",
            None,
        ),
        (400, ["Just this."], errors.BadRequestError, "Just this.", None),
        (
            400,
            {"non_field_errors": None, "code": None, "name": ["x"]},
            errors.BadRequestError,
            "name: x",
            None,
        ),
        (401, {"detail": "No.", "code": "c"}, errors.AuthenticationError, "No.", "c"),
        (403, {"detail": "No."}, errors.PermissionDeniedError, "No.", None),
        (403, {"detail": "Token invalid/expired"}, errors.AuthenticationError, None, None),
        (404, {"detail": "Not here."}, errors.NotFoundError, "Not here.", None),
        (404, {"message": "proxy"}, errors.NotFoundError, '{"message":"proxy"}', None),
        (405, {"detail": "Not so."}, errors.MethodNotAllowedError, "Not so.", None),
        (429, {"detail": "Slowly."}, errors.RateLimitedError, "Slowly.", None),
        (500, {"detail": "Oh."}, errors.ServerError, "Oh.", None),
        (400, "<html>", errors.BadRequestError, None, None),
        (400, "{broken", errors.BadRequestError, "{broken", None),
    ],
)
async def test_error_bodies(
    server: FakeAuthentik,
    status: int,
    body: Any,
    kind: type[errors.ApiError],
    message: str | None,
    code: str | None,
) -> None:
    """An error has the class, message and code of the response, and the body as its payload."""
    server.script(faults.status(status, body=body))
    async with Client(server.url, server.token, retry=NO_RETRY) as client:
        with pytest.raises(kind) as caught:
            await client.endpoints.find()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code) == (status, code)
    assert message in {None, error.message}
    read = isinstance(body, dict | list) and body != {"message": "proxy"}
    assert error.payload == (body if read else None)


async def test_a_page_of_the_web_server(client: Client) -> None:
    """If the response is not from the API, the error names the address as the likely cause."""
    with pytest.raises(errors.NotFoundError, match="AUTHENTIK_URL"):
        await client.request("GET", "/rac/nothing/")


@pytest.mark.parametrize(
    "body",
    ["404 page not found", "<html>Not Found</html>", "", {"message": "no Route matched"}, ["x"]],
)
async def test_a_404_that_is_not_authentiks(
    server: FakeAuthentik, client: Client, body: Any
) -> None:
    """After a lost response, a 404 of a proxy does not mean that the object is deleted."""
    (pk, *_) = server.state.connection_tokens
    server.script(faults.status(502), faults.status(404, body=body), on="DELETE *")
    with pytest.raises(errors.NotFoundError, match="AUTHENTIK_URL"):
        await client.connection_tokens.delete(pk)
    assert pk in server.state.connection_tokens


async def test_a_deletion_whose_response_was_lost(server: FakeAuthentik, client: Client) -> None:
    """After a lost response, authentik's own 404 means that the object is deleted."""
    (pk, *_) = server.state.connection_tokens
    server.script(faults.after(faults.reset()), on="DELETE *")
    await client.connection_tokens.delete(pk)
    assert server.count("DELETE", "*") == 2
    assert pk not in server.state.connection_tokens


@pytest.mark.parametrize(
    "find",
    [
        lambda client: client.connection_tokens.find(endpoint=""),
        lambda client: client.endpoints.find(name=""),
    ],
)
async def test_an_empty_filter(
    server: FakeAuthentik, client: Client, find: Callable[[Client], object]
) -> None:
    """An empty endpoint or name is refused: authentik would ignore it and return everything."""
    with pytest.raises(errors.InvalidArgumentError, match="would match everything"):
        find(client)
    assert server.requests == []

"""Integrations, their associations, and the exchange of session tokens for credentials."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from rich.pretty import pretty_repr

from aconnect import Client, errors
from aconnect.connect import (
    AWSCredentials,
    OAuthCredentials,
    OAuthIntegrationAuthType,
    OAuthIntegrationType,
    OAuthTokenType,
)
from aconnect.testing import FakeConnect, faults
from aconnect.testing.connect.routes.oauth.clients import new_client

CUSTOM = {
    "client_id": "the-client",
    "client_secret": "hush-hush",
    "authorization_uri": "https://example.com/authorize",
    "token_uri": "https://example.com/token",
}
SERVICE = {**CUSTOM, "auth_type": "Service Account"}
AWS = {"role_arn": "arn:aws:iam::123456789012:role/reader"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def server(server):
    server.state.now = lambda: NOW
    return server


@pytest.fixture
def integrations(client):
    return client.oauth.integrations


@pytest.fixture(autouse=True)
def _outside_of_connect(monkeypatch):
    for name in ("SESSION_TOKEN_FILE", "SESSION_TOKEN", "GUID"):
        monkeypatch.delenv(f"CONNECT_CONTENT_{name}", raising=False)


@pytest.fixture
def use(integrations, item):
    """Associate the content with a new integration."""

    async def use(template, config):
        one = await integrations.create(template=template, config=config)
        await item.oauth.associations.update(one)
        return one

    return use


async def test_the_life_of_an_integration(integrations):
    """An integration is created, verified, updated and deleted; its secret is not returned."""
    one = await integrations.create(name="first", template="custom", config=SERVICE)
    assert one.auth_type is OAuthIntegrationAuthType.SERVICE_ACCOUNT
    assert one.config is not None
    assert (one.config["client_id"], "client_secret" in one.config) == ("the-client", False)
    await one.verify()
    changed = await one.update(name="second", config={"scopes": "a b"})
    assert (changed.name, (await one.refresh()).name) == ("second", "second")
    assert changed.config == {**one.config, "scopes": "a b"}
    await integrations.handle(one.guid).delete()
    with pytest.raises(errors.NotFoundError) as caught:
        await one.delete()
    assert caught.value.code == 17


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, "Connect"),
        ({"integration_type": OAuthIntegrationType.CUSTOM}, "one of ours"),
        ({"auth_type": "Viewer"}, "one of ours"),
        ({"name": "of ours$"}, "one of ours"),
        ({"name": "^ours"}, None),
        ({"description": "warehouse"}, "one of ours"),
        ({"description": ""}, "one of ours"),
        ({"guid": "unknown"}, None),
        ({"config": {"client_id": "the-client", "auth_mode": "Confidential"}}, "one of ours"),
        ({"config": {"client_id": "another"}}, None),
        ({"integration_type": "connect", "auth_type": "Viewer"}, None),
    ],
)
async def test_find_by(integrations, criteria, found):
    """`find_by` returns the first integration that matches all criteria; strings are patterns."""
    await integrations.create(
        name="one of ours", description="The warehouse", template="custom", config=CUSTOM
    )
    one = await integrations.find_by(**criteria)
    assert (one and one.name) == found


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"template": "unknown", "config": {}}, 227),
        ({"template": "custom", "config": {**CUSTOM, "colour": "red"}}, 228),
        ({"template": "custom", "config": {**CUSTOM, "auth_mode": "Other"}}, 228),
        ({"template": "custom", "config": {}}, 228),
        ({"template": "github", "config": {"client_id": "x"}}, 228),
        ({"template": "connect", "config": {}, "name": ""}, 225),
        ({"template": "connect", "config": {}, "permissions": [{"user_guid": "nobody"}]}, 261),
        ({"template": "connect", "config": {}, "permissions": [{"group_guid": "none"}]}, 262),
        ({"template": "connect", "config": {}, "permissions": [{}]}, 3),
    ],
)
async def test_refused_integrations(integrations, fields, code):
    """An invalid template, configuration, name or permission is refused with the server's code."""
    with pytest.raises(errors.BadRequestError) as caught:
        await integrations.create(**fields)
    assert caught.value.code == code


@pytest.mark.parametrize("missing", ["template", "config"])
async def test_an_integration_needs_template_and_config(integrations, missing):
    """A missing required argument raises TypeError."""
    fields = {"template": "custom", "config": CUSTOM}
    del fields[missing]
    with pytest.raises(TypeError, match=missing):
        await integrations.create(**fields)


async def test_only_a_service_account_is_verified(integrations):
    """An integration for viewers cannot be verified, and its type cannot be changed."""
    one = await integrations.create(template="custom", config=CUSTOM)
    with pytest.raises(errors.BadRequestError) as caught:
        await one.verify()
    assert caught.value.code == 240
    with pytest.raises(errors.BadRequestError) as caught:
        await one.update(config={"auth_type": "Service Account"})
    assert caught.value.code == 229


async def test_permissions(server, integrations):
    """An integration with permissions is visible only to these users and group members."""
    publisher = server.state.user_named("publisher")
    one = await integrations.create(template="custom", config=CUSTOM)
    async with Client(server.url, server.api_key_for("publisher")) as other:
        assert (await other.oauth.integrations.get(one.guid)).permissions == []
        group = next(g for g, m in server.state.members.items() if publisher["guid"] not in m)
        closed = await one.update(permissions=[{"group_guid": group}])
        assert [(p.group_guid, p.user_guid) for p in closed.permissions] == [(group, None)]
        with pytest.raises(errors.PermissionDeniedError):
            await other.oauth.integrations.get(one.guid)
        assert one.guid not in [i.guid for i in await other.oauth.integrations.find()]
        await one.update(permissions=[{"user_guid": publisher["guid"]}])
        assert one.guid in [i.guid for i in await other.oauth.integrations.find()]
        with pytest.raises(errors.PermissionDeniedError):
            await other.oauth.integrations.create(template="connect", config={})


async def test_associations(integrations, item):
    """The associations of content and of an integration are listed, replaced and deleted."""
    first = await integrations.create(name="first", template="custom", config=CUSTOM)
    second = await integrations.create(name="second", template="aws", config=AWS)
    associations = item.oauth.associations
    await associations.update([first, second.guid])
    assert [a.oauth_integration_name for a in await associations.find()] == ["first", "second"]
    assert [a.content_guid for a in await first.associations.find()] == [item.guid]
    assert (await first.refresh()).content_count == 1
    found = await associations.find_by(integration_type=OAuthIntegrationType.AWS, name="^sec")
    assert found is not None
    assert (found.oauth_integration_guid, found.created_time) == (second.guid, NOW)
    assert await associations.find_by(auth_type="Service Account") is None
    await associations.update([second])
    assert [a.oauth_integration_guid for a in await associations.find()] == [second.guid]
    await associations.update(first.guid)
    assert await second.associations.find() == []
    await associations.delete()
    assert await associations.find() == []


async def test_adding_and_removing_associations(server, integrations, item):
    """`add` and `remove` keep the others, and write nothing if nothing changes."""
    made = [await integrations.create(template="aws", config=AWS, name=n) for n in "abc"]
    first, second, third = made
    associations = item.oauth.associations

    async def used():
        return [one.oauth_integration_name for one in await associations.find()]

    assert await associations.add(first) is True
    assert await associations.add(second.guid.upper(), third, second) is True
    assert await used() == ["a", "b", "c"]
    writes = server.count("PUT", "*")
    assert await associations.add(third, first) is False
    assert await associations.add() is False
    assert server.count("PUT", "*") == writes
    assert await associations.remove(first, third.guid) is True
    assert await associations.remove(first) is False
    assert await used() == ["b"]
    with pytest.raises(errors.InvalidArgumentError):
        await associations.add([first])
    server.script(faults.status(200, body="[{}]", content_type="application/json"))
    with pytest.raises(errors.DecodeError, match="nothing was changed"):
        await associations.add(first)
    assert await used() == ["b"]


async def test_a_second_association_of_an_older_server():
    """Servers before 2025.07 refuse it; the error says how to replace the first."""
    async with (
        FakeConnect(version="2025.06.0") as server,
        Client(server.url, server.api_key) as client,
    ):
        made = [await client.oauth.integrations.create(template="aws", config=AWS) for _ in "ab"]
        associations = (await client.content.create(name="item")).oauth.associations
        assert await associations.add(made[0]) is True
        with pytest.raises(errors.BadRequestError, match=r"2025\.07.*update\(\)"):
            await associations.add(made[1])


async def test_associations_go_with_their_integration(use, item):
    """Deleting an integration deletes its associations."""
    await (await use("custom", CUSTOM)).delete()
    assert await item.oauth.associations.find() == []


@pytest.mark.parametrize(("times", "code"), [(0, 207), (2, 258)])
async def test_refused_associations(integrations, item, times, code):
    """An unknown or repeated integration is refused, and the associations do not change."""
    known = [i.guid for i in await integrations.find()] * times
    with pytest.raises(errors.BadRequestError) as caught:
        await item.oauth.associations.update(known or ["unknown"])
    assert caught.value.code == code
    assert await item.oauth.associations.find() == []


async def test_sessions(server, client, integrations):
    """Users see and delete only their own sessions; administrators see those of all users."""
    one = await integrations.create(template="custom", config=CUSTOM)
    own, others = (server.oauth_login(name, one.guid) for name in ("admin", "viewer"))
    sessions = client.oauth.sessions
    assert [s.guid for s in await sessions.find()] == [own]
    assert [s.guid for s in await sessions.find(all=True)] == [own, others]
    assert (await sessions.get(others)).has_refresh_token
    async with Client(server.url, server.api_key_for("viewer")) as viewer:
        (mine,) = await viewer.oauth.sessions.find()
        for call in (
            lambda: viewer.oauth.sessions.get(own),
            lambda: viewer.oauth.sessions.delete(own),
            lambda: viewer.oauth.sessions.find(all=True),
        ):
            with pytest.raises(errors.PermissionDeniedError):
                await call()
        await mine.delete()
    assert [s.guid for s in await sessions.find(all=True)] == [own]


async def test_clients(server, client):
    """OAuth clients are listed over several pages, in either order, and can be deleted."""
    for i in range(248):
        time = server.state.seed.start + timedelta(days=i + 1)
        server.state.oauth_clients[f"client-{i}"] = new_client(f"client-{i}", i, None, time)
    server.requests.clear()
    found = await client.oauth.clients.find()
    assert len(found) == 250
    assert server.count("GET", "/v1/oauth/clients") == 3
    backwards = await client.oauth.clients.find(asc_order=False)
    assert [c.client_id for c in backwards] == [c.client_id for c in reversed(found)]
    await found[0].delete()
    with pytest.raises(errors.NotFoundError):
        await client.oauth.clients.get(found[0].client_id)


async def test_templates(client):
    """A template lists the fields of a configuration, and which of them are secret."""
    assert {"aws", "connect", "custom"} <= {t.id for t in await client.oauth.templates.find()}
    custom = await client.oauth.templates.get("custom")
    secret = next(f for f in custom.fields if f.secret)
    assert (secret.name, secret.visibility_expression.name) == ("client_secret", "auth_mode")
    assert next(o.values for o in custom.options if o.name == "auth_type")[0] == "Viewer"
    with pytest.raises(errors.NotFoundError):
        await client.oauth.templates.get("unknown")


async def test_credentials_of_a_viewer(server, client, item, use):
    """A viewer's session token is exchanged for credentials once the viewer has logged in."""
    one = await use("custom", CUSTOM)
    token = server.user_session_token("viewer", item.guid)
    with pytest.raises(errors.BadRequestError) as caught:
        await client.oauth.get_credentials(token)
    assert caught.value.code == 220
    server.oauth_login("viewer", one.guid)
    first = await client.oauth.get_credentials(token)
    again = await client.oauth.get_credentials(token, OAuthTokenType.ACCESS_TOKEN, one.guid)
    assert first == again
    assert first.access_token
    assert first.issued_token_type is OAuthTokenType.ACCESS_TOKEN
    assert first.expires_in == 3600
    sent = server.requests[-1]
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "requested_token_type=urn%3Aietf" in sent.body.decode()


async def test_the_token_file_is_read_at_each_use(server, client, item, use, tmp_path, monkeypatch):
    """The token file is read at each use, because the server renews the token."""
    await use("custom", SERVICE)
    file = tmp_path / "token"
    monkeypatch.setenv("CONNECT_CONTENT_SESSION_TOKEN_FILE", str(file))
    given = []
    for _ in range(2):
        file.write_text(server.content_session_token(item.guid) + "\n", encoding="utf-8-sig")
        given.append((await client.oauth.get_content_credentials()).access_token)
        server.state.session_tokens.clear()
    assert len(set(given)) == 2
    assert await client.oauth.has_content_credentials()


@pytest.mark.parametrize("file", ["missing", "empty", "a folder", "no text"])
async def test_no_content_token(server, client, item, use, tmp_path, monkeypatch, file):
    """Without a valid token file, the token variable is used; without both, an error says why."""
    await use("custom", SERVICE)
    path = tmp_path / "token"
    if file == "a folder":
        path.mkdir()
    elif file in {"empty", "no text"}:
        path.write_bytes(b" \n" if file == "empty" else b"\xff")
    monkeypatch.setenv("CONNECT_CONTENT_SESSION_TOKEN_FILE", str(path))
    says = {"empty": "is empty", "no text": "no text"}.get(file, "cannot read")
    with pytest.raises(errors.InvalidArgumentError, match=says):
        await client.oauth.get_content_credentials()
    assert not await client.oauth.has_content_credentials()
    monkeypatch.setenv("CONNECT_CONTENT_SESSION_TOKEN", server.content_session_token(item.guid))
    assert await client.oauth.get_content_credentials()


async def test_empty_tokens(client):
    """An empty token, for example from a missing header, is refused before anything is sent."""
    with pytest.raises(errors.InvalidArgumentError, match="Posit-Connect-User-Session-Token"):
        await client.oauth.get_credentials("")
    with pytest.raises(errors.InvalidArgumentError, match="content session token is empty"):
        await client.oauth.get_content_credentials(" ")
    with pytest.raises(errors.InvalidArgumentError, match="user session token is empty"):
        await client.with_user_session_token("")


async def test_keys_of_aws(server, client, item, use):
    """An exchange for AWS returns typed credentials, for viewers and for a service account."""
    one = await use("aws", AWS)
    server.oauth_login("viewer", one.guid)
    token = server.user_session_token("viewer", item.guid)
    keys = await client.oauth.get_aws_credentials(token)
    assert keys.access_key_id.startswith("ASIA")
    assert keys.expiration == NOW + timedelta(hours=1)
    await use("aws", {**AWS, "auth_type": "Service Account"})
    own = await client.oauth.get_aws_content_credentials(server.content_session_token(item.guid))
    assert own.secret_access_key != keys.secret_access_key


@pytest.mark.parametrize(
    "token",
    [None, "", "gho_token", "a", b64encode(b"no JSON").decode(), b64encode(b"[]").decode(),
     b64encode(b'{"accessKeyId": "x"}').decode()],
)  # fmt: skip
def test_no_keys_of_aws(token):
    """A token without AWS credentials raises DecodeError, which does not show the token."""
    with pytest.raises(errors.DecodeError, match="AWS_CREDENTIALS") as caught:
        OAuthCredentials(access_token=token).aws()
    assert not token or f" {token} " not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grant_type": "password"}, 213),
        ({"subject_token_type": "id_token"}, 214),
        ({"subject_token": "unknown"}, 215),
        ({"subject_token_type": OAuthTokenType.USER_SESSION_TOKEN}, 215),
        ({"audience": "unknown"}, 256),
        ({"requested_token_type": "other"}, 242),
        ({"requested_token_type": OAuthTokenType.AWS_CREDENTIALS}, 249),
    ],
)
async def test_refused_exchanges(server, client, item, use, change, code):
    """An invalid exchange is refused with the server's code."""
    await use("custom", SERVICE)
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": OAuthTokenType.CONTENT_SESSION_TOKEN,
        "subject_token": server.content_session_token(item.guid),
    }
    assert await client.oauth.exchange(**fields)
    with pytest.raises(errors.BadRequestError) as caught:
        await client.oauth.exchange(**{**fields, **change})
    assert caught.value.code == code


async def test_exchanges_that_do_not_fit_the_content(server, client, integrations, item):
    """The integration must be unique and match the token; the key's owner must own the content."""
    user, own = server.user_session_token("viewer", item.guid), server.content_session_token
    for config, call, code in (
        ([], lambda: client.oauth.get_credentials(user), 212),
        ([SERVICE], lambda: client.oauth.get_credentials(user), 252),
        ([CUSTOM], lambda: client.oauth.get_content_credentials(own(item.guid)), 252),
        ([CUSTOM, CUSTOM], lambda: client.oauth.get_credentials(user), 257),
    ):
        made = [await integrations.create(template="custom", config=one) for one in config]
        await item.oauth.associations.update(made)
        with pytest.raises(errors.BadRequestError) as caught:
            await call()
        assert caught.value.code == code
    async with Client(server.url, server.api_key_for("publisher")) as other:
        with pytest.raises(errors.PermissionDeniedError):
            await other.oauth.get_content_credentials(own(item.guid))


async def test_a_missing_token_is_an_error_of_the_caller(client):
    """A missing argument of the general exchange raises TypeError."""
    with pytest.raises(TypeError, match="subject_token"):
        await client.oauth.exchange(grant_type="x", subject_token_type="y")


@pytest.fixture
def connect_api(server):
    """The GUID of the integration with Connect's own API."""
    return next(iter(server.state.oauth_integrations))


@pytest.mark.parametrize("others", [0, 1])
async def test_acting_as_the_viewer(server, item, integrations, monkeypatch, connect_api, others):
    """The new client acts as the viewer, with the same options, through Connect's integration."""
    made = [await integrations.create(template="custom", config=CUSTOM) for _ in range(others)]
    await item.oauth.associations.update([*made, connect_api])
    monkeypatch.setenv("CONNECT_CONTENT_GUID", item.guid)
    token = server.user_session_token("viewer", item.guid)
    async with Client(
        server.url,
        server.api_key,
        snowflake_token="flake",
        headers={"X-Team": "a"},
        proxy_authorization="Basic x",
        version="2026.03.0",
    ) as client:
        async with await client.with_user_session_token(token) as viewer:
            assert (await viewer.me()).username == "viewer"
            assert server.requests[-1].headers["X-Team"] == "a"
            assert server.requests[-1].headers["Authorization"] == 'Snowflake Token="flake"'
            assert viewer.clock is client.clock
            assert await viewer.version() == "2026.03.0"
            with pytest.raises(errors.PermissionDeniedError):
                await viewer.content.create(name="not-allowed")
        assert (await client.me()).username == "admin"


async def test_acting_as_the_viewer_of_an_integration(
    server, client, item, integrations, connect_api
):
    """Without the content's GUID, an ambiguous integration must be passed by its GUID."""
    other = await integrations.create(template="custom", config=CUSTOM)
    await item.oauth.associations.update([connect_api, other])
    token = server.user_session_token("viewer", item.guid)
    async with await client.with_user_session_token(token, connect_api) as viewer:
        assert (await viewer.me()).username == "viewer"
    with pytest.raises(errors.BadRequestError) as caught:
        await client.with_user_session_token(token)
    assert caught.value.code == 257


OTHERS = "urn:ietf:params:oauth:token-type:access_token"


@pytest.mark.parametrize(
    "response",
    [
        b"{}",
        b'{"access_token": ""}',
        b'{"access_token": "of-a-warehouse", "issued_token_type": "%b"}' % OTHERS.encode(),
    ],
    ids=["nothing", "empty", "of another service"],
)
async def test_no_key_for_the_viewer(server, client, item, response):
    """A response without an API key raises DecodeError."""
    server.script(faults.status(200, body=response.decode(), content_type="application/json"))
    with pytest.raises(errors.DecodeError, match="no API key"):
        await client.with_user_session_token(server.user_session_token("viewer", item.guid))


def echo(text):
    """Return an error response that repeats a text in its body."""
    body = json.dumps({"code": 215, "error": f"{text} is bad", "payload": {text: [text]}})
    return faults.status(400, body=body, content_type="application/json")


async def test_tokens_are_hidden_while_they_are_used(server, client, caplog):
    """Tokens and secrets that an error response repeats are redacted in errors, events and logs."""
    events = []
    client.subscribe(lambda event: events.append(repr(event)))
    for secret, call in (
        ("the-token", lambda: client.oauth.get_credentials("the-token")),
        ("the-token", lambda: client.oauth.get_content_credentials("the-token")),
        (
            "hush-hush",
            lambda: client.oauth.integrations.create(template="custom", config=CUSTOM),
        ),
        (
            "hush-hush",
            lambda: client.oauth.integrations.handle("x").update(config=CUSTOM),
        ),
    ):
        server.script(echo(secret))
        with pytest.raises(errors.BadRequestError, match=r"\*\*\* is bad") as caught:
            await call()
        assert secret not in f"{caught.value!r} {caught.value.payload} {events} {caplog.text}"
        assert client.channel.redact(secret) == secret, "secrets must not grow with the calls"
    assert events


@pytest.mark.parametrize(
    "model",
    [
        OAuthCredentials(access_token="hush-hush", token_type="Bearer"),
        AWSCredentials(access_key_id="Bearer", secret_access_key="hush-hush"),
        AWSCredentials(access_key_id="Bearer", session_token="hush-hush"),
    ],
)
def test_credentials_are_not_printed(model):
    """Credentials are redacted in repr and rich output, but not in `to_dict`."""
    for shown in (repr(model), str(model), f"{[model]}", pretty_repr(model)):
        assert "hush-hush" not in shown
        assert "***" in shown
        assert "Bearer" in shown
    assert "hush-hush" in model.to_dict().values()

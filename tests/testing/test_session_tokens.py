"""The exchange of session tokens: how long credentials last, and whom they are given to."""

from datetime import UTC, datetime, timedelta

import pytest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXCHANGE = "/v1/oauth/integrations/credentials"
FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:posit:connect:user-session-token",
    "requested_token_type": "urn:posit:connect:api-key",
}


@pytest.fixture
async def content(call):
    """The GUID of an administrator's content with the integration with Connect's own API."""
    state = call.server.state
    state.now = lambda: NOW
    admin = state.known_user("admin")["guid"]
    guid = next(guid for guid, row in state.content.items() if row["owner_guid"] == admin)
    state.oauth_associations[guid] = dict.fromkeys(state.oauth_integrations, NOW)
    return guid


async def exchange(call, token, **options):
    return await call("POST", EXCHANGE, data={**FORM, "subject_token": token}, **options)


async def test_the_end_of_a_key(call, content):
    """A viewer keeps a key until shortly before its end; then a new one is given."""
    token = call.server.user_session_token("viewer", content)

    async def get_key(minutes, expires_in):
        call.server.state.now = lambda: NOW + timedelta(minutes=minutes)
        row = (await exchange(call, token)).json()
        assert row["expires_in"] == expires_in
        return row["access_token"]

    async def status(key):
        headers = {"Authorization": f"Key {key}"}
        return (await call("GET", "/v1/user", headers=headers)).status

    first = await get_key(0, 3600)
    assert await get_key(54, 360) == first
    second = await get_key(55, 3600)
    assert second != first
    assert [await status(key) for key in (first, second)] == [200, 200]
    call.server.state.now = lambda: NOW + timedelta(minutes=60)
    assert [await status(key) for key in (first, second)] == [401, 200]
    assert call.server.count("POST", EXCHANGE) == 3


async def test_the_end_of_a_token(call, content):
    """A token that the server no longer has is refused."""
    token = call.server.user_session_token("viewer", content)
    assert (await exchange(call, token)).status == 200
    del call.server.state.session_tokens[token]
    reply = await exchange(call, token)
    assert (reply.status, reply.code) == (400, 215)


async def test_tokens_of_others(call, content):
    """Only the owner of the content may exchange its tokens, and not even an administrator."""
    token = call.server.user_session_token("viewer", content)
    assert (await exchange(call, token, user="publisher")).status == 403
    call.server.state.content[content]["owner_guid"] = call.server.state.known_user("publisher")[
        "guid"
    ]
    assert (await exchange(call, token)).status == 403
    assert (await exchange(call, token, user="publisher")).status == 200

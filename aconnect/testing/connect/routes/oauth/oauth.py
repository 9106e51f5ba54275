"""The exchange of session tokens for credentials.

Decides which credentials a token is exchanged for. No refusal repeats the token.
"""

from base64 import b64encode
from datetime import timedelta

import msgspec

from aconnect.testing.connect.dialect import Call, bad_request, forbidden, route
from aconnect.testing.connect.routes.oauth.templates import SERVICE_ACCOUNT, VISITOR_API_KEY
from aconnect.testing.connect.state import Credential, SessionToken, State, guid_of
from aconnect.testing.wire import Response, Row, ok

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
USER_TOKEN = "urn:posit:connect:user-session-token"  # noqa: S105  the name of a kind
CONTENT_TOKEN = "urn:posit:connect:content-session-token"  # noqa: S105  likewise
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  likewise
AWS = "urn:ietf:params:aws:token-type:credentials"
API_KEY = "urn:posit:connect:api-key"

LIFETIME = 3600
"""The lifetime of credentials, in seconds."""

RENEWED_BEFORE = 300
"""The seconds before the end of credentials from which an exchange gives new ones."""


def user_session_token(state: State, username: str, content_guid: str) -> str:
    """Issue a token that content receives with a request of this viewer."""
    return _issue(state, "user", SessionToken(content_guid, state.known_user(username)["guid"]))


def viewer_token(state: State, user_guid: str, content_guid: str) -> str:
    """Return the token that content receives with the requests of a viewer."""
    session = SessionToken(content_guid, user_guid)
    for token, meaning in state.session_tokens.items():
        if meaning == session:
            return token
    return _issue(state, "user", session)


def content_session_token(state: State, content_guid: str) -> str:
    """Issue the token of running content itself."""
    return _issue(state, "content", SessionToken(content_guid))


def _issue(state: State, kind: str, meaning: SessionToken) -> str:
    if meaning.content_guid not in state.content:
        raise KeyError(f"the server has no content {meaning.content_guid!r}")
    number = state.next_number("session token")
    token = f"fake-{kind}-session-{guid_of('session token', number)}"
    state.session_tokens[token] = meaning
    return token


@route("POST", "/v1/oauth/integrations/credentials", role="publisher", since=(2024, 8, 0))
async def exchange(call: Call) -> Response:
    """Exchange a token that this server issued for credentials of an integration."""
    form = await call.form()
    if form.get("grant_type") != EXCHANGE:
        raise bad_request("The grant type is not accepted.", 213)
    requested = form.get("requested_token_type") or ACCESS_TOKEN
    if requested not in {ACCESS_TOKEN, AWS, API_KEY}:
        raise bad_request("The requested token type is not accepted.", 242)
    subject = _subject(call, form)
    # Not even an administrator may do so for the content of others.
    if call.state.content[subject.content_guid]["owner_guid"] != call.user["guid"]:
        raise forbidden()
    row = _integration(call, subject.content_guid, form.get("audience"))
    if (row["auth_type"] == SERVICE_ACCOUNT) is not (subject.user_guid is None):
        raise bad_request("The subject token type does not suit the integration.", 252)
    if requested != {"aws": AWS, "connect": API_KEY}.get(row["template"], ACCESS_TOKEN):
        raise bad_request("The integration does not give the requested token type.", 249)
    credential = _credential(call, row, subject)
    return ok(
        {
            "access_token": _token(call.state, credential, subject, requested),
            "issued_token_type": requested,
            "token_type": "Key" if requested == API_KEY else "Bearer",
            "expires_in": round((credential.expires_at - call.state.now()).total_seconds()),
        }
    )


def _subject(call: Call, form: dict[str, str]) -> SessionToken:
    """Return the session of the token, which must be of the given type."""
    kind = form.get("subject_token_type")
    if kind not in {USER_TOKEN, CONTENT_TOKEN}:
        raise bad_request("The subject token type is not accepted.", 214)
    token = call.state.session_tokens.get(form.get("subject_token", ""))
    if token is None or token.content_guid not in call.state.content:
        raise bad_request("The subject token is not valid.", 215)
    if (token.user_guid is None) is not (kind == CONTENT_TOKEN):
        raise bad_request("The subject token is of another type.", 215)
    return token


def _integration(call: Call, content: str, audience: str | None) -> Row:
    """Return the given integration of the content."""
    used = [*call.state.oauth_associations.get(content, ())]
    if not used:
        raise bad_request("The content has no OAuth integration.", 212)
    if audience:
        if audience not in used:
            raise bad_request("The audience is no OAuth integration of the content.", 256)
        return call.state.oauth_integrations[audience]
    if len(used) > 1:
        raise bad_request("The content has several OAuth integrations; name one as audience.", 257)
    return call.state.oauth_integrations[used[0]]


def _credential(call: Call, row: Row, subject: SessionToken) -> Credential:
    """Return the credentials of the subject; a viewer keeps them until they are about to end."""
    state, user, now = call.state, subject.user_guid, call.state.now()
    if user is not None:
        if row["auth_type"] != VISITOR_API_KEY:
            _refuse_without_session(call, row, user)
        kept = state.credentials.get((row["guid"], user))
        if kept is not None and kept.expires_at - now > timedelta(seconds=RENEWED_BEFORE):
            return kept
    secret = guid_of("credential", row["guid"], user, state.next_number("credential"))
    new = Credential(secret, now + timedelta(seconds=LIFETIME))
    if user is not None:
        state.credentials[row["guid"], user] = new
    return new


def _token(state: State, credential: Credential, subject: SessionToken, requested: str) -> str:
    """Return credentials in the form of the requested type."""
    secret = credential.secret
    if requested == API_KEY and subject.user_guid is not None:
        key = f"fake-ephemeral-key-{secret}"
        state.keys[key] = subject.user_guid
        state.ephemeral_keys[key] = credential.expires_at
        return key
    if requested != AWS:
        return f"fake-access-token-{secret}"
    keys = {
        "accessKeyId": "ASIAFAKEFAKEFAKEFAKE",
        "secretAccessKey": f"fake-aws-secret-{secret}",
        "sessionToken": f"fake-aws-session-{secret}",
        "expiration": credential.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return b64encode(msgspec.json.encode(keys)).decode()


def _refuse_without_session(call: Call, row: Row, user: str) -> None:
    for session in call.state.oauth_sessions.values():
        if session["user_guid"] == user and session["oauth_integration_guid"] == row["guid"]:
            return
    raise bad_request("The viewer has not logged in to the OAuth integration.", 220)

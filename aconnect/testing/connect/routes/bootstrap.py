"""The first administrator of a server without users.

Decides which tokens are accepted: those signed with `State.bootstrap_secret` that have not expired.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode
from uuid import uuid4

import msgspec

from aconnect.testing.connect.dialect import ApiFault, Call, route
from aconnect.testing.connect.routes.users import new_user
from aconnect.testing.wire import Response, Row, ok

_RENAMED = (2024, 5, 0)


@route("POST", "/v1/bootstrap", since=_RENAMED, public=True)
@route(
    "POST",
    "/v1/experimental/bootstrap",
    since=_RENAMED,
    public=True,
    deprecated="/v1/bootstrap",
)
@route("POST", "/v1/experimental/bootstrap", since=(2022, 10, 0), until=_RENAMED, public=True)
def bootstrap(call: Call) -> Response:
    """Create an administrator, if there is no user, and return its key."""
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    if scheme != "Connect-Bootstrap" or not _is_good(token, call.state.bootstrap_secret):
        raise ApiFault(401, 30, "The bootstrap token is missing or not valid.")
    state = call.state
    if state.users:
        raise ApiFault(403, 165, "Users exist already, so the server cannot be bootstrapped.")
    guid, key = str(uuid4()), f"fake-key-{uuid4().hex}"
    state.users[guid] = new_user(guid, "bootstrap-admin", "administrator", state.now())
    state.keys[key] = guid
    return ok({"api_key": key})


def _is_good(token: str, secret: bytes) -> bool:
    """Return True if a token is signed with the secret, for this purpose, and has not expired."""
    try:
        head, claims, signature = token.split(".")
        header, payload = _object(head), _object(claims)
        actual = _bytes(signature)
    except ValueError:
        return False
    expected = hmac.digest(secret, f"{head}.{claims}".encode(), hashlib.sha256)
    ends = payload.get("exp")
    return (
        header.get("alg") == "HS256"
        and hmac.compare_digest(actual, expected)
        and payload.get("scope") == "bootstrap"
        and payload.get("aud") == "rsconnect"
        and isinstance(ends, int)
        and ends > time.time()
    )


def _object(part: str) -> Row:
    return msgspec.json.decode(_bytes(part), type=dict[str, object])


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))

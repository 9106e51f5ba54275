"""What running content gets from the server: tokens, and the integrations that they work with.

Decides which content and which integrations a new server offers for trying tokens. Tests and
programs create their own instead, through the API.
"""

from dataclasses import dataclass

from aconnect.testing.connect.routes.oauth.integrations import new_integration
from aconnect.testing.connect.routes.oauth.oauth import content_session_token, user_session_token
from aconnect.testing.connect.routes.oauth.templates import SERVICE_ACCOUNT
from aconnect.testing.connect.state import State, guid_of


@dataclass(frozen=True, slots=True)
class RunningContent:
    """A content item with two integrations, and its tokens."""

    guid: str
    name: str
    service_account: str
    """The GUID of the integration whose credentials the content itself gets."""
    content_session_token: str
    user_session_token: str


def run_content(state: State, owner: str, viewer: str) -> RunningContent | None:
    """Issue tokens for content of a user; return None if there is none, or the version lacks them.

    The content uses the integration with Connect's own API, and a new one with a service account.
    """
    owner_guid = state.known_user(owner)["guid"]
    own = [row for row in state.content.values() if row["owner_guid"] == owner_guid]
    if not own or not state.features.session_tokens:
        return None
    # Preferably content that the viewer may open.
    row = min(own, key=lambda row: row["access_type"] == "acl")
    account = guid_of("oauth-integration", "service-account")
    config = {
        "auth_type": SERVICE_ACCOUNT,
        "client_id": "fake-client",
        "client_secret": "fake-secret",
        "token_uri": "https://warehouse.example.com/token",
    }
    number, time = state.next_number("integration"), state.seed.start
    state.oauth_integrations[account] = new_integration(
        account, number, "custom", config, time, name="Warehouse"
    )
    state.oauth_associations[row["guid"]] = dict.fromkeys(state.oauth_integrations, time)
    return RunningContent(
        guid=row["guid"],
        name=row["name"],
        service_account=account,
        content_session_token=content_session_token(state, row["guid"]),
        user_session_token=user_session_token(state, viewer, row["guid"]),
    )

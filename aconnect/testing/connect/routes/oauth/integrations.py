"""OAuth integrations and their permissions."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from aconnect.testing.connect.dialect import Call, bad_request, forbidden, route
from aconnect.testing.connect.routes._checks import (
    NULL,
    TEXT_NULL,
    Kinds,
    chosen,
    each_chosen,
    existing,
    is_among,
    remove_from,
)
from aconnect.testing.connect.routes.oauth.templates import (
    SERVICE_ACCOUNT,
    TEMPLATES,
    VIEWER,
    VISITOR_API_KEY,
    checked_config,
)
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.wire import Response, Row, empty, ok

_SINCE = (2024, 8, 0)

_CHANGEABLE: Kinds = {
    "name": TEXT_NULL,
    "description": TEXT_NULL,
    "config": (dict,),
    "permissions": (list, NULL),
}


def new_integration(
    guid: str, number: int, template: str, config: Row, time: datetime, **more: Any
) -> Row:
    """Return a new integration that all users may use."""
    config = checked_config(template, config)
    default = VISITOR_API_KEY if template == "connect" else VIEWER
    return {
        "id": str(number),
        "guid": guid,
        "created_time": time,
        "updated_time": time,
        "name": None,
        "description": None,
        "template": template,
        "auth_type": config.get("auth_type", default),
        "config": config,
        "permissions": [],
        "environment_variables": TEMPLATES[template]["environment_variables"],
        **more,
    }


def sent_integration(state: State, row: Row) -> Row:
    """Return an integration without its secrets."""
    secret = {one["name"] for one in TEMPLATES[row["template"]]["fields"] if one["secret"]}
    shown = {name: value for name, value in row["config"].items() if name not in secret}
    count = sum(row["guid"] in used for used in state.oauth_associations.values())
    return {**row, "config": shown, "content_count": count}


def seed(state: State) -> None:
    """Add the integration that every new server has."""
    guid = guid_of("oauth-integration", 0)
    config = {"max_role": "Admin"}
    state.oauth_integrations[guid] = new_integration(
        guid, state.next_number("integration"), "connect", config, state.seed.start, name="Connect"
    )


def integration_of(call: Call) -> Row:
    """Return the integration in the path, if the caller may use it."""
    row = existing(call.state.oauth_integrations, call.args["guid"], "The OAuth integration")
    if not may_use(call, row):
        raise forbidden()
    return row


def may_use(call: Call, row: Row) -> bool:
    """Return True if the caller may use an integration."""
    return is_among(call, row["permissions"])


@route("GET", "/v1/oauth/integrations", role="publisher", since=_SINCE)
def list_integrations(call: Call) -> Response:
    """List the integrations that the caller may use."""
    rows = call.state.oauth_integrations.values()
    return ok([sent_integration(call.state, row) for row in rows if may_use(call, row)])


@route("POST", "/v1/oauth/integrations", role="administrator", since=_SINCE)
async def create_integration(call: Call) -> Response:
    """Create an integration from a template."""
    body = await call.fields("template")
    template = body["template"]
    if template not in TEMPLATES:
        raise bad_request(f"There is no OAuth template {template!r}.", 227)
    body = chosen(body, _CHANGEABLE)
    _refuse_empty_name(body)
    guid, number = str(uuid4()), call.state.next_number("integration")
    row = new_integration(
        guid,
        number,
        template,
        body.get("config", {}),
        call.state.now(),
        name=body.get("name"),
        description=body.get("description"),
    )
    row["permissions"] = _permissions(call, guid, body.get("permissions"))
    call.state.oauth_integrations[guid] = row
    return ok(sent_integration(call.state, row))


@route("GET", "/v1/oauth/integrations/{guid}", role="publisher", since=_SINCE)
def get_integration(call: Call) -> Response:
    """Get one integration."""
    return ok(sent_integration(call.state, integration_of(call)))


@route("PATCH", "/v1/oauth/integrations/{guid}", role="administrator", since=_SINCE)
async def update_integration(call: Call) -> Response:
    """Change the given fields; missing configuration fields keep their values."""
    row = integration_of(call)
    body = chosen(await call.fields(), _CHANGEABLE)
    _refuse_empty_name(body)
    if "config" in body:
        config = checked_config(row["template"], {**row["config"], **body["config"]})
        if config.get("auth_type", row["auth_type"]) != row["auth_type"]:
            raise bad_request("The auth type of an integration cannot be changed.", 229)
        body["config"] = config
    if "permissions" in body:
        body["permissions"] = _permissions(call, row["guid"], body["permissions"])
    row.update(body, updated_time=call.state.now())
    return ok(sent_integration(call.state, row))


def _refuse_empty_name(body: Row) -> None:
    if body.get("name") == "":
        raise bad_request("The name of an integration must not be empty.", 225)


def _permissions(call: Call, integration: str, given: list[object] | None) -> list[Row]:
    """Return the permissions of users and groups, each of which must exist."""
    rows: list[Row] = []
    kinds = {"user_guid": TEXT_NULL, "group_guid": TEXT_NULL}
    for body in each_chosen("permissions", given or (), kinds):
        user, group = body.get("user_guid"), body.get("group_guid")
        if (user is None) is (group is None):
            raise bad_request("A permission is of either a user or a group.")
        if user is not None and user not in call.state.users:
            raise bad_request(f"There is no user {user!r}.", 261)
        if group is not None and group not in call.state.groups:
            raise bad_request(f"There is no group {group!r}.", 262)
        number = call.state.next_number("oauth permission")
        rows.append(
            {
                "id": str(number),
                "guid": str(uuid4()),
                "integration_guid": integration,
                "user_guid": user,
                "group_guid": group,
            }
        )
    return rows


@route("DELETE", "/v1/oauth/integrations/{guid}", role="administrator", since=_SINCE)
def delete_integration(call: Call) -> Response:
    """Delete an integration with its associations and sessions."""
    state, guid = call.state, call.args["guid"]
    remove_from(call, state.oauth_integrations, guid, "The OAuth integration")
    for used in state.oauth_associations.values():
        used.pop(guid, None)
    gone = [k for k, one in state.oauth_sessions.items() if one["oauth_integration_guid"] == guid]
    for session in gone:
        remove_from(call, state.oauth_sessions, session, "The OAuth session")
    return empty()


@route("GET", "/v1/oauth/integrations/{guid}/associations", role="administrator", since=_SINCE)
def list_integration_associations(call: Call) -> Response:
    """List the content that uses an integration."""
    guid = integration_of(call)["guid"]
    used = call.state.oauth_associations
    return ok([association(call, content, guid) for content in used if guid in used[content]])


def association(call: Call, content: str, integration: str) -> Row:
    """Return the association of a content item with an integration."""
    row = call.state.oauth_integrations[integration]
    return {
        "app_guid": content,
        "content_guid": content,
        "oauth_integration_guid": integration,
        **{
            f"oauth_integration_{name}": row[name]
            for name in ("name", "description", "template", "auth_type")
        },
        "created_time": call.state.oauth_associations[content][integration],
    }


@route("POST", "/v1/oauth/integrations/{guid}/verify", role="administrator", since=(2024, 8, 0))
def verify_integration(call: Call) -> Response:
    """Verify a service account; other types cannot be verified."""
    if integration_of(call)["auth_type"] != SERVICE_ACCOUNT:
        raise bad_request("Only integrations with a service account can be verified.", 240)
    return empty(200)

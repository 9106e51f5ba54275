"""Templates of OAuth integrations.

Decides which exist, and which configurations they allow. They have the vendor's format; of
their contents, only `custom` follows a source.
"""

import re
from collections.abc import Iterator

from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.routes._checks import (
    existing,
)
from aconnect.testing.wire import Response, Row, ok

VIEWER, SERVICE_ACCOUNT, VISITOR_API_KEY = "Viewer", "Service Account", "Visitor API Key"
_ROLES = ("Viewer", "Publisher", "Admin")
_SINCE = (2024, 8, 0)


def _when(name: str, value: str) -> Row:
    return {"name": name, "value": value, "operator": "", "operands": []}


def _field(
    name: str,
    label: str,
    *,
    validation: str = ".+",
    secret: bool = False,
    visible: Row | None = None,
) -> Row:
    return {
        "name": name,
        "description": f"The {label} as the service gives it.",
        "section": 1,
        "order": 0,
        "label": label,
        "visibility_expression": visible,
        "default": "",
        "validation": validation,
        "validation_description": f"{label} must match {validation}.",
        "secret": secret,
        "multiline": False,
    }


def _option(name: str, label: str, *values: str) -> Row:
    return {
        "name": name,
        "description": f"Choose the {label}.",
        "section": 1,
        "order": 0,
        "label": label,
        "visibility_expression": None,
        "type": "select" if values else "bool",
        "values": [*values],
        "default": values[0] if values else True,
    }


def _template(key: str, name: str, options: list[Row], fields: list[Row]) -> Row:
    for order, row in enumerate([*options, *fields], 1):
        row["order"] = order
    sections = [{"id": 1, "order": 1, "name": "Configuration", "description": f"{name} settings."}]
    return {
        "id": key,
        "name": name,
        "description": f"A {name} integration.",
        "sections": sections,
        "options": options,
        "fields": fields,
        "environment_variables": [],
    }


def _templates() -> Iterator[Row]:
    auth_type = _option("auth_type", "Auth Type", VIEWER, SERVICE_ACCOUNT)
    address = r"https?://\S+"
    yield _template(
        "custom",
        "Custom",
        [
            auth_type,
            _option("auth_mode", "Auth Mode", "Confidential", "Public"),
            _option(
                "token_endpoint_auth_method",
                "Token Endpoint Auth Method",
                "client_secret_post",
                "client_secret_basic",
            ),
            _option("use_pkce", "Use PKCE"),
        ],
        [
            _field("client_id", "Client ID"),
            _field(
                "client_secret",
                "Client Secret",
                secret=True,
                visible=_when("auth_mode", "Confidential"),
            ),
            _field(
                "authorization_uri",
                "Authorization URI",
                validation=address,
                visible=_when("auth_type", VIEWER),
            ),
            _field("token_uri", "Token URI", validation=address),
            _field("scopes", "Scopes", validation=".*"),
        ],
    )
    yield _template("connect", "Connect API", [_option("max_role", "Max Role", *_ROLES)], [])
    yield _template(
        "aws",
        "AWS",
        [dict(auth_type)],
        [
            _field("role_arn", "Role ARN", validation=r"arn:aws[\w-]*:iam::\d{12}:role/.+"),
            _field("client_secret", "Client Secret", validation=".*", secret=True),
        ],
    )
    yield _template(
        "github",
        "GitHub",
        [],
        [
            _field("client_id", "Client ID"),
            _field("client_secret", "Client Secret", secret=True),
            _field("scopes", "Scopes", validation=".*"),
        ],
    )


TEMPLATES: dict[str, Row] = {row["id"]: row for row in _templates()}
"""By key."""


def checked_config(template: str, config: Row) -> Row:
    """Return a configuration with its defaults; values outside the template are refused."""
    schema = TEMPLATES[template]
    names = {row["name"] for row in (*schema["options"], *schema["fields"])}
    if unknown := sorted(config.keys() - names):
        raise bad_request(f"The template has no {', '.join(unknown)}.", 228)
    config_values: Row = {}
    for option in schema["options"]:
        name = option["name"]
        config_values[name] = value = config.get(name, option["default"])
        fits = isinstance(value, bool) if option["type"] == "bool" else value in option["values"]
        if not fits:
            raise bad_request(f"The option {name} cannot be {value!r}.", 228)
    for row in schema["fields"]:
        name, when = row["name"], row["visibility_expression"]
        if (
            when is not None
            and config_values.get(when["name"]) != when["value"]
            and name not in config
        ):
            continue
        value = config.get(name, row["default"])
        if not isinstance(value, str) or re.fullmatch(row["validation"], value) is None:
            # Repeats the value, which may be a secret, as the message of a real server might.
            raise bad_request(f"{row['validation_description']} It is {value!r}.", 228)
        config_values[name] = value
    return config_values


@route("GET", "/v1/oauth/templates", role="publisher", since=_SINCE)
def list_templates(_: Call) -> Response:
    """List the templates."""
    return ok([*TEMPLATES.values()])


@route("GET", "/v1/oauth/templates/{key}", role="publisher", since=_SINCE)
def get_template(call: Call) -> Response:
    """Get one template."""
    return ok(existing(TEMPLATES, call.args["key"], "The OAuth template"))

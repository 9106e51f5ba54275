"""Settings of the server and its installed languages."""

from typing import Any

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.wire import Response, Row, ok

_NEW = (2024, 1, 0)
_EDITABLE_BY = ("name_editable_by", "email_editable_by", "username_editable_by", "role_editable_by")

_PROVIDERS = {
    "password": "Posit Connect",
    "ldap": "LDAP",
    "google": "Google",
    "saml": "SAML",
    "oauth2": "OAuth2",
    "pam": "PAM",
    "proxy": "Proxy",
}
"""The displayed name of each authentication provider."""


@route("GET", "/server_settings", public=True)
def get_server_settings(call: Call) -> Response:
    """Return the settings, with the version unless it is hidden."""
    version = call.version or ""
    settings: Row = {
        "hostname": "connect",
        "version": version,
        "build": f"v{version}" if version else "",
        "about": f"Posit Connect v{version}" if version else "Posit Connect",
        "authentication": _authentication(call),
        "license": {"status": "activated", "tier": "enterprise", "days-left": 122},
        "dashboard_path": "/connect",
        "system_display_name": "Posit Connect",
        "runtimes": ["R", "Python", "Quarto"],
        "execution_type": "native",
        "git_enabled": True,
        "mail_configured": True,
    }
    return ok({**settings, **call.state.settings})


def _authentication(call: Call) -> dict[str, Any]:
    name, remote = call.state.authentication, call.state.has_directory
    return {
        "handles_credentials": name == "password",
        "handles_login": True,
        "external_user_data": remote,
        "external_user_search": remote,
        "external_user_id": remote,
        "groups_enabled": True,
        "external_group_search": remote,
        "external_group_members": name == "ldap",
        "external_group_id": remote,
        "external_group_owner": False,
        "unique_usernames": True,
        # What it is with a directory is not known.
        **({} if remote else dict.fromkeys(_EDITABLE_BY, "adminandself")),
        "name": _PROVIDERS[name],
    }


@route("GET", "/v1/server_settings/r")
def get_r(call: Call) -> Response:
    """List R installations."""
    return _installations(call, "r")


@route("GET", "/v1/server_settings/python")
def get_python(call: Call) -> Response:
    """List Python installations."""
    return _installations(call, "python", api_enabled=True)


@route("GET", "/v1/server_settings/quarto", since=(2021, 8, 0))
def get_quarto(call: Call) -> Response:
    """List Quarto installations."""
    return _installations(call, "quarto")


@route("GET", "/v1/server_settings/nodejs", role="publisher", since=_NEW)
def get_nodejs(call: Call) -> Response:
    """List Node.js installations."""
    return _installations(call, "nodejs", enabled=True)


@route("GET", "/v1/server_settings/tensorflow", role="publisher", since=(2024, 5, 0))
def get_tensorflow(call: Call) -> Response:
    """List TensorFlow installations."""
    return _installations(call, "tensorflow")


def _installations(call: Call, language: str, **more: bool) -> Response:
    versions = call.state.runtimes[language]
    found = [{"version": v, "cluster_name": "Local", "image_name": "Local"} for v in versions]
    return ok({"installations": found, **more})


@route("GET", "/v1/server_settings/public", since=_NEW, public=True)
def get_public_settings(call: Call) -> Response:
    """Return the settings for the login page."""
    return ok(
        {
            "authentication": _authentication(call),
            "self_registration": False,
            "system_display_name": "Posit Connect",
            "public_warning": "",
            "customized_landing": False,
            "mail_configured": True,
            "prohibited_usernames": ["connect", "apps", "users", "groups"],
            "username_validator": "default",
        }
    )

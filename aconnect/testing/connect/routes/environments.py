"""Execution environments and their permissions."""

import re
from datetime import datetime
from typing import Any
from uuid import uuid4

from aconnect.testing.connect.dialect import (
    ApiFault,
    Call,
    bad_request,
    forbidden,
    route,
)
from aconnect.testing.connect.routes._checks import (
    FLAG_NULL,
    TEXT,
    TEXT_NULL,
    chosen,
    each_chosen,
    existing,
    is_among,
    remove_from,
)
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Response, Row, empty, ok

LANGUAGES = ("python", "nodejs", "quarto", "r", "tensorflow")
"""The languages that an environment can have installed."""

_SINCE = (2023, 5, 0)
_PERMISSIONS = (2023, 12, 0)
_VERSION = re.compile(r"\d+\.\d+\.\d+([-+].+)?", re.ASCII)
_CHANGEABLE = {
    "title": TEXT_NULL,
    "description": TEXT_NULL,
    "matching": TEXT_NULL,
    "supervisor": TEXT_NULL,
    **dict.fromkeys(LANGUAGES, (dict,)),
    "volume_mounts": (list,),
}
_SOURCE = {
    "volume_type": TEXT,
    "nfs_host": TEXT_NULL,
    "nfs_export_path": TEXT_NULL,
    "pvc_name": TEXT_NULL,
}
_TARGET = {"path": TEXT, "read_only": FLAG_NULL}


def new_environment(guid: str, number: int, name: str, time: datetime, **more: Any) -> Row:
    """Return a new execution environment."""
    return {
        "id": str(number),
        "guid": guid,
        "created_time": time,
        "updated_time": time,
        "cluster_name": "Kubernetes",
        "name": name,
        "environment_type": "Kubernetes",
        "managed_by": None,
        **changeable_environment(),
        **more,
    }


def changeable_environment() -> Row:
    """Return the default values of an execution environment."""
    return {
        "title": None,
        "description": None,
        "matching": "any",
        "supervisor": None,
        **{language: {"installations": []} for language in LANGUAGES},
        "volume_mounts": [],
    }


def seed(state: State) -> None:
    """Add an environment for all users, and one for the second user that a file manages."""
    versions = (("4.4.2", "3.12.7"), ("4.3.3", "3.11.10"))
    for i, (r, python) in enumerate(versions):
        guid = guid_of("environment", i)
        state.environments[guid] = new_environment(
            guid,
            state.next_number("environment"),
            f"ghcr.io/rstudio/content-base:r{r}-py{python}-ubuntu2204",
            state.seed.start,
            title=f"R {r} and Python {python}",
            managed_by="config" if i else None,
            r={"installations": [{"version": r, "path": f"/opt/R/{r}/bin/R"}]},
            python={"installations": [{"version": python, "path": "/opt/python/bin/python"}]},
        )
        state.environment_permissions[guid] = {}
    managed = guid_of("environment", 1)
    permission = guid_of("environment permission", 0)
    state.environment_permissions[managed][permission] = {
        "id": str(state.next_number("environment permission")),
        "guid": permission,
        "environment_guid": managed,
        "user_guid": [*state.users][1],
        "group_guid": None,
    }


def may_use(call: Call, row: Row) -> bool:
    """Return True if the caller may use an environment."""
    return is_among(call, call.state.environment_permissions[row["guid"]].values())


def _environment(call: Call, *, edit: bool = False) -> Row:
    row = existing(call.state.environments, call.args["guid"], "The environment")
    if not may_use(call, row):
        raise forbidden()
    if edit and row["managed_by"] is not None:
        raise ApiFault(409, 265, f"The environment is managed by {row['managed_by']}.")
    return row


def _judged(call: Call, body: Row) -> Row:
    """Return the changeable fields of a body, with defaults for the others."""
    given = chosen(body, _CHANGEABLE)
    title = given.get("title")
    if (title is None and not call.features.modern_fields) or (
        title is not None and not 1 <= len(title) <= 64
    ):
        raise bad_request("The title must have 1 to 64 characters.", 168)
    if len(given.get("description") or "") > 4096:
        raise bad_request("The description must not exceed 4096 characters.", 169)
    if given.get("matching") is None:
        given["matching"] = "any"
    if given["matching"] not in {"any", "exact", "none"}:
        raise bad_request("The matching must be any, exact or none.", 172)
    if re.search(r"[\t-\r]", given.get("supervisor") or ""):
        raise bad_request("The supervisor must not contain control characters.", 177)
    for language in LANGUAGES:
        if language in given:
            given[language] = {"installations": _installations(given[language])}
    given["volume_mounts"] = _mounts(given.get("volume_mounts", []))
    return {**changeable_environment(), **given}


def _installations(language: Row) -> list[Row]:
    values = chosen(language, {"installations": (list,)}).get("installations", ())
    rows = each_chosen("installations", values, {"version": TEXT, "path": TEXT})
    for row in rows:
        if not row.get("path", "").startswith("/"):
            raise bad_request("An installation needs an absolute path.", 173)
        if not _VERSION.fullmatch(row.get("version", "")):
            raise bad_request("An installation needs a version such as 4.4.2.", 174)
    return rows


def _mounts(given: list[object]) -> list[Row]:
    rows = each_chosen("volume_mounts", given, {"source": (dict,), "target": (dict,)})
    mounts = [
        {
            "source": {**dict.fromkeys(_SOURCE), **chosen(row.get("source", {}), _SOURCE)},
            "target": {**dict.fromkeys(_TARGET), **chosen(row.get("target", {}), _TARGET)},
        }
        for row in rows
    ]
    for mount in mounts:
        kind, path = mount["source"]["volume_type"], mount["target"]["path"] or ""
        if not kind or not path.startswith("/"):
            raise bad_request("A volume needs a type, and an absolute path to be seen at.", 254)
    return mounts


@route("GET", "/v1/environments", role="publisher", since=_SINCE)
def list_environments(call: Call) -> Response:
    """List the environments that the caller may use."""
    rows = [row for row in call.state.environments.values() if may_use(call, row)]
    return ok([downgrade("environment", row, call.features) for row in rows])


@route("POST", "/v1/environments", role="administrator", since=_SINCE)
async def create_environment(call: Call) -> Response:
    """Create an environment."""
    body = await call.fields()
    fields = _judged(call, body)
    named = chosen(body, {"name": TEXT, "cluster_name": TEXT})
    if named.get("cluster_name") != "Kubernetes":
        raise bad_request("The cluster_name must be Kubernetes.", 170)
    name = named.get("name", "")
    if not name or re.search(r"\s", name):
        raise bad_request("The environment needs the name of an image.", 171)
    state = call.state
    if any(row["name"] == name for row in state.environments.values()):
        raise ApiFault(409, 175, f"There is already an environment {name!r}.")
    guid = str(uuid4())
    row = new_environment(guid, state.next_number("environment"), name, state.now(), **fields)
    state.environments[guid] = row
    state.environment_permissions[guid] = {}
    return ok(downgrade("environment", row, call.features))


@route("GET", "/v1/environments/{guid}", role="publisher", since=_SINCE)
def get_environment(call: Call) -> Response:
    """Get one environment."""
    return ok(downgrade("environment", _environment(call), call.features))


@route("PUT", "/v1/environments/{guid}", role="administrator", since=_SINCE)
async def update_environment(call: Call) -> Response:
    """Replace the changeable fields of an environment."""
    row = _environment(call, edit=True)
    row.update(_judged(call, await call.fields()), updated_time=call.state.now())
    return ok(downgrade("environment", row, call.features))


@route("DELETE", "/v1/environments/{guid}", role="administrator", since=_SINCE)
def delete_environment(call: Call) -> Response:
    """Delete an environment and its permissions."""
    guid = call.args["guid"]
    if guid in call.state.environments:
        _environment(call, edit=True)
    remove_from(call, call.state.environments, guid, "The environment")
    del call.state.environment_permissions[guid]
    return empty()


def _permissions(call: Call) -> dict[str, Row]:
    return call.state.environment_permissions[_environment(call)["guid"]]


@route("GET", "/v1/environments/{guid}/permissions", role="administrator", since=_PERMISSIONS)
def list_environment_permissions(call: Call) -> Response:
    """List the permissions of an environment."""
    return ok(list(_permissions(call).values()))


@route("POST", "/v1/environments/{guid}/permissions", role="administrator", since=_PERMISSIONS)
async def add_environment_permission(call: Call) -> Response:
    """Add a permission for a user or a group."""
    permissions = _permissions(call)
    body = chosen(await call.fields(), {"user_guid": TEXT_NULL, "group_guid": TEXT_NULL})
    user, group = body.get("user_guid"), body.get("group_guid")
    if bool(user) == bool(group):
        raise bad_request("Name a user or a group, and not both.", 246)
    if user:
        existing(call.state.users, user, "The user")
    if group:
        existing(call.state.groups, group, "The group")
    principal: Row = {"user_guid": user or None, "group_guid": group or None}
    if any(
        {name: entry[name] for name in principal} == principal for entry in permissions.values()
    ):
        raise ApiFault(409, 247, "The user or group may already use the environment.")
    guid = str(uuid4())
    row = permissions[guid] = {
        "id": str(call.state.next_number("environment permission")),
        "guid": guid,
        "environment_guid": call.args["guid"],
        **principal,
    }
    return ok(row)


@route(
    "GET",
    "/v1/environments/{guid}/permissions/{permission_guid}",
    role="administrator",
    since=_PERMISSIONS,
)
def get_environment_permission(call: Call) -> Response:
    """Get one permission."""
    return ok(existing(_permissions(call), call.args["permission_guid"], "The permission"))


@route(
    "DELETE",
    "/v1/environments/{guid}/permissions/{permission_guid}",
    role="administrator",
    since=_PERMISSIONS,
)
def delete_environment_permission(call: Call) -> Response:
    """Delete a permission."""
    remove_from(call, _permissions(call), call.args["permission_guid"], "The permission")
    return empty()

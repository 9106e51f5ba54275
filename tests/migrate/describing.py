"""A server as one value that does not depend on when and in which order it came about.

It reads the state of the simulated server, not its responses. It has the values of environment
variables and the secrets of integrations, so it is for comparisons in tests only.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aconnect.testing import FakeConnect, State
from aconnect.testing.connect.routes.content._settings import CHANGEABLE
from aconnect.testing.wire import Row

_ELSEWHERE = {"name", "owner_guid", "default_environment_guid"}
"""Settings that are described by names, or are part of the key."""

_BUILT = ("app_mode", "r_version", "py_version", "quarto_version", "node_version", "image_name")

_USER = ("email", "first_name", "last_name", "user_role", "external_id", "locked", "confirmed")

_REPOSITORY = ("repository", "branch", "directory", "polling")

_ENVIRONMENT = ("title", "description", "matching", "supervisor", "r", "python", "quarto")


def described(server: FakeConnect) -> dict[str, Any]:
    """Return everything that a server has, without ids, times and jobs, as a JSON value.

    Content is by `owner/name`. What could be there twice is in sorted lists, so that it would show.
    """
    state = server.state
    paths = _tag_paths(state)
    value = {
        "content": {
            _content_key(state, guid): _content(state, row, paths)
            for guid, row in state.content.items()
        },
        "users": {
            row["username"]: {name: row[name] for name in _USER} for row in state.users.values()
        },
        "groups": {
            row["name"]: {
                "owner": _username(state, row["owner_guid"]),
                "members": sorted(
                    _username(state, one) or one for one in state.members[row["guid"]]
                ),
            }
            for row in state.groups.values()
        },
        "tags": sorted(paths.values()),
        "vanities": sorted(
            [row["path"], _content_key(state, guid)] for guid, row in state.vanities.items()
        ),
        "integrations": sorted(
            [[row["template"], row["auth_type"], row["name"]], [*map(list, row["config"].items())]]
            for row in state.oauth_integrations.values()
        ),
        "environments": {
            row["name"]: {
                **{name: row[name] for name in _ENVIRONMENT},
                "permissions": sorted(
                    [_username(state, one["user_guid"]) or "", _group(state, one["group_guid"])]
                    for one in state.environment_permissions[guid].values()
                ),
            }
            for guid, row in state.environments.items()
        },
        "mails": sorted([mail["to"], mail["about"]] for mail in state.mails),
    }
    # As JSON, so that the text is the same as well, and so that nothing else gets in.
    decoded: dict[str, Any] = json.loads(json.dumps(value, sort_keys=True))
    return decoded


def _content(state: State, row: Row, paths: dict[str, list[str]]) -> dict[str, Any]:
    guid = row["guid"]
    environment = state.environments.get(row["default_environment_guid"] or "")
    repository = state.repositories.get(guid)
    thumbnail = state.thumbnails.get(guid)
    return {
        "settings": {name: row[name] for name in CHANGEABLE if name not in _ELSEWHERE},
        "environment": environment and environment["name"],
        "built": {name: row[name] for name in _BUILT},
        "variables": dict(sorted(state.environment.get(guid, {}).items())),
        "tags": sorted(paths[one] for one in state.content_tags.get(guid, ())),
        "permissions": sorted(
            _permission(state, entry) for entry in state.permissions.get(guid, {}).values()
        ),
        "bundles": [
            {
                "size": bundle.row["size"],
                "md5": bundle.archive.md5,
                "active": bundle.row["active"],
                "built": bundle.is_built,
            }
            for bundle in state.bundles.get(guid, {}).values()
        ],
        "repository": repository and {name: repository[name] for name in _REPOSITORY},
        "vanity": state.vanities[guid]["path"] if guid in state.vanities else None,
        "thumbnail": thumbnail and hashlib.sha256(thumbnail).hexdigest(),
        "integrations": sorted(
            str(state.oauth_integrations[one]["name"])
            for one in state.oauth_associations.get(guid, ())
        ),
    }


def _content_key(state: State, guid: str) -> str:
    row = state.content[guid]
    return f"{_username(state, row['owner_guid'])}/{row['name']}"


def _permission(state: State, entry: Row) -> list[str]:
    kind, guid = entry["principal_type"], entry["principal_guid"]
    name = _group(state, guid) if kind == "group" else _username(state, guid) or guid
    return [kind, name, entry["role"]]


def _username(state: State, guid: str | None) -> str | None:
    row = state.users.get(guid or "")
    return str(row["username"]) if row else None


def _group(state: State, guid: str | None) -> str:
    row = state.groups.get(guid or "")
    return str(row["name"]) if row else ""


def _tag_paths(state: State) -> dict[str, list[str]]:
    """Return the names of each tag from its category down, by its id."""

    def path(row: Row) -> list[str]:
        parent = row["parent_id"]
        return [*(path(state.tags[parent]) if parent else ()), row["name"]]

    return {tag_id: path(row) for tag_id, row in state.tags.items()}

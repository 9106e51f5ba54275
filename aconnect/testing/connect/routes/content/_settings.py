"""The settings of content: which can be written, by whom, and which values are refused.

Decides nothing about what the settings do.
"""

import re
from collections.abc import Iterator

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, forbidden
from aconnect.testing.connect.routes._checks import (
    FLAG_NULL,
    NUMBER_NULL,
    TEXT,
    TEXT_NULL,
    WHOLE_NULL,
    Kinds,
    chosen,
    existing,
    is_guid,
)
from aconnect.testing.connect.routes.content._items import LIMITS, RENDERED
from aconnect.testing.connect.routes.environments import may_use
from aconnect.testing.wire import Row

_NAME = re.compile(r"[A-Za-z0-9._-]{3,64}")

_ACCESS_TYPES = frozenset({"all", "logged_in", "acl"})

CREATABLE: Kinds = {
    "name": TEXT,
    "title": TEXT_NULL,
    "description": TEXT_NULL,
    "access_type": TEXT,
    **dict.fromkeys(
        (
            *LIMITS,
            "memory_request",
            "memory_limit",
            "amd_gpu_limit",
            "nvidia_gpu_limit",
        ),
        WHOLE_NULL,
    ),
    **dict.fromkeys(("load_factor", "cpu_request", "cpu_limit"), NUMBER_NULL),
    **dict.fromkeys(
        (
            "default_r_environment_management",
            "default_py_environment_management",
            "run_as_current_user",
            "metrics_collection_enabled",
            "notify_on_share",
            "otel_enabled",
        ),
        FLAG_NULL,
    ),
    **dict.fromkeys(
        ("run_as", "service_account_name", "default_image_name", "default_environment_guid"),
        TEXT_NULL,
    ),
}

CHANGEABLE: Kinds = {
    **CREATABLE,
    "owner_guid": TEXT_NULL,
    "locked": FLAG_NULL,
    "locked_message": TEXT_NULL,
    "content_category": TEXT_NULL,
}

_NEVER_NULL = frozenset(
    {
        "content_category",
        "description",
        "locked",
        "locked_message",
        "otel_enabled",
        "run_as_current_user",
    }
)
"""Fields that accept null, which leaves them unchanged, and are never null."""

_FOR_ADMINISTRATORS = ("run_as", "run_as_current_user", "service_account_name")

_OVER_LIMIT = {
    "min_processes": 45,
    "max_processes": 113,
    "memory_request": 182,
    "memory_limit": 184,
    "cpu_request": 187,
    "cpu_limit": 189,
    "amd_gpu_limit": 197,
    "nvidia_gpu_limit": 199,
}
"""The codes of settings above the limits of the server."""

_PAIRS = (
    ("min_processes", "max_processes", 114),
    ("memory_request", "memory_limit", 185),
    ("cpu_request", "cpu_limit", 190),
)
"""Settings of which the first cannot be larger than the second, and the code if it is."""

_NOT_EXECUTABLE = RENDERED - {"jupyter-voila"} | {"static"}
"""Application modes without processes."""


def given(call: Call, fields: Row, kinds: Kinds) -> Row:
    """Return the fields that can be written, without nulls that change nothing.

    Fields that this version of the server does not have are ignored.
    """
    absent = call.features.absent["content"]
    return {
        name: value
        for name, value in chosen(fields, kinds, short=LIMITS).items()
        if name not in absent and (value is not None or name not in _NEVER_NULL)
    }


def judge(call: Call, body: Row, owner: str, own: Row | None = None) -> None:
    """Refuse settings that are not valid, or that the caller may not make.

    Args:
        call: The call.
        body: The settings.
        owner: The GUID of the user who will be the owner.
        own: The content item that is changed; None for a new one.
    """
    before = own or {}
    changes = {name: value for name, value in body.items() if value != before.get(name)}
    _judge_access_type(call, changes)
    _judge_environment(call, changes)
    _judge_accounts(call, changes, before)
    _judge_limits(call, changes, before)
    if changes.get("content_category") not in {None, "", "mcp"}:
        raise bad_request("content_category can only be set to mcp.")
    _judge_name(call, body, owner, own)


def _judge_name(call: Call, body: Row, owner: str, own: Row | None) -> None:
    """Refuse invalid names, and names that this owner already uses."""
    name = body.get("name")
    periods = call.features.periods_in_names
    if name is not None and (_NAME.fullmatch(name) is None or ("." in name and not periods)):
        raise bad_request("A content name has 3 to 64 characters of letters, digits, _ and -.")
    name = name or (own and own["name"])
    for row in call.state.content.values():
        if row is not own and row["name"] == name and row["owner_guid"] == owner:
            raise ApiFault(409, 26, f"The owner already has content named {name!r}.")


def _judge_access_type(call: Call, changes: Row) -> None:
    access_type = changes.get("access_type")
    if access_type is None:
        return
    if access_type not in _ACCESS_TYPES:
        raise bad_request("access_type must be all, logged_in or acl.", 117)
    if access_type not in call.state.access_types:
        raise ApiFault(403, 118, f"The access type {access_type} is not allowed on this server.")


def _judge_environment(call: Call, changes: Row) -> None:
    """Refuse execution environments that do not exist, or that the caller may not use."""
    guid = changes.get("default_environment_guid")
    if not is_guid(guid):
        raise bad_request("default_environment_guid must be a GUID.")
    if guid is not None:
        environment = existing(call.state.environments, guid, "The environment")
        if not may_use(call, environment):
            raise forbidden()
    image = changes.get("default_image_name")
    images = (row["name"] for row in call.state.environments.values())
    if image is not None and image not in images:
        raise bad_request(f"There is no environment with the image {image!r}.", 193)


def _judge_accounts(call: Call, changes: Row, before: Row) -> None:
    """Refuse accounts that content cannot run as; only administrators may choose one."""
    if not call.is_admin and any(changes.get(name) for name in _FOR_ADMINISTRATORS):
        raise forbidden()
    known, run_as = call.state.unix_accounts, changes.get("run_as")
    if run_as and before.get("app_mode") == "static":
        raise bad_request("Static content runs as no account.", 55)
    if run_as and known is not None and run_as not in known:
        raise bad_request(f"There is no Unix account {run_as!r}.", 57)
    account, services = changes.get("service_account_name"), call.state.service_accounts
    if account and not services["enabled"]:
        raise bad_request("Content cannot have a service account on this server.", 195)
    if account and account not in services["accounts"]:
        raise bad_request(f"There is no service account {account!r}.", 178)


def _judge_limits(call: Call, changes: Row, before: Row) -> None:
    if before.get("app_mode") in _NOT_EXECUTABLE:
        for name in (*LIMITS, "load_factor"):
            if changes.get(name) is not None:
                raise bad_request(f"{name} is for content with processes.", 147)
    for name, value in _numbers(changes):
        largest = call.state.limits.get(name)
        if largest is not None and value > largest:
            raise bad_request(f"{name} is at most {largest} on this server.", _OVER_LIMIT[name])
    after = {**before, **changes}
    for small, large, code in _PAIRS:
        low, high = after.get(small), after.get(large)
        if low is not None and high is not None and low > high:
            raise bad_request(f"{small} is larger than {large}.", code)


def _numbers(changes: Row) -> Iterator[tuple[str, float]]:
    for name in _OVER_LIMIT:
        value = changes.get(name)
        if value is not None:
            yield name, value

"""Providers and users: who may open endpoints, and through what."""

from __future__ import annotations

import json
from datetime import datetime
from operator import eq, gt, lt
from typing import Final

from aconnect.testing.authentik.checks import is_uuid
from aconnect.testing.authentik.routes import ROUTES, matches_search, ordered, page
from aconnect.testing.authentik.state import AuthentikCall
from aconnect.testing.wire import Response, Row, ServiceFault, ok


@ROUTES.route("GET", "/providers/rac/")
def list_providers(call: AuthentikCall) -> Response:
    """List the providers that match the name, ignoring case, the application and the search."""
    name, unused = call.value("name__iexact"), call.value("application__isnull")
    rows = [
        row
        for row in call.state.providers.values()
        if (not name or row["name"].lower() == name.lower())
        and (not unused or (unused == "true") == (row["assigned_application_slug"] is None))
        and matches_search(call, row["name"])
    ]
    return page(call, ordered(call, rows, "name", {"pk", "name"}))


@ROUTES.route("GET", "/providers/rac/{id}/")
def get_provider(call: AuthentikCall) -> Response:
    """Return a provider."""
    return ok(_by_number(call, call.state.providers, "RACProvider"))


def _by_number(call: AuthentikCall, rows: dict[int, Row], model: str) -> Row:
    key = call.args["id"]
    if not key.isdecimal() or int(key) not in rows:
        raise ServiceFault(404, f"No {model} matches the given query.")
    return rows[int(key)]


_TIMES: Final = ("date_joined", "last_login", "last_updated")


@ROUTES.route("GET", "/core/users/")
def list_users(call: AuthentikCall) -> Response:
    """List the users that match all filters, of which the texts are compared exactly."""
    for name in ("uuid", "groups_by_pk", "roles_by_pk"):
        if not all(is_uuid(value) for value in _values(call, name)):
            message = f"“{call.value(name)}” is not a valid UUID."
            raise ServiceFault(400, "Invalid filter.", details={name: [message]})
    rows = [
        row
        for row in call.state.users.values()
        if _matches_user(call, row)
        and matches_search(call, row["username"], row["name"], row["email"], row["uuid"])
    ]
    sortable = {"pk", "username", "name", "email", "is_active", *_TIMES}
    rows = ordered(call, rows, "username", sortable)
    return page(call, [_user_row(call, row) for row in rows])


def _values(call: AuthentikCall, name: str) -> list[str]:
    """Return the values of a parameter that may be repeated, without empty ones."""
    return [value for value in call.request.query.getall(name, []) if value]


def _matches_user(call: AuthentikCall, row: Row) -> bool:
    texts = [
        (_values(call, name), [str(row[name])])
        for name in ("username", "email", "name", "uuid", "path", "type")
    ]
    keys = [
        (_values(call, f"{kind}_by_{by}"), [one[name] for one in row[f"{kind}_obj"]])
        for kind in ("groups", "roles")
        for by, name in (("name", "name"), ("pk", "pk"))
    ]
    flags = [(call.value(name), row[name]) for name in ("is_active", "is_superuser")]
    return (
        all(not wanted or set(wanted) & set(having) for wanted, having in (*texts, *keys))
        and all(not wanted or (wanted == "true") == having for wanted, having in flags)
        and row["path"].startswith(call.value("path_startswith") or "")
        and all(_is_in_time(call, name, row[name]) for name in _TIMES)
        and json.loads(call.value("attributes") or "{}").items() <= row["attributes"].items()
    )


def _is_in_time(call: AuthentikCall, name: str, time: str | None) -> bool:
    """Return True if a time matches the filters for it."""
    missing = call.value(f"{name}__isnull")
    if missing and (missing == "true") != (time is None):
        return False
    for suffix, compare in (("", eq), ("__gt", gt), ("__lt", lt)):
        limit = _time(call, name + suffix)
        if limit and (time is None or not compare(datetime.fromisoformat(time), limit)):
            return False
    return True


def _time(call: AuthentikCall, name: str) -> datetime | None:
    """Parse a filter whose value is a time."""
    value = call.value(name)
    try:
        return datetime.fromisoformat(value) if value else None
    except ValueError as error:
        details = {name: ["Enter a valid date/time."]}
        raise ServiceFault(400, "Invalid filter.", details=details) from error


def _user_row(call: AuthentikCall, row: Row) -> Row:
    """Return a user in the form in which a list sends it, perhaps without groups and roles."""
    left_out = {
        f"{kind}_obj": None
        for kind in ("groups", "roles")
        if call.value(f"include_{kind}") == "false"
    }
    return {**row, **left_out}


@ROUTES.route("GET", "/core/users/{id}/")
def get_user(call: AuthentikCall) -> Response:
    """Return a user."""
    return ok(_by_number(call, call.state.users, "User"))

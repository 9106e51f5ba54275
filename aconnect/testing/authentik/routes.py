"""Endpoints and connection tokens; providers and users are in `people`.

Decides how the operations read and change the state. If the contract does not specify the behavior,
the simulation follows the source code of the server: unless a superuser requests the full list,
every page contains all allowed endpoints and only its numbers differ; `ordering` by an unknown
field is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Final

from aconnect.testing.authentik.checks import (
    Check,
    anything,
    choice,
    existing_endpoint,
    existing_provider,
    fields,
    integer,
    is_uuid,
    text,
    uuid,
)
from aconnect.testing.authentik.state import PARTIAL_USER, AuthentikCall, AuthentikState
from aconnect.testing.wire import Response, RouteTable, Row, ServiceFault, empty, ok

PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 100

ROUTES: RouteTable[AuthentikCall] = RouteTable()


def _endpoint_row(state: AuthentikState, row: Row) -> Row:
    """Return an endpoint in the form in which it is sent."""
    provider = state.providers[row["provider"]]
    slug = provider["assigned_application_slug"]
    url = f"/application/rac/{slug}/{row['pk']}/" if slug else None
    return {**row, "provider_obj": provider, "launch_url": url}


def _token_row(state: AuthentikState, row: Row) -> Row:
    """Return a connection token in the form in which it is sent."""
    return {
        **row,
        "provider_obj": state.providers[row["provider"]],
        "endpoint_obj": _endpoint_row(state, state.endpoints[row["endpoint"]]),
        "user": {name: state.users[row["user"]][name] for name in PARTIAL_USER},
    }


def page(call: AuthentikCall, rows: list[Row], results: list[Row] | None = None) -> Response:
    """Return the requested page of `rows`; if `results` are given, they are sent on every page."""
    size = _positive(call.value("page_size")) or PAGE_SIZE
    size = min(size, MAX_PAGE_SIZE)
    pages = max(1, ceil(len(rows) / size))
    number = _positive(call.value("page") or "1")
    if number is None or number > pages:
        raise ServiceFault(404, "Invalid page.", code="not_found")
    start, end = (number - 1) * size, min(number * size, len(rows))
    pagination = {
        "next": number + 1 if number < pages else 0,
        "previous": number - 1,
        "count": len(rows),
        "current": number,
        "total_pages": pages,
        "start_index": start + 1 if rows else 0,
        "end_index": end,
    }
    results = rows[start:end] if results is None else results
    return ok({"pagination": pagination, "results": results, "autocomplete": {}})


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and int(text) > 0 else None


def ordered(call: AuthentikCall, rows: list[Row], default: str, sortable: set[str]) -> list[Row]:
    """Sort rows by the requested fields that are sortable, or by the default."""
    requested = (call.value("ordering") or default).split(",")
    names = [name for name in requested if name.lstrip("-") in sortable] or default.split(",")
    for name in reversed(names):
        rows = sorted(rows, key=_sort_key(name.lstrip("-")), reverse=name.startswith("-"))
    return rows


def _sort_key(name: str) -> Callable[[Row], Any]:
    *objects, last = name.split("__")

    def key(row: Row) -> Any:
        for part in objects:
            row = row[f"{part}_obj"]
        return row[last]

    return key


def matches_search(call: AuthentikCall, *texts: str) -> bool:
    """Return True if each word of the search is in one of the texts."""
    words = (call.value("search") or "").lower().split()
    return all(any(word in text.lower() for text in texts) for word in words)


def _used_by(row: Row) -> Row:
    return {
        "app": "authentik_providers_rac",
        "model_name": "connectiontoken",
        "pk": row["pk"],
        "name": f"RAC Connection token {row['pk']}",
        "action": "cascade",
    }


_TOKEN: Final[dict[str, Check]] = {
    "pk": uuid,
    "provider": existing_provider,
    "endpoint": existing_endpoint,
}
_ENDPOINT: Final[dict[str, Check]] = {
    "name": text,
    "provider": existing_provider,
    "protocol": choice("rdp", "vnc", "ssh"),
    "host": text,
    "settings": anything,
    "property_mappings": anything,
    "auth_mode": choice("static", "prompt"),
    "maximum_connections": integer,
}
_ENDPOINT_REQUIRED: Final = {"name", "provider", "protocol", "host", "auth_mode"}


def _filter(call: AuthentikCall, name: str) -> int | None:
    """Parse a filter whose value is the key of another object."""
    value = call.value(name)
    if not value:
        return None
    if not value.isdecimal():
        raise ServiceFault(400, "Invalid filter.", details={name: ["Enter a number."]})
    return int(value)


def _token(call: AuthentikCall) -> Row:
    row = call.state.connection_tokens.get(call.args["uuid"])
    if row is None:
        raise ServiceFault(404, "No ConnectionToken matches the given query.")
    return row


def _endpoint(call: AuthentikCall) -> Row:
    row = call.state.endpoints.get(call.args["uuid"])
    if row is None:
        raise ServiceFault(404, "No Endpoint matches the given query.")
    return row


@ROUTES.route("GET", "/rac/connection_tokens/")
def list_tokens(call: AuthentikCall) -> Response:
    """List the connection tokens that match the endpoint, provider, user and search."""
    state = call.state
    endpoint = call.value("endpoint")
    if endpoint and not is_uuid(endpoint):
        raise ServiceFault(400, "Invalid filter.", details={"endpoint": ["Enter a valid UUID."]})
    provider, user = _filter(call, "provider"), _filter(call, "session__user")
    rows = [
        _token_row(state, row)
        for row in state.connection_tokens.values()
        if (not endpoint or row["endpoint"] == endpoint)
        and provider in {None, row["provider"]}
        and user in {None, row["user"]}
    ]
    rows = [
        row
        for row in rows
        if matches_search(call, row["endpoint_obj"]["name"], row["provider_obj"]["name"])
    ]
    sortable = {"pk", "provider", "endpoint", "endpoint__name", "provider__name"}
    return page(call, ordered(call, rows, "endpoint__name,provider__name", sortable))


@ROUTES.route("GET", "/rac/connection_tokens/{uuid}/")
def get_token(call: AuthentikCall) -> Response:
    """Return a connection token."""
    return ok(_token_row(call.state, _token(call)))


@ROUTES.route("PUT", "/rac/connection_tokens/{uuid}/")
async def put_token(call: AuthentikCall) -> Response:
    """Update a connection token; provider and endpoint are required."""
    return await _change_token(call, {"provider", "endpoint"})


@ROUTES.route("PATCH", "/rac/connection_tokens/{uuid}/")
async def patch_token(call: AuthentikCall) -> Response:
    """Update the given fields of a connection token."""
    return await _change_token(call, set())


async def _change_token(call: AuthentikCall, required: set[str]) -> Response:
    current = _token(call)
    row = {**current, **await fields(call, _TOKEN, required)}
    # Django saves an object with a changed key as a new object and keeps the old one.
    call.state.connection_tokens[row["pk"]] = row
    return ok(_token_row(call.state, row))


@ROUTES.route("DELETE", "/rac/connection_tokens/{uuid}/")
def delete_token(call: AuthentikCall) -> Response:
    """Delete a connection token."""
    del call.state.connection_tokens[_token(call)["pk"]]
    return empty()


@ROUTES.route("GET", "/rac/connection_tokens/{uuid}/used_by/")
def token_used_by(call: AuthentikCall) -> Response:
    """Return an empty list: no objects use a connection token."""
    _token(call)
    return ok([])


@ROUTES.route("GET", "/rac/endpoints/")
def list_endpoints(call: AuthentikCall) -> Response:
    """List the endpoints that the caller may use; superusers can request the full list."""
    state = call.state
    name, provider = call.value("name"), _filter(call, "provider")
    rows = [
        _endpoint_row(state, row)
        for row in state.endpoints.values()
        if (not name or row["name"] == name)
        and provider in {None, row["provider"]}
        and matches_search(call, row["name"], row["protocol"])
    ]
    sortable = {"pk", "name", "provider", "protocol", "host", "auth_mode", "maximum_connections"}
    rows = ordered(call, rows, "name,protocol", sortable)
    if call.value("superuser_full_list") == "true" and call.user["superuser"]:
        return page(call, rows)
    allowed = [row for row in rows if row["pk"] not in state.forbidden]
    return page(call, rows, allowed)


@ROUTES.route("POST", "/rac/endpoints/")
async def create_endpoint(call: AuthentikCall) -> Response:
    """Create an endpoint."""
    values = await fields(call, _ENDPOINT, _ENDPOINT_REQUIRED)
    row: Row = {
        "pk": call.state.new_key(),
        "settings": {},
        "property_mappings": [],
        "maximum_connections": 1,
        **values,
    }
    call.state.endpoints[row["pk"]] = row
    return ok(_endpoint_row(call.state, row), 201)


@ROUTES.route("GET", "/rac/endpoints/{uuid}/")
def get_endpoint(call: AuthentikCall) -> Response:
    """Return an endpoint."""
    return ok(_endpoint_row(call.state, _endpoint(call)))


@ROUTES.route("PUT", "/rac/endpoints/{uuid}/")
async def put_endpoint(call: AuthentikCall) -> Response:
    """Update an endpoint; all required fields must be present."""
    return await _change_endpoint(call, _ENDPOINT_REQUIRED)


@ROUTES.route("PATCH", "/rac/endpoints/{uuid}/")
async def patch_endpoint(call: AuthentikCall) -> Response:
    """Update the given fields of an endpoint."""
    return await _change_endpoint(call, set())


async def _change_endpoint(call: AuthentikCall, required: set[str]) -> Response:
    row = _endpoint(call)
    row.update(await fields(call, _ENDPOINT, required))
    return ok(_endpoint_row(call.state, row))


@ROUTES.route("DELETE", "/rac/endpoints/{uuid}/")
def delete_endpoint(call: AuthentikCall) -> Response:
    """Delete an endpoint and its connection tokens."""
    state, pk = call.state, _endpoint(call)["pk"]
    del state.endpoints[pk]
    for token in [t for t, row in state.connection_tokens.items() if row["endpoint"] == pk]:
        del state.connection_tokens[token]
    return empty()


@ROUTES.route("GET", "/rac/endpoints/{uuid}/used_by/")
def endpoint_used_by(call: AuthentikCall) -> Response:
    """List the connection tokens of an endpoint."""
    pk = _endpoint(call)["pk"]
    rows = call.state.connection_tokens.values()
    return ok([_used_by(row) for row in rows if row["endpoint"] == pk])

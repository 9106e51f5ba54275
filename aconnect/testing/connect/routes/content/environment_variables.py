"""Environment variables of content: their names are returned, their values never.

Decides which names are valid. A change ends the processes of the content.
"""

import re
from typing import cast

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, route
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.content._processes import end_processes
from aconnect.testing.wire import Response, Row, ok

_VARIABLE = re.compile(r"[^=\s\0]+")


@route("GET", "/v1/content/{guid}/environment", since=(1, 8, 6))
def list_variables(call: Call) -> Response:
    """List the names of the environment variables."""
    return _names(call, content_of(call, edit=True))


@route("PATCH", "/v1/content/{guid}/environment", since=(1, 8, 6))
async def update_variables(call: Call) -> Response:
    """Set the given variables; null deletes one."""
    row = content_of(call, edit=True)
    values = call.state.environment.setdefault(row["guid"], {})
    for name, value in await _variables(call):
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
    return _changed(call, row)


@route("PUT", "/v1/content/{guid}/environment", since=(1, 8, 6))
async def set_variables(call: Call) -> Response:
    """Replace all variables."""
    row = content_of(call, edit=True)
    pairs = await _variables(call)
    call.state.environment[row["guid"]] = {
        name: value for name, value in pairs if value is not None
    }
    return _changed(call, row)


def _changed(call: Call, row: Row) -> Response:
    """Return the names, and end the processes, which run with the former variables."""
    end_processes(call.state, row["guid"])
    return _names(call, row)


def _names(call: Call, row: Row) -> Response:
    return ok(sorted(call.state.environment.get(row["guid"], {})))


async def _variables(call: Call) -> list[tuple[str, str | None]]:
    """Parse the body's list of names and values; duplicates are code 106, invalid names 108."""
    body = await call.json()
    if not isinstance(body, list):
        raise bad_request("The environment must be a list of names and values.", 2)
    pairs: list[tuple[str, str | None]] = []
    for entry in cast("list[object]", body):
        match entry:
            case {"name": str(name), "value": str() | None as value}:
                pairs.append((name, value))
            case _:
                raise bad_request(
                    f"An environment variable needs a name and a value; got {entry!r}."
                )
        if _VARIABLE.fullmatch(name) is None:
            raise ApiFault(409, 108, f"{name!r} cannot be the name of an environment variable.")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ApiFault(409, 106, "The environment names a variable more than once.")
    return pairs

"""Where operations are simulated: the module follows from the name, as in the client."""

import re

import pytest

from aconnect._client.operation import REGISTRY
from aconnect.testing.connect.routes import ROUTES, __name__ as package
from tests.connect.test_rooms import KEYS, module_of

ELSEWHERE = {
    # One handler, because the operation was only renamed.
    "connect:experimental.bootstrap.create": "bootstrap",
    # Each has helpers of its own, and would make `content.content` too long.
    "connect:content.lockfile": "content.lockfile",
    "connect:content.search": "content.search",
}
"""Operations in other modules."""


def shape(template: str) -> str:
    """Return a path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", template)


HANDLERS = {
    (route.method, shape(route.template)): route.handler.__module__ for route in ROUTES.entries
}


@pytest.mark.parametrize("key", [key for key in KEYS if REGISTRY[key].base == "api"])
def test_route_is_in_the_module_of_its_operation(key):
    """Operation `a.b.c` is simulated in `routes/a/b.py`, unless it is outside the API."""
    operation = REGISTRY[key]
    handler = HANDLERS[operation.method, shape(operation.template)]
    room = module_of(operation.name.rpartition(".")[0]).removeprefix("aconnect.connect.")
    assert handler == f"{package}.{ELSEWHERE.get(key, room)}"

"""The simulated instance returns what the vendor's contract describes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aconnect._client.operation import REGISTRY
from aconnect.looker import Client
from aconnect.testing.looker import FakeLooker
from tests.contracts.table import Kind, Type, table
from tests.looker.scenario import LookerScene

TYPES = {"string": str, "integer": int, "boolean": bool, "number": float}
OPERATIONS = sorted(key for key in REGISTRY if key.startswith("looker:"))


def flaws(value: Any, type_: Type, where: str) -> list[str]:
    """Return what a value has that its type does not allow."""
    if value is None:
        # The contract calls few things nullable that the server leaves out or returns as null.
        return []
    (kind,) = type_.kinds
    if kind.name == "array":
        assert kind.item is not None
        return [flaw for one in value for flaw in flaws(one, kind.item, f"{where}[]")]
    if kind.name == "fields":
        return _flaws_of_fields(value, kind, where)
    if kind.name in TYPES and type(value) is not TYPES[kind.name]:
        return [f"{where} is {value!r}, and no {kind.name}"]
    return []


def _flaws_of_fields(value: Any, kind: Kind, where: str) -> list[str]:
    found: list[str] = []
    for name, one in value.items():
        if name not in kind.fields:
            found.append(f"{where}.{name} is unknown to the contract")
        else:
            found += flaws(one, kind.fields[name].type, f"{where}.{name}")
    return found


@pytest.mark.parametrize("key", OPERATIONS)
async def test_a_response_is_the_contracts(client: Client, server: FakeLooker, key: str) -> None:
    """Every operation returns a status of the contract, and fields and types that it has."""
    scene = LookerScene(server, client)
    await scene.set_up()
    declared = REGISTRY[key]
    contract = table("looker", "4.0").find(declared.method, declared.template)
    assert contract is not None
    response = await client.with_response(scene.call(key))
    assert response.status in contract.successes
    content = contract.successes[response.status].get("application/json")
    if response.body and content is not None:
        assert flaws(json.loads(response.body), content, declared.name) == []


async def test_a_maximum_of_rows(client: Client, server: FakeLooker) -> None:
    """A search returns no more rows than the instance allows, whatever limit is requested."""
    server.state.max_limit = 2
    response = await client.request("GET", "/users/search", params={"limit": 5})
    assert len(json.loads(response.body)) == 2

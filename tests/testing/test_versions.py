"""The simulated Connect server has each operation in the versions in which Connect has it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

import aconnect.connect  # noqa: F401  declares the operations
from aconnect._client.operation import REGISTRY, Operation
from aconnect.testing.connect.routes import ROUTES
from aconnect.testing.connect.versions import parse_version
from aconnect.testing.wire import Route

OLD = (2023, 9, 0)
CONTRACTS = Path(__file__).parents[1] / "contracts"
# The documents do not say when it was added, and recorded responses of old servers have it.
ON_EVERY_VERSION = "POST /v1/content/{}/render"


def key(method: str, template: str) -> str:
    """Return the key of an operation, which does not depend on the names of arguments."""
    return f"{method} {re.sub(r'{[^}]*}', '{}', template)}"


def known_in(edition: str) -> set[str]:
    """Return the operations of an edition of the contract."""
    table = json.loads((CONTRACTS / f"connect-{edition}.json").read_text(encoding="utf-8"))
    return {key(*name.split(" ", 1)) for name in table["operations"]}


def grouped(entries: Iterable[Route]) -> dict[str, list[Route]]:
    """Return the routes of each operation, the oldest first."""
    groups: dict[str, list[Route]] = {}
    for entry in sorted(entries, key=lambda entry: entry.since):
        groups.setdefault(key(entry.method, entry.template), []).append(entry)
    return groups


DECLARED: dict[str, Operation] = {
    key(operation.method, operation.template): operation
    for operation in REGISTRY.values()
    # What is outside the API has pages instead of routes.
    if operation.service == "connect" and operation.base == "api"
}
SIMULATED = grouped(ROUTES.entries)
IN_2023 = known_in("2023.09")


def test_the_same_operations() -> None:
    """The simulated server has the operations that the client declares, and no others."""
    assert SIMULATED.keys() == DECLARED.keys()


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_versions_of_an_operation(name: str) -> None:
    """The simulated server has an operation from its first version to its last.

    If the first version is not documented, these are all versions or, if the contract of 2023.09
    lacks the operation, later ones.
    """
    declared, routes = DECLARED[name], SIMULATED[name]
    since, until = routes[0].since, routes[-1].until
    if declared.since is not None:
        assert since == parse_version(declared.since)
    elif name in IN_2023 or name == ON_EVERY_VERSION or " /v1/" not in name:
        assert since == (0, 0, 0)
    else:
        assert since > OLD
    if declared.until == "unknown":
        assert until is not None
        assert until > OLD
    else:
        assert until == (None if declared.until is None else parse_version(declared.until))
    assert all(before.until == after.since for before, after in pairwise(routes))

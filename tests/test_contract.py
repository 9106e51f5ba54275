"""Every declaration agrees with the vendor's contract, or the difference is listed with its reason.

The contracts are the compact tables in `contracts/`; they check the declarations, and are not their
source. Intended differences are listed in `contracts/differences.txt`, one line each.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker
from aconnect._client.operation import REGISTRY
from tests.contracts.compare import Difference, differences
from tests.contracts.declared import declared
from tests.contracts.table import Table, operation_key, table
from tests.differences import read_differences

EDITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "authentik": ("2026.8",),
    "cloudendure": ("latest",),
    "connect": ("2026", "2023.09"),
    "looker": ("4.0",),
}
"""By service, the newest first."""
OPERATIONS: Final[Mapping[str, int]] = {
    "authentik": 17,
    "cloudendure": 18,
    "connect": 165,
    "looker": 37,
}
"""The number of operations in all editions of a service together."""

LIST: Final = Path(__file__).parent / "contracts" / "differences.txt"
PACKAGE: Final = aconnect.connect.__name__.partition(".")[0]
# Tests may declare operations of their own.
DECLARATIONS: Final = sorted(
    key
    for key, operation in REGISTRY.items()
    if operation.service in EDITIONS and operation.function.__module__.startswith(f"{PACKAGE}.")
)


@cache
def listed() -> dict[tuple[str, str], str]:
    """Read the intended differences and their reasons."""
    reasons: dict[tuple[str, str], str] = {}
    for where, subject, what, why in read_differences(LIST, "subject | what | why"):
        assert (subject, what) not in reasons, f"{where}: listed twice; remove one of the lines"
        reasons[subject, what] = why
    return reasons


def editions(service: str) -> list[Table]:
    """Read every edition of a service's contract."""
    return [table(service, edition) for edition in EDITIONS[service]]


@cache
def found(key: str) -> dict[tuple[str, str], Difference]:
    """Compare one declaration; return its differences by the columns of the list."""
    operation = REGISTRY[key]
    compared = differences(declared(operation), editions(operation.service))
    return {(f"{operation.service}:{each.subject}", each.what): each for each in compared}


@pytest.mark.parametrize("key", DECLARATIONS)
def test_a_declaration_agrees_with_the_contract(key: str) -> None:
    """Method, path, parameters, body and response are the contract's, except for listed ones."""
    operation = REGISTRY[key]
    wrong = {name: each for name, each in found(key).items() if name not in listed()}
    lines = [
        f"  {subject} | {what}   (edition {', '.join(each.editions)})"
        for (subject, what), each in wrong.items()
    ]
    message = [
        f"{key} ({operation.method} {operation.template}) differs from its contract:",
        *lines,
        f"Fix the declaration in {operation.function.__module__} or its types. If the",
        f"difference is intended, add the line to {LIST.name}, then ` | ` and the reason.",
    ]
    assert not wrong, "\n".join(message)


def test_every_listed_difference_exists() -> None:
    """The list of differences has no line that was fixed or is misspelt."""
    occurring = {name for key in DECLARATIONS for name in found(key)}
    stale = [f"  {subject} | {what}" for subject, what in listed().keys() - occurring]
    message = [f"{LIST.name} lists differences that no longer exist; remove them:", *sorted(stale)]
    assert not stale, "\n".join(message)


@pytest.mark.parametrize("service", EDITIONS)
def test_how_much_of_the_contract_is_declared(service: str, summary: list[str]) -> None:
    """The run reports how many of the operations of a service are declared."""
    documented = frozenset[str]().union(*(edition.keys for edition in editions(service)))
    ours = {
        operation_key(operation.method, operation.template)
        for operation in (REGISTRY[key] for key in DECLARATIONS)
        if operation.service == service
    }
    summary.append(f"{service}: declared {len(ours & documented)} of {len(documented)}")
    assert len(documented) == OPERATIONS[service]
    assert not documented - ours, "declare these operations too"

"""Every declaration agrees with the vendor's contract, or says why not.

The contracts are the compact tables in `contracts/`; they check the declarations, and are no source
of them. What differs rightly is listed in `contracts/differences.txt`, one line each.
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

EDITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "authentik": ("2026.8",),
    "cloudendure": ("latest",),
    "connect": ("2026", "2023.09"),
    "looker": ("4.0",),
}
"""By service, and the newest first."""
OPERATIONS: Final[Mapping[str, int]] = {
    "authentik": 13,
    "cloudendure": 15,
    "connect": 165,
    "looker": 26,
}
"""How many operations all editions of a service know together."""

LIST: Final = Path(__file__).parent / "contracts" / "differences.txt"
PACKAGE: Final = aconnect.connect.__name__.partition(".")[0]
# Tests may declare operations of their own.
DECLARATIONS: Final = sorted(
    key
    for key, one in REGISTRY.items()
    if one.service in EDITIONS and one.function.__module__.startswith(f"{PACKAGE}.")
)


@cache
def listed() -> dict[tuple[str, str], str]:
    """Read the reasons of the differences that are right."""
    reasons: dict[tuple[str, str], str] = {}
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split(" | ")]
        where = f"{LIST.name}, line {number}"
        assert len(columns) == 3, f"{where}: write `subject | what | why`"
        assert all(columns), f"{where}: a column is empty; each difference needs its reason"
        subject, what, why = columns
        assert (subject, what) not in reasons, f"{where}: is there already; take one out"
        reasons[subject, what] = why
    return reasons


def editions(service: str) -> list[Table]:
    """Read every edition of a service's contract."""
    return [table(service, edition) for edition in EDITIONS[service]]


@cache
def found(key: str) -> dict[tuple[str, str], Difference]:
    """Compare one declaration, and name its differences as the list does."""
    endpoint = REGISTRY[key]
    compared = differences(declared(endpoint), editions(endpoint.service))
    return {(f"{endpoint.service}:{one.subject}", one.what): one for one in compared}


@pytest.mark.parametrize("key", DECLARATIONS)
def test_a_declaration_agrees_with_the_contract(key: str) -> None:
    """Method, path, parameters, body and answer are the contract's, but for what is listed."""
    endpoint = REGISTRY[key]
    wrong = {name: one for name, one in found(key).items() if name not in listed()}
    told = [
        f"  {subject} | {what}   (edition {', '.join(one.editions)})"
        for (subject, what), one in wrong.items()
    ]
    message = [
        f"{key} ({endpoint.method} {endpoint.template}) differs from its contract:",
        *told,
        f"Mend the declaration in {endpoint.function.__module__} or its types. Where it is right",
        f"as it is, add the line to {LIST.name}, with ` | ` and the reason after it.",
    ]
    assert not wrong, "\n".join(message)


def test_every_listed_difference_is_there() -> None:
    """The list of differences holds nothing that has been mended or is misspelt."""
    occurring = {name for key in DECLARATIONS for name in found(key)}
    stale = [f"  {subject} | {what}" for subject, what in listed().keys() - occurring]
    message = [f"{LIST.name} lists what no longer differs; take it out:", *sorted(stale)]
    assert not stale, "\n".join(message)


@pytest.mark.parametrize("service", EDITIONS)
def test_how_much_of_the_contract_is_declared(service: str, summary: list[str]) -> None:
    """The run tells how many of all operations of a service are declared."""
    known = frozenset[str]().union(*(one.keys for one in editions(service)))
    ours = {
        operation_key(one.method, one.template)
        for one in (REGISTRY[key] for key in DECLARATIONS)
        if one.service == service
    }
    summary.append(f"{service}: declared {len(ours & known)} of {len(known)}")
    assert len(known) == OPERATIONS[service]
    assert not known - ours, "declare these operations too"

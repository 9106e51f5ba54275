"""The simulated Connect server conforms to the vendor's contract.

The contract is not part of this project. If its files are available, schemathesis generates
requests from them; otherwise these tests are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.testing.conformance import ConformanceCheck, Report
from tests.testing.contract import Contract, is_simulated

FOLDER: Final = Path(
    os.environ.get("ACONNECT_CONTRACTS")
    or Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
)
VERSIONS: Final[Mapping[str, str]] = {"2026": "2026.06.0", "2023.09": "2023.09.0"}
"""The version of the simulated server for each edition of the contract."""
EXCEPTIONS: Final[Mapping[tuple[str, str, str], str]] = {
    ("2026", "*", "Content.bookmarked is missing"): "only with include=bookmarked",
    ("2026", "*", "Content.owner is missing"): "only with include=owner",
    ("2026", "*", "Content.schedules is missing"): "only with include=schedule",
    ("2026", "*", "Content.tags is missing"): "only with include=tags",
    ("2026", "*", "Content.vanity_url is missing"): "only with include=vanity_url, if there is one",
    ("2026", "P* /v1/content/{guid}/environment", "status 409"): "servers return codes 106 and 108",
    ("2026", "GET /v1/oauth/templates*", "*.visibility_expression: anyOf"): (
        "any value, which the contract describes as an object"
    ),
    ("2026", "GET /v1/oauth/templates*", "options.default: type"): "any value, as above",
    ("2026", "GET /v1/queue", "QueueItem.started_time is missing"): "only if the item has started",
    ("2026", "GET /v1/search/content", "ContentResults.warnings is missing"): "only if not empty",
    ("2026", "GET /v1/search/variants", "*.schedule is missing"): "only with include=schedule",
    ("2026", "GET /v1/system/service-tokens", "*.key is missing"): "only returned on creation",
    ("2023.09", "*", "Content.role is missing"): "servers send app_role",
    ("2023.09", "GET */download", "UndefinedContentType"): "the edition describes archives as JSON",
    ("2023.09", "GET /v1/content", "app_mode: enum"): "newer modes are seeded for all versions",
    ("2023.09", "GET /v1/experimental/groups/*", "response: type"): "as for GET */jobs below",
    ("2023.09", "POST /v1/experimental/content/*", "AcceptedNegativeData"): (
        "the edition requires fields of an update that servers do not require"
    ),
    ("2023.09", "GET */jobs", "response: type"): "the edition describes an array as an object",
    ("2023.09", "GET */jobs/{key}", "*id: type"): "recorded responses have numbers as ids",
    ("2023.09", "GET */jobs/{key}/error", "status 204"): "returned for jobs without an error",
    ("2023.09", "POST */deploy", "status 202"): "its schema is named InlineResponse202",
}
"""The reasons for intended violations, by edition, operation and violation.

Operations and violations may contain wildcards.
"""

MISSING: Final = [name for name in VERSIONS if not (FOLDER / f"connect-{name}.json").is_file()]
if MISSING:
    pytest.skip(
        f"no contract of Connect {' and '.join(MISSING)} in {FOLDER}; "
        "set ACONNECT_CONTRACTS to use another folder",
        allow_module_level=True,
    )


@cache
def contract(edition: str) -> Contract:
    """Return an edition of the contract, which is read once."""
    return Contract(FOLDER / f"connect-{edition}.json")


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """A thread with an event loop for the servers, because schemathesis is synchronous."""
    with start_blocking_portal() as started:
        yield started


@pytest.fixture(scope="module")
def check(portal: BlockingPortal) -> Any:
    """A function that checks an operation; it checks each operation only once."""

    @cache
    def check_once(edition: str, label: str) -> Report:
        return ConformanceCheck(portal, contract(edition), label, VERSIONS[edition]).run()

    return check_once


OPERATIONS: Final = [
    (edition, label) for edition in VERSIONS for label in contract(edition).operations
]
every_operation = pytest.mark.parametrize(
    ("edition", "label"), OPERATIONS, ids=[" ".join(each) for each in OPERATIONS]
)


def is_intended(edition: str, label: str, violation: str) -> bool:
    """Return True if a violation is listed in `EXCEPTIONS`."""
    return any(
        edition == listed_edition and fnmatchcase(label, labels) and fnmatchcase(violation, pattern)
        for listed_edition, labels, pattern in EXCEPTIONS
    )


@every_operation
def test_operation_conforms_to_the_contract(edition: str, label: str, check: Any) -> None:
    """Valid requests succeed and invalid ones are rejected, unless a violation is intended."""
    if not is_simulated(label, VERSIONS[edition]):
        pytest.skip("the simulated server does not have the operation")
    report: Report = check(edition, label)
    violations = [
        f"{violation}:\n{request}\n"
        for violation, request in report.violations.items()
        if not is_intended(edition, label, violation)
    ]
    message = [
        f"{label} of the simulated server differs from edition {edition}.",
        "Fix its route, or list intended violations in EXCEPTIONS, with the reason:\n",
        *violations,
    ]
    assert not violations, "\n".join(message)


@pytest.mark.parametrize("row", EXCEPTIONS, ids=" ".join)
def test_exception_is_needed(row: tuple[str, str, str], check: Any) -> None:
    """Every listed violation occurs, or the contract still does not allow the response."""
    edition, labels, violation = row
    status = violation.removeprefix("status ")
    operations = {
        label: operation
        for label, operation in contract(edition).operations.items()
        if fnmatchcase(label, labels) and is_simulated(label, VERSIONS[edition])
    }
    if not operations:
        pytest.skip("the simulated server does not have the operation")
    for label, operation in operations.items():
        # The generated requests are random, so a status, or a body without a required field, may
        # not occur. In these cases, check the contract instead.
        if status.isdecimal():
            if status not in operation.responses.status_codes:
                return
        elif violation == "AcceptedNegativeData":
            if contract(edition).required(label):
                return
        elif any(fnmatchcase(name, violation) for name in check(edition, label).violations):
            return
    pytest.fail(f"{' | '.join(row)} is no longer needed; remove it from EXCEPTIONS")

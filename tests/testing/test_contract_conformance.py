"""The simulated Connect server conforms to the vendor's contract, for any request.

The contract is no part of this project. Where its files are at hand, schemathesis makes requests
from them; elsewhere these tests are skipped.
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

from tests.testing.conformance import Examination, Report
from tests.testing.contract import Contract, simulated

FOLDER: Final = Path(
    os.environ.get("ACONNECT_CONTRACTS")
    or Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
)
VERSIONS: Final[Mapping[str, str]] = {"2026": "2026.06.0", "2023.09": "2023.09.0"}
"""The version of the simulated server by edition of the contract."""
EXCEPTIONS: Final[Mapping[tuple[str, str, str], str]] = {
    ("2026", "*", "Content.bookmarked is missing"): "only with include=bookmarked",
    ("2026", "*", "Content.owner is missing"): "only with include=owner",
    ("2026", "*", "Content.schedules is missing"): "only with include=schedule",
    ("2026", "*", "Content.tags is missing"): "only with include=tags",
    ("2026", "*", "Content.vanity_url is missing"): "only with include=vanity_url, if there is one",
    ("2026", "P* /v1/content/{guid}/environment", "answers 409"): "codes 106 and 108 are known",
    ("2026", "GET /v1/oauth/templates*", "*.visibility_expression: anyOf"): (
        "any value, which the contract writes as an object"
    ),
    ("2026", "GET /v1/oauth/templates*", "options.default: type"): "likewise",
    ("2026", "GET /v1/queue", "QueueItem.started_time is missing"): "only of what has begun",
    ("2026", "GET /v1/search/content", "ContentResults.warnings is missing"): "only if there are",
    ("2026", "GET /v1/search/variants", "*.schedule is missing"): "only with include=schedule",
    ("2026", "GET /v1/system/service-tokens", "*.key is missing"): "shown only when it is made",
    ("2023.09", "*", "Content.role is missing"): "servers send app_role",
    ("2023.09", "GET */download", "UndefinedContentType"): "the edition takes archives for JSON",
    ("2023.09", "GET /v1/content", "app_mode: enum"): "modes came later, and are seeded everywhere",
    ("2023.09", "GET /v1/experimental/groups/*", "answer: type"): "as that of the jobs below",
    ("2023.09", "POST /v1/experimental/content/*", "AcceptedNegativeData"): (
        "the edition requires fields of a change that servers do not"
    ),
    ("2023.09", "GET */jobs", "answer: type"): "the edition describes an array as an object",
    ("2023.09", "GET */jobs/{key}", "*id: type"): "ids were numbers, as recorded",
    ("2023.09", "GET */jobs/{key}/error", "answers 204"): "known for jobs without an error",
    ("2023.09", "POST */deploy", "answers 202"): "the edition itself names its answer 202",
}
"""Violations that are intended, by edition, operation and violation (both may
have wild-cards), each with its reason."""

MISSING: Final = [name for name in VERSIONS if not (FOLDER / f"connect-{name}.json").is_file()]
if MISSING:
    pytest.skip(
        f"no contract of Connect {' and '.join(MISSING)} in {FOLDER}; "
        "ACONNECT_CONTRACTS names another folder",
        allow_module_level=True,
    )


@cache
def contract(edition: str) -> Contract:
    """Read one edition."""
    return Contract(FOLDER / f"connect-{edition}.json")


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """A thread with an event loop for the servers, because schemathesis blocks."""
    with start_blocking_portal() as started:
        yield started


@pytest.fixture(scope="module")
def examine(portal: BlockingPortal) -> Any:
    """A function that checks an operation, once."""

    @cache
    def examined(edition: str, label: str) -> Report:
        return Examination(portal, contract(edition), label, VERSIONS[edition]).run()

    return examined


OPERATIONS: Final = [
    (edition, label) for edition in VERSIONS for label in contract(edition).operations
]
every_operation = pytest.mark.parametrize(
    ("edition", "label"), OPERATIONS, ids=[" ".join(one) for one in OPERATIONS]
)


def excepted(edition: str, label: str, what: str) -> bool:
    """Return True if a violation is listed."""
    return any(
        edition == of and fnmatchcase(label, labels) and fnmatchcase(what, listed)
        for of, labels, listed in EXCEPTIONS
    )


@every_operation
def test_an_operation_keeps_the_contract(edition: str, label: str, examine: Any) -> None:
    """Valid requests succeed and others are refused, as the contract or the list says."""
    if not simulated(label, VERSIONS[edition]):
        pytest.skip("the simulated server does not have it")
    report: Report = examine(edition, label)
    wrong = [
        f"{what}:\n{request}\n"
        for what, request in report.violations.items()
        if not excepted(edition, label, what)
    ]
    message = [
        f"{label} of the simulated server differs from edition {edition}.",
        "Mend its route, or list what is right in EXCEPTIONS, with the reason:\n",
        *wrong,
    ]
    assert not wrong, "\n".join(message)


@pytest.mark.parametrize("row", EXCEPTIONS, ids=" ".join)
def test_an_exception_is_needed(row: tuple[str, str, str], examine: Any) -> None:
    """Every listed exception occurs, or the contract still excludes it."""
    edition, labels, what = row
    status = what.removeprefix("answers ")
    meant = {
        label: operation
        for label, operation in contract(edition).operations.items()
        if fnmatchcase(label, labels) and simulated(label, VERSIONS[edition])
    }
    if not meant:
        pytest.skip("the simulated server does not have it")
    for label, operation in meant.items():
        # Which requests are made by chance decides whether a status, or a body without a field
        # that is required, is seen.
        if status.isdecimal():
            if status not in operation.responses.status_codes:
                return
        elif what == "AcceptedNegativeData":
            if contract(edition).required(label):
                return
        elif any(fnmatchcase(seen, what) for seen in examine(edition, label).violations):
            return
    pytest.fail(f"{' | '.join(row)} is an exception no more; take it out of EXCEPTIONS")

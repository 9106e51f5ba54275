"""Requests that schemathesis makes from the vendor's contract, and the check of the responses.

Decides which requests one operation gets and what counts as a violation. Which violations are right
as they are, and why, is listed in the test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import requests
import schemathesis
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.openapi.checks import JsonSchemaError, UndefinedStatusCode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from aconnect import Client, errors
from aconnect._client.operation import REGISTRY
from aconnect.testing import FakeConnect, faults
from tests.calls import SEED, ConnectScene
from tests.contracts.table import operation_key, placeholders
from tests.testing.contract import Contract

POSITIVE, RANDOM, NEGATIVE = 6, 2, 6
"""The number of requests of each type for an operation: with real, random and invalid ids.

They are for hypothesis's usual 100 examples, and grow with the profile's number of them.
"""

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

# How the simulated server refuses values that do not have the form in the contract.
_MALFORMED: Final = re.compile(
    r"wrong type|must be an integer|must be true or false|not valid JSON|must be a JSON object"
)


@schemathesis.serializer("application/gzip", "application/x-gzip")
def raw(_: SerializationContext, value: Any) -> Any:
    """Send an archive unchanged."""
    return value if isinstance(value, bytes) else str(value).encode()


@dataclass(frozen=True)
class Known:
    """Arguments of an operation that are valid for a server in its current state."""

    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    media_type: str | None
    authorization: str


def declared_as(label: str) -> str | None:
    """Find the declaration of an operation of the contract."""
    wanted = operation_key(*label.split(" ", 1))
    for key, one in REGISTRY.items():
        if one.service == "connect" and operation_key(one.method, one.template) == wanted:
            return key
    return None


async def learn(server: FakeConnect, label: str) -> Known | None:
    """Create objects of every type, and return the valid call of an operation."""
    path = label.partition(" ")[2]
    key = declared_as(label)
    async with Client(server.url, api_key=server.api_key) as client:
        scenario = ConnectScene(server, client)
        await scenario.set_up()
        if key is None:
            return None
        # Refused before it is performed, because only the request is needed.
        server.script(faults.error(400, 3), on=re.sub(r"{.*?}", "*", label))
        with suppress(errors.AconnectError):
            await scenario.call(key)()
        server.assert_script_used()
    sent = server.requests[-1]
    # The last placeholder may contain slashes.
    pattern = re.sub(r"{\w+}", "([^/]+)", re.sub(r"{\w+}$", "(.+)", path))
    match = re.fullmatch(pattern, sent.path)
    assert match is not None, f"{sent.path} is no {path}"
    arguments = zip(placeholders(path), map(unquote, match.groups()), strict=True)
    kind = sent.headers.get("Content-Type") if sent.body else None
    body: Any = sent.body or NOT_SET
    if kind == "application/json":
        body = sent.json()
    elif kind == "application/x-www-form-urlencoded":
        body = {name: values[-1] for name, values in parse_qs(sent.body.decode()).items()}
    authorization = sent.headers.get("Authorization", "")
    return Known(dict(arguments), sent.query, body, kind, authorization)


@dataclass
class Report:
    """The results of one operation."""

    violations: dict[str, str] = field(default_factory=dict[str, str])
    """Violations by name, each with the shortest request that causes it."""
    statuses: set[int] = field(default_factory=set[int])

    def add(self, what: str, request: str) -> None:
        """Record a violation, if it is new or its request is shorter."""
        if what not in self.violations or len(request) < len(self.violations[what]):
            self.violations[what] = request


class Examination:
    """One operation, checked on servers of one version that run in the thread of a portal."""

    def __init__(
        self, portal: BlockingPortal, contract: Contract, label: str, version: str
    ) -> None:
        self._portal = portal
        self._contract = contract
        self._label = label
        self._version = version
        self._operation = contract.operations[label]
        self._session = requests.Session()
        self._server: FakeConnect | None = None
        self._known: Known | None = None
        self._report = Report()

    def run(self) -> Report:
        """Make all requests and return the results."""
        with self._session:
            try:
                self._renew()
                self._examine()
            finally:
                self._stop()
        if not any(status < 300 for status in self._report.statuses):
            self._report.add("never succeeds", f"seen: {sorted(self._report.statuses)}")
        return self._report

    def _renew(self) -> None:
        """Start with a new server, so that the deletion by one request does not affect the next."""
        self._stop()
        self._server = FakeConnect(seed=SEED, version=self._version)
        self._portal.call(self._server.start)
        self._known = self._portal.call(learn, self._server, self._label)

    def _stop(self) -> None:
        if self._server is not None:
            self._portal.call(self._server.stop)

    def _examine(self) -> None:
        if known := self._known:
            self._send(
                self._operation.Case(
                    path_parameters=dict(known.path),
                    query=dict(known.query),
                    body=known.body,
                    media_type=known.media_type,
                )
            )
            self._generate(GenerationMode.POSITIVE, POSITIVE, known.path)
            # Some operations have no value that could be invalid.
            with suppress(Unsatisfiable):
                self._generate(GenerationMode.NEGATIVE, NEGATIVE, known.path)
        if known is None or known.path:
            self._generate(GenerationMode.POSITIVE, RANDOM)

    def _generate(
        self, mode: GenerationMode, count: int, path: Mapping[str, str] | None = None
    ) -> None:
        fixed = None if path is None else dict(path)
        strategy = self._operation.as_strategy(generation_mode=mode, path_parameters=fixed)

        # No shrinking: the shortest request is reported, and all violations matter.
        @settings(
            database=None,
            max_examples=count * settings().max_examples // 100,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def each(case: Case[Any]) -> None:
            if path is not None and self._known is not None:
                # The new server may have assigned other ids.
                case.path_parameters = dict(self._known.path)
            if mode is GenerationMode.NEGATIVE and case.body is not NOT_SET:
                # Servers ignore unknown fields.
                case.body = self._contract.known(self._label, case.media_type, case.body)
            self._send(case, generated=mode)

        each()

    def _send(self, case: Case[Any], generated: GenerationMode | None = None) -> None:
        assert self._server is not None
        known = self._known
        headers = {"Authorization": known.authorization if known else f"Key {self._server.api_key}"}
        try:
            response = case.call(f"{self._server.url}/__api__", self._session, headers)
        except requests.ConnectionError as cause:
            self._report.add("no answer", f"{case!r}\n{cause}")
            return
        self._judge(case, response, generated)
        if response.status_code < 300 and case.method != "GET":
            self._renew()

    def _judge(self, case: Case[Any], response: Response, generated: GenerationMode | None) -> None:
        request = f"{case!r}\n{response.status_code} {response.content[:600]!r}"
        self._report.statuses.add(response.status_code)
        checks = list(CHECKS)
        bodied = case.body is not NOT_SET and self._contract.judges(case.body)
        if generated is GenerationMode.NEGATIVE and bodied:
            # Servers ignore unknown query parameters, but check bodies.
            checks.append(negative_data_rejection)
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                if not self._contract.silent_on(failure):
                    self._report.add(_name(failure), f"{request}\n{failure}")
        if response.status_code < 300:
            for what in self._contract.missing(self._label, response):
                self._report.add(what, request)
            return
        message = _error(response)
        if message is None:
            self._report.add("an error of another form", request)
        elif generated is GenerationMode.POSITIVE and _MALFORMED.search(message):
            self._report.add("refused as malformed", request)


def _error(response: Response) -> str | None:
    """Return the message of a response, if it is one of Connect's errors."""
    try:
        body = response.json()
    except ValueError:
        return None
    match body:
        case {"code": int(), "error": str(message), "payload": _, **more} if not more:
            return str(message)
    return None


def _name(failure: Failure) -> str:
    """Return a failure as the list of exceptions names it."""
    match failure:
        case UndefinedStatusCode():
            return f"answers {failure.status_code}"
        case JsonSchemaError():
            names = [step for step in failure.instance_path if isinstance(step, str)]
            return f"{'.'.join(names) or 'answer'}: {failure.schema_path[-1]}"
    return type(failure).__name__

"""Conformance checks: schemathesis generates requests from the vendor's contract.

Decides which requests are sent to an operation and what counts as a violation. Intended violations
are listed in the test, with the reasons.
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
"""The numbers of requests for an operation: valid, with random ids, and invalid.

They apply to the 100 examples that hypothesis generates by default, and are scaled with the number
of examples in the profile.
"""

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

# Error messages of the simulated server for values of a type that the contract does not allow.
_MALFORMED: Final = re.compile(
    r"wrong type|must be an integer|must be true or false|not valid JSON|must be a JSON object"
)


@schemathesis.serializer("application/gzip", "application/x-gzip")
def unchanged(_: SerializationContext, value: Any) -> Any:
    """Send an archive unchanged."""
    return value if isinstance(value, bytes) else str(value).encode()


@dataclass(frozen=True)
class ValidRequest:
    """A request for an operation that is valid for a server in its current state."""

    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    media_type: str | None
    authorization: str


def registry_key(label: str) -> str | None:
    """Return the key under which the client declares an operation of the contract, or None."""
    wanted = operation_key(*label.split(" ", 1))
    for key, operation in REGISTRY.items():
        declared = operation_key(operation.method, operation.template)
        if operation.service == "connect" and declared == wanted:
            return key
    return None


async def find_valid_request(server: FakeConnect, label: str) -> ValidRequest | None:
    """Create objects of every type, and return a valid request for an operation."""
    path = label.partition(" ")[2]
    key = registry_key(label)
    async with Client(server.url, api_key=server.api_key) as client:
        scenario = ConnectScene(server, client)
        await scenario.set_up()
        if key is None:
            return None
        # Return an error instead of performing the operation, because only the request is needed.
        server.script(faults.error(400, 3), on=re.sub(r"{.*?}", "*", label))
        with suppress(errors.AconnectError):
            await scenario.call(key)()
        server.assert_script_used()
    request = server.requests[-1]
    # The last placeholder may contain slashes.
    pattern = re.sub(r"{\w+}", "([^/]+)", re.sub(r"{\w+}$", "(.+)", path))
    match = re.fullmatch(pattern, request.path)
    assert match is not None, f"{request.path} does not match {path}"
    arguments = zip(placeholders(path), map(unquote, match.groups()), strict=True)
    media_type = request.headers.get("Content-Type") if request.body else None
    body: Any = request.body or NOT_SET
    if media_type == "application/json":
        body = request.json()
    elif media_type == "application/x-www-form-urlencoded":
        body = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
    authorization = request.headers.get("Authorization", "")
    return ValidRequest(dict(arguments), request.query, body, media_type, authorization)


@dataclass
class Report:
    """The results for one operation."""

    violations: dict[str, str] = field(default_factory=dict[str, str])
    """The violations by name, each with the shortest request that causes it."""
    statuses: set[int] = field(default_factory=set[int])
    """The statuses of all responses."""

    def add(self, violation: str, request: str) -> None:
        """Add a violation, or replace it if this request is shorter."""
        previous = self.violations.get(violation)
        if previous is None or len(request) < len(previous):
            self.violations[violation] = request


class ConformanceCheck:
    """Checks one operation on servers of one version, which run in the thread of a portal."""

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
        self._valid: ValidRequest | None = None
        self._report = Report()

    def run(self) -> Report:
        """Send all requests and return the results."""
        with self._session:
            try:
                self._restart()
                self._send_all()
            finally:
                self._stop()
        if not any(status < 300 for status in self._report.statuses):
            self._report.add("never succeeds", f"statuses: {sorted(self._report.statuses)}")
        return self._report

    def _restart(self) -> None:
        """Start a new server, so that the changes of a request do not affect the next one."""
        self._stop()
        self._server = FakeConnect(seed=SEED, version=self._version)
        self._portal.call(self._server.start)
        self._valid = self._portal.call(find_valid_request, self._server, self._label)

    def _stop(self) -> None:
        if self._server is not None:
            self._portal.call(self._server.stop)

    def _send_all(self) -> None:
        """Send a valid request, and generated ones of each type."""
        if valid := self._valid:
            self._send(
                self._operation.Case(
                    path_parameters=dict(valid.path),
                    query=dict(valid.query),
                    body=valid.body,
                    media_type=valid.media_type,
                )
            )
            self._generate(GenerationMode.POSITIVE, POSITIVE, valid.path)
            # Unsatisfiable: some operations have no values that can be invalid.
            with suppress(Unsatisfiable):
                self._generate(GenerationMode.NEGATIVE, NEGATIVE, valid.path)
        if valid is None or valid.path:
            self._generate(GenerationMode.POSITIVE, RANDOM)

    def _generate(
        self, mode: GenerationMode, count: int, path: Mapping[str, str] | None = None
    ) -> None:
        fixed = None if path is None else dict(path)
        strategy = self._operation.as_strategy(generation_mode=mode, path_parameters=fixed)

        # No shrinking, because all violations are reported, each with its shortest request.
        @settings(
            database=None,
            max_examples=count * settings().max_examples // 100,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def send(case: Case[Any]) -> None:
            if path is not None and self._valid is not None:
                # The new server may have assigned other ids.
                case.path_parameters = dict(self._valid.path)
            if mode is GenerationMode.NEGATIVE and case.body is not NOT_SET:
                # Servers ignore unknown fields.
                case.body = self._contract.known_fields(self._label, case.media_type, case.body)
            self._send(case, generated=mode)

        send()

    def _send(self, case: Case[Any], generated: GenerationMode | None = None) -> None:
        assert self._server is not None
        valid = self._valid
        headers = {"Authorization": valid.authorization if valid else f"Key {self._server.api_key}"}
        try:
            response = case.call(f"{self._server.url}/__api__", self._session, headers)
        except requests.ConnectionError as cause:
            self._report.add("no response", f"{case!r}\n{cause}")
            return
        self._check(case, response, generated)
        if response.status_code < 300 and case.method != "GET":
            self._restart()

    def _check(self, case: Case[Any], response: Response, generated: GenerationMode | None) -> None:
        request = f"{case!r}\n{response.status_code} {response.content[:600]!r}"
        self._report.statuses.add(response.status_code)
        checks = list(CHECKS)
        has_body = case.body is not NOT_SET and self._contract.specifies_validity(case.body)
        if generated is GenerationMode.NEGATIVE and has_body:
            # Servers ignore unknown query parameters, but check bodies.
            checks.append(negative_data_rejection)
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                if not self._contract.is_unspecified(failure):
                    self._report.add(_name(failure), f"{request}\n{failure}")
        if response.status_code < 300:
            for violation in self._contract.missing(self._label, response):
                self._report.add(violation, request)
            return
        message = _error(response)
        if message is None:
            self._report.add("an error in another format", request)
        elif generated is GenerationMode.POSITIVE and _MALFORMED.search(message):
            self._report.add("rejected as malformed", request)


def _error(response: Response) -> str | None:
    """Return the message of a response, or None if it is not in the error format of Connect."""
    try:
        body = response.json()
    except ValueError:
        return None
    match body:
        case {"code": int(), "error": str(message), "payload": _, **others} if not others:
            return str(message)
    return None


def _name(failure: Failure) -> str:
    """Return the name of a failure in the list of exceptions."""
    match failure:
        case UndefinedStatusCode():
            return f"status {failure.status_code}"
        case JsonSchemaError():
            names = [step for step in failure.instance_path if isinstance(step, str)]
            return f"{'.'.join(names) or 'response'}: {failure.schema_path[-1]}"
    return type(failure).__name__

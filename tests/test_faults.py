"""Every declared operation under every fault, counted at the server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from aconnect import RetryPolicy, Timeout, errors
from aconnect._client.operation import REGISTRY
from aconnect._core.decoding import is_confidential
from aconnect._core.model import Model
from aconnect.connect import Task
from aconnect.testing import VirtualClock, faults
from aconnect.testing.faults import Fault
from tests.calls import OPERATIONS, SETTINGS
from tests.scenarios import Scene

ATTEMPTS = 3
# What differs between two servers with the same seed: ids made at run time, and times.
VOLATILE = re.compile(r"(^|_)(at|guid|id|key|pid|seen|time|timestamp|url|token)$")

# The server refused to act, so that even operations that are not idempotent may be retried.
SIGN_IN = {"looker", "cloudendure"}
"""The services whose clients sign in, and do so again after a 401."""

NOT_NOW: dict[str, Fault] = {
    "503": faults.status(503),
    "503 for a second": faults.status(503, retry_after=1),
    "429": faults.status(429),
    "429 until a date": faults.status(429, retry_after=2, http_date=True),
    "429 with a code": faults.error(429, 277),
}
# The server may have acted, so that only idempotent operations may be retried.
UNCERTAIN: dict[str, Fault] = {
    "500": faults.status(500),
    "502": faults.status(502, body="<html>Bad gateway</html>", content_type="text/html"),
    "504": faults.status(504),
    "reset": faults.reset(),
    "reset, but done": faults.after(faults.reset()),
    "reset in the body": faults.reset_mid_body(),
    "garbage": faults.garbage(),
    "slow": faults.slow_headers(30),
    "stalled": faults.stalled_body(30),
}
SLOW = (UNCERTAIN["slow"], UNCERTAIN["stalled"])
HAPPENED = (UNCERTAIN["reset, but done"], UNCERTAIN["reset in the body"], UNCERTAIN["stalled"])
# A retry would change nothing.
FINAL: dict[str, tuple[Fault, type[errors.AconnectError]]] = {
    "400": (faults.error(400, 3), errors.BadRequestError),
    "401": (faults.error(401, 30), errors.AuthenticationError),
    "403": (faults.error(403, 22), errors.PermissionDeniedError),
    "404": (faults.error(404, 4), errors.NotFoundError),
    "409": (faults.error(409, 16), errors.ConflictError),
    "501": (faults.status(501), errors.ServerError),
    "login page": (faults.login_page(), errors.DecodeError),
    "bomb": (faults.gzip_bomb(8 << 20), errors.BodyTooLargeError),
    "elsewhere": (faults.redirect(), errors.RedirectRefusedError),
}
# What only Connect's error codes and texts determine.
CONNECT_FINAL: dict[str, tuple[Fault, type[errors.AconnectError]]] = {
    "404 of an old server": (
        faults.status(404, body="404 page not found"),
        errors.EndpointMissingError,
    ),
    "502 for good": (faults.error(502, 105), errors.ServerError),
}


@asynccontextmanager
async def scenario(operation: str, *, patience: float = 10) -> AsyncIterator[Scene[Any, Any]]:
    """Return a scenario whose client does not sleep, and check what it leaves behind.

    Only a slow server makes it wait: `patience` seconds, so there are few such tests.
    """
    before = asyncio.all_tasks()
    declared = REGISTRY[operation]
    setting = SETTINGS[declared.service]
    async with setting.server(declared) as server:
        client = setting.client(
            server,
            clock=VirtualClock(),
            retry=RetryPolicy(attempts=ATTEMPTS),
            timeout=Timeout(read=patience),
            max_body=1 << 20,
        )
        async with client:
            it = setting.scenario(server, client)
            await it.set_up()
            yield it
            # A fault that was not used must not affect the sign-out.
            server.clear_script()
            assert client.in_flight == 0, "a permit was not returned"
            # aiohttp has no public view of the connections in use.
            session = client._pipeline.session._aiohttp
            assert session is not None
            assert session.connector is not None
            assert not session.connector._acquired, "a connection was left behind"
        assert not server.elsewhere_requests, "something went to another origin"
    assert asyncio.all_tasks() == before, "a task was left behind"


def on(operation: str) -> str:
    """Return the pattern of an operation's requests for a script, without a sign-in."""
    declared = REGISTRY[operation]
    return f"{declared.method} {re.sub(r'{.*?}', '*', declared.template)}"


def sent(it: Scene[Any, Any], operation: str) -> int:
    """Return how many requests of an operation the server received."""
    count: int = it.server.count(*on(operation).split(" ", 1))
    return count


def shape(value: Any) -> Any:
    """Reduce a result to what two servers with the same seed have in common."""
    if isinstance(value, Task):
        return "a task"
    if isinstance(value, Model):
        value = msgspec.to_builtins(value)
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items() if not VOLATILE.search(k)}
    return value


_expected: dict[str, tuple[Any, int]] = {}


async def expected(operation: str) -> tuple[Any, int]:
    """Return the result of an operation without faults, and its number of requests."""
    if operation not in _expected:
        async with scenario(operation) as it:
            value = await it.call(operation)()
            _expected[operation] = shape(value), sent(it, operation)
    return _expected[operation]


@pytest.mark.parametrize("fault", NOT_NOW.values(), ids=NOT_NOW)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_not_now_is_tried_again(operation: str, fault: Fault) -> None:
    """A call that is refused with 429 or 503 is retried once and returns the right result."""
    value, requests = await expected(operation)
    async with scenario(operation) as it:
        it.server.script(fault, on=on(operation))
        assert shape(await it.call(operation)()) == value
        assert sent(it, operation) == requests + 1
        it.server.assert_script_used()


@pytest.mark.parametrize("fault", UNCERTAIN.values(), ids=UNCERTAIN)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_uncertain_end_is_repeated_only_if_that_is_safe(
    operation: str, fault: Fault
) -> None:
    """After a lost response, an idempotent call is retried; any other raises a typed error."""
    value, requests = await expected(operation)
    async with scenario(operation, patience=0.3 if fault in SLOW else 10) as it:
        it.server.script(fault, on=on(operation))
        if value is None and fault is UNCERTAIN["stalled"]:
            # A response without a body has nothing that could stall.
            assert await it.call(operation)() is None
            assert sent(it, operation) <= requests + 1
        elif REGISTRY[operation].idempotent:
            if operation == "connect:content.jobs.kill" and fault in HAPPENED:
                # The request whose response was lost has taken effect.
                with pytest.raises(errors.ConflictError, match="163"):
                    await it.call(operation)()
            else:
                assert shape(await it.call(operation)()) == value
            assert sent(it, operation) == requests + 1
        else:
            with pytest.raises((errors.ServerError, errors.TransportError)):
                await it.call(operation)()
            assert sent(it, operation) == 1
        it.server.assert_script_used()


def finals() -> list[Any]:
    """Return each operation with each final response that it may get."""
    return [
        pytest.param(operation, fault, kind, id=f"{operation}-{name}")
        for operation in OPERATIONS
        for name, (fault, kind) in (
            FINAL if REGISTRY[operation].service != "connect" else FINAL | CONNECT_FINAL
        ).items()
    ]


@pytest.mark.parametrize(("operation", "fault", "kind"), finals())
async def test_a_final_response_is_not_retried(
    operation: str, fault: Fault, kind: type[errors.AconnectError]
) -> None:
    """A response that a retry cannot change is raised at once, as the right error class."""
    async with scenario(operation) as it:
        # A client that can sign in again does so once after a 401.
        declared = REGISTRY[operation]
        again = declared.service in SIGN_IN and not declared.anonymous
        times = 2 if again and kind is errors.AuthenticationError else 1
        it.server.script(*[fault] * times, on=on(operation))
        with pytest.raises(kind) as caught:
            await it.call(operation)()
        assert type(caught.value) is kind
        assert sent(it, operation) == times
        assert it.client.channel.redact(str(caught.value)) == str(caught.value)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_refusals_are_not_counted(operation: str) -> None:
    """However often a call is refused with 429 or 503, it is sent again and succeeds."""
    value, requests = await expected(operation)
    async with scenario(operation) as it:
        refusals = [faults.status(503), faults.status(429)] * ATTEMPTS
        it.server.script(*refusals, on=on(operation))
        assert shape(await it.call(operation)()) == value
        assert sent(it, operation) == requests + len(refusals)
        it.server.assert_script_used()


@pytest.mark.parametrize("fault", [faults.reset(), faults.status(500)], ids=["reset", "500"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_outage_is_given_up_by_policy(operation: str, fault: Fault) -> None:
    """A call fails as often as the policy says; the error lists all attempts."""
    async with scenario(operation) as it:
        it.server.script(*[fault] * (ATTEMPTS + 2), on=on(operation))
        with pytest.raises((errors.ServerError, errors.TransportError)) as caught:
            await it.call(operation)()
        times = ATTEMPTS if REGISTRY[operation].idempotent else 1
        assert sent(it, operation) == times
        assert len(caught.value.attempts) == times - 1


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if REGISTRY[o].method == "GET"])
async def test_truncated_json_is_a_typed_error(operation: str) -> None:
    """Truncated JSON raises a `DecodeError`; a body that is not JSON is returned unchanged."""
    value, _ = await expected(operation)
    async with scenario(operation) as it:
        it.server.script(faults.truncated_json(), on=on(operation))
        call = it.call(operation)
        declared = REGISTRY[operation]
        if value is None or (declared.style is None and declared.signature.is_plain):
            assert isinstance(shape(await call()), type(value))
        else:
            with pytest.raises(errors.DecodeError):
                await call()


WRITES = [o for o in OPERATIONS if REGISTRY[o].method != "GET"]
UNUSABLE: dict[str, Fault] = {
    "empty, labelled as a page": faults.status(200, body="", content_type="text/html"),
    "204 labelled as a page": faults.status(204, body="", content_type="text/html"),
    "text": faults.status(200, body="OK"),
    "another shape": faults.status(200, body="true", content_type="application/json"),
    "truncated": faults.status(200, body='{"guid": "a', content_type="application/json"),
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_with_an_unusable_response_has_succeeded(
    operation: str, unusable: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """A lost response fails only calls whose result is lost with it, and the error says so."""
    declared = REGISTRY[operation]
    signature = declared.signature
    async with scenario(operation) as it:
        it.server.script(faults.after(unusable), on=on(operation))
        if is_confidential(signature.response_type):
            with pytest.raises(errors.DecodeError) as caught:
                await it.call(operation)()
            assert "the change was made" in caught.value.__notes__[0]
            assert caught.value.body == b""
        elif signature.factory is not None and not signature.is_factory_optional:
            with pytest.raises(errors.AconnectError, match="may have started"):
                await it.call(operation)()
        else:
            value = await it.call(operation)()
            assert value is None or value == [] or value == type(value)()
            lost = [record for record in caplog.records if "response is lost" in record.message]
            assert len(lost) == (signature.response_type is not type(None))
        assert sent(it, operation) == 1


KEYSET = [o for o in OPERATIONS if "next" in getattr(REGISTRY[o].style, "controls", ())]


@pytest.mark.parametrize("operation", KEYSET)
async def test_a_cursor_that_comes_again_ends_the_paging(operation: str) -> None:
    """A server that repeats its cursor for ever is detected."""
    async with scenario(operation) as it:
        it.server.script(*[faults.repeated_cursor()] * 3, on=on(operation))
        with pytest.raises(errors.PageLoopError):
            await it.call(operation)()
        assert sent(it, operation) <= 3

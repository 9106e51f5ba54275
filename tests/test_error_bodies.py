"""Whatever the body of an error contains, it is read, and the status decides."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect import Client, errors
from aconnect._core.dialect import Dialect
from aconnect._core.message import Request, Response
from aconnect._core.redaction import Secret
from aconnect.authentik.dialect import AuthentikDialect
from aconnect.cloudendure.dialect import CloudEndureDialect
from aconnect.connect._base.dialect import ConnectDialect
from aconnect.looker.dialect import LookerDialect
from aconnect.testing import FakeConnect, VirtualClock, faults

DIALECTS = [Dialect(), AuthentikDialect(), CloudEndureDialect(), ConnectDialect(), LookerDialect()]
SECRET = "s3cret-k3y"
STATUSES = [400, 401, 403, 404, 409, 422, 429, 500, 503]
NAMES = ["code", "error", "errors", "message", "detail", "documentation_url", "payload", "field"]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.just(SECRET),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner),
    max_leaves=8,
)


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]", inner: bytes = b"") -> bytes:
    return opening * depth + inner + closing * depth


HOSTILE = {
    "array": nested(100_000),
    "object": nested(100_000, b'{"a":', b"}", b"1"),
    "unclosed": b'{"code":1,"error":' + b"[" * 100_000,
    "deep": nested(900),
    "half as deep": nested(450, b'{"a":[', b"]}"),
    "huge number": b"9" * 5000,
    "out of range": b"1e999",
    "not UTF-8": b'"\xff"',
    "surrogate": b'"\\ud800"',
    "bomb": b"[" + b"{}," * 700_000 + b"{}]",
}


def read(dialect: Dialect, status: int, body: bytes) -> errors.ApiError:
    response = Response(status=status, headers={"Content-Type": "application/json"}, body=body)
    request = Request(operation="things.get", method="GET", target="/things")
    error = dialect.error(request, response, "http://x", [Secret(SECRET)])
    assert error.status == status
    assert SECRET not in str(error)
    return error


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: type(one).__name__)
@given(status=st.sampled_from(STATUSES), body=VALUES)
def test_any_json(dialect: Dialect, status: int, body: Any) -> None:
    """Any JSON gives an error with the status of the response, without secrets."""
    error = read(dialect, status, msgspec.json.encode(body))
    assert SECRET not in repr(error.payload)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: type(one).__name__)
@given(status=st.sampled_from(STATUSES), body=st.binary())
def test_any_bytes(dialect: Dialect, status: int, body: bytes) -> None:
    """Any bytes give an error with the status of the response."""
    read(dialect, status, body)
    read(dialect, status, b'{"code": 1, "error": "' + body)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("status", [400, 503])
def test_hostile_values(dialect: Dialect, value: bytes, status: int) -> None:
    """Values that are nested too deeply, or cannot be decoded, never break reading an error."""
    read(dialect, status, value)
    for name in NAMES:
        fields = b'"code":4,"error":"x","message":"x","detail":"x","documentation_url":"x",'
        read(dialect, status, b"{" + fields + b'"' + name.encode() + b'":' + value + b"}")
    read(
        dialect,
        status,
        b'{"message":"","documentation_url":"","errors":[{"field":' + value + b"}]}",
    )


async def test_a_nested_body_of_an_outage_is_retried() -> None:
    """A 503 is retried, whatever its body is."""
    async with (
        FakeConnect() as server,
        Client(server.url, server.api_key, clock=VirtualClock()) as client,
    ):
        for body in (HOSTILE["object"], b'{"code":1,"error":"x","payload":' + nested(900) + b"}"):
            server.script(faults.status(503, body=body), on="GET /v1/user")
            assert (await client.me()).username == "admin"

"""The pure functions of every call or page; `pytest benchmarks` runs these."""

# ruff: noqa: S101  what was measured must also be right

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aconnect import NO_RETRY, Client, Page, Paged, Response, RetryPolicy
from aconnect._client.endpoint import operation_of
from aconnect._client.operation import REGISTRY
from aconnect._core.retry import backoff_delay, is_exhausted, is_retryable, retry_after
from aconnect._core.url import query_string, quote_segment
from aconnect.connect import ContentItem, ContentVisit, User
from aconnect.errors import ServerError
from benchmarks._canned import CannedClient, finished

GUID = "8e7e0e7a-52be-45f8-bc2e-5a59ca28a183"
NOW = 1_780_000_000.0

VISIT = {
    "id": "1",
    "content_guid": "9732cdc8-087c-4b87-8705-c9a603c59f8d",
    "user_guid": "a2da11bf-fde3-4c0b-bf41-a2fbc72e2eec",
    "variant_key": None,
    "time": "2025-01-01T00:00:00Z",
    "rendering_id": None,
    "bundle_id": "1193",
    "path": "/",
    "data_version": 3,
    "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15",
}
USER = {
    "guid": GUID,
    "email": "admin@example.com",
    "username": "admin",
    "first_name": "Admin",
    "last_name": "Example",
    "user_role": "administrator",
    "created_time": "2023-11-28T00:00:00Z",
    "updated_time": "2023-11-28T00:00:00Z",
    "active_time": "2025-01-01T00:00:00Z",
    "confirmed": True,
    "locked": False,
    "external_id": "",
}
CONTENT = {
    "guid": GUID,
    "name": "content-0000",
    "title": "Content 0",
    "id": "1",
    "bundle_id": "1",
    "access_type": "acl",
    "locked": False,
    "created_time": "2024-09-23T00:00:00Z",
    "last_deployed_time": "2024-09-23T00:00:00Z",
    "app_mode": "python-shiny",
    "owner_guid": GUID,
    "content_url": f"http://127.0.0.1/content/{GUID}/",
}


def _response(value: object) -> Response:
    headers = {"Content-Type": "application/json"}
    return Response(status=200, headers=headers, body=msgspec.json.encode(value))


async def _first_page(visits: Paged[ContentVisit]) -> Page[ContentVisit]:
    async with aclosing(visits.pages()) as pages:
        return await anext(pages)


async def _all(client: Client) -> list[ContentItem]:
    return await client.content.find()


@pytest.fixture
def client() -> Client:
    """A client that never sends anything."""
    return Client("http://127.0.0.1:1", api_key="fake")


def test_bind_a_path(benchmark: BenchmarkFixture, client: Client) -> None:
    """Turn `users.get(guid)` into its request."""
    declared, owner = operation_of(client.users.get)
    request, _ = benchmark(declared.bind, owner.scope, (GUID,), {})
    assert request.target == f"/v1/users/{GUID}"


def test_bind_a_query(benchmark: BenchmarkFixture, client: Client) -> None:
    """Turn a query for visits into its request."""
    declared, owner = REGISTRY["connect:instrumentation.visits"], client.instrumentation
    given = {"from_": datetime(2026, 1, 1, tzinfo=UTC), "content_guid": [GUID, GUID]}
    request, _ = benchmark(declared.bind, owner.scope, (), given)
    assert "from=2026-01-01T00%3A00%3A00Z" in request.target


def test_bind_a_body(benchmark: BenchmarkFixture, client: Client) -> None:
    """Turn `content.create(...)` into its request."""
    declared, owner = operation_of(client.content.create)
    request, _ = benchmark(declared.bind, owner.scope, (), {"name": "report", "title": "Report"})
    assert request.body == b'{"name":"report","title":"Report"}'


def test_decode_one(benchmark: BenchmarkFixture, client: Client) -> None:
    """Decode a user and bind it to its client."""
    declared, owner = operation_of(client.users.get)
    request, scope = declared.bind(owner.scope, (GUID,), {})
    user = benchmark(declared.decode, _response(USER), (client, scope), request)
    assert isinstance(user, User)


def test_a_page(benchmark: BenchmarkFixture) -> None:
    """Request a page of 500 visits, decode it, and find the next cursor."""
    body = {"results": [VISIT] * 500, "paging": {"cursors": {"next": "abc"}}}
    visits = CannedClient(msgspec.json.encode(body)).instrumentation.visits()

    def page() -> Page[ContentVisit]:
        return finished(_first_page(visits))

    assert len(benchmark(page)) == 500


def test_a_list(benchmark: BenchmarkFixture) -> None:
    """List 500 content items and bind them to their client."""
    client = CannedClient(msgspec.json.encode([CONTENT] * 500))

    def rows() -> list[ContentItem]:
        return finished(_all(client))

    assert len(benchmark(rows)) == 500


def test_query_string(benchmark: BenchmarkFixture) -> None:
    """Encode a query with the usual types of values."""
    values = {"limit": 500, "next": "NDk5LjAuMA", "asc_order": True, "user_agent": None}
    expected = "limit=500&next=NDk5LjAuMA&asc_order=true"
    assert benchmark(query_string, values) == expected


def test_quote_segment(benchmark: BenchmarkFixture) -> None:
    """Quote a guid for a path."""
    assert benchmark(quote_segment, "guid", GUID) == GUID


@pytest.mark.parametrize(("policy", "repeated"), [(RetryPolicy(), True), (NO_RETRY, False)])
def test_retry_decision(
    benchmark: BenchmarkFixture, policy: RetryPolicy, *, repeated: bool
) -> None:
    """Decide after a 503 whether and when to retry."""
    error = ServerError("down", status=503, method="GET", url="http://127.0.0.1/")

    def decide() -> float | None:
        if not is_retryable(error, idempotent=True):
            return None
        asked = retry_after("Thu, 28 May 2026 20:26:45 GMT", NOW)
        delay = backoff_delay(policy, attempt=1, requested=asked, random=lambda: 0.5)
        exhausted = is_exhausted(policy, attempt=1, elapsed=0.1, delay=delay, requested=asked)
        return None if exhausted else delay

    assert (benchmark(decide) is not None) is repeated

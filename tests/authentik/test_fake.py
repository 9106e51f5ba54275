"""The simulated authentik rejects the same requests as the server; tested without the client."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from aconnect.testing.authentik import FakeAuthentik

TOKENS = "/rac/connection_tokens/"
ENDPOINTS = "/rac/endpoints/"


async def ask(
    server: FakeAuthentik, method: str, path: str, token: str | None = None, **options: Any
) -> tuple[int, Any]:
    """Send a request and return the status and the body."""
    headers = {"Authorization": f"Bearer {server.token if token is None else token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method,
            f"{server.url}/api/v3{path}",
            headers=headers if token != "" else {},
            **options,
        ) as response,
    ):
        if response.content_type == "application/json":
            return response.status, await response.json()
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "body"),
    [
        (
            "GET",
            TOKENS,
            {"token": ""},
            403,
            {
                "detail": "Authentication credentials were not provided.",
                "code": "not_authenticated",
            },
        ),
        (
            "PUT",
            TOKENS,
            {},
            405,
            {"detail": 'Method "PUT" not allowed.', "code": "method_not_allowed"},
        ),
        ("GET", "/rac/", {}, 404, "<html>Not Found</html>"),
        ("GET", TOKENS.rstrip("/"), {}, 404, "<html>Not Found</html>"),
        ("GET", TOKENS + "?page=2", {}, 404, {"detail": "Invalid page.", "code": "not_found"}),
        ("GET", TOKENS + "?page=x", {}, 404, {"detail": "Invalid page.", "code": "not_found"}),
        (
            "GET",
            TOKENS + "?provider=x",
            {},
            400,
            {"provider": ["Enter a number."], "code": "invalid"},
        ),
        (
            "GET",
            TOKENS + "?endpoint=x",
            {},
            400,
            {"endpoint": ["Enter a valid UUID."], "code": "invalid"},
        ),
        (
            "GET",
            "/core/users/?uuid=x",
            {},
            400,
            {"uuid": ["“x” is not a valid UUID."], "code": "invalid"},
        ),
        (
            "GET",
            "/core/users/?last_login__gt=yesterday",
            {},
            400,
            {"last_login__gt": ["Enter a valid date/time."], "code": "invalid"},
        ),
        ("GET", "/core/users/x/", {}, 404, {"detail": "No User matches the given query."}),
        (
            "POST",
            ENDPOINTS,
            {"json": {"name": None, "host": 5, "protocol": "ssh", "maximum_connections": "1"}},
            400,
            {
                "auth_mode": ["This field is required."],
                "provider": ["This field is required."],
                "name": ["This field may not be null."],
                "host": ["Not a valid string."],
                "maximum_connections": ["A valid integer is required."],
                "code": "invalid",
            },
        ),
    ],
)
async def test_refusals(
    server: FakeAuthentik,
    method: str,
    path: str,
    options: dict[str, Any],
    status: int,
    body: object,
) -> None:
    """Each error response has the server's status and body."""
    assert await ask(server, method, path, **options) == (status, body)


async def test_a_body_other_than_json(server: FakeAuthentik) -> None:
    """A body that is not JSON returns the server's parse error."""
    status, body = await ask(server, "POST", ENDPOINTS, data=b"{")
    assert status == 400
    assert body["code"] == "parse_error"
    assert body["detail"].startswith("JSON parse error")


async def test_null_is_no_provider_and_no_endpoint(server: FakeAuthentik) -> None:
    """Null is invalid for provider and endpoint; all invalid fields are reported together."""
    pk = next(iter(server.state.connection_tokens))
    body = {"provider": None, "endpoint": None, "pk": "x"}
    status, refusal = await ask(server, "PATCH", f"{TOKENS}{pk}/", json=body)
    null = ["This field may not be null."]
    assert (status, refusal) == (
        400,
        {"pk": ["Must be a valid UUID."], "provider": null, "endpoint": null, "code": "invalid"},
    )


async def test_page_sizes(server: FakeAuthentik) -> None:
    """Pages have 20 rows by default, and 100 at most."""
    for number in range(150):
        server.state.add_connection_token(server.state.add_endpoint(f"more-{number}")["pk"])
    for query, rows in (
        ("", 20),
        ("?page_size=x", 20),
        ("?page_size=7", 7),
        ("?page_size=999", 100),
    ):
        _, page = await ask(server, "GET", TOKENS + query)
        assert len(page["results"]) == rows
    assert page["pagination"] == {
        "next": 2,
        "previous": 0,
        "count": 154,
        "current": 1,
        "total_pages": 2,
        "start_index": 1,
        "end_index": 100,
    }


async def test_ordering_by_an_unknown_field(server: FakeAuthentik) -> None:
    """Ordering by an unknown field is ignored."""
    _, usual = await ask(server, "GET", ENDPOINTS)
    assert await ask(server, "GET", ENDPOINTS + "?ordering=-nothing") == (200, usual)


async def test_the_same_calls_make_the_same_state() -> None:
    """Two servers that receive the same requests have the same state."""
    fields = {"name": "n", "provider": 1, "protocol": "ssh", "host": "h", "auth_mode": "prompt"}
    responses: list[tuple[object, object]] = []
    for _ in range(2):
        async with FakeAuthentik() as server:
            refusal = await ask(server, "POST", ENDPOINTS, json=fields)
            responses.append((refusal, server.state))
    assert responses[0] == responses[1]

"""The features of the base class, tested with a small simulated service."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, Unpack

import aiohttp
import pytest
from yarl import URL

from aconnect.testing import faults
from aconnect.testing.base import FakeServer, Options
from aconnect.testing.wire import Call, Response, Route, RouteTable, Row, ServiceFault, ok, text


@dataclass
class Shelf:
    """The state of the library: books by id."""

    books: dict[str, Row] = field(default_factory=lambda: {"a b": {"title": "Emma"}})


LibraryCall: TypeAlias = Call[Shelf]
ROUTES: RouteTable[LibraryCall] = RouteTable()


@ROUTES.route("GET", "/books/{id}/")
def get_book(call: LibraryCall) -> Response:
    if call.args["id"] not in call.state.books:
        raise ServiceFault(404, "No such book.", details={"id": call.args["id"]})
    return ok(call.state.books[call.args["id"]])


@ROUTES.route("GET", "/shelves/{name}/{path...}")
def get_path(call: LibraryCall) -> Response:
    return ok(call.args)


@ROUTES.route("POST", "/login", public=True)
async def login(call: LibraryCall) -> Response:
    call.set_cookie("session=1; Path=/")
    call.set_cookie("csrf=2; Path=/")
    return ok(await call.form())


@ROUTES.route("POST", "/books")
async def add_book(call: LibraryCall) -> Response:
    return ok(await call.fields("title"), 201)


class FakeLibrary(FakeServer[Shelf]):
    """A simulated service with books."""

    root = "/api/v3"
    routes = ROUTES

    def __init__(self, **options: Unpack[Options]) -> None:
        super().__init__(Shelf(), **options)

    def admit(self, call: LibraryCall, route: Route) -> None:
        if not route.public and call.request.headers.get("Authorization") != "Bearer token":
            raise ServiceFault(401, "Unknown token.")

    def error(self, fault: ServiceFault) -> Response:
        return ok({"detail": fault.message, "more": fault.details}, fault.status)

    def unknown(self, call: LibraryCall, allowed: list[str]) -> Response:
        return text(",".join(allowed), 405) if allowed else super().unknown(call, allowed)


@asynccontextmanager
async def library(**options: Unpack[Options]) -> AsyncGenerator[tuple[FakeLibrary, Any], None]:
    """Start a library, and yield it and an aiohttp session for it."""
    headers = {"Authorization": "Bearer token"}
    async with (
        FakeLibrary(**options) as server,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        yield server, session


@pytest.mark.parametrize("prefix", ["", "/far/away"])
async def test_root_and_prefix(prefix: str):
    """Operations are below prefix and root; records and scripts use paths relative to both."""
    async with library(prefix=prefix) as (server, session):
        server.script(faults.status(503), on="GET /books/*")
        responses = [await session.get(f"{server.url}/api/v3/books/a%20b/") for _ in range(2)]
        assert [response.status for response in responses] == [503, 200]
        assert await responses[1].json() == {"title": "Emma"}
        assert server.count("GET", "/books/a%20b/") == 2
        server.assert_script_used()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "body"),
    [
        ("GET", "/api/v3/books/b/", {}, 404, '{"detail":"No such book.","more":{"id":"b"}}'),
        ("GET", "/api/v3/books/b/", {"Authorization": ""}, 401, '{"detail":"Unknown token."'),
        ("GET", "/api/v3/books/b", {}, 404, "404 page not found"),
        ("PATCH", "/api/v3/books/b/", {}, 405, "GET"),
        ("GET", "/books/b/", {}, 404, "404 page not found"),
        ("POST", "/api/v3/books", {}, 400, '{"detail":"The request body is not valid JSON'),
    ],
)
async def test_format_of_errors(
    method: str, path: str, headers: dict[str, str], status: int, body: str
):
    """Errors of handlers, authentication, routing and parsing have the format of the service."""
    async with library() as (server, session):
        response = await session.request(method, server.url + path, headers=headers)
        assert response.status == status
        assert (await response.text()).startswith(body)


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("/shelves/a/b", {"name": "a", "path": "b"}),
        ("/shelves/a/b/c%20d/e%2Ff.txt", {"name": "a", "path": "b/c d/e/f.txt"}),
        ("/shelves/a/", None),
        ("/shelves/a", None),
    ],
)
async def test_route_with_a_multi_segment_parameter(path: str, args: dict[str, str] | None):
    """A final parameter with dots matches one or more segments, which are decoded."""
    async with library() as (server, session):
        response = await session.get(URL(f"{server.url}/api/v3{path}", encoded=True))
        assert response.status == (200 if args else 404)
        assert args is None or await response.json() == args


async def test_form_and_cookies():
    """A public operation can parse a form and set several cookies."""
    async with library() as (server, session):
        response = await session.post(
            f"{server.url}/api/v3/login", data={"id": "x&y", "secret": ""}, headers={}
        )
        assert await response.json() == {"id": "x&y", "secret": ""}
        assert {name: cookie.value for name, cookie in response.cookies.items()} == {
            "session": "1",
            "csrf": "2",
        }


async def test_redirect_includes_the_root():
    """The redirect fault redirects to the same path on another origin, including the root."""
    async with library() as (server, session):
        server.script(faults.redirect())
        await session.get(f"{server.url}/api/v3/books/x/?a=1")
        (record,) = server.elsewhere_requests
        assert (record.path, record.query_string) == ("/api/v3/books/x/", "a=1")

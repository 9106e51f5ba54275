"""Web services return the objects of the library, with the real frameworks."""

import json
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from flask import Flask, jsonify
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from aconnect import Client, Viewers
from aconnect.connect import ApiKey, ContentItem, ContentVisit, User
from aconnect.connect.viewers import USER_SESSION_TOKEN
from aconnect.errors import AconnectError, http_status
from aconnect.testing import FakeConnect, Seed


@pytest.fixture
async def client():
    async with FakeConnect(Seed(visits=20)) as server, Client(server.url, server.api_key) as client:
        yield client


async def get(app, path="/", headers=None):
    """Return the response of an ASGI application."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as caller:
        return await caller.get(path, headers=headers)


def connection():
    """Stand for the client, which each test has its own of."""
    raise NotImplementedError


Connect = Annotated[Client, Depends(connection)]
ROUTES = APIRouter()


@ROUTES.get("/plain")
async def plain(connect: Connect):
    return (await connect.content.find())[0]


@ROUTES.get("/annotated")
async def annotated(connect: Connect) -> ContentItem:
    return (await connect.content.find())[0]


@ROUTES.get("/short", response_model_exclude_none=True, response_model_exclude={"guid"})
async def short(connect: Connect) -> ContentItem:
    return (await connect.content.find())[0]


@ROUTES.get("/list")
async def plain_list(connect: Connect):
    return await connect.users.find()


@ROUTES.get("/annotated-list")
async def annotated_list(connect: Connect) -> list[User]:
    return await connect.users.find()


@ROUTES.get("/optional")
async def optional(connect: Connect) -> User | None:
    return await connect.users.find_by(username="nobody-of-this-name")


@ROUTES.get("/any")
async def anything(connect: Connect) -> dict[str, Any]:
    return {"items": await connect.content.find()}


@ROUTES.get("/rows")
async def rows(connect: Connect) -> list[ContentVisit]:
    return await connect.instrumentation.visits().take(3)


@ROUTES.get("/key")
async def key() -> ApiKey:
    return ApiKey(id="1", key="S3CRET")


@ROUTES.get("/plain-key")
async def plain_key():
    return {"keys": [ApiKey(id="1", key="S3CRET")]}


def service(client):
    """Return a service of FastAPI whose functions return what the library does."""
    app = FastAPI()
    app.include_router(ROUTES)
    app.dependency_overrides[connection] = lambda: client
    return app


async def test_fastapi(client):
    """A function of FastAPI can return our objects, annotated or not, alone or in a list."""
    app, (item, *_), users = service(client), await client.content.find(), await client.users.find()
    form = item.to_dict(json=True)
    assert form["created_time"].endswith("Z")
    visits = await client.instrumentation.visits().take(3)
    short = {name: value for name, value in form.items() if value is not None and name != "guid"}
    for path, expected in {
        "/plain": form,
        "/annotated": form,
        "/short": short,
        "/list": [user.to_dict(json=True) for user in users],
        "/annotated-list": [user.to_dict(json=True) for user in users],
        "/optional": None,
        "/rows": [visit.to_dict(json=True) for visit in visits],
    }.items():
        response = await get(app, path)
        assert (response.status_code, response.json()) == (200, expected)
    assert (await get(app, "/any")).json()["items"][0] == form


@pytest.mark.parametrize("path", ["/key", "/plain-key"])
async def test_fastapi_sends_no_secrets(client, path):
    """A credential that is returned by mistake does not leave the service."""
    response = await get(service(client), path)
    assert response.status_code == 200
    assert '"key":"***"' in response.text
    assert "S3CRET" not in response.text


async def test_the_documentation_of_a_fastapi_service(client):
    """The service's own documentation names the fields of what it returns."""
    schemas = (await get(service(client), "/openapi.json")).json()["components"]["schemas"]
    assert {"User", "ContentItem", "ContentVisit", "ApiKey"} <= set(schemas)
    fields = schemas["ContentItem"]["properties"]
    assert set(fields) == set(ContentItem.__struct_fields__)
    assert fields["created_time"]["anyOf"][0] == {"type": "string", "format": "date-time"}


async def test_starlette(client):
    """The JSON form is what Starlette's response takes."""

    async def users(_request):
        return JSONResponse([user.to_dict(json=True) for user in await client.users.find()])

    response = await get(Starlette(routes=[Route("/", users)]))
    assert response.json() == [user.to_dict(json=True) for user in await client.users.find()]


async def test_flask(client):
    """The JSON form is what Flask's `jsonify` takes, unchanged."""
    item = (await client.content.find())[0]
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: jsonify(item.to_dict(json=True)))
    assert app.test_client().get("/").get_json() == item.to_dict(json=True)


async def test_default_vars(client):
    """`json.dumps(..., default=vars)` takes our objects too."""
    items = await client.content.find()
    assert json.loads(json.dumps({"items": items}, default=vars)) == {
        "items": [item.to_dict(json=True) for item in items]
    }


async def test_a_dependency_lends_the_client(monkeypatch):
    """A function gets the viewer's client as an argument; its errors reach the error handler."""

    async def lend(request: Request):
        async with viewers.client(request.headers) as viewer:
            yield viewer

    async def one(guid: str, viewer: Annotated[Client, Depends(lend)]) -> ContentItem:
        return await viewer.content.get(guid)

    async def failed(_: Request, error: Exception):
        return JSONResponse(str(error), http_status(error))

    app = FastAPI(routes=[APIRoute("/{guid}", one)], exception_handlers={AconnectError: failed})
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        service = await client.content.create(name="service")
        integration = await client.oauth.integrations.find_by("connect")
        assert integration is not None
        await service.oauth.associations.add(integration)
        monkeypatch.setenv("CONNECT_CONTENT_GUID", service.guid)
        headers = {USER_SESSION_TOKEN: server.user_session_token("viewer", service.guid)}
        async with Viewers(client) as viewers:
            assert (await get(app, f"/{service.guid}", headers)).status_code == 403
            service = await service.update(access_type="logged_in")
            response = await get(app, f"/{service.guid}", headers)
            assert (response.status_code, response.json()["name"]) == (200, "service")
            assert (await get(app, f"/{service.guid}")).status_code == 401
            assert (await get(app, "/no-guid", headers)).status_code == 404

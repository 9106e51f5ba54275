"""Secrets that a caller passes are redacted in everything about a failed call."""

import logging
import pickle
import re
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.pretty import pretty_repr

from aconnect import Client, cloudendure, errors, looker
from aconnect._client.operation import REGISTRY
from aconnect.connect import OAuthGrantType
from aconnect.observing import log_events
from aconnect.testing import FakeConnect

SECRET = "S3CRET-OF-THE-CALLER"


async def echo(request: web.Request) -> web.Response:
    """Return a response that repeats the request, as debugging proxies do."""
    said = f"cannot use {await request.text()} with {dict(request.headers)}"
    if request.headers["X-Answer"] == "json":
        body = {"code": 3, "error": said, "payload": {said: [said]}}
        return web.json_response(body, status=400)
    return web.Response(text=said, status=int(request.headers["X-Answer"]))


CALLS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "password": lambda c: c.users.create(username="u", password=SECRET),
    "detailed": lambda c: c.with_response(c.users.create, username="u", password=SECRET),
    "variable": lambda c: c.content.handle("g").environment_variables.create("A", SECRET),
    "variables": lambda c: c.content.handle("g").environment_variables.replace({"A": SECRET}),
    "git": lambda c: c.content.handle("g").repository.put(repository=f"https://u:{SECRET}@x/y"),
    "git token": lambda c: c.content.handle("g").repository.update(
        repository=f"https://{SECRET}@x/y"
    ),
    "integration": lambda c: c.oauth.integrations.create(
        template="custom", config={"client_secret": SECRET}
    ),
    "another integration": lambda c: c.oauth.integrations.handle("g").update(
        config={"client_secret": SECRET}
    ),
    "token": lambda c: c.oauth.get_credentials(SECRET),
    "exchange": lambda c: c.with_response(
        c.oauth.exchange,
        grant_type=OAuthGrantType.TOKEN_EXCHANGE,
        subject_token_type="any",
        subject_token=SECRET,
    ),
    "bootstrap": lambda c: c.bootstrap.create(SECRET),
    "own key": lambda c: c.me(),
}


@pytest.mark.parametrize("response", ["json", "400", "200"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_secret_that_the_server_repeats(
    call: Callable[[Client], Awaitable[Any]], response: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret that the response repeats is in no message, log, event, traceback or payload."""
    caplog.set_level(logging.DEBUG)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    texts: list[str] = []
    async with TestServer(app) as server:
        key = SECRET if call is CALLS["own key"] else "any-key"
        url = str(server.make_url("/"))
        async with Client(url, key, headers={"X-Answer": response}) as client:
            client.subscribe(log_events())
            client.subscribe(lambda event: texts.append(repr(event)))
            error: BaseException | None = None
            try:
                # A change whose response is lost was made, so it may also return something.
                texts.append(repr(await call(client)))
            except errors.AconnectError as raised:
                error = raised
    assert error is not None or response == "200"
    texts.append(caplog.text)
    if error is not None:
        texts += [str(error), repr(error), *traceback.format_exception(error)]
    if isinstance(error, errors.ApiError):
        assert "***" in error.message
        texts += [repr(error.payload), repr(pickle.dumps(error))]
    assert not [text for text in texts if SECRET in text]


async def test_details_of_a_secret_are_not_printed() -> None:
    """The repr of an ApiResponse omits the body, which may contain a secret."""
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        me = await client.me()
        made = await client.with_response(me.keys.create, name="new")
        assert made.value.key is not None
        assert made.value.key.encode() in made.body
        for shown in (repr(made), str(made), pretty_repr(made)):
            assert made.value.key not in shown


# What is named like a secret, and is none.
HARMLESS = {
    "auth_mode",
    "connection_token_uuid",
    "credential_id",
    "credential_type",
    "key",
    "requested_token_type",
    "subject_token_type",
    "user_must_set_password",
    "variant_key",
}
NAMES = re.compile("secret|passw|token|key|credential|cookie|auth|private", re.IGNORECASE)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_secret_arguments_are_declared(name: str) -> None:
    """Every argument that is named like a secret is redacted in what the server repeats."""
    operation = REGISTRY[name]
    signature = operation.signature
    arguments = {*signature.arguments, *(signature.fields or ())} - HARMLESS
    values: dict[str, Any] = dict.fromkeys(filter(NAMES.search, arguments), SECRET)
    if values:
        path = {name: "x" for name, *_ in signature.path}
        needed = dict.fromkeys(signature.required - path.keys(), SECRET)
        request, _ = operation.bind(path, (), {**needed, **values})
        assert {secret.reveal() for secret in request.secrets} == {SECRET}


async def repeat(request: web.Request) -> web.Response:
    return web.Response(text=f"cannot use {await request.text()}", status=400)


async def test_passwords_of_other_services() -> None:
    """The passwords and secrets of sign-ins and invitations are redacted like the client's own."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", repeat)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        endure = cloudendure.Client(user_api_token="any-token", base_url=url)
        look = looker.Client(url, "id", "any-secret")
        async with endure, look:
            for call in (
                endure.users.set_password(token=SECRET, new_password=SECRET),
                endure.session.login(username="u", password=SECRET),
                endure.session.login(user_api_token=SECRET),
                look.session.login(client_id="id", client_secret=SECRET),
            ):
                with pytest.raises(errors.BadRequestError, match=r"\*\*\*") as caught:
                    await call
                assert SECRET not in repr(caught.value.__dict__)


async def test_cookies_of_a_session() -> None:
    """The cookies of a session are redacted in what the server repeats."""

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/login"):
            response = web.json_response({"id": "u"})
            response.set_cookie("session", SECRET)
            response.set_cookie("XSRF-TOKEN", f"{SECRET}-2")
            return response
        said = f"cannot use {dict(request.headers)}"
        return web.Response(text=said, status=400 if request.path.endswith("/me") else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        async with cloudendure.Client(user_api_token="any-token", base_url=url) as client:
            with pytest.raises(errors.BadRequestError, match=r"\*\*\*") as refused:
                await client.users.me()
            with pytest.raises(errors.DecodeError) as misread:
                await client.projects.storage("p")
    assert SECRET not in str(refused.value)
    assert SECRET not in str(misread.value)

"""Secrets that a caller passes are redacted in everything about a failed call."""

import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.pretty import pretty_repr

from aconnect import Client, errors
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

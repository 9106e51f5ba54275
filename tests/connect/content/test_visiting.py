"""Whether content responds, and its thumbnail: both are requested outside the API."""

import re

import pytest

from aconnect import Client, Limits, RetryPolicy, Timeout, errors
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect.testing import VirtualClock, faults
from tests.raw import RawServer

GUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
PNG = b"\x89PNG\r\n\x1a\n and so on"
PREFIXES = ["", "/rsc", "/a/connect"]


class Site:
    """A server with a response for each path; those without one are 404."""

    def __init__(self, responses, prefix=""):
        self.responses = responses
        self.prefix = prefix
        self.heads = []

    async def __call__(self, reader, writer):
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            self.heads.append(head)
            path = head.split(" ")[1]
            status, headers, body = self.responses.get(
                path.removeprefix(self.prefix).partition("?")[0], ("404 Not Found", "", b"no")
            )
            assert path.startswith(self.prefix)
            head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

    @property
    def paths(self):
        return [head.split(" ")[1] for head in self.heads]


def page(status="200 OK", headers="Content-Type: text/html\r\n", body=b"<html>hello</html>"):
    return status, headers, body


def to(address, code=302):
    return f"{code} Found", f"Location: {address}\r\n", b""


async def verified(responses, *arguments, prefix="", **options):
    """Verify content on a server with these responses; return the outcome, the site and client."""
    site = Site(responses, prefix)
    options = {"clock": VirtualClock(), "retry": RetryPolicy(attempts=3), **options}
    async with (
        RawServer(site) as server,
        Client(f"{server.url}{prefix}/__api__", "k", **options) as client,
    ):
        outcome: object
        try:
            outcome = await client.content.handle(GUID).verify(*arguments)
        except errors.AconnectError as error:
            outcome = error
        assert client.in_flight == 0
        return outcome, site, client


HOME, DRAFT = f"/content/{GUID}/", f"/content/{GUID}/_bundle7/"


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 403, 404, 499])
async def test_any_status_below_500_is_an_answer(status, prefix):
    """A status below 500 is returned, also of an API without a page at its root."""
    outcome, site, _ = await verified({HOME: page(f"{status} X", body=b"")}, prefix=prefix)
    assert outcome == status
    assert site.paths == [prefix + HOME]
    assert "\r\nauthorization: Key k\r\n" in site.heads[0].replace("Authorization", "authorization")


async def test_draft():
    """A draft is requested at its own address, by its id or as an object."""
    outcome, site, client = await verified({DRAFT: page("201 X")}, "7")
    assert (outcome, site.paths) == (201, [DRAFT])
    bundle = client.content.handle(GUID).bundles.handle("7")
    outcome, site, _ = await verified({DRAFT: page()}, bundle)
    assert (outcome, site.paths) == (200, [DRAFT])
    outcome, site, _ = await verified({}, "")
    assert isinstance(outcome, errors.InvalidArgumentError)
    assert not site.heads


async def test_an_ended_license_is_no_response_of_the_content():
    """A server whose license has ended does not serve content, so it is not verified."""
    outcome, *_ = await verified({HOME: page("402 Payment Required")})
    assert isinstance(outcome, errors.LicenseExpiredError)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_failing_content(status):
    """A status of 500 or more is retried by the policy, and does not slow other calls down."""
    events: list[object] = []
    site = Site({HOME: page(f"{status} X"), "/__api__/v1/user": page(headers="", body=b"{}")})
    limits = Limits(initial=8, maximum=8)
    async with (
        RawServer(site) as server,
        Client(
            server.url, "k", clock=VirtualClock(), retry=RetryPolicy(attempts=3), limits=limits
        ) as client,
    ):
        client.subscribe(events.append)
        for _ in range(6):
            with pytest.raises(errors.VerificationError) as caught:
                await client.content.handle(GUID).verify()
        assert not [e for e in events if type(e).__name__ == "CallsHeldBack"]
        assert (client.max_in_flight, client.refusals, client.seconds_held_back) == (8, 0, 0.0)
        await client.me()
    error = caught.value
    attempts = 1 if status == 599 else 3
    assert (error.status, error.url) == (status, server.url + HOME)
    assert len(error.attempts) == attempts - 1
    assert site.paths == [HOME] * 6 * attempts + ["/__api__/v1/user"]
    assert "log" in str(error)


@pytest.mark.parametrize("headers", ["", "Retry-After: 5\r\n", "Retry-After: 500\r\n"])
async def test_content_that_limits_its_callers(headers):
    """A 429 is retried, because it may be a proxy's; if it stays, it is a response of the content.

    It does not hold other calls back.
    """
    outcome, site, client = await verified({HOME: page("429 X", headers)})
    assert outcome == 429
    assert site.paths == [HOME] * (1 if "500" in headers else 3)
    assert (client.refusals, client.seconds_held_back) == (0, 0.0)


async def test_content_that_starts_slowly():
    """Content that fails at first is verified by the retry."""
    site = {HOME: page("503 X")}

    class Slow(Site):
        async def __call__(self, reader, writer):
            await super().__call__(reader, writer)

        @property
        def responses(self):
            return site if len(self.heads) < 3 else {HOME: page("200 OK")}

        @responses.setter
        def responses(self, _):
            pass

    slow = Slow({})
    async with RawServer(slow) as server, Client(server.url, "k", clock=VirtualClock()) as client:
        assert await client.content.handle(GUID).verify() == 200
        assert len(slow.heads) == 3


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "login",
    ["/__login__", "/__login__/", "/__login__?url=%2Fcontent", "/connect/", "/connect/#/login",
     "/connect/login"],
)  # fmt: skip
async def test_a_login_page_is_no_answer(login, prefix):
    """A redirect to the server's login or dashboard is an error, whatever its status."""
    for status in ("200 OK", "401 X", "404 X"):
        path = login.partition("?")[0].partition("#")[0]
        outcome, site, _ = await verified(
            {HOME: to(prefix + login), path: page(status)}, prefix=prefix
        )
        assert isinstance(outcome, errors.VerificationError)
        assert outcome.status == int(status[:3])
        assert "login" in str(outcome)
        assert len(site.paths) == 2


@pytest.mark.parametrize("path", ["/vanity/", "/connections/", "/content/x/__login__/", "relative"])
async def test_a_redirect_within_the_server_is_followed(path):
    """Content may redirect to another page of its own, or the server to its vanity URL."""
    final = HOME + path if path == "relative" else path
    outcome, _, _ = await verified({HOME: to(path), final: page("202 X")})
    assert outcome == 202


@pytest.mark.parametrize("bundle", [None, "7"])
async def test_a_redirect_to_another_origin_is_a_login(client, server, bundle):
    """A redirect to another origin is an error, and nothing is sent there."""
    server.script(faults.redirect(), on="GET /content/*")
    with pytest.raises(errors.VerificationError, match="another origin") as caught:
        await client.content.handle(GUID).verify(bundle)
    assert caught.value.status is None
    assert not server.elsewhere_requests


async def test_timeouts_pass_through():
    """Content that does not respond in time raises the timeout, which slows nothing down."""

    async def silent(reader, _):
        while True:
            await reader.readuntil(b"\r\n\r\n")

    async with RawServer(silent) as server:
        timeout, retry = Timeout(read=0.05), RetryPolicy(attempts=1)
        async with Client(
            server.url, "k", clock=SYSTEM_CLOCK, timeout=timeout, retry=retry
        ) as client:
            limit = client.max_in_flight
            for _ in range(6):
                with pytest.raises(errors.ReadTimeoutError):
                    await client.content.handle(GUID).verify()
            assert client.max_in_flight == limit
            assert client.seconds_held_back == 0.0


async def test_the_body_is_not_read():
    """Of content with a response of any length, only the head is read."""

    async def endless(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        while True:
            writer.write(b"data: x\n\n" * 10_000)
            await writer.drain()

    async with RawServer(endless) as server, Client(server.url, "k", max_body=1000) as client:
        assert await client.content.handle(GUID).verify() == 200


async def test_on_the_simulated_server(item, server, archive):
    """Content of the simulated server responds to its owner, public or not."""
    await (await item.deploy(await item.bundles.create(archive)))
    assert await item.verify() == 200
    server.outage = faults.status(500)
    with pytest.raises(errors.VerificationError):
        await item.verify()


THUMBNAIL = f"/content/{GUID}/__thumbnail__"


async def thumbnail(response, prefix=""):
    site = Site({THUMBNAIL: response} if response else {}, prefix)
    async with RawServer(site) as server, Client(f"{server.url}{prefix}/__api__", "k") as client:
        return await client.content.handle(GUID).thumbnail.get()


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_thumbnail(prefix):
    """The image is read outside the API; no content and 404 mean that there is none."""
    assert await thumbnail(page(headers="Content-Type: image/png\r\n", body=PNG), prefix) == PNG
    assert await thumbnail(("204 No Content", "", b""), prefix) is None
    assert await thumbnail(None, prefix) is None
    assert await thumbnail(("404 X", "Content-Type: text/html\r\n", b"<html>"), prefix) is None


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (page("403 X"), errors.PermissionDeniedError),
        (page("401 X"), errors.AuthenticationError),
        (page("200 OK"), errors.DecodeError),
        (to("/connect/"), errors.AconnectError),
        (to("https://sso.example.com/"), errors.RedirectRefusedError),
    ],
)
async def test_thumbnail_that_cannot_be_read(response, kind):
    """Everything else is an error that names the address; a login page is no image."""
    with pytest.raises(kind) as caught:
        await thumbnail(response, "/rsc")
    if not isinstance(caught.value, errors.NotFoundError | errors.EndpointMissingError):
        assert re.search(r"http://127.0.0.1:\d+/rsc/content/", str(caught.value))


async def test_thumbnail_in_a_stream(tmp_path):
    """A thumbnail can be streamed, or written to a file."""
    site = Site({THUMBNAIL: page(headers="Content-Type: image/png\r\n", body=PNG)})
    async with RawServer(site) as server, Client(server.url, "k") as client:
        get = client.content.handle(GUID).thumbnail.get
        async with client.stream(get) as stream:
            assert b"".join([chunk async for chunk in stream]) == PNG
            assert str(stream.url) == server.url + THUMBNAIL
        assert (await client.download(tmp_path / "x.png", get)).read_bytes() == PNG

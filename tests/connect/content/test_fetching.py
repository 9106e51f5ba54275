"""Requests to content itself: where they go, what they may carry, and what counts as an error."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from aconnect import Client, Limits, RetryPolicy, Timeout, errors
from aconnect._core.url import check_path, decoded_path
from aconnect.testing import VirtualClock, faults
from tests.connect.content.test_visiting import HOME, PREFIXES, Site, page, to
from tests.raw import RawServer

GUID = HOME.split("/")[2]
JSON = "Content-Type: application/json\r\n"


async def fetched(responses, *arguments, prefix="", key="k", **options):
    """Fetch from content on a server with these responses; return the outcome, site and client."""
    site = Site(responses, prefix)
    limits = Limits(initial=8, maximum=8)
    async with (
        RawServer(site) as server,
        Client(
            f"{server.url}{prefix}/__api__",
            key,
            clock=VirtualClock(),
            retry=RetryPolicy(attempts=3),
            limits=limits,
        ) as client,
    ):
        outcome: object
        try:
            outcome = await client.fetch(GUID, *arguments, **options)
        except errors.AconnectError as error:
            outcome = error
        assert client.in_flight == 0
        assert (client.max_in_flight, client.refusals, client.seconds_held_back) == (8, 0, 0.0)
        return outcome, site


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "params", "target"),
    [
        ("", None, ""),
        ("/", None, ""),
        ("predict", None, "predict"),
        ("/predict/", {"n": 3, "of": ["a", "b"], "no": None}, "predict/?n=3&of=a%2Cb"),
        ("a%2Fb/c%20d?x=1", {"y": True}, "a%2Fb/c%20d?x=1&y=true"),
        ("v1:predict", None, "v1:predict"),
    ],
)
async def test_where_it_goes(path, params, target, prefix):
    """The path is below the content's address, below any prefix, and is sent unchanged."""
    site = {f"{HOME}{target.partition('?')[0]}": page(headers=JSON, body=b'{"a": 1}')}
    outcome, site = await fetched(site, path, params=params, prefix=prefix)
    assert outcome.json() == {"a": 1}
    assert site.paths == [f"{prefix}{HOME}{target}"]
    assert "authorization: key k\r\n" in site.heads[0].lower()


async def test_an_item_or_its_guid():
    """The content is given as an item or as its guid, in any spelling."""
    site = Site({HOME: page()})
    async with RawServer(site) as server, Client(server.url, "k") as client:
        for item in (client.content.handle(GUID), GUID.upper(), GUID.replace("-", "")):
            assert (await client.fetch(item)).status == 200
        assert site.paths == [HOME] * 3
        with pytest.raises(errors.InvalidArgumentError):
            await client.fetch("")


@pytest.mark.parametrize(
    "path",
    [
        "..", "../x", "a/../../x", "%2e%2e/x", "a/%2E%2e/x", ".%2e/", "%252e%252e/x", "..%2fx",
        "..\\x", "%5c..%5Cx", "a/..;/x", "https://example.com/", "/https://example.com/",
        "https:%2f%2fexample.com", "a b", "a#b", "\u00fc", "a\r\nX: y",
    ],
)  # fmt: skip
async def test_paths_that_leave_the_content(path):
    """A path that could lead anywhere else is refused before a request is made."""
    outcome, site = await fetched({}, path)
    assert isinstance(outcome, errors.InvalidArgumentError)
    assert site.heads == []


@given(st.lists(st.sampled_from(["..", "%2e", ".", "%252E", "/", "%2f", "\\", "%5C", "a", ";"])))
def test_no_accepted_path_leads_up(parts):
    """However a path is encoded, one that is accepted has no segment that leads up."""
    path = "".join(parts)
    try:
        target = check_path(path)
    except errors.InvalidArgumentError:
        return
    assert ".." not in decoded_path(target.partition("?")[0]).split("/")


@given(st.text(max_size=20))
def test_a_quoted_segment_is_a_path(text):
    """Any text can be inserted into a path if it is percent-encoded, except for the way up."""
    path = f"/users/{quote(text, safe='')}/x"
    leads_up = "/../" in f"/{decoded_path(path).replace(';', '/')}/"
    if not leads_up:
        assert check_path(path) == path


@pytest.mark.parametrize("name", ["Authorization", "X-RSC-AUTHORIZATION", "host", "Content-Length"])
async def test_headers_of_the_client(name):
    """The headers with which the client signs in, and those of the connection, cannot be set."""
    outcome, site = await fetched({}, headers={name: "x"})
    assert isinstance(outcome, errors.InvalidArgumentError)
    assert name.lower() in str(outcome)
    assert site.heads == []


async def test_headers_and_body():
    """Other headers are sent once, also those that the client has a default for."""
    site = {HOME: page(headers=JSON, body=b"[]")}
    _, site = await fetched(
        site, method="put", json=[1], headers={"ACCEPT": "text/csv", "X-A": "b"}
    )
    head = site.heads[0].lower()
    assert head.startswith("put /content/")
    assert head.count("accept: ") == head.count("content-type: ") == 1
    assert "accept: text/csv" in head
    assert "content-type: application/json" in head
    assert "x-a: b" in head
    outcome, site = await fetched({}, headers={"X": "a\r\nb: c"})
    assert isinstance(outcome, errors.InvalidArgumentError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (402, errors.LicenseExpiredError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (422, errors.UnprocessableError),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (502, errors.ServerError),
        (503, errors.ServerError),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_errors_of_content(status, kind, method):
    """They are those of the status, with the text of the content, and slow no other call down."""
    # A number that is a code of the API means nothing here: 100 would be transient.
    body = json.dumps({"code": 100, "detail": "no k-secret-key, no my-token"}).encode()
    outcome, site = await fetched(
        {f"{HOME}x": page(f"{status} X", JSON, body)},
        "x",
        method=method,
        key="k-secret-key",
        headers={"X-Token": "my-token"},
    )
    assert type(outcome) is kind
    assert (outcome.status, outcome.code, outcome.from_content) == (status, None, True)
    assert "no ***, no ***" in str(outcome)
    assert "GUID" not in outcome.hint
    assert ("may view" in outcome.hint) == (status in {401, 403})
    is_repeated = status in {429, 500, 502, 503} and method == "GET"
    assert len(site.heads) == (3 if is_repeated else 1)


async def test_a_missing_page_of_content():
    """A 404 of content is no hint that the server is too old."""
    outcome, _ = await fetched({HOME: page("404 X", "", b"404 page not found")})
    assert type(outcome) is errors.NotFoundError


async def test_a_page_as_the_error_of_content():
    """Content responds with pages of its own, which are no sign of a proxy or a login."""
    headers = "Content-Type: text/html\r\n"
    outcome, _ = await fetched({HOME: page("500 X", headers, b"<html>Traceback</html>")})
    assert "an HTML page" in str(outcome)
    assert "proxy" not in str(outcome)


@pytest.mark.parametrize(("method", "idempotent"), [("POST", True), ("GET", False)])
async def test_what_may_be_repeated_can_be_said(method, idempotent):
    """`idempotent` decides whether a request is repeated after the content has failed."""
    for status in (500, 503):
        _, site = await fetched({HOME: page(f"{status} X")}, method=method, idempotent=idempotent)
        assert len(site.heads) == (3 if idempotent else 1)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("login", ["/__login__?url=x", "/connect/#/login"])
async def test_a_login_page_is_no_response(login, prefix):
    """A redirect to the login or the dashboard is an error that says what to check."""
    path = login.partition("?")[0].partition("#")[0]
    outcome, site = await fetched({HOME: to(prefix + login), path: page()}, prefix=prefix)
    assert isinstance(outcome, errors.VerificationError)
    assert "may view the content" in str(outcome)
    outcome, site = await fetched(
        {HOME: to(prefix + login), path: page()}, prefix=prefix, method="POST"
    )
    assert isinstance(outcome, errors.RedirectRefusedError)
    assert "may view the content" in str(outcome)
    assert len(site.heads) == 1


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("code", [302, 307])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/__api__/v1/user", "/%5f_api__/v1/user", "/x/../__api__/v1/user", "/.//__api__/v1/user"],
)
async def test_content_cannot_use_the_key_on_the_api(path, method, code, prefix):
    """A redirect of content into the API is not followed, however it is written."""
    outcome, site = await fetched({HOME: to(prefix + path, code)}, method=method, prefix=prefix)
    assert isinstance(outcome, errors.RedirectRefusedError)
    assert site.paths == [prefix + HOME]


async def test_a_redirect_within_the_server():
    """Another page of the server, such as that of a vanity URL, is followed."""
    outcome, _ = await fetched({HOME: to("/vanity/"), "/vanity/": page("201 X")})
    assert outcome.status == 201


async def test_a_redirect_to_another_origin(client, server):
    """Nothing is sent to another origin."""
    server.script(faults.redirect(), on="GET /content/*")
    with pytest.raises(errors.RedirectRefusedError, match="another origin"):
        await client.fetch(GUID)
    assert not server.elsewhere_requests


async def test_a_lost_response():
    """A request that may have been carried out is not repeated, unless its method allows it."""

    async def silent(reader, _):
        while await reader.readuntil(b"\r\n\r\n"):
            count.append(1)

    for method, most in (("POST", 1), ("GET", 2)):
        count: list[int] = []
        async with RawServer(silent) as server:
            retry = RetryPolicy(attempts=2, base=0)
            async with Client(server.url, "k", timeout=Timeout(read=0.05), retry=retry) as client:
                limit = client.max_in_flight
                with pytest.raises(errors.ReadTimeoutError):
                    await client.fetch(GUID, method=method)
                assert client.max_in_flight == limit
        assert len(count) == most


async def test_on_the_simulated_server(client, item, server, archive):
    """Content of the simulated server responds to those who may view it."""
    await (await item.deploy(await item.bundles.create(archive)))
    got = await client.with_response(client.fetch, item)
    assert (got.status, b"simulated" in got.body) == (200, True)
    async with Client(server.url, server.api_key_for("viewer")) as viewer:
        with pytest.raises(errors.PermissionDeniedError, match="may view") as caught:
            await viewer.fetch(item)
    assert caught.value.from_content


@pytest.mark.parametrize("prefix", ["", "/rsc"])
async def test_ping(prefix):
    """A server that responds with its own format is there; an ended license is an error."""
    for response, kind in {
        page(headers=JSON, body=b"{}"): None,
        page("204 X", "", b""): None,
        page("402 X", JSON, b"{}"): errors.LicenseExpiredError,
        page("402 X"): errors.LicenseExpiredError,
        page("500 X"): errors.ServerError,
        page("404 X"): errors.NotFoundError,
        page(): errors.DecodeError,
        to("https://sso.example.com/"): errors.RedirectRefusedError,
    }.items():
        site = Site({"/__ping__": response}, prefix)
        async with (
            RawServer(site) as server,
            Client(f"{server.url}{prefix}", "k", clock=VirtualClock()) as client,
        ):
            if kind is None:
                await client.ping()
            else:
                with pytest.raises(kind):
                    await client.ping()
        assert set(site.paths) == {f"{prefix}/__ping__"}


async def test_an_ended_license(client, server):
    """The simulated server can be one whose license has ended."""
    await client.ping()
    server.state.license_expired = True
    with pytest.raises(errors.LicenseExpiredError, match="administrator renews"):
        await client.ping()
    server.script(faults.status(402), on="GET /v1/user")
    with pytest.raises(errors.LicenseExpiredError):
        await client.me()
    # A valid license that does not include something.
    server.script(faults.error(402, 221), on="GET /v1/oauth/integrations")
    with pytest.raises(errors.ApiError) as caught:
        await client.oauth.integrations.find()
    assert type(caught.value) is errors.ApiError

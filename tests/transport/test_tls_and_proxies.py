"""TLS is verified unless switched off by name; proxies forward calls and secrets stay secret."""

import asyncio
import base64
import os
import ssl
import sys
import warnings

import pytest
import trustme
from aiohttp import web

from aconnect import Client, RetryPolicy, errors
from aconnect._transport.options import Options

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch):
    """The proxy settings of this machine are not those of the tests."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


async def answering(reader, writer):
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"username":"admin"}')


@pytest.fixture
async def secure(authority, raw_server):
    """A TLS server with a certificate of a private authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return await raw_server(answering, ssl=context)


async def test_private_authority(connect, secure, authority):
    """An SSL context with the authority makes the call succeed."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = await connect(secure.url, ssl=context)
    assert (await client.me()).username == "admin"


async def test_unknown_authority(connect, secure, clock):
    """Without it, nothing is sent or retried, and the message says how to pass one."""
    client = await connect(secure.url)
    with pytest.raises(
        errors.ConnectionFailedError, match=r"could not establish a secure connection.*ssl="
    ) as caught:
        await client.me()
    assert "certificate" in str(caught.value)
    assert not clock.slept


async def test_wrong_name(connect, raw_server, authority):
    """A certificate for another host is refused as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example.com").configure_cert(context)
    server = await raw_server(answering, ssl=context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    client = await connect(server.url, ssl=trusting, retry=ONCE)
    with pytest.raises(
        errors.ConnectionFailedError, match="could not establish a secure connection"
    ):
        await client.me()


async def test_insecure_by_name(connect, secure):
    """The certificate is not verified only with `insecure_tls=True`."""
    client = await connect(secure.url, insecure_tls=True)
    assert (await client.me()).username == "admin"


def test_insecure_and_a_context():
    """Passing both is refused."""
    with pytest.raises(errors.InvalidArgumentError, match="insecure_tls"):
        Client("https://h", "k", ssl=ssl.create_default_context(), insecure_tls=True)


async def test_tls_to_a_plain_port(connect, server):
    """TLS to a port that speaks plain HTTP fails as a TLS handshake."""
    client = await connect(server.url.replace("http:", "https:"), retry=ONCE)
    with pytest.raises(
        errors.ConnectionFailedError, match="could not establish a secure connection"
    ):
        await client.me()


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://connect.example.com", True),
        ("http://10.0.0.1:3939", True),
        ("http://127.example.com", True),
        ("https://connect.example.com", False),
        ("http://localhost:3939", False),
        ("http://127.0.0.1", False),
        ("http://[::1]", False),
    ],
)
def test_key_in_the_clear(url, warned):
    """Sending a key to another machine over plain HTTP causes a warning at the caller's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Client(url, "s3cret")
    assert bool(caught) is warned
    if warned:
        assert "use https" in str(caught[0].message)
        assert "s3cret" not in str(caught[0].message)
        assert caught[0].filename == __file__


@pytest.fixture
async def proxy(stack):
    """A plain HTTP proxy that responds itself or refuses, and records the requests."""

    class Proxy:
        status = 200
        port = 0
        requests: list[web.BaseRequest]

    seen = Proxy()
    seen.requests = []

    async def handler(request):
        seen.requests.append(request)
        await request.read()
        return web.Response(status=seen.status, body=b'{"username":"proxied"}')

    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    seen.port = runner.addresses[0][1]
    return seen


async def test_proxy(connect, proxy):
    """Calls go through the proxy, with its authorization and the server's."""
    client = await connect(
        "http://localhost:1",
        proxy=f"http://127.0.0.1:{proxy.port}",
        proxy_authorization="Basic c2VjcmV0",
    )
    assert (await client.me()).username == "proxied"
    (request,) = proxy.requests
    assert request.headers["Proxy-Authorization"] == "Basic c2VjcmV0"
    assert request.headers["Authorization"].startswith("Key ")
    assert str(request.url) == "http://localhost:1/__api__/v1/user"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("own", [None, "Basic c2VjcmV0"])
async def test_no_key_for_the_proxy(connect, raw_server, scheme, own):
    """The proxy never receives the key as its own credentials, and only the target of a tunnel.

    Over plain http it sees the whole request; to an https server it sees the CONNECT only.
    """

    async def handler(reader, writer):
        await raw.head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    raw = await raw_server(handler)
    client = await connect(
        f"{scheme}://localhost:1",
        api_key="s3cret-key",
        snowflake_token="s3cret-token",
        headers={"X-Own": "s3cret-header"},
        proxy=raw.url,
        proxy_authorization=own,
        retry=ONCE,
    )
    with pytest.raises(errors.AconnectError):
        await client.me()
    (head,) = raw.heads
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    assert fields.get("Proxy-Authorization") == own
    if scheme == "https":
        assert head.startswith(b"CONNECT localhost:1 ")
        assert b"s3cret" not in head


async def test_proxy_from_the_environment(connect, proxy, monkeypatch):
    """The proxy of the environment is used only on request."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    assert (await (await connect()).me()).username == "admin"
    assert not proxy.requests
    assert (await (await connect(trust_env=True)).me()).username == "proxied"


async def test_netrc_does_not_replace_the_key(connect, server, monkeypatch, tmp_path):
    """Credentials of `.netrc` never replace the key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password pass\n")
    monkeypatch.setenv("NETRC", str(netrc))
    await (await connect(trust_env=True)).me()
    assert server.requests[0].headers.getall("Authorization") == [f"Key {server.api_key}"]


async def test_refusing_proxy(connect, proxy):
    """A refused tunnel is reported as such and not tried again: some proxies lock accounts."""
    proxy.status = 407
    client = await connect(
        "https://localhost:1", proxy=f"http://user:s3cret@127.0.0.1:{proxy.port}"
    )
    with pytest.raises(errors.ProxyRefusedError, match=r"(?i)proxy.*407|407.*proxy") as caught:
        await client.me()
    assert len(proxy.requests) == 1
    assert "s3cret" not in str(caught.value)
    assert base64.b64encode(b"user:s3cret").decode() not in str(caught.value)


async def test_unreachable_proxy(connect):
    """An unreachable proxy is named in the error."""
    client = await connect("http://localhost:1", proxy="http://user:s3cret@127.0.0.1:1", retry=ONCE)
    with pytest.raises(errors.ConnectionFailedError, match="proxy") as caught:
        await client.me()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_unreachable_proxy_is_blamed(connect, scheme):
    """It is the address of the proxy that is to be checked, not that of the server."""
    client = await connect(f"{scheme}://localhost:2", proxy="127.0.0.1:1", retry=ONCE)
    with pytest.raises(
        errors.ConnectionFailedError,
        match=r"could not connect to the proxy http://127\.0\.0\.1:1 .*address \(proxy=\)",
    ):
        await client.me()


async def test_proxy_without_tls(connect, proxy):
    """The advice for an https proxy that does not speak TLS is to write http."""
    client = await connect(
        "http://localhost:2", proxy=f"https://127.0.0.1:{proxy.port}", retry=ONCE
    )
    with pytest.raises(errors.ConnectionFailedError, match=r"to the proxy https.*http://host:port"):
        await client.me()


async def test_proxy_that_requires_credentials(connect, proxy):
    """Without a tunnel the proxy responds itself; the error says that it is the proxy."""
    proxy.status = 407
    client = await connect("http://localhost:1", proxy=f"127.0.0.1:{proxy.port}")
    with pytest.raises(errors.ApiError, match=r"407.*the proxy requires a user name and password"):
        await client.me()
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_credentials_in_the_address(connect, raw_server, scheme):
    """User name and password of the proxy's address are decoded and sent to the proxy only."""

    async def handler(reader, writer):
        await raw.head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    raw = await raw_server(handler)
    proxy = raw.url.replace("://", "://a%40b:p\u00e4ss%2F@")
    client = await connect(f"{scheme}://localhost:1", proxy=proxy, retry=ONCE)
    with pytest.raises(errors.AconnectError):
        await client.me()
    (head,) = raw.heads
    sent = base64.b64encode("a@b:p\u00e4ss/".encode()).decode()
    assert f"Proxy-Authorization: Basic {sent}\r\n" in head.decode()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{}", "http://127.0.0.1:{}/", " HTTP://127.0.0.1:{} "]
)
async def test_proxy_without_a_scheme(connect, proxy, address):
    """An address without a scheme is that of an HTTP proxy."""
    client = await connect("http://localhost:1", proxy=address.format(proxy.port))
    assert (await client.me()).username == "proxied"


@pytest.mark.parametrize(
    "proxy",
    [
        *("socks5://user:s3cret@proxy:1080", "ftp://p", "", "http://", "http://:3128", ":3128"),
        *(
            "http://user:s3cret",
            "user:s3cret@",
            "http://pro\nxy",
            "http://pro xy",
            "http://p:99999",
        ),
    ],
)
def test_proxy_checked(proxy, monkeypatch):
    """A proxy that cannot be used is refused by the name of its setting, without a password."""
    with pytest.raises(
        errors.InvalidArgumentError, match=r"^proxy= is not the address of"
    ) as caught:
        Client("http://localhost", "k", proxy=proxy)
    assert "s3cret" not in str(caught.value)
    if proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with pytest.raises(
            errors.InvalidArgumentError, match=r"^HTTP_PROXY is not the add"
        ) as caught:
            Client("http://localhost", "k", trust_env=True)
        assert "s3cret" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_proxy_password_not_shown():
    """The representation of the options of a client contains no password."""
    for proxy in ("http://user:s3c/r//et@proxy:3128", "user:s3c/r//et@proxy"):
        shown = repr(Options(proxy=proxy))
        assert "s3c" not in shown
        assert "et@" not in shown
        assert "***@proxy" in shown


async def test_exceptions_of_the_environment(connect, proxy, monkeypatch):
    """`NO_PROXY` is followed, with blocks of addresses and ports."""
    monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "example.com, 127.0.0.0/8")
    assert (await (await connect(trust_env=True)).me()).username == "admin"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1:1")
    assert (await (await connect(trust_env=True)).me()).username == "proxied"


async def test_argument_before_the_environment(connect, proxy, monkeypatch):
    """The proxy that is passed precedes the environment, and its exceptions."""
    monkeypatch.setenv("HTTP_PROXY", "socks5://elsewhere")
    monkeypatch.setenv("NO_PROXY", "*")
    client = await connect(trust_env=True, proxy=f"127.0.0.1:{proxy.port}")
    assert (await client.me()).username == "proxied"


async def test_proxy_of_the_system(connect, proxy, monkeypatch):
    """Where the system has settings of its own, they count if the environment has none."""
    system = {"http": f"http://127.0.0.1:{proxy.port}"}
    monkeypatch.setattr("aconnect._transport.session.getproxies", system.copy)
    assert (await (await connect(trust_env=True)).me()).username == "proxied"
    monkeypatch.setattr("aconnect._transport.session.proxy_bypass", lambda _: True)
    assert (await (await connect(trust_env=True)).me()).username == "admin"


async def test_authority_from_the_environment(secure, authority, tmp_path):
    """OpenSSL's variable makes a private authority trusted, without an argument."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    program = (
        "import asyncio, aconnect\n"
        "async def main():\n"
        f"    async with aconnect.Client({secure.url!r}, 'my-key') as client:\n"
        "        print((await client.me()).username)\n"
        "asyncio.run(main())\n"
    )
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, "SSL_CERT_FILE": str(path)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await ran.communicate()
    assert (ran.returncode, out.split()) == (0, [b"admin"])

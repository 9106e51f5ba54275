"""The environment names a proxy for an address as it does for curl, pip and git."""

import base64
import contextlib
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, strategies as st

from aconnect._core.proxies import environment_proxy, is_excepted, parse_proxy
from aconnect.errors import InvalidArgumentError

HTTP = "http://connect.example.com"
HTTPS = "https://connect.example.com"
LABELS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ANY_TEXT = st.text(max_size=30) | st.text("\ud800\udcff:@/ax", max_size=12)


@pytest.mark.parametrize(
    ("origin", "environment", "expected"),
    [
        (HTTPS, {}, None),
        (HTTPS, {"HTTPS_PROXY": "http://p:3128"}, ("http://p:3128", "HTTPS_PROXY")),
        (HTTPS, {"https_proxy": "http://p:3128"}, ("http://p:3128", "https_proxy")),
        (HTTPS, {"HTTPS_PROXY": "p:3128"}, ("http://p:3128", "HTTPS_PROXY")),
        (HTTPS, {"HTTPS_PROXY": "https://p"}, ("https://p", "HTTPS_PROXY")),
        (HTTPS, {"HTTPS_PROXY": " http://p:3128/ "}, ("http://p:3128", "HTTPS_PROXY")),
        (HTTPS, {"HTTPS_PROXY": "[::1]:3128"}, ("http://[::1]:3128", "HTTPS_PROXY")),
        # The lower case precedes, even to switch the proxy off.
        (HTTPS, {"https_proxy": "low", "HTTPS_PROXY": "up"}, ("http://low", "https_proxy")),
        (HTTPS, {"https_proxy": "", "HTTPS_PROXY": "up"}, None),
        # One for the scheme precedes one for all.
        (HTTPS, {"https_proxy": "one", "all_proxy": "all"}, ("http://one", "https_proxy")),
        (HTTPS, {"http_proxy": "one", "ALL_PROXY": "all"}, ("http://all", "ALL_PROXY")),
        (HTTPS, {"https_proxy": "", "all_proxy": "all"}, ("http://all", "all_proxy")),
        (HTTPS, {"http_proxy": "one"}, None),
        (HTTP, {"https_proxy": "one"}, None),
        (HTTP, {"HTTP_PROXY": "one"}, ("http://one", "HTTP_PROXY")),
        # In a CGI program this is a header of its client.
        (HTTP, {"HTTP_PROXY": "evil", "REQUEST_METHOD": "GET"}, None),
        (HTTP, {"http_proxy": "one", "REQUEST_METHOD": "GET"}, ("http://one", "http_proxy")),
        (HTTPS, {"HTTPS_PROXY": "one", "REQUEST_METHOD": "GET"}, ("http://one", "HTTPS_PROXY")),
        (HTTPS, {"https_proxy": "one", "no_proxy": "example.com"}, None),
        (HTTPS, {"https_proxy": "one", "NO_PROXY": "example.com"}, None),
        (HTTPS, {"all_proxy": "socks5://p", "NO_PROXY": "example.com"}, None),
        (
            HTTPS,
            {"https_proxy": "one", "no_proxy": "other", "NO_PROXY": "example.com"},
            ("http://one", "https_proxy"),
        ),
    ],
)
def test_environment(origin, environment, expected):
    """The variable for the scheme counts, then the one for all, in lower case before upper case."""
    proxy = environment_proxy(origin, environment)
    assert (proxy and (proxy.url, proxy.source)) == expected


@pytest.mark.parametrize(
    ("exceptions", "origin", "expected"),
    [
        ("", HTTPS, False),
        (" , ,", HTTPS, False),
        ("*", HTTPS, True),
        ("*", "https://10.1.2.3", True),
        ("connect.example.com", HTTPS, True),
        ("CONNECT.Example.COM", HTTPS, True),
        ("connect.example.com.", HTTPS, True),
        ("connect.example.com", "https://connect.example.com.", True),
        ("example.com", HTTPS, True),
        (".example.com", HTTPS, True),
        ("*.example.com", HTTPS, True),
        (".example.com", "https://example.com", True),
        ("ample.com", HTTPS, False),
        ("connect", HTTPS, False),
        ("a.connect.example.com", HTTPS, False),
        ("localhost,127.0.0.1, example.com", HTTPS, True),
        ("localhost 127.0.0.1 example.com", HTTPS, True),
        ("example.com:443", HTTPS, True),
        ("example.com:443", HTTP, False),
        ("example.com:80", HTTP, True),
        ("example.com:3939", f"{HTTP}:3939", True),
        (".example.com:3939", f"{HTTP}:3940", False),
        ("*:3939", f"{HTTP}:3939", True),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.1.2.3:3939", "http://10.1.2.3:3939", True),
        ("10.1.2.3:3939", "http://10.1.2.3:3940", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.1.2.3/8", "https://10.255.0.1", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("2.3", "https://10.1.2.3", False),
        ("::1", "https://[::1]", True),
        ("[::1]", "https://[::1]:3939", True),
        ("[::1]:3939", "https://[::1]:3939", True),
        ("[::1]:3939", "https://[::1]:3940", False),
        ("0:0:0:0:0:0:0:1", "https://[::1]", True),
        ("fd00::/8", "https://[fd12::1]", True),
        ("fd00::/8", "https://[fe12::1]", False),
        ("fd00::/8", "https://10.1.2.3", False),
        ("10.0.0.0/8", HTTPS, False),
        ("10.0.0.0/99", "https://10.1.2.3", False),
        (f"example.com:{'9' * 5000}", HTTPS, False),
    ],
)
def test_exceptions(exceptions, origin, expected):
    """Names, with what is below them, addresses, blocks and ports except hosts from the proxy."""
    assert is_excepted(origin, exceptions) is expected


@given(NAMES, NAMES)
def test_names_except_themselves_and_below(name, below):
    """A name excepts itself and the hosts below it, whichever way it begins, and no other one."""
    for spelling in (name, f".{name}", f"*.{name}", name.upper(), f"x,{name}"):
        assert is_excepted(f"https://{name}", spelling)
        assert is_excepted(f"https://{below}.{name}", spelling)
        assert not is_excepted(f"https://{below}{name}.invalid", f"x{spelling}")


@given(st.ip_addresses(), st.data())
def test_blocks_except_their_addresses(address, data):
    """A block excepts exactly the addresses in it."""
    host = f"[{address}]" if address.version == 6 else str(address)
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    block = ip_network(f"{address}/{prefix}", strict=False)
    assert is_excepted(f"https://{host}", str(block))
    other = data.draw(st.ip_addresses(v=address.version))
    shown = f"[{other}]" if other.version == 6 else str(other)
    assert is_excepted(f"https://{shown}", str(block)) == (ip_address(str(other)) in block)


@given(ANY_TEXT, ANY_TEXT)
def test_any_list_can_be_read(exceptions, address):
    """No text in the environment is more than an exception or a proxy that cannot be used."""
    is_excepted(HTTPS, exceptions)
    with contextlib.suppress(InvalidArgumentError):
        environment_proxy(HTTPS, {"ALL_PROXY": address, "NO_PROXY": exceptions})


@given(TEXT.filter(str.isprintable), TEXT.filter(str.isprintable))
def test_credentials(user, password):
    """Credentials leave the address and become a header, whatever characters they contain."""
    user = user.replace(":", "")
    quoted = "".join(f"%{byte:02X}" for byte in password.encode())
    proxy = parse_proxy(f"http://{user.replace('%', '%25')}:{quoted}@p:3128", "X")
    assert proxy.url == "http://p:3128"
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()
    assert proxy.authorization is not None
    assert proxy.authorization.reveal() == f"Basic {sent}"
    assert sent not in repr(proxy)

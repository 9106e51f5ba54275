"""The API root is derived from any form of the server's address."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given, strategies as st

from aconnect import Client
from aconnect.connect._base.address import api_root, server_root
from aconnect.errors import InvalidArgumentError

SEGMENTS = st.from_regex(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,8}", fullmatch=True)
PREFIXES = st.lists(SEGMENTS.filter(lambda s: s not in {"__api__", "connect"}), max_size=3)
HOSTS = st.sampled_from(
    ["https://connect.example.com", "http://localhost:3939", "https://[::1]:8443"]
)
TAILS = st.sampled_from(
    [
        "",
        "/",
        "//",
        "/__api__",
        "/__api__/",
        "/__api__/v1/content",
        "/connect",
        "/connect/",
        "/connect/#/apps/1/access?x=y#z",
        "/connect/#",
        "/connect/apps/7d59",
        "/?x=1",
        "/#/connect",
    ]
)


@given(HOSTS, PREFIXES, TAILS, st.sampled_from(["{}", " {}\n", "\t{}"]))
def test_all_spellings(host, prefix, tail, around):
    """Every form of an address, with any path prefix, has the same API root."""
    root = host + "".join(f"/{segment}" for segment in prefix)
    address = around.format(root + tail)
    assert server_root(address) == root
    assert api_root(address) == f"{root}/__api__"
    assert server_root(api_root(address)) == root


@pytest.mark.parametrize(
    ("address", "root"),
    [
        ("https://host/connect/__api__", "https://host/connect"),
        ("https://host/connect/__api__/", "https://host/connect"),
        ("https://host/connect/connect/", "https://host/connect"),
        ("https://host/connect/rsc/connect/#/apps", "https://host/connect/rsc"),
        ("https://host/connections", "https://host/connections"),
        ("https://host/x__api__", "https://host/x__api__"),
    ],
)
def test_prefix_called_connect(address, root):
    """The path prefix of a server can itself be called `connect`."""
    assert server_root(address) == root


@pytest.mark.parametrize("address", ["https://host/a b", "https://host/ä/", "https://höst/rsc"])
def test_address_is_ready_to_send(address):
    """The API root has neither spaces nor non-ASCII characters."""
    root = api_root(address)
    assert root.isascii()
    assert " " not in urlsplit(root).path


@pytest.mark.parametrize(
    "address", ["https://host/a\x00b", "https://host/rsc\x7f", "https://h/\x01"]
)
def test_control_characters_refused(address):
    """Control characters in an address are refused."""
    with pytest.raises(InvalidArgumentError, match="address"):
        api_root(address)


@pytest.mark.parametrize("address", ["", "  ", "\n"])
def test_no_address(address, monkeypatch):
    """Without an address, the error says how to pass one."""
    with pytest.raises(InvalidArgumentError, match=r"url=.*CONNECT_SERVER"):
        api_root(address)
    monkeypatch.setenv("CONNECT_SERVER", address)
    with pytest.raises(InvalidArgumentError, match="CONNECT_SERVER"):
        Client(api_key="x")


def test_environment(monkeypatch):
    """Address and key are read from the environment; arguments take precedence."""
    monkeypatch.setenv("CONNECT_SERVER", "https://one.example.com/connect/")
    monkeypatch.setenv("CONNECT_API_KEY", " key\n")
    assert Client().url == "https://one.example.com"
    assert Client("https://two.example.com").url == "https://two.example.com"


@pytest.mark.parametrize("key", ["", " "])
def test_no_key(key, monkeypatch):
    """Without an API key, the error says how to pass one."""
    monkeypatch.delenv("CONNECT_API_KEY", raising=False)
    with pytest.raises(InvalidArgumentError, match="CONNECT_API_KEY"):
        Client("https://host", api_key=key)

"""Cookies are sent back exactly as they came, until they end."""

import pytest
from hypothesis import given, strategies as st

from aconnect._core.cookies import cookie_header, is_sendable, updated_cookies

DATE = "Wed, 25 Nov 2026 12:00:00 GMT"
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters=";="), min_size=1
)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters=";"))


@given(st.dictionaries(NAMES, VALUES, max_size=50), st.sampled_from(["", "; Path=/", ";Secure"]))
def test_cookies_survive(cookies, attributes):
    """Names and values come back unchanged, whatever they contain."""
    sent = [f"{name}={value}{attributes}" for name, value in cookies.items()]
    assert updated_cookies({}, sent) == cookies
    assert cookie_header(cookies) == "; ".join(f"{n}={v}" for n, v in cookies.items())


@pytest.mark.parametrize(
    "cookie",
    ["k[1]=2", 'session={"user":"a","n":[1,2]}', 'q="a b"', "a=b=c==", "x=", "ü=é", "a/b@c=(1)"],
)
def test_unusual_cookies(cookie):
    """A cookie that the standard library refuses or rewrites is sent back unchanged."""
    assert cookie_header(updated_cookies({}, [f"{cookie}; Path=/; HttpOnly"])) == cookie


@given(st.lists(st.text(max_size=30), max_size=5), st.none() | st.text(max_size=30))
def test_any_header(headers, date):
    """Whatever a server sets, what is sent back can be sent."""
    header = cookie_header(updated_cookies({}, headers, date))
    assert all(is_sendable(part) for part in header.split("; "))
    header.encode()


def test_renewal():
    """A renewed cookie replaces the one of the same name; the others stay."""
    assert updated_cookies({"a": "1", "b": "2"}, ["a=3; Path=/"]) == {"b": "2", "a": "3"}


@pytest.mark.parametrize(
    ("attributes", "date", "ended"),
    [
        ("Max-Age=0", DATE, True),
        ("path=/; MAX-AGE = -1", DATE, True),
        ("Max-Age=60", DATE, False),
        ("Max-Age=soon", DATE, False),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", DATE, True),
        ("expires=Thu, 01-Jan-1970 00:00:01 GMT", DATE, True),
        ("Expires=Wed, 25 Nov 2026 12:00:01 GMT", DATE, False),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", DATE, False),
        ("Expires=Fri, 01 Jan 2100 00:00:00 GMT; Max-Age=0", DATE, True),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", None, False),
        ("Expires=0", DATE, False),
        ("Max-Age=" + "9" * 5000, DATE, False),
        ("", DATE, False),
    ],
)
def test_ended_cookies(attributes, date, ended):
    """A cookie that has ended by the server's clock is dropped; any other is kept."""
    cookies = updated_cookies({"a": "1", "b": "2"}, [f"a=3; {attributes}"], date)
    assert cookies == ({"b": "2"} if ended else {"b": "2", "a": "3"})


def test_many_cookies():
    """A server that sets ever new cookies does not make the header grow without end."""
    cookies: dict[str, str] = {}
    for number in range(500):
        cookies = updated_cookies(cookies, [f"c{number}=1", "node=2"])
    assert len(cookies) <= 50
    assert {"c499", "node"} <= set(cookies)

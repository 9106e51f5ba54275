"""Any text in paths and queries arrives unchanged."""

import enum
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import example, given, strategies as st
from msgspec import UNSET

from aconnect._core.url import (
    check_header,
    is_loopback,
    origin_of,
    query_string,
    quote_segment,
    rfc3339,
    timestamp,
)
from aconnect.errors import InvalidArgumentError
from tests.ids import stable_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ZONES = st.integers(-86399, 86399).map(lambda s: timezone(timedelta(seconds=s)))
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001


class Colour(enum.StrEnum):
    """An enum whose value needs quoting."""

    RED = "red & blue"


@given(TEXT)
@example("a/b?c#d")
@example("%2e%2e")
@example("...")
def test_segment_round_trip(text):
    """Any text is exactly one path segment, and is decoded to the same text."""
    if text in {"", ".", ".."}:
        with pytest.raises(InvalidArgumentError, match=r"^guid is"):
            quote_segment("guid", text)
        return
    quoted = quote_segment("guid", text)
    assert unquote(quoted, errors="strict") == text
    assert quoted.isascii()
    assert quoted.isprintable()
    assert not set(quoted) & set("/?#\\ ;")
    assert urlsplit(f"http://h/a/{quoted}/b").path == f"/a/{quoted}/b"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [(7, "7"), (True, "true"), (Colour.RED, "red%20%26%20blue"), (UUID(int=10), str(UUID(int=10)))],
)
def test_segment_of_other_types(value, quoted):
    """Numbers, booleans, enum members and UUIDs are segments too."""
    assert quote_segment("id", value) == quoted


@pytest.mark.parametrize("value", [None, UNSET, b"x", [], {}, object(), "\ud800"])
def test_segment_refused(value):
    """Values that cannot be encoded as text are refused by the argument's name."""
    with pytest.raises(InvalidArgumentError, match="guid"):
        quote_segment("guid", value)


NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
SCALARS = TEXT | st.integers() | st.booleans() | st.none() | st.just(UNSET)


def as_sent(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(st.dictionaries(NAMES, SCALARS))
def test_query_round_trip(values):
    """Every value arrives unchanged; None and UNSET are omitted; booleans are lower-case."""
    expected = [(k, as_sent(v)) for k, v in values.items() if v is not None and v is not UNSET]
    query = query_string(values)
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)) == expected
    assert query.isascii()


@given(st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), TEXT, min_size=1))
def test_query_names_round_trip(values):
    """Parameter names passed to `request` cannot inject other parameters."""
    assert parse_qsl(query_string(values), keep_blank_values=True) == list(values.items())


@given(st.lists(st.integers() | st.booleans() | NAMES, min_size=1), st.sampled_from([",", "|"]))
def test_query_lists(items, separator):
    """A list is one parameter, joined by its separator; a comma unless declared otherwise."""
    separators = {} if separator == "," else {"x": separator}
    ((name, value),) = parse_qsl(query_string({"x": items}, separators))
    assert (name, value.split(separator)) == ("x", [as_sent(item) for item in items])


@given(st.lists(st.integers() | st.booleans() | NAMES, min_size=1))
def test_query_lists_as_repeated_parameters(items):
    """With the separator `&`, each item is a parameter of its own."""
    pairs = parse_qsl(query_string({"x": items, "y": 1}, {"x": "&"}), keep_blank_values=True)
    assert pairs == [*(("x", as_sent(item)) for item in items), ("y", "1")]


def test_query_uuids():
    """A UUID is sent as text, alone and in a list."""
    uuid = UUID(int=10)
    assert query_string({"x": uuid, "y": [uuid]}) == f"x={uuid}&y={uuid}"


@pytest.mark.parametrize("empty", [[], (), set(), iter(()), [""], ["a", ""]])
def test_query_empty_filter(empty):
    """An empty list, or one with an empty text, is refused: left out, it would filter nothing."""
    with pytest.raises(InvalidArgumentError, match=r"x is \[.*would match everything"):
        query_string({"x": empty, "y": 1})


@pytest.mark.parametrize("name", ["fields", "include", "sorts"])
def test_query_empty_list(name):
    """An empty list of what to return, or what to sort by, is left out."""
    assert query_string({name: [], "y": 1}) == "y=1"


@pytest.mark.parametrize(
    "value",
    [
        date(2026, 1, 1),
        datetime(2026, 1, 1),  # noqa: DTZ001
        [datetime(2026, 1, 1)],  # noqa: DTZ001
        [None],
        [["a"]],
        b"xy",
        {"a": 1},
        object(),
        "\ud800",
        float("nan"),
        float("inf"),
    ],
    ids=stable_id,
)
def test_query_refused(value):
    """A value with no unambiguous form in a query is refused by its name."""
    with pytest.raises(InvalidArgumentError, match="when"):
        query_string({"when": value})


@given(TIMES)
@example(datetime(1900, 1, 1, tzinfo=timezone(timedelta(seconds=1172))))
def test_times_are_rfc3339(when):
    """Any aware time is written in RFC 3339, which has no seconds in an offset."""
    text = rfc3339("from", when)
    assert timestamp("from", text) == text
    assert datetime.fromisoformat(text) == when
    ((_, sent),) = parse_qsl(query_string({"from": when}))
    assert sent == text


def test_time_in_utc():
    """UTC is written as Z."""
    assert rfc3339("to", datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T00:00:00",
        "yesterday",
        "2026-01-31T00:00Z",
        "2026-13-41T00:00Z",
        "2026-13-41T25:61:61Z",
        "٢٠٢٦-01-31T00:00:00Z",
        "2026-01-31T00:00:00Z\n",
    ],
)
def test_bad_times_refused(text):
    """Text that is not a time in RFC 3339 is refused with an example of one."""
    with pytest.raises(InvalidArgumentError, match=r"to=.*2026-01-31T00:00:00Z"):
        timestamp("to", text)


@pytest.mark.parametrize("digits", range(10))
def test_times_keep_their_digits(digits):
    """A time given as text is sent with all its digits."""
    text = "2026-01-31T00:00:00" + ("." + "123456789"[:digits] if digits else "") + "+01:00"
    assert timestamp("to", text) == text


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Connect.Example.com/rsc/", "https://connect.example.com"),
        ("HTTPS://host:443/", "https://host"),
        ("http://host:80", "http://host"),
        ("http://host:443", "http://host:443"),
        ("https://[::1]:8443/x", "https://[::1]:8443"),
        ("http://[FE80::1]", "http://[fe80::1]"),
        ("https://host?x#y", "https://host"),
    ],
)
def test_origin(url, origin):
    """The origin is scheme, host and port, without default ports."""
    assert origin_of(url) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "host:3939",
        "//host",
        "/path",
        "ftp://host",
        "file:///etc",
        "https://",
        "https://:443",
        "https://host:port",
        "https://host:99999",
        "https://[::1",
        "mailto:a@b",
        "http://host:0",
        "https://a b",
        "https://a\x00b",
        "https://a\\b",
    ],
)
def test_no_origin(url):
    """An invalid web address is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError, match="web address"):
        origin_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@host",
        "https://s3cret@host",
        "https://:s3cret@host/x",
        "ftp://user:s3cret@host",
        "https://user:s3cret@host:abc",
        "https://user:s3cret@",
        "user:s3cret@host",
        "//user:s3cret@host",
        "https://user:s3cret@[::1",
    ],
)
def test_credentials_not_repeated(url):
    """A password in an address is refused and never repeated, whatever else is invalid."""
    with pytest.raises(InvalidArgumentError) as caught:
        origin_of(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("x.localhost", True),
        ("example.com", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("127.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback(host, local):
    """Only this machine counts as loopback, not names that look like it."""
    assert is_loopback(f"http://{host}:3939") is local


@given(st.text())
def test_header_check(value):
    """A header value is sent unchanged, unless it contains a line break or NUL."""
    if set(value) & set("\r\n\0"):
        with pytest.raises(InvalidArgumentError, match="header X"):
            check_header("X", value)
    else:
        check_header("X", value)


@pytest.mark.parametrize("value", [date(2025, 1, 1), 1735689600, b"2025-01-01T00:00:00Z"])
def test_no_timestamp(value):
    """What is neither text nor a datetime is refused, and not formatted in some way."""
    with pytest.raises(InvalidArgumentError, match=r"^to=.* is not a datetime; write, for example"):
        timestamp("to", value)


def test_timestamps_that_are_left_out():
    """None and UNSET are no times, and remain what they are."""
    unset: Any = UNSET
    assert timestamp("to", None) is None
    assert timestamp("to", unset) is unset

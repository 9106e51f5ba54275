"""Arrays that are split into their elements while they arrive."""

import json
import math
from collections import deque
from itertools import repeat

import msgspec
import pytest
from hypothesis import example, given, strategies as st
from msgspec import Raw

from aconnect._core import array_stream
from aconnect._core.array_stream import ArrayStream
from aconnect._core.decoding import replace_lone_surrogates
from aconnect.errors import BodyTooLargeError, DecodeError

TEXTS = st.text() | st.lists(st.sampled_from('}{,[]"\\:a \u00e9'), max_size=12).map("".join)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
LISTS = st.lists(VALUES, max_size=8) | st.lists(OBJECTS, max_size=12)
FORMATS = st.sampled_from(
    [
        {"separators": (",", ":")},
        {"indent": 2},
        {"ensure_ascii": False},
        {"separators": (" ,\n", ": ")},
    ]
)


def cut(body, sizes):
    """Cut a body into chunks of these sizes, again and again."""
    chunks, at, turn = [], 0, 0
    while at < len(body):
        chunks.append(body[at : at + sizes[turn % len(sizes)]])
        at += len(chunks[-1])
        turn += 1
    return chunks


def split(chunks):
    """Return the elements that the chunks of an array have."""
    array = ArrayStream("GET /hits")
    rows = [bytes(row) for chunk in chunks for row in array.feed(chunk)]
    return rows + [bytes(row) for row in array.close()]


def decoded(body):
    """Return what decoding the body at once gives, or None if it fails."""
    try:
        rows = msgspec.json.decode(body, type=list[Raw] | None) or []
    except (msgspec.DecodeError, RecursionError):
        return None
    return [bytes(row) for row in rows]


SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@given(values=LISTS, layout=FORMATS, sizes=SIZES | st.just([10_000]))
@example(values=[{"a": '},{"'}, {"a": "\\"}], layout={"separators": (",", ":")}, sizes=[1])
@example(values=[[{"a": 1}, {"b": [{}, {}]}], {}], layout={}, sizes=[7])
def test_any_list_in_any_chunks(values, layout, sizes):
    """However a list is written and cut into chunks, its elements are those of the whole."""
    body = json.dumps(values, **layout).encode()
    assert split(cut(body, sizes)) == decoded(body)


@given(
    values=LISTS,
    sizes=SIZES,
    where=st.floats(0, 1),
    what=st.binary(max_size=3) | st.sampled_from([b"]", b",", b"}", b'"', b"\\", b"[", b"{"]),
    length=st.integers(0, 3),
)
def test_damaged_lists(values, sizes, where, what, length):
    """A damaged list is refused unless it decodes as a whole; then it has the same elements.

    Half of a character is no damage: it is replaced in both.
    """
    body = json.dumps(values, separators=(",", ":")).encode()
    at = math.floor(where * len(body))
    body = body[:at] + what + body[at + length :]
    expected = decoded(replace_lone_surrogates(body)[0])
    if expected is None:
        with pytest.raises(DecodeError):
            split(cut(body, sizes))
    else:
        assert split(cut(body, sizes)) == expected


@pytest.mark.parametrize(
    "body",
    [b"[]", b" [ ] ", b"null", b"\n null \n", b"[1]", b'[null,{"a":1},2,[{}],"},{"]', b"[{},{}]\n"],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_short_lists(body, size):
    """Empty lists, null and elements that are no objects are all taken as they are."""
    assert split(cut(body, [size])) == decoded(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"  ", "the body is empty"),
        (b'{"code":4}', "an object instead of an array"),
        (b"\xef\xbb\xbf[]", "byte order mark"),
        (b"<html><body>Log in", "HTML page"),
        (b"upstream error", "starting with 'upstream error'"),
        (b"nul", "starting with 'nul'"),
        (b"nulls", "starting with 'nulls'"),
        (b'[{"a":1},{"b"', "damaged or truncated after 1 elements"),
        (b'[{"a":1},{"b":2}', "damaged or truncated after 1 elements"),
        (b'[{"a":1},{"b":2}] x', "damaged or truncated"),
        (b'[{"a":1}][{"b":2},{"c":3}]', "damaged or truncated"),
        (b'[{"a":1},]', "damaged or truncated"),
        (b'[,{"a":1}]', "damaged or truncated"),
        (b'[{"a":1},,{"b":2}]', "damaged or truncated"),
        (b'[{"a":1},{"b":nothing},{"c":3}]', "damaged or truncated"),
        (b"[" * 5000 + b"]" * 5000, "damaged or truncated"),
    ],
)
@pytest.mark.parametrize("size", [3, 20_000])
def test_what_is_not_a_list(body, message, size):
    """The error says what was received instead of a list, and how far it was good."""
    with pytest.raises(DecodeError, match="GET /hits") as caught:
        split(cut(body, [size]) if size > 3 else [body])
    assert message in str(caught.value)


def test_text_in_messages_is_redacted():
    """A secret in what is not a list is not quoted."""
    array = ArrayStream("GET /hits", lambda text: text.replace("secret", "***"))
    with pytest.raises(DecodeError, match=r"starting with 'no \*\*\*'"):
        array.feed(b"no secret")


def objects(count):
    return [b'{"id":%d,"data":{"path":"/a,b","query":"},{"}}' % i for i in range(count)]


@pytest.mark.parametrize("size", [1, 50, 1000, 65536])
def test_what_is_held_is_bounded(size):
    """No more is held than an element and a chunk, and elements are returned as soon as can be."""
    rows = objects(2000)
    array, held, returned = ArrayStream("x"), 0, 0
    for chunk in cut(b"[" + b",".join(rows) + b"]", [size]):
        returned += len(array.feed(chunk))
        held = max(held, sum(map(len, array._parts)))
    assert held <= 2 * (len(rows[-1]) + 1) + size
    assert returned + len(array.close()) == len(rows)


@pytest.mark.parametrize(
    "element",
    [
        b'{"a":"' + b"},{" * 100_000 + b'"}',
        b'{"a":[' + b"{}," * 100_000 + b"1]}",
        b'"' + b"\\\\" * 100_000 + b'"',
    ],
    ids=["text", "objects", "backslashes"],
)
def test_large_elements_are_read_once(element, monkeypatch):
    """An element much larger than a chunk is decoded once or twice, not with each chunk."""
    sizes = []
    decode = array_stream._decode

    def counting(body):
        sizes.append(len(body))
        return decode(body)

    monkeypatch.setattr(array_stream, "_decode", counting)
    body = b"[" + b",".join([b'{"a":1}', element, element, b'{"a":1}']) + b"]"
    assert split(cut(body, [1000])) == [b'{"a":1}', element, element, b'{"a":1}']
    assert sum(sizes) < 3 * len(body)


def test_endless_elements(monkeypatch):
    """A body in which an element does not end is given up before it fills the memory."""
    monkeypatch.setattr(array_stream, "MAX_ELEMENT", 10_000)
    array = ArrayStream("GET /hits")
    assert array.feed(b'[{"a":1},{"a":"') != []
    fed = map(array.feed, repeat(b"x" * 1000, 100))
    with pytest.raises(BodyTooLargeError, match="10000 bytes"):
        deque(fed)
    fed = map(ArrayStream("GET /hits").feed, (b"null", *repeat(b" " * 1000, 100)))
    with pytest.raises(DecodeError, match="starting with 'null'"):
        deque(fed)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_half_of_a_character(size):
    """Half of a character that a server has cut is replaced, wherever the chunks are cut."""
    body = rb'[{"a":"cut \ud83d"},{"a":"\ud83d\ude00 \\ud83d"},{"a":"\ude00"}]'
    rows = [json.loads(bytes(row))["a"] for row in split(cut(body, [size]))]
    assert rows == ["cut \ufffd", "\U0001f600 \\ud83d", "\ufffd"]

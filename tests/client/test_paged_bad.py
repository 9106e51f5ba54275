"""Paging with damaged tokens and pages."""

import json

import pytest
from hypothesis import given, strategies as st
from msgspec import Raw

from aconnect import errors
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import Keyset, PageNumber, UnpagedEnvelope


def endless(_):
    return {"results": [1], "paging": {"cursors": {"next": "abc"}}}


async def token_of(found):
    async for page in found.pages():
        return page.token
    return None


async def test_token_is_plain_json(fake_pager):
    """A token is plain JSON without the query's values, the same each time."""
    found = fake_pager(endless).find(Keyset(), row=int, target="/v1/x?prefix=secret")
    token = await token_of(found)
    assert isinstance(json.loads(token), dict)
    assert "secret" not in token
    assert token == await token_of(found.prefetch(2).raw())


@pytest.mark.parametrize(
    "other",
    [{"target": "/v1/things?a=1"}, {"target": "/v1/other"}, {"origin": "http://y"}],
    ids=repr,
)
async def test_token_of_another_query(fake_pager, other):
    """A token of another query or server is refused before any request."""
    token = await token_of(fake_pager(endless).find(Keyset(), row=int))
    pager = fake_pager(endless, other.get("origin", "http://x"))
    found = pager.find(Keyset(), row=int, target=other.get("target", "/v1/things"))
    with pytest.raises(errors.ResumeError, match=r"another query or server"):
        found.pages(token)
    assert not pager.targets


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "{}",
        "null",
        "[]",
        '{"query": 1, "at": {}}',
        '{"query": "x"}',
        "�",
        '{"query": "x", "at": []}',
        "[" * 100000,
    ],
    ids=lambda token: token[:20].encode("utf-8", "replace").decode(),
)
async def test_damaged_token(fake_pager, token):
    """A damaged token is refused, and the message says what to do."""
    with pytest.raises(errors.ResumeError, match="from the beginning"):
        fake_pager(endless).find(Keyset(), row=int).pages(token)


@given(where=st.integers(0, 200), letter=st.sampled_from('a0"}{x'))
async def test_token_with_one_wrong_letter(fake_pager, where, letter):
    """A token with any changed character is refused."""
    found = fake_pager(endless).find(Keyset(), row=int)
    token = await token_of(found)
    where %= len(token)
    changed = token[:where] + letter + token[where + 1 :]
    if json.loads(token) == _loaded(changed):
        return
    with pytest.raises(errors.ResumeError):
        found.pages(changed)


def _loaded(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


@pytest.mark.parametrize(
    "at",
    [
        {"page_number": "2"},
        {"page_number": None},
        {"page_number": 2, "seen": "x"},
        {"page_number": 2, "page_size": [1]},
        {"next": "a"},
        {"page_size=1&x": 1},
    ],
    ids=repr,
)
async def test_token_with_a_position_of_another_kind(fake_pager, at):
    """A position that does not fit the page style is refused before any request."""
    pager = fake_pager(lambda _: {"results": [1], "total": 99})
    found = pager.find(PageNumber(), row=int)
    token = json.loads(await token_of(found))
    pager.targets.clear()
    with pytest.raises(errors.ResumeError):
        [page async for page in found.pages(json.dumps({**token, "at": at}))]
    assert not pager.targets


@pytest.mark.parametrize("cursor", [5, ["a"], {"x": 1}, True], ids=repr)
async def test_cursor_of_another_type(fake_pager, cursor):
    """A cursor that cannot be decoded is an error, not the end of the rows."""
    pager = fake_pager(lambda _: {"results": [1], "paging": {"cursors": {"next": cursor}}})
    with pytest.raises(errors.DecodeError):
        await pager.find(Keyset(), row=int)


@pytest.mark.parametrize("paging", ["x", [], 5, {"cursors": "x"}], ids=repr)
async def test_paging_of_another_shape(fake_pager, paging):
    """A `paging` part that cannot be decoded is an error as well."""
    pager = fake_pager(lambda _: {"results": [1], "paging": paging})
    with pytest.raises(errors.DecodeError):
        await pager.find(Keyset(), row=int)


@pytest.mark.parametrize("paging", [{}, {"paging": None}, {"paging": {"cursors": None}}], ids=repr)
async def test_no_paging_part(fake_pager, paging):
    """Without cursors there is no next page."""
    pager = fake_pager(lambda _: {"results": [1], **paging})
    assert await pager.find(Keyset(), row=int) == [1]


@pytest.mark.parametrize(
    ("style", "body"),
    [
        (Keyset(), {"results": None}),
        (PageNumber(), {"results": None, "total": 0}),
        (Unpaged(), None),
        (UnpagedEnvelope(), {"results": None}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("row", [dict, Raw])
async def test_null_is_no_rows(fake_pager, style, body, row):
    """Null instead of rows is an empty array, as Go encodes it."""
    assert await fake_pager(lambda _: body).find(style, row=row) == []


async def test_raw_rows_beside_an_odd_value(fake_pager):
    """Raw rows do not depend on how the rest of the page is formatted."""
    page = {"results": [{"a": 1.50}], "total": "1", "current_page": "1"}
    pager = fake_pager(lambda _: page)
    assert await pager.find(PageNumber()) == [{"a": 1.5}]
    assert [json.loads(bytes(row)) for row in await pager.find(PageNumber()).raw()] == [{"a": 1.5}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b'{"results": 5}',
        b'{"paging": {}}',
        b"[1]",
        b'{"results": [5]}',
        b"\xff",
        b'{"results": [{"a": "\xff"}]}',
        b'{"results": [], "x": ' + b"[" * 100000,
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("raw", [False, True])
async def test_no_page_at_all(fake_pager, body, raw):
    """A response that is not a page raises a `DecodeError` that names the call."""
    if raw and body in {b'{"results": [5]}', b'{"results": [{"a": "\xff"}]}'}:
        pytest.skip("raw rows are passed on as they are")
    found = fake_pager(lambda _: body).find(Keyset())
    with pytest.raises(errors.DecodeError, match=r"GET http://x/v1/things"):
        await (found.raw() if raw else found)


async def test_message_without_the_query(fake_pager):
    """The message of an invalid page does not repeat the query, which may name people."""
    found = fake_pager(lambda _: b"{").find(Keyset(), target="/v1/things?prefix=priv4te")
    with pytest.raises(errors.DecodeError) as caught:
        await found
    assert "priv4te" not in str(caught.value)


@pytest.mark.parametrize("total", [-1, 0, "-1", None])
async def test_an_implausible_total(fake_pager, total):
    """An implausible total is ignored: all rows are yielded and counted."""

    def page(query):
        number = int(query["page_number"])
        rows = [number] if number <= 3 else []
        return {"results": rows, "current_page": number, "total": total}

    pager = fake_pager(page)
    assert await pager.find(PageNumber(), row=int) == [1, 2, 3]
    assert await pager.find(PageNumber(), row=int).total() == 3

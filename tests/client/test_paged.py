"""The laws of paging: however a server divides its rows, exactly these rows arrive, in order."""

import asyncio
import inspect
import pprint
from contextlib import aclosing
from itertools import count

import msgspec
import pytest
from hypothesis import given, strategies as st
from rich.pretty import pretty_repr

from aconnect import errors
from aconnect._core.message import Response
from aconnect._core.paging import Offset, Unpaged
from aconnect.concurrency import amap
from aconnect.connect._base.paging import Keyset, PageNumber, UnpagedEnvelope

PARTITIONS = st.lists(st.integers(0, 4), min_size=1, max_size=8)
STYLES = ["keyset", "number", "offset", "whole", "wrapped"]


def rows_of(partition):
    numbers = iter(range(100))
    return [[{"n": next(numbers)} for _ in range(size)] for size in partition]


def serving(style, pages):
    """Return a style and a server that divides its rows into these pages."""
    rows = [row for page in pages for row in page]
    # A server with page numbers has pages of equal size.
    size = max(map(len, pages)) or 1

    def keyset(query):
        at = int(query.get("next", "c0")[1:])
        cursor = f"c{at + 1}" if at + 1 < len(pages) else None
        keys = {} if at % 2 and cursor is None else {"next": cursor}
        return {"results": pages[at], "paging": {"cursors": keys, "next": "http://wrong"}}

    def number(query):
        page, size = int(query["page_number"]), int(query["page_size"])
        part = rows[(page - 1) * size : page * size]
        return {"results": part, "current_page": page, "total": len(rows)}

    def offset(query):
        begin, limit = int(query["offset"]), int(query["limit"])
        return rows[begin : begin + limit]

    return {
        "keyset": (Keyset(max_size=500), keyset),
        "number": (PageNumber(max_size=size), number),
        "offset": (Offset(max_size=size), offset),
        "whole": (Unpaged(), lambda _: rows),
        "wrapped": (UnpagedEnvelope(), lambda _: {"results": rows}),
    }[style]


def plain(row):
    return msgspec.json.decode(row) if isinstance(row, msgspec.Raw) else row


def numbered(query):
    """Serve endless pages of one row, the number of the page."""
    at = int(query.get("next", "0"))
    return {"results": [at], "paging": {"cursors": {"next": str(at + 1)}}}


async def only_this_task():
    """Let other tasks end, and return whether only the test's task is left."""
    for _ in range(20):
        await asyncio.sleep(0)
    return asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("style", STYLES)
@given(partition=PARTITIONS)
async def test_all_rows_in_order(fake_pager, style, partition):
    """Awaited, streamed, prefetched, raw or page by page: the rows are the same."""
    pages = rows_of(partition)
    rows = [row for page in pages for row in page]
    kind, serve = serving(style, pages)
    found = fake_pager(serve).find(kind)
    assert await found == rows
    assert [row async for row in found] == rows
    assert [row async for row in found.prefetch(3)] == rows
    assert [plain(row) async for row in found.raw()] == rows
    assert [row async for page in found.pages() for row in page.items] == rows
    assert await found.total() == len(rows)
    assert await found.first() == (rows[0] if rows else None)


@pytest.mark.parametrize("style", STYLES)
async def test_no_content_is_no_rows(fake_pager, style):
    """A response with status 204 has no rows and is the last page."""
    kind, _ = serving(style, [[]])
    pager = fake_pager(lambda _: Response(status=204, headers={}))
    assert await pager.find(kind) == await pager.find(kind).raw() == []
    assert len(pager.targets) == 2
    assert await pager.find(kind).first() is None
    assert await pager.find(kind).total() == 0


@pytest.mark.parametrize("style", ["keyset", "number", "offset"])
@given(partition=PARTITIONS)
async def test_resumed_anywhere(fake_pager, style, partition):
    """Resuming at any token yields exactly the remaining rows, whatever the page size."""
    pages = rows_of(partition)
    rows = [row for page in pages for row in page]
    kind, serve = serving(style, pages)
    found = fake_pager(serve).find(kind)
    seen = 0
    async for page in found.pages():
        seen += len(page)
        if page.token is None:
            continue
        for resumed in (found, found.raw(), found.prefetch(2), found.page_size(1)):
            rest = [row async for later in resumed.pages(page.token) for row in later.items]
            assert [plain(row) for row in rest] == rows[seen:]
    assert seen == len(rows)


@pytest.mark.parametrize("style", STYLES)
@given(partition=PARTITIONS, wanted=st.integers(0, 40), size=st.integers(1, 9))
async def test_take(fake_pager, style, partition, wanted, size):
    """`take` yields the first rows, whatever the page size, and requests no page more for them."""
    pages = rows_of(partition)
    rows = [row for page in pages for row in page]
    kind, serve = serving(style, pages)
    most = min(size, kind.max_size or size)
    pager = fake_pager(serve)
    found = pager.find(kind) if kind.max_size is None else pager.find(kind).page_size(most)
    taken = found.take(wanted)
    assert await taken == rows[:wanted]
    requests = len(pager.targets)
    if style in {"number", "offset"} and wanted <= len(rows):
        assert requests <= -(-wanted // most)
    assert [row async for row in found.prefetch(2).take(wanted)] == rows[:wanted]
    assert [plain(row) for row in await found.raw().take(wanted)] == rows[:wanted]
    assert len(pager.targets) == 3 * requests
    assert await taken.first() == next(iter(rows[:wanted]), None)
    assert await taken.total() == len(rows[:wanted])
    assert await only_this_task()


@pytest.mark.parametrize(
    ("wanted", "sizes"),
    [(0, []), (1, [1]), (500, [500]), (501, [251, 251]), (1250, [417, 417, 417])],
)
async def test_take_requests_no_more_than_needed(fake_pager, wanted, sizes):
    """The pages of `take` are as few as they can be, of one size, and as small as they can be."""

    def serve(query):
        begin, limit = int(query["offset"]), int(query["limit"])
        return list(range(begin, begin + limit))

    pager = fake_pager(serve)
    found = pager.find(Offset(max_size=500), row=int)
    assert await found.prefetch(3).take(wanted) == list(range(wanted))
    assert [int(target.partition("limit=")[2].partition("&")[0]) for target in pager.targets] == (
        sizes
    )


async def test_where(fake_pager):
    """Filters add up, work on raw rows, and the total counts what they keep."""
    rows = list(range(100))

    def serve(query):
        begin = int(query["offset"])
        return rows[begin : begin + int(query["limit"])]

    found = fake_pager(serve).find(Offset(max_size=7), row=int)
    kept = found.where(lambda row: row % 2 == 0).where(lambda row: row % 3 == 0)
    wanted = [row for row in rows if row % 6 == 0]
    assert await kept == wanted
    assert [int(row) for row in await kept.raw()] == wanted
    assert await kept.take(2) == wanted[:2]
    assert (await kept.total(), await kept.first()) == (len(wanted), wanted[0])
    assert await found == rows


async def keep_later(row):
    return row == 0


@pytest.mark.parametrize("keep", [keep_later, None, True])
async def test_where_takes_plain_functions(fake_pager, keep):
    """What is no function, or a coroutine function, whose result is always true, is refused."""
    pager = fake_pager(numbered)
    with pytest.raises(TypeError, match=r"where\(\) takes a function"):
        pager.find(Keyset(), row=int).where(keep)
    assert pager.targets == []


async def test_take_nothing(fake_pager):
    """A negative number is refused at once."""
    pager = fake_pager(numbered)
    with pytest.raises(errors.InvalidArgumentError, match="cannot take -1 items"):
        pager.find(Keyset(), row=int).take(-1)
    assert pager.targets == []


@pytest.mark.parametrize(
    "use",
    [
        list,
        len,
        bool,
        sorted,
        lambda found: found[0],
        lambda found: found[:2],
        lambda found: 1 in found,
        lambda found: max(*found),
        lambda found: dict(enumerate(found)),
        lambda found: list(reversed(found)),
    ],
)
@pytest.mark.parametrize("lazy", ["paged", "sequence", "amap"])
async def test_a_list_that_is_not_there_yet(fake_pager, use, lazy):
    """Whoever uses items as a list before they are there is told to await them."""
    pager = fake_pager(numbered)
    found = pager.find(Keyset(), row=int)
    sequence = {"paged": found, "sequence": found.take(3), "amap": amap(asyncio.sleep, [0])}[lazy]
    with pytest.raises(TypeError, match="use `async for`, or `await` it for a list"):
        use(sequence)
    assert pager.targets == []


async def test_lazy_sequences_are_displayed(fake_pager):
    """What consoles and notebooks do to show an object works, and makes no request."""
    pager = fake_pager(numbered)
    found = pager.find(Keyset(), row=int)
    for sequence, text in [(found, "<Paged things.find>"), (found.take(3), "<LazySequence>")]:
        assert repr(sequence) == str(sequence) == pretty_repr(sequence) == text
        assert pprint.pformat(sequence) == text
        assert inspect.isawaitable(sequence)
    assert pager.targets == []


@given(ahead=st.integers(1, 5), wanted=st.integers(1, 12))
async def test_prefetch_bounds(fake_pager, ahead, wanted):
    """At most the given number of pages is fetched ahead."""
    consumed = count()
    pager = fake_pager(numbered)
    async with aclosing(pager.find(Keyset(), row=int).prefetch(ahead).pages()) as pages:
        async for page in pages:
            for _ in range(50):
                await asyncio.sleep(0)
            number = next(consumed)
            assert page.items == [number]
            # This page, and those fetched ahead.
            assert len(pager.targets) == number + 1 + ahead
            if number == wanted:
                break
    assert await only_this_task()


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("way", ["rows", "pages"])
async def test_left_early(fake_pager, ahead, way):
    """A consumer that stops early leaves no task behind, and no further request is made."""
    pager = fake_pager(numbered)
    found = pager.find(Keyset(), row=int).prefetch(ahead)
    async for _ in found if way == "rows" else found.pages():
        break
    assert await only_this_task()
    asked = len(pager.targets)
    await only_this_task()
    assert len(pager.targets) == asked <= 1 + ahead


@pytest.mark.parametrize("ahead", [0, 1, 4])
async def test_error_comes_after_the_rows_before_it(fake_pager, ahead):
    """An error on a page is raised after all rows before it, and ends the iteration."""

    def serve(query):
        if query.get("next") == "3":
            raise errors.ServerError("broken", status=500)
        return numbered(query)

    got = []
    found = fake_pager(serve).find(Keyset(), row=int).prefetch(ahead)
    with pytest.raises(errors.ServerError, match="broken"):  # noqa: PT012  the rows before it count
        async for row in found:
            got.append(row)  # noqa: PERF401  what came before the error counts
    assert got == [0, 1, 2]
    assert await only_this_task()


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("loop", [1, 2, 3])
async def test_repeated_cursor(fake_pager, loop, ahead):
    """A repeated cursor is an error, however long the loop, and no page is yielded twice."""

    def serve(query):
        at = int(query.get("next", "0"))
        after = at + 1 if at < 4 else 5 - loop
        return {"results": [at], "paging": {"cursors": {"next": str(after)}}}

    pager = fake_pager(serve)
    got = []
    with pytest.raises(errors.PageLoopError, match=r"things\.find .* second time"):  # noqa: PT012  the rows before it count
        async for row in pager.find(Keyset(), row=int).prefetch(ahead):
            got.append(row)  # noqa: PERF401  what came before the error counts
    assert got == sorted(set(got))
    assert len(pager.targets) == len(set(pager.targets))


async def test_rows_of_the_page_with_the_repeated_cursor(fake_pager):
    """The rows of a page are yielded before its repeated cursor is reported."""

    def serve(query):
        at = int(query.get("next", "0"))
        return {"results": [at], "paging": {"cursors": {"next": "1"}}}

    got = []
    with pytest.raises(errors.PageLoopError):  # noqa: PT012  the rows before it count
        async for row in fake_pager(serve).find(Keyset(), row=int):
            got.append(row)  # noqa: PERF401  what came before the error counts
    assert got == [0, 1]


@pytest.mark.parametrize(
    ("responses", "rows", "calls"),
    [
        ([{"current_page": 1, "total": 3}, {"current_page": 1, "total": 3}], 2, 2),
        ([{"current_page": 1, "total": 2}], 2, 1),
        ([{"current_page": 1}, {"current_page": 2, "results": []}], 2, 2),
        ([{"total": 4}, {"total": 4}], 4, 2),
        ([{}, {"results": []}], 2, 2),
    ],
    ids=["wrong page", "total", "empty page", "no number", "nothing but rows"],
)
async def test_numbered_pages_end(fake_pager, responses, rows, calls):
    """Numbered pages end at a wrong page number, at an empty page, or at the total."""
    served = iter(responses)
    pager = fake_pager(lambda _: {"results": [1, 2], **next(served)})
    assert len(await pager.find(PageNumber(), row=int)) == rows
    assert len(pager.targets) == calls


@pytest.mark.parametrize(
    ("style", "asked"),
    [(Keyset(), "limit=1"), (Offset(), "limit=1"), (PageNumber(), "page_size=1")],
)
async def test_first_requests_one_row(fake_pager, style, asked):
    """`first` makes one request for one row, with or without prefetching."""
    page = [7] if isinstance(style, Offset) else {"results": [7], "total": 9}
    pager = fake_pager(lambda _: page)
    assert await pager.find(style, row=int).prefetch(3).first() == 7
    (target,) = pager.targets
    assert asked in target.partition("?")[2].split("&")


@given(partition=PARTITIONS, limit=st.integers(1, 4), size=st.integers(1, 5))
async def test_offsets_of_a_server_that_lowers_the_limit(fake_pager, partition, limit, size):
    """All rows arrive once, resumed anywhere, if pages are shorter than requested."""
    rows = [row for page in rows_of(partition) for row in page]

    def serve(query):
        begin = int(query["offset"])
        return rows[begin : begin + min(limit, int(query["limit"]))]

    found = fake_pager(serve).find(Offset()).page_size(size)
    assert await found == rows
    assert await found.total() == len(rows)
    seen = 0
    async for page in found.pages():
        seen += len(page)
        if page.token is not None:
            rest = [row async for later in found.raw().pages(page.token) for row in later.items]
            assert [plain(row) for row in rest] == rows[seen:]


async def test_a_server_that_ignores_limit_and_offset(fake_pager):
    """Rows that come again, less than a full page or more, are yielded once."""
    found = fake_pager(lambda _: [{"n": 1}, {"n": 2}]).find(Offset())
    for size in (1, 3, 500):
        assert await found.page_size(size) == [{"n": 1}, {"n": 2}]


async def test_a_server_that_ignores_the_offset(fake_pager):
    """A full page that comes again raises an error: there may be more rows."""
    found = fake_pager(lambda query: [{"n": 1}, {"n": 2}][: int(query["limit"])]).find(Offset())
    for size in (1, 2):
        with pytest.raises(errors.PageLoopError, match="second time"):
            await found.page_size(size)


async def test_first_behind_an_empty_page(fake_pager):
    """An empty page with a next page is not the end."""

    def serve(query):
        at = int(query.get("next", "0"))
        return {"results": [at] if at > 1 else [], "paging": {"cursors": {"next": str(at + 1)}}}

    assert await fake_pager(serve).find(Keyset(), row=int).first() == 2


async def test_total_of_a_counting_server(fake_pager):
    """If the server counts, one small request returns the total."""
    pager = fake_pager(lambda _: {"results": [1], "total": 12345, "current_page": 1})
    assert await pager.find(PageNumber(), row=int).total() == 12345
    assert len(pager.targets) == 1


@pytest.mark.parametrize("size", [0, -1, 501])
def test_sizes_checked(fake_pager, size):
    """A page size above the maximum is refused before it is sent."""
    with pytest.raises(errors.InvalidArgumentError, match="1 to 500"):
        fake_pager(numbered).find(Keyset()).page_size(size)


async def test_bound_rows_and_events(fake_pager):
    """Rows are bound to the client before they are yielded, and every page is an event."""
    pager = fake_pager(lambda _: [1, 2])
    bound = []
    await pager.find(Unpaged(), row=int, bind=lambda rows, origin: bound.append((rows, origin[0])))
    assert bound == [([1, 2], pager)]
    assert [(e.operation, e.number, e.rows) for e in pager.events] == [("things.find", 1, 2)]


async def test_a_key_in_a_cursor(fake_pager, monkeypatch):
    """A cursor that repeats the key is not shown in the error about it."""
    pager = fake_pager(lambda _: {"results": [1], "paging": {"cursors": {"next": "S3CRET"}}})
    monkeypatch.setattr(pager, "redact", lambda text: text.replace("S3CRET", "***"))
    with pytest.raises(errors.PageLoopError, match=r"\*\*\*") as caught:
        await pager.find(Keyset(), row=int)
    assert "S3CRET" not in str(caught.value)

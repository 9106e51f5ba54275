"""Pages that contradict the request, or each other: no row is lost silently."""

import pytest

from aconnect import errors
from aconnect._core.message import Response
from aconnect._core.paging import Offset
from aconnect.authentik.paging import Pages
from aconnect.connect._base.paging import Keyset, PageNumber


async def token_of(found):
    async for page in found.pages():
        return page.token
    return None


def counted(rows, *, base=1, total=None):
    """Serve these rows as numbered pages; `base` is the number of the first one."""

    def serve(query):
        page, size = int(query["page_number"]), int(query["page_size"])
        part = rows[(page - 1) * size : page * size]
        number = {} if base is None else {"current_page": page - 1 + base}
        return {"results": part, "total": len(rows) if total is None else total, **number}

    return serve


@pytest.mark.parametrize(
    ("style", "page"),
    [
        (PageNumber(), {"current_page": 3, "total": 9}),
        (Pages(), {"pagination": {"next": 0, "current": 3, "count": 9}}),
        (Pages(repeats=True), {"pagination": {"next": 0, "current": 3.0}}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("rows", [[], [1]], ids=repr)
@pytest.mark.parametrize("raw", [False, True])
async def test_a_wrong_first_page(fake_pager, style, page, rows, raw):
    """If the server returns a later page instead of the first, its rows are not taken for all."""
    found = fake_pager(lambda _: {"results": rows, **page}).find(style, row=int)
    with pytest.raises(errors.DecodeError, match=r"page 3(\.0)? instead of page 1"):
        await (found.raw() if raw else found)


@pytest.mark.parametrize("style", [PageNumber(), Pages()], ids=repr)
async def test_a_skipped_page(fake_pager, style):
    """If the server skips a page, the rows before it are yielded, and then an error is raised."""

    def skipping(query):
        at = int(query.get("page_number") or query["page"])
        current = at if at < 3 else at + 1
        numbers = {"current": current, "next": current + 1}
        return {"results": [at], "total": 9, "current_page": current, "pagination": numbers}

    got = []
    with pytest.raises(errors.DecodeError, match="page 4 instead of page 3"):  # noqa: PT012  the rows before it count
        async for row in fake_pager(skipping).find(style, row=int):
            got.append(row)  # noqa: PERF401  what came before the error counts
    assert got == [1, 2]


async def test_a_page_that_is_not_announced(fake_pager):
    """If the server announces the page after the next one, an error is raised."""
    page = {"results": [1], "pagination": {"next": 3}}
    with pytest.raises(errors.DecodeError, match="announced page 3 after page 1"):
        await fake_pager(lambda _: page).find(Pages(), row=int)


@pytest.mark.parametrize("base", [0, 1, None])
async def test_pages_numbered_from_zero_or_not_at_all(fake_pager, base):
    """All rows are yielded, whether a server calls its first page 0 or 1, or does not number it."""
    rows = list(range(7))
    pager = fake_pager(counted(rows, base=base))
    assert await pager.find(PageNumber(max_size=2), row=int) == rows
    assert len(pager.targets) == 4


@pytest.mark.parametrize("total", [1, 10, 20, 94])
async def test_a_total_that_is_too_small(fake_pager, total):
    """A total smaller than the number of rows does not end the paging after a full page."""
    rows = list(range(95))
    pager = fake_pager(counted(rows, total=total))
    assert await pager.find(PageNumber(max_size=20), row=int) == rows
    assert len(pager.targets) == 5


@pytest.mark.parametrize("body", [None, {"results": [], "total": 7}], ids=["204", "empty page"])
async def test_rows_that_were_announced_and_did_not_come(fake_pager, caplog, body):
    """A list that ends before its total is an error, or at least in the log."""
    serve = counted(list(range(7)))

    def ending(query):
        if query["page_number"] != "3":
            return serve(query)
        return Response(status=204, headers={}) if body is None else body

    found = fake_pager(ending).find(PageNumber(max_size=2), row=int)
    if body is None:
        with pytest.raises(errors.DecodeError, match=r"GET http://x/v1/things: .* no content"):
            await found
    else:
        assert await found == [0, 1, 2, 3]
        assert "after 4 of 7 rows" in caplog.text


@pytest.mark.parametrize(
    ("style", "page"),
    [
        (Keyset(), {"results": [1], "paging": {"cursors": {"next": "c"}}}),
        (Pages(), {"results": [1], "pagination": {"next": 2}}),
        (PageNumber(), {"results": [1], "current_page": 1, "total": 2}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("ahead", [0, 2])
async def test_no_content_instead_of_an_announced_page(fake_pager, style, page, ahead):
    """A response without content is an error if the page before announced another."""
    responses = iter([page])
    pager = fake_pager(lambda _: next(responses, Response(status=204, headers={})))
    got = []
    with pytest.raises(errors.DecodeError, match="announced another page"):  # noqa: PT012  the rows before it count
        async for row in pager.find(style, row=int).prefetch(ahead):
            got.append(row)  # noqa: PERF401  what came before the error counts
    assert got == [1]


@pytest.mark.parametrize(
    ("style", "page"),
    [(Offset(max_size=1), [1]), (PageNumber(max_size=1), {"results": [1], "current_page": 1})],
    ids=repr,
)
async def test_no_content_after_the_last_page(fake_pager, style, page):
    """If nobody announced another page, a response without content is the end."""
    responses = iter([page])
    pager = fake_pager(lambda _: next(responses, Response(status=204, headers={})))
    assert await pager.find(style, row=int) == [1]


@pytest.mark.parametrize("style", [Keyset(), Pages()], ids=repr)
async def test_endless_empty_pages(fake_pager, style):
    """Empty pages that each announce another end with an error after a bounded number."""

    def serve(query):
        at = int(query.get("next") or query.get("page", 0)) + 1
        rows = [at] if at % 90 == 0 and at < 200 else []
        after = {"paging": {"cursors": {"next": str(at)}}, "pagination": {"next": at}}
        return {"results": rows, **after}

    pager = fake_pager(serve)
    got = []
    with pytest.raises(errors.PageLoopError, match="100 empty pages in a row"):  # noqa: PT012  the rows before it count
        async for row in pager.find(style, row=int):
            got.append(row)  # noqa: PERF401  what came before the error counts
    # A few empty pages between the others are not an error.
    assert got == [90, 180]
    assert len(pager.targets) < 300


def removing(rows, before_page, count):
    """Serve numbered pages, and remove the first rows before a page is requested."""
    left = list(rows)

    def serve(query):
        if query["page_number"] == str(before_page):
            del left[:count]
        return counted(left)(query)

    return serve


async def test_items_removed_between_two_runs(fake_pager):
    """A token is refused if items were removed since, because its page begins elsewhere now."""
    pager = fake_pager(removing(range(9), 2, 1))
    found = pager.find(PageNumber(max_size=2), row=int)
    token = await token_of(found)
    for again in (found, found.raw(), found.prefetch(1)):
        with pytest.raises(errors.ResumeError, match=r"\d items of things\.find were removed"):
            [page async for page in again.pages(token)]


async def test_items_added_between_two_runs(fake_pager):
    """A token is still good if items were added at the end, as in a log."""
    rows = list(range(5))
    pager = fake_pager(counted(rows))
    found = pager.find(PageNumber(max_size=2), row=int)
    token = await token_of(found)
    rows.extend([5, 6])
    assert [row async for page in found.pages(token) for row in page.items] == [2, 3, 4, 5, 6]


async def test_items_removed_while_paging(fake_pager, caplog):
    """If items are removed during one run, the rows that may be missing are in the log."""
    pager = fake_pager(removing(range(9), 3, 2))
    assert await pager.find(PageNumber(max_size=2), row=int) == [0, 1, 2, 3, 6, 7, 8]
    assert "2 items were removed" in caplog.text


@pytest.mark.parametrize("total", ["9" * 5000, 10**40], ids=["text", "number"])
async def test_a_total_beyond_all_bounds(fake_pager, total):
    """A total that no list can have does not break the paging."""
    pager = fake_pager(counted([1], total=total))
    assert await pager.find(PageNumber(), row=int) == [1]

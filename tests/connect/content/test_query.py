"""Content is searched by any combination of terms; variants are listed and rendered."""

import logging

import pytest
from hypothesis import given, strategies as st

from aconnect import Client
from aconnect.connect import ContentTerms, content_query
from aconnect.errors import InvalidArgumentError, NotFoundError
from aconnect.testing import BuildScript, Seed
from aconnect.testing.connect.searching import Term, read

FILTERS = {"owner", "type", "tag", "package", "image", "published", "locked", "python", "r"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
TEXTS = st.lists(TEXT, min_size=1, max_size=4)


@pytest.fixture
def seed():
    return Seed(content=12)


@pytest.fixture
def server(server):
    for number, row in enumerate(server.state.content.values()):
        row["locked"] = number % 4 == 0
    return server


@given(TEXTS)
def test_any_text_is_text(texts):
    """Any search text is matched literally, never read as a filter or a negation."""
    expected = [Term("", (text,)) for text in texts]
    assert read(content_query(text=texts), FILTERS) == expected


@pytest.mark.parametrize("name", ["owner", "type", "tag", "image"])
@given(values=TEXTS)
def test_any_value_of_a_filter(name, values):
    """Values of a filter are kept unchanged, including any punctuation."""
    assert read(content_query(**{name: values}), FILTERS) == [Term(name, tuple(values))]


@given(TEXTS)
def test_packages_are_conditions_of_their_own(values):
    """Each package becomes a filter of its own, so that all must match; its commas are kept."""
    expected = [Term("package", (value,)) for value in values]
    assert read(content_query(package=values), FILTERS) == expected


@given(TEXT, TEXT, st.booleans(), st.booleans())
def test_exclude_negates_every_term(text, tag, locked, python):
    """Each excluded term is negated."""
    terms = ContentTerms(text=text, tag=tag, locked=locked, python=python)
    wanted = read(content_query(**terms), FILTERS)
    unwanted = read(content_query(exclude=terms), FILTERS)
    flipped = [Term(term.name, term.values, not term.negated) for term in wanted]
    assert unwanted == flipped


def test_terms_read_well():
    """Only values that need quotes are quoted."""
    query = content_query(owner="@me", tag=["finance/docs", "a b"], published=True, python=False)
    assert query == 'owner:@me tag:finance/docs,"a b" published:true -is:python'
    assert content_query() == ""


@pytest.mark.parametrize(
    "terms",
    [{"owner": ""}, {"tag": []}, {"text": " "}, {"tag": ["a", ""]}, {"locked": "yes"},
     {"owner": None}, {"owner": True}, {"type": 1}],
    ids=repr,
)  # fmt: skip
def test_terms_that_would_find_everything(terms):
    """A term without a valid value is refused, because omitting it would match too much."""
    with pytest.raises(InvalidArgumentError, match=next(iter(terms))):
        content_query(**terms)


def test_unknown_terms():
    """An unknown term raises TypeError, which lists the valid names."""
    with pytest.raises(TypeError, match="accepts bookmarked"):
        content_query(ownr="x")  # type: ignore[call-arg]


CASES = {
    "text": ({"text": "CONTENT.0003"}, lambda row: row["name"] == "content-0003"),
    "owner": ({"owner": "publisher"}, lambda row: row["number"] % 2 == 1),
    "me": ({"owner": "@me"}, lambda row: row["number"] % 2 == 0),
    "type": ({"type": ["shiny", "static"]}, lambda row: row["app_mode"] in {"shiny", "static"}),
    "tag": ({"tag": "Finance"}, lambda row: row["number"] == 5),
    "path": ({"tag": "Department/Finance"}, lambda row: row["number"] == 5),
    "no path": ({"tag": "Research/Finance"}, lambda _: False),
    "locked": ({"locked": True}, lambda row: row["locked"]),
    "open": ({"locked": False, "published": True}, lambda row: not row["locked"]),
    "not": ({"exclude": {"type": "shiny"}}, lambda row: row["app_mode"] != "shiny"),
    "raw": ({"q": "-is:locked type:shiny"},
            lambda row: row["app_mode"] == "shiny" and not row["locked"]),
    "both": ({"q": "is:locked", "owner": "admin"}, lambda row: row["locked"]),
}  # fmt: skip


@pytest.mark.parametrize(("terms", "expected"), CASES.values(), ids=CASES)
async def test_search(server, client, terms, expected):
    """A search returns the content that matches all terms."""
    guids = list(server.state.content)
    await client.content.handle(guids[5]).tags.add("2")
    rows = [{**row, "number": n} for n, row in enumerate(server.state.content.values())]
    found = await client.content.search(**terms)
    assert [item.guid for item in found] == [row["guid"] for row in rows if expected(row)]


async def test_search_pages_and_order(client, server):
    """A search is paged automatically, with the requested order and included fields."""
    search = client.content.search(sort="name", order="desc", include=["owner", "tags"]).page_size(
        5
    )
    names = [item.name async for item in search]
    assert names == sorted(names, reverse=True)
    assert (len(names), server.count("GET", "/v1/search/content")) == (12, 3)
    first = await search.first()
    assert first is not None
    assert first.owner is not None
    assert first.included_tags == []
    assert await search.total() == 12


async def test_warnings_are_printed(client, caplog):
    """A filter that the server ignores is logged once, and is in the warnings of each page."""
    search = client.content.search("published:bogus").page_size(5)
    with caplog.at_level(logging.WARNING, logger="aconnect"):
        pages = [page async for page in search.pages()]
    assert [len(page) for page in pages] == [5, 5, 2]
    for page in pages:
        assert "bogus" in page.warnings[0]
    assert caplog.text.count("bogus") == 1


async def test_search_sees_what_the_caller_sees(server):
    """A search returns only content that the owner of the key may see."""
    async with Client(server.url, server.api_key_for("viewer")) as client:
        assert {item.access_type for item in await client.content.search()} == {"logged_in", "all"}


async def test_variants(client):
    """Variants are listed and rendered; rendering updates the render time."""
    report = await client.content.find_one(name="content-0001")
    assert report is not None
    (default,) = await report.variants.find()
    assert (default.is_default, default.content_name) == (True, "content-0001")
    item = await (await default.render())
    assert item.guid == report.guid
    (again,) = await report.variants.find()
    assert again.render_time > default.render_time
    assert len(await client.content.variants.find()) == 4
    assert await client.content.variants.find(q="content-0001") == [again]
    default.variant_key = "none"
    with pytest.raises(NotFoundError):
        await default.render()


async def test_failed_variants(client, server):
    """Failed renderings are counted, and variants can be searched by the time of a failure."""
    server.state.build_script = BuildScript(code=1)
    variant = await client.content.variants.find().first()
    assert variant is not None
    await (await variant.render()).wait()
    (failed,) = await client.content.variants.find(q="failed:>=2000-01-01T00:00:00Z")
    assert (failed.variant_key, failed.failures) == (variant.variant_key, 1)
    assert await client.content.variants.find(q="failed:>=2999-01-01T00:00:00Z") == []

"""The comparison finds each type of difference, and none if there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest

from aconnect._client.signature import camel
from aconnect._core.model import OpenEnum
from aconnect._core.paging import PageStyle
from aconnect.connect import archive_upload
from aconnect.connect._base.paging import Keyset, PageNumber
from tests.contracts.samples import (
    CONTRACT,
    FIRST,
    JSON,
    Spec,
    Things,
    changed,
    compared,
    responding,
    single,
)


def test_agreement_is_silent() -> None:
    """A declaration that agrees with the contract has no differences."""
    assert compared(CONTRACT) == []


FORM = "application/x-www-form-urlencoded"
OPERATION = CONTRACT["operations"][FIRST]
QUERY = ("operations", FIRST, "query")
BODY = ("operations", FIRST, "body")
RESPONSES = ("operations", FIRST, "responses")
NEW = ("schemas", "NewThing")
THING = ("schemas", "AnyThing")
PART = ("schemas", "AnyPart")


@pytest.mark.parametrize(
    ("steps", "value", "difference"),
    [
        ((*QUERY, "limit"), "integer", "change 1 query limit: contract integer, declared nothing"),
        ((*QUERY, "sort"), None, "change 1 query sort: contract nothing, declared sent"),
        (
            (*QUERY, "since"),
            "integer",
            "change 1 query since: contract integer, declared string|string:date-time",
        ),
        (
            ("operations", FIRST, "path", "guid!"),
            "integer",
            "change 1 path guid: contract integer, declared string",
        ),
        (
            ("operations", FIRST, "header"),
            {"X-Sum": "string"},
            "change 1 header X-Sum: contract string, declared nothing",
        ),
        (
            (*BODY, JSON),
            None,
            "change 1 body: contract nothing, declared application/json #Draft",
        ),
        (
            (*BODY, "multipart/form-data"),
            "object",
            "change 1 body multipart/form-data: contract object, declared nothing",
        ),
        ((*NEW, "size"), "integer?", "Draft 1 size: contract integer?, declared nothing"),
        ((*NEW, "note"), "integer?", "Draft 1 note: contract integer?, declared string?"),
        ((*NEW, "note"), "string", "Draft 1 note: contract string, declared string?"),
        ((*NEW, "name!"), "string?", "Draft 1 name: contract string?, declared string"),
        ((*NEW, "note"), None, "Draft 1 note: contract nothing, declared string?"),
        (
            (*NEW, "colour"),
            "string(red,green,blue)",
            "Draft 1 colour: contract string(red,green,blue), declared string|string(red,green)",
        ),
        (
            (*NEW, "colour"),
            "string(red)",
            "Draft 1 colour: contract string(red), declared string|string(red,green)",
        ),
        (
            (*NEW, "sizes"),
            "[string(small)]",
            "Draft 1 sizes[]: contract string(small), declared string|string(small,large)",
        ),
        ((*THING, "title"), "string", "Thing 1 title: contract string, declared nothing"),
        ((*THING, "count"), None, "Thing 1 count: contract nothing, declared integer?"),
        ((*THING, "count"), "number", "Thing 1 count: contract number, declared integer?"),
        ((*THING, "count"), "string", "Thing 1 count: contract string, declared integer?"),
        ((*THING, "at"), "string", "Thing 1 at: contract string, declared string:date-time?"),
        ((*THING, "id"), "string?", "Thing 1 id: contract string?, declared integer|string"),
        (
            (*THING, "state"),
            "string(on,off,broken)",
            "Thing 1 state: contract string(on,off,broken), declared string(on,off)?",
        ),
        ((*THING, "parts"), "#AnyPart", "Thing 1 parts: contract #AnyPart, declared [#Part]"),
        ((*THING, "notes"), "{integer}", "Thing 1 notes{}: contract integer, declared string"),
        (
            (*THING, "anything"),
            "#AnyPart",
            "Thing 1 anything: contract #AnyPart, declared object?",
        ),
        ((*PART, "size"), "boolean", "Part 1 size: contract boolean, declared number?"),
        ((*PART, "size"), "integer", "Part 1 size: contract integer, declared number?"),
        (
            (*RESPONSES, "200", JSON),
            "[#AnyThing]",
            "change 1 response: contract [#AnyThing], declared #Thing",
        ),
        (
            (*RESPONSES, "204"),
            {},
            "change 1 response: contract 204 without a body as well, declared",
        ),
        (
            (*RESPONSES, "200"),
            {},
            "change 1 response: contract 200 without a body, declared #Thing",
        ),
        (RESPONSES, {"404": {}}, "change 1 response: contract no success without a body, declared"),
        (
            (*RESPONSES, "200"),
            {"text/csv": "string:binary"},
            "change 1 response: contract 200 text/csv string:binary, declared #Thing",
        ),
    ],
)
def test_a_planted_difference_is_found(steps: tuple[str, ...], value: Any, difference: str) -> None:
    """Each type of difference is found, alone, and is described with both sides."""
    (found,) = compared(changed(steps, value))
    assert found.startswith(difference)


@pytest.mark.parametrize(
    ("operation", "difference"),
    [
        (
            "PUT /things/{guid}",
            "change 1 operation: contract only PUT there, declared POST /things/{guid}",
        ),
        ("POST /others", "change 1 operation: contract nothing, declared POST /things/{guid}"),
        ("POST /things/{id}", "change 1 path id: contract {id}, declared {guid}"),
    ],
)
def test_an_operation_under_another_name_is_found(operation: str, difference: str) -> None:
    """A wrong method, path or placeholder is a difference."""
    facts = {**OPERATION, "path": {"id!": "string"}}
    assert compared(single(facts, operation)) == [difference]


@pytest.mark.parametrize(
    ("required", "optional", "difference"),
    [
        ("sort!", "sort", "change 1 query sort: contract required, declared optional"),
        ("note!", "note", "Draft 1 note: contract required, declared optional"),
        ("name", "name!", "Draft 1 name: contract optional, declared required"),
    ],
)
def test_optional_fields_are_compared(required: str, optional: str, difference: str) -> None:
    """Parameters and fields of bodies are required on both sides or on neither."""
    text = json.dumps(CONTRACT).replace(f'"{optional}":', f'"{required}":')
    assert compared(json.loads(text)) == [difference]


@pytest.mark.parametrize(
    ("function", "facts", "difference"),
    [
        (Things.remove, {"responses": {"204": {}}}, None),
        (
            Things.remove,
            {"responses": responding("#AnyThing")},
            "remove 1 response: contract 200 application/json #AnyThing, declared nothing",
        ),
        (
            Things.remove,
            {"responses": {"204": {}}, "body": {JSON: "#NewThing"}},
            "remove 1 body: contract application/json #NewThing, declared nothing",
        ),
        (Things.seek, {"responses": {**responding("#AnyThing"), "204": {}}}, None),
        (
            Things.seek,
            {"responses": responding("#AnyThing")},
            "seek 1 response: contract always a body, declared #Thing?",
        ),
        (Things.start, {"responses": {"202": {JSON: "#AnyPart"}}}, None),
        (
            Things.start,
            {"responses": {"202": {JSON: "[#AnyPart]"}}},
            "start 1 response: contract [#AnyPart], declared #Part",
        ),
        (Things.fetch, {"responses": responding("string:binary", "application/gzip")}, None),
        (
            Things.fetch,
            {"responses": responding("string")},
            "fetch 1 response: contract 200 application/json string, declared string:binary",
        ),
        (
            Things.send,
            {
                "header": {"X-Content-Checksum": "string"},
                "body": {
                    "application/gzip": "string:binary",
                    "application/x-gzip": "string:binary",
                },
                "responses": responding("[string]"),
            },
            None,
        ),
        (
            Things.send,
            {"body": {JSON: "object"}, "responses": responding("[string]")},
            f"send 1 body: contract {JSON} object, declared application/gzip string:binary",
        ),
    ],
)
def test_every_type_of_request_and_response_is_compared(
    function: Callable[..., Any], facts: Spec, difference: str | None
) -> None:
    """No response body, an optional one, a handle, bytes and uploads have their counterparts."""
    upload = archive_upload if function is Things.send else None
    found = compared(single(facts, "POST /things/{guid}"), function=function, upload=upload)
    assert found == ([difference] if difference else [])


PAGES: Spec = {
    "query": {"page_number": "integer", "page_size": "integer"},
    "responses": responding("#Page"),
}


@pytest.mark.parametrize(
    ("style", "query", "page", "found"),
    [
        (PageNumber(), PAGES["query"], {"results": "[#AnyThing]", "total": "integer"}, []),
        (PageNumber(), PAGES["query"], {"results": "[#AnyThing]", "hint": "string"}, []),
        (
            PageNumber(),
            {"page_number": "integer"},
            {"results": "[#AnyThing]"},
            ["find 1 query page_size: contract nothing, declared sent"],
        ),
        (
            PageNumber(),
            PAGES["query"],
            {"rows": "[#AnyThing]"},
            ["_NumberedPage 1 results: contract nothing, declared [#Thing]?"],
        ),
        (
            PageNumber(),
            PAGES["query"],
            {"results": "[#AnyPart]"},
            [
                "Thing 1 id: contract nothing, declared integer|string",
                "Thing 1 size: contract number, declared nothing",
            ],
        ),
        (
            Keyset(),
            {"limit": "integer", "next": "string", "previous": "string"},
            {"results": "[#AnyThing]", "paging": "#Paging"},
            ["_Cursors 1 next: contract integer, declared string?"],
        ),
    ],
)
def test_pages_are_compared_for_what_paging_needs(
    style: PageStyle, query: Spec, page: Spec, found: list[str]
) -> None:
    """The parameters of the page style, its envelope and the items agree with the contract."""
    schemas = {
        **CONTRACT["schemas"],
        "Page": page,
        "Paging": {"first": "string", "cursors": "#Cursors"},
        "Cursors": {"next": "integer"},
    }
    spec = {"operations": {"GET /things": {**PAGES, "query": query}}, "schemas": schemas}
    listed = compared(spec, function=Things.find, method="GET", template="/things", style=style)
    assert set(found) <= set(listed)
    assert bool(found) == bool(listed)


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        ((*QUERY, "sort"), None),
        ((*NEW, "note"), None),
        ((*NEW, "note"), "string"),
        ((*NEW, "name!"), None),
        ((*THING, "count"), None),
        ((*THING, "at"), "string"),
        ((*PART, "size"), "integer"),
    ],
)
def test_agreement_with_another_edition_is_no_difference(
    steps: tuple[str, ...], value: Any
) -> None:
    """A declaration may have more than one edition, if another edition agrees with it."""
    other = changed(steps, value)
    assert compared(CONTRACT, other) == []
    assert compared(other, CONTRACT) == []
    (both,) = compared(other, other)
    assert " 1,2 " in both


@pytest.mark.parametrize(
    ("steps", "value", "difference"),
    [
        ((*QUERY, "limit"), "integer", "change 2 query limit"),
        ((*THING, "title"), "string", "Thing 2 title"),
        ((*THING, "count"), "string", "Thing 2 count"),
        ((*RESPONSES, "204"), {}, "change 2 response"),
    ],
)
def test_fields_of_any_edition_must_be_declared(
    steps: tuple[str, ...], value: Any, difference: str
) -> None:
    """What one edition has is not excused by another edition that lacks it."""
    (found,) = compared(CONTRACT, changed(steps, value))
    assert found.startswith(difference)


class Order(OpenEnum):
    """The values of `sort`, as an enum class."""

    NAME = "name"
    DATE = "date"


class Sorted:
    """Operations that declare the enum `sort` in different ways."""

    async def plain(self, guid: str, *, sort: str | None = None) -> None:
        """Offer no values."""

    async def lists(self, guid: str, *, sort: Sequence[str] | None = None) -> None:
        """Offer no values for a list."""

    async def by_class(self, guid: str, *, sort: Order | str | None = None) -> None:
        """Offer the members of a class."""

    async def closed(self, guid: str, *, sort: Literal["name", "date"] | None = None) -> None:
        """Accept no other text."""

    async def less(self, guid: str, *, sort: Literal["name"] | str | None = None) -> None:
        """Offer one value only."""

    async def more(
        self, guid: str, *, sort: Literal["name", "date", "size"] | str | None = None
    ) -> None:
        """Offer a value of another edition."""

    async def exact(
        self, guid: str, *, sort: Literal["date", "name"] | str | list[Order | str] | None = None
    ) -> None:
        """Offer the values of the contract."""

    async def fixed(self, guid: str) -> None:
        """Send a constant."""


SORT: Spec = {
    "path": {"guid!": "string"},
    "query": {"sort": "string(name,date)"},
    "responses": {"204": {}},
}


@pytest.mark.parametrize(
    ("function", "declared"),
    [
        (Sorted.plain, "string"),
        (Sorted.lists, "string"),
        (Sorted.by_class, "string|string(name,date) as an enum class"),
        (Sorted.closed, "string(name,date) and no other text"),
        (Sorted.less, "string|string(name)"),
        (Sorted.more, "string|string(name,date,size)"),
        (Sorted.exact, None),
    ],
)
def test_an_enum_is_offered_in_full_and_stays_open(
    function: Callable[..., Any], declared: str | None
) -> None:
    """A parameter with an enum is a Literal of exactly its values, or any other text."""
    found = compared(single(SORT, FIRST), function=function)
    what = f"query sort: contract string(name,date), declared {declared}"
    assert found == ([] if declared is None else [f"Sorted.{function.__name__} 1 {what}"])


@pytest.mark.parametrize(
    ("older", "settled"),
    [
        ("string(name)", True),
        ("string", True),
        ("string(name,size)", False),
        ("string(name,date,size)", False),
    ],
)
def test_values_of_every_edition_are_offered(older: str, settled: bool) -> None:
    """An older edition may lack values or the enum, but none of its values may be missing."""
    previous = single({**SORT, "query": {"sort": older}}, FIRST)
    found = compared(single(SORT, FIRST), previous, function=Sorted.exact)
    assert bool(found) is not settled
    assert all(" 2 query sort: " in line for line in found)


def test_a_value_of_an_older_edition_may_be_offered() -> None:
    """Values beyond one edition are no difference if another edition has exactly them."""
    previous = single({**SORT, "query": {"sort": "string(name,date,size)"}}, FIRST)
    assert compared(single(SORT, FIRST), previous, function=Sorted.more) == []


@pytest.mark.parametrize(("value", "agrees"), [("name", True), ("size", False)])
def test_a_constant_is_one_value_of_the_enum(value: str, agrees: bool) -> None:
    """A parameter that is always sent with the same value need not offer the others."""
    facts = single(SORT, FIRST)
    found = compared(facts, function=Sorted.fixed, query={"sort": value})
    assert bool(found) is not agrees


def test_an_edition_without_the_operation_is_ignored() -> None:
    """Only the editions that have an operation are compared."""
    assert compared(CONTRACT, {"operations": {}, "schemas": {}}) == []


def test_the_same_template_is_preferred() -> None:
    """If an edition has an operation under two templates, the declared one counts."""
    twin = "POST /things/{path}"
    operations = {twin: {"responses": {"204": {}}}, **CONTRACT["operations"]}
    assert compared({**CONTRACT, "operations": operations}) == []


RENAMING: Spec = {
    "path": {"thingId!": "string"},
    "query": {"sortBy!": "[string]"},
    "body": {FORM: "#Title"},
    "responses": {"204": {}},
}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"naming": camel, "form": True}, []),
        (
            {"naming": camel},
            [f"rename 1 body: contract {FORM} #Title, declared {JSON} #Title"],
        ),
        (
            {"form": True},
            [
                "rename 1 query sortBy: contract [string], declared nothing",
                "rename 1 query thing_id: contract nothing, declared sent",
                "rename 1 query sort_by: contract nothing, declared sent",
                "Title 1 fullTitle: contract string, declared nothing",
                "Title 1 full_title: contract nothing, declared string",
            ],
        ),
    ],
)
def test_names_and_bodies_are_compared_as_they_are_sent(options: Spec, found: list[str]) -> None:
    """A declaration is compared as it is sent: names, forms, lists in the URL."""
    spec = {
        "operations": {"POST /{thingId}": RENAMING},
        "schemas": {"Title": {"fullTitle!": "string"}},
    }
    assert compared(spec, function=Things.rename, template="/{thingId}", **options) == found

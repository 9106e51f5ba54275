"""The comparison finds each kind of difference, and none where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aconnect._client.signature import camel
from aconnect._core.paging import PageStyle
from aconnect.connect import archive_upload
from aconnect.connect._base.paging import Keyset, PageNumber
from tests.contracts.samples import (
    CONTRACT,
    FIRST,
    JSON,
    Spec,
    Things,
    answering,
    changed,
    single,
    told,
)


def test_agreement_is_silent() -> None:
    """A declaration that says what the contract says has no differences."""
    assert told(CONTRACT) == []


FORM = "application/x-www-form-urlencoded"
OPERATION = CONTRACT["operations"][FIRST]
QUERY = ("operations", FIRST, "query")
BODY = ("operations", FIRST, "body")
ANSWERS = ("operations", FIRST, "answers")
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
            (*ANSWERS, "200", JSON),
            "[#AnyThing]",
            "change 1 answer: contract [#AnyThing], declared #Thing",
        ),
        ((*ANSWERS, "204"), {}, "change 1 answer: contract 204 without a body as well, declared"),
        ((*ANSWERS, "200"), {}, "change 1 answer: contract 200 without a body, declared #Thing"),
        (ANSWERS, {"404": {}}, "change 1 answer: contract no success without a body, declared"),
        (
            (*ANSWERS, "200"),
            {"text/csv": "string:binary"},
            "change 1 answer: contract 200 text/csv string:binary, declared #Thing",
        ),
    ],
)
def test_a_planted_difference_is_found(steps: tuple[str, ...], value: Any, difference: str) -> None:
    """Each kind of difference is found, alone, and said with both sides."""
    (found,) = told(changed(steps, value))
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
    assert told(single(facts, operation)) == [difference]


@pytest.mark.parametrize(
    ("required", "optional", "difference"),
    [
        ("sort!", "sort", "change 1 query sort: contract required, declared optional"),
        ("note!", "note", "Draft 1 note: contract required, declared optional"),
        ("name", "name!", "Draft 1 name: contract optional, declared required"),
    ],
)
def test_what_may_be_left_out_is_compared(required: str, optional: str, difference: str) -> None:
    """Parameters and fields of bodies are required on both sides or on neither."""
    text = json.dumps(CONTRACT).replace(f'"{optional}":', f'"{required}":')
    assert told(json.loads(text)) == [difference]


@pytest.mark.parametrize(
    ("function", "facts", "difference"),
    [
        (Things.remove, {"answers": {"204": {}}}, None),
        (
            Things.remove,
            {"answers": answering("#AnyThing")},
            "remove 1 answer: contract 200 application/json #AnyThing, declared nothing",
        ),
        (
            Things.remove,
            {"answers": {"204": {}}, "body": {JSON: "#NewThing"}},
            "remove 1 body: contract application/json #NewThing, declared nothing",
        ),
        (Things.seek, {"answers": {**answering("#AnyThing"), "204": {}}}, None),
        (
            Things.seek,
            {"answers": answering("#AnyThing")},
            "seek 1 answer: contract always a body, declared #Thing?",
        ),
        (Things.start, {"answers": {"202": {JSON: "#AnyPart"}}}, None),
        (
            Things.start,
            {"answers": {"202": {JSON: "[#AnyPart]"}}},
            "start 1 answer: contract [#AnyPart], declared #Part",
        ),
        (Things.fetch, {"answers": answering("string:binary", "application/gzip")}, None),
        (
            Things.fetch,
            {"answers": answering("string")},
            "fetch 1 answer: contract 200 application/json string, declared string:binary",
        ),
        (
            Things.send,
            {
                "header": {"X-Content-Checksum": "string"},
                "body": {
                    "application/gzip": "string:binary",
                    "application/x-gzip": "string:binary",
                },
                "answers": answering("[string]"),
            },
            None,
        ),
        (
            Things.send,
            {"body": {JSON: "object"}, "answers": answering("[string]")},
            f"send 1 body: contract {JSON} object, declared application/gzip string:binary",
        ),
    ],
)
def test_every_way_to_send_and_answer_is_compared(
    function: Callable[..., Any], facts: Spec, difference: str | None
) -> None:
    """No answer, perhaps an answer, a handle, bytes and uploads have their counterparts."""
    upload = archive_upload if function is Things.send else None
    found = told(single(facts, "POST /things/{guid}"), function=function, upload=upload)
    assert found == ([difference] if difference else [])


PAGES: Spec = {
    "query": {"page_number": "integer", "page_size": "integer"},
    "answers": answering("#Page"),
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
    """The style's parameters and its envelope are the contract's, and so are the rows."""
    schemas = {
        **CONTRACT["schemas"],
        "Page": page,
        "Paging": {"first": "string", "cursors": "#Cursors"},
        "Cursors": {"next": "integer"},
    }
    spec = {"operations": {"GET /things": {**PAGES, "query": query}}, "schemas": schemas}
    said = told(spec, function=Things.find, method="GET", template="/things", style=style)
    assert set(found) <= set(said)
    assert bool(found) == bool(said)


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
def test_what_another_edition_has_is_no_difference(steps: tuple[str, ...], value: Any) -> None:
    """A declaration may have more than one edition, if another edition agrees with it."""
    other = changed(steps, value)
    assert told(CONTRACT, other) == []
    assert told(other, CONTRACT) == []
    (both,) = told(other, other)
    assert " 1,2 " in both


@pytest.mark.parametrize(
    ("steps", "value", "difference"),
    [
        ((*QUERY, "limit"), "integer", "change 2 query limit"),
        ((*THING, "title"), "string", "Thing 2 title"),
        ((*THING, "count"), "string", "Thing 2 count"),
        ((*ANSWERS, "204"), {}, "change 2 answer"),
    ],
)
def test_what_any_edition_has_must_be_declared(
    steps: tuple[str, ...], value: Any, difference: str
) -> None:
    """No edition excuses that another one is not understood."""
    (found,) = told(CONTRACT, changed(steps, value))
    assert found.startswith(difference)


def test_an_edition_without_the_operation_has_no_say() -> None:
    """Only the editions that know an operation are compared."""
    assert told(CONTRACT, {"operations": {}, "schemas": {}}) == []


def test_the_same_template_is_preferred() -> None:
    """Where an edition has one operation under two templates, the declared one counts."""
    twin = "POST /things/{path}"
    operations = {twin: {"answers": {"204": {}}}, **CONTRACT["operations"]}
    assert told({**CONTRACT, "operations": operations}) == []


RENAMING: Spec = {
    "path": {"thingId!": "string"},
    "query": {"sortBy!": "[string]"},
    "body": {FORM: "#Title"},
    "answers": {"204": {}},
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
def test_names_and_bodies_as_the_service_writes_them(options: Spec, found: list[str]) -> None:
    """A declaration is compared as it is sent: spelled names, forms, lists in the address."""
    spec = {
        "operations": {"POST /{thingId}": RENAMING},
        "schemas": {"Title": {"fullTitle!": "string"}},
    }
    assert told(spec, function=Things.rename, template="/{thingId}", **options) == found

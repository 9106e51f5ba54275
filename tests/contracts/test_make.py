"""The tables made from a document contain its facts, one line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.make import Tables, main
from tests.contracts.table import Table

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer", "format": "int64"}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: dict[str, Any] = {
    "Node": {
        "type": "object",
        "required": ["id"],
        "properties": {"id": NUMBER, "children": {"type": "array", "items": ref("Node")}},
    },
    "Numbered": {"properties": {"total": NUMBER}},
    "Nodes": {"allOf": [ref("Numbered"), {"properties": {"results": ref("Node")}}]},
    "Colour": {"type": "string", "enum": ["red", "green"]},
    "Unused": {"properties": {"secret": TEXT}},
}


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({}, "any"),
        (TEXT, "string"),
        (NUMBER, "integer"),
        ({"type": "string", "format": "date-time", "nullable": True}, "string:date-time?"),
        ({"type": ["string", "null"]}, "string?"),
        ({"type": ["string", "integer", "null"]}, "integer|string?"),
        ({"anyOf": [TEXT, {"type": "null"}]}, "string?"),
        ({"oneOf": [TEXT, NUMBER], "nullable": True}, "integer|string?"),
        ({"type": "string", "enum": ["asc", "desc"]}, "string(asc,desc)"),
        ({"type": "array", "items": {"type": "array", "items": TEXT}}, "[[string]]"),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, "[string(a,b)]"),
        ({"type": "object", "additionalProperties": NUMBER}, "{integer}"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({"allOf": [ref("Node")], "nullable": True}, "#Node?"),
        (ref("Colour"), "#Colour"),
        ({"properties": {"a": TEXT}}, "#here"),
    ],
)
def test_each_type_has_one_short_form(schema: dict[str, Any], written: str) -> None:
    """A type is written the same, regardless of the version of OpenAPI."""
    tables = Tables({"paths": {}, "components": {"schemas": SCHEMAS}})
    assert tables.type_of(schema, "here") == written


def test_a_document_becomes_a_table_that_can_be_read(tmp_path: Path) -> None:
    """The table has the parameters, body, responses and the schemas they use, and nothing else."""
    response = {"content": {"application/json": {"schema": ref("Nodes")}}}
    where = {"name": "id", "in": "path", "required": True, "schema": TEXT}
    sort = {"name": "sort", "in": "query", "schema": ref("Colour")}
    body = {"content": {"application/json": {"schema": {"properties": {"name": TEXT}}}}}
    operation = {
        "operationId": "change",
        "summary": "prose that is no fact",
        "parameters": [sort],
        "requestBody": body,
        "responses": {"200": response, "404": {"description": "prose"}},
    }
    paths = {"/nodes/{id}": {"parameters": [where], "put": operation}}
    document = tmp_path / "full.json"
    document.write_text(json.dumps({"paths": paths, "components": {"schemas": SCHEMAS}}))

    line = main(["some", "1.0", str(document), str(tmp_path)])

    text = (tmp_path / "some-1.0.json").read_text()
    assert "1 operations, 4 schemas" in line
    assert "prose" not in text
    assert "Unused" not in text
    changed = Table(text).find("PUT", "/nodes/{id}")
    assert changed is not None
    assert changed.body is not None
    assert [*changed.path, *changed.query, *changed.responses] == ["id", "sort", 200, 404]
    (sent,) = changed.body["application/json"].kinds
    assert [*sent.fields] == ["name"]
    (page,) = changed.successes[200]["application/json"].kinds
    assert [kind.values for kind in changed.query["sort"].type.kinds] == [("red", "green")]
    (item,) = page.fields["results"].type.kinds
    assert {name: str(field.type) for name, field in item.fields.items()} == {
        "id": "integer",
        "children": "[#Node]",
    }
    assert [name for name, field in item.fields.items() if field.required] == ["id"]


def test_a_value_that_would_break_the_notation_is_refused() -> None:
    """An enum value with a comma raises an error instead of becoming two values."""
    tables = Tables({"paths": {}})
    with pytest.raises(ValueError, match="cannot be written"):
        tables.type_of({"type": "string", "enum": ["a,b"]}, "here")


@pytest.mark.parametrize("text", ["[string", "string]", "{string", "str ing", "#", ""])
def test_a_type_that_is_misspelt_is_refused(text: str) -> None:
    """A table that was edited by hand is rejected if a type cannot be parsed."""
    empty = Table('{"service": "s", "edition": "e", "operations": {}, "schemas": {}}')
    with pytest.raises(ValueError, match="type"):
        empty.type_of(text)


def test_too_few_arguments_print_the_usage() -> None:
    """The script prints its usage."""
    with pytest.raises(SystemExit, match="usage"):
        main(["connect"])

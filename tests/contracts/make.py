"""Make the compact table of one edition of a vendor's contract from its OpenAPI document.

    python tests/contracts/make.py connect 2026 path/to/connect-2026.json

writes `connect-2026.json` beside this file: one line per operation and one line per schema, sorted,
so that two editions, or two runs, can be compared line by line. Only facts are kept: method, path,
parameters, body, responses, enums, and the fields of the schemas that these refer to. The tests
read only the tables, never the document.

To add an edition or another service, make its table and list it in `EDITIONS` of
`tests/test_contract.py`; the test then reports what the declarations lack.

A type is a short string:

    string  integer  number  boolean  object  any     the JSON types; `any` if there is none
    string:date-time                                  with its format, if that changes the value
    string(asc,desc)                                  one of these values
    [T]  {T}                                          an array, an object with any keys
    A|B  T?                                           either, nullable
    #Name                                             the schema with that name

A `!` after the name of a field or parameter marks it as required. A schema without a name in the
document is named after its position, such as `Schedule.variant`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

_METHODS: Final = ("get", "put", "post", "delete", "patch", "head")
_LOCATIONS: Final = ("path", "query", "header")
_USAGE: Final = "usage: make.py SERVICE EDITION DOCUMENT [FOLDER]"
# The width of a number makes no difference in Python.
_WIDTHS: Final = frozenset({"int32", "int64", "float", "double"})
_PLAIN: Final = re.compile(r"[\w.:/-]+")
_REFERENCE: Final = "#/components/schemas/"


class Tables:
    """The facts of one document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self.operations: dict[str, Json] = {}
        self.schemas: dict[str, Json | str] = {}
        for path, item in document["paths"].items():
            for method in _METHODS:
                if method in item:
                    shared = item.get("parameters", [])
                    key = f"{method.upper()} {path}"
                    self.operations[key] = self._operation(key, item[method], shared)

    def _operation(self, key: str, operation: Json, shared: list[Json]) -> Json:
        name = operation.get("operationId", key.replace(" ", ""))
        facts: Json = {}
        parameters = [self._follow(p) for p in [*shared, *operation.get("parameters", [])]]
        for location in _LOCATIONS:
            typed = {
                p["name"] + "!" * bool(p.get("required")): self.type_of(p["schema"], name)
                for p in parameters
                if p["in"] == location
            }
            if typed:
                facts[location] = typed
        if "requestBody" in operation:
            facts["body"] = self._content(operation["requestBody"], f"{name}.body")
        facts["responses"] = {
            status: self._content(response, f"{name}.{status}")
            for status, response in sorted(operation["responses"].items())
        }
        return facts

    def _content(self, message: Json, name: str) -> dict[str, str]:
        content = self._follow(message).get("content", {})
        return {kind: self.type_of(one.get("schema", {}), name) for kind, one in content.items()}

    def type_of(self, schema: Json, name: str) -> str:
        """Write a schema as a type; `name` is used if the schema needs a line of its own."""
        bare, nullable = _without_null(schema)
        text = self._bare_type(bare, name)
        return text + "?" * (nullable and not text.endswith("?"))

    def _bare_type(self, schema: Json, name: str) -> str:
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        either = schema.get("oneOf", schema.get("anyOf"))
        if either:
            return "|".join(sorted({self.type_of(one, name) for one in either}))
        parts = schema.get("allOf", [])
        if len(parts) == 1:
            return self.type_of(parts[0], name)
        if parts or schema.get("properties"):
            self.schemas[name] = {}
            self.schemas[name] = self._fields(schema, name)
            return f"#{name}"
        return self._plain_type(schema, name)

    def _plain_type(self, schema: Json, name: str) -> str:
        kind = schema.get("type", "any")
        if kind == "array":
            return f"[{self.type_of(schema.get('items', {}), f'{name}.item')}]"
        values = schema.get("additionalProperties")
        if kind == "object" and isinstance(values, dict) and values:
            return f"{{{self.type_of(values, f'{name}.value')}}}"
        if "enum" in schema:
            return f"{kind}({','.join(_plain(value) for value in schema['enum'])})"
        width = schema.get("format")
        return f"{kind}:{_plain(width)}" if width and width not in _WIDTHS else str(kind)

    def _reference(self, reference: str) -> str:
        name = reference.removeprefix(_REFERENCE)
        if name not in self.schemas:
            # Entered before it is read, because schemas may contain themselves.
            self.schemas[name] = {}
            schema = self._document["components"]["schemas"][name]
            if _is_fields(schema):
                self.schemas[name] = self._fields(schema, name)
            else:
                self.schemas[name] = self.type_of(schema, name)
        return f"#{name}"

    def _fields(self, schema: Json, name: str) -> dict[str, str]:
        """Return the fields of an object, including those of all its parts."""
        fields: dict[str, str] = {}
        for part in map(self._follow, schema.get("allOf", [])):
            fields |= self._fields(part, name)
        required = schema.get("required", [])
        for field, kind in schema.get("properties", {}).items():
            fields[field + "!" * (field in required)] = self.type_of(kind, f"{name}.{field}")
        return fields

    def _follow(self, part: Json) -> Json:
        while "$ref" in part:
            target: Any = self._document
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            part = target
        return part


def _is_fields(schema: Json) -> bool:
    return bool(schema.get("properties")) or len(schema.get("allOf", [])) > 1


def _without_null(schema: Json) -> tuple[Json, bool]:
    """Remove null from a schema, regardless of how its version of OpenAPI writes it."""
    nullable = bool(schema.get("nullable"))
    for key in ("oneOf", "anyOf"):
        rest = [one for one in schema.get(key, []) if one.get("type") != "null"]
        if key in schema and len(rest) < len(schema[key]):
            return ({**schema, key: rest} if len(rest) > 1 else rest[0]), True
    kinds = schema.get("type")
    if isinstance(kinds, list):
        rest = [kind for kind in kinds if kind != "null"]
        if len(rest) == 1:
            return {**schema, "type": rest[0]}, nullable or len(rest) < len(kinds)
        split = [{**schema, "type": kind} for kind in rest]
        return {"anyOf": split}, nullable or len(rest) < len(kinds)
    return schema, nullable


def _plain(value: object) -> str:
    text = str(value)
    if not _PLAIN.fullmatch(text):
        raise ValueError(
            f"{value!r} cannot be written in a table; extend the notation to quote values"
        )
    return text


def lines(service: str, edition: str, tables: Tables) -> Iterator[str]:
    """Yield the table as JSON, one line for each operation and each schema."""
    yield f'{{"service": {json.dumps(service)}, "edition": {json.dumps(edition)},'
    yield '"operations": {'
    yield from _entries(tables.operations)
    yield '},\n"schemas": {'
    yield from _entries(tables.schemas)
    yield "}}"


def _entries(entries: Mapping[str, Json | str]) -> Iterator[str]:
    last = len(entries) - 1
    for number, (key, value) in enumerate(sorted(entries.items(), key=_by_path)):
        comma = "," * (number < last)
        yield f"  {json.dumps(key)}: {json.dumps(value)}{comma}"


def _by_path(entry: tuple[str, object]) -> tuple[str, str]:
    method, _, path = entry[0].rpartition(" ")
    return path, method


def main(arguments: list[str]) -> str:
    """Write the table that the arguments describe; return the line to print."""
    if len(arguments) not in {3, 4}:
        raise SystemExit(_USAGE)
    service, edition, document = arguments[:3]
    folder = Path(arguments[3]) if len(arguments) == 4 else Path(__file__).parent
    tables = Tables(json.loads(Path(document).read_text(encoding="utf-8")))
    target = folder / f"{service}-{edition}.json"
    target.write_text("\n".join([*lines(service, edition, tables), ""]), encoding="utf-8")
    counts = f"{len(tables.operations)} operations, {len(tables.schemas)} schemas"
    return f"{target}: {counts}"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")

"""An edition of the vendor's contract, prepared for tests.

Decides what is corrected in it, and which fields a response should have. The contract itself is not
part of this project.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import schemathesis
from schemathesis import Response
from schemathesis.openapi.checks import JsonSchemaError, UndefinedStatusCode

from aconnect.testing.connect.dialect import ROUTES
from aconnect.testing.connect.versions import parse_version
from tests.contracts.table import operation_key

Json: TypeAlias = dict[str, Any]


class Contract:
    """An edition of the vendor's contract, with its schemathesis schema."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        self._schemas: Json = document["components"]["schemas"]
        # The old edition does not specify nullable fields and errors.
        self._lenient = '"nullable"' not in text
        self._document: Json = self._merged(document)
        self._schemas = self._document["components"]["schemas"]
        # An explicit configuration, because the default configuration is read from files.
        schema = schemathesis.openapi.from_dict(self._document, config=schemathesis.Config())
        # Requests use a valid key, because a generated key would be rejected.
        schema.config.generation.update(with_security_parameters=False)
        operations = [cast("Any", result).ok() for result in schema.get_all_operations()]
        self.operations: Mapping[str, Any] = {each.label: each for each in operations}

    def _merged(self, node: Any) -> Any:
        """Merge each `allOf` into one schema, because its parts forbid additional properties."""
        if isinstance(node, list):
            return [self._merged(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "allOf" not in node:
            return {name: self._merged(value) for name, value in node.items()}
        merged: Json = {name: value for name, value in node.items() if name != "allOf"}
        for part in node["allOf"]:
            schema = self._merged(self._resolved(part))
            properties = {**schema.get("properties", {}), **merged.get("properties", {})}
            merged = {**schema, **merged, **({"properties": properties} if properties else {})}
        return merged

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def is_unspecified(self, failure: BaseException) -> bool:
        """Return True if this edition does not specify errors or nulls like those of a failure."""
        match failure:
            case UndefinedStatusCode():
                return self._lenient and 400 <= failure.status_code < 500
            case JsonSchemaError():
                return self._lenient and failure.instance is None
        return False

    def specifies_validity(self, body: Any) -> bool:
        """Return True if this edition specifies whether the body is valid."""
        return not (self._lenient and isinstance(body, dict) and None in body.values())

    def known_fields(self, label: str, media_type: str | None, body: Any) -> Any:
        """Return the body of an operation without unknown fields, at any depth."""
        return self._known_fields(self._body(label, media_type), body)

    def required(self, label: str) -> frozenset[str]:
        """Return the fields that this edition requires in the JSON body of an operation."""
        return frozenset(self._body(label, "application/json").get("required", ()))

    def _body(self, label: str, media_type: str | None) -> Json:
        """Return the schema of the request body of an operation."""
        method, path = label.split(" ", 1)
        body = self._document["paths"][path][method.lower()].get("requestBody", {})
        return self._resolved(body.get("content", {}).get(media_type, {}).get("schema", {}))

    def _known_fields(self, schema: Json, value: Any) -> Any:
        schema = self._resolved(schema)
        if isinstance(value, list):
            return [self._known_fields(schema.get("items", {}), each) for each in value]
        if isinstance(value, dict) and "properties" in schema:
            fields = schema["properties"]
            return {n: self._known_fields(fields[n], v) for n, v in value.items() if n in fields}
        return value

    def missing(self, label: str, response: Response) -> Iterator[str]:
        """Yield a violation for each field of the contract that is missing in a response."""
        method, _, path = label.partition(" ")
        responses = self._document["paths"][path][method.lower()]["responses"]
        content = responses.get(str(response.status_code), {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        content_type = response.headers.get("content-type", [""])[0]
        if schema is not None and content_type.startswith("application/json"):
            yield from self._missing(schema, response.json(), "response")

    def _missing(self, schema: Json, value: Any, name: str) -> Iterator[str]:
        name = schema.get("$ref", name).rpartition("/")[2]
        schema = self._resolved(schema)
        if isinstance(value, list):
            for each in value:
                yield from self._missing(schema.get("items", {}), each, name)
        elif isinstance(value, dict):
            for key, inner in schema.get("properties", {}).items():
                if key in value:
                    yield from self._missing(inner, value[key], f"{name}.{key}")
                else:
                    yield f"{name}.{key} is missing"


def is_simulated(label: str, version: str) -> bool:
    """Return True if a simulated server of this version has the operation."""
    key = operation_key(*label.split(" ", 1))
    return any(
        operation_key(entry.method, entry.template) == key
        for entry in ROUTES.entries
        if entry.is_in(parse_version(version))
    )

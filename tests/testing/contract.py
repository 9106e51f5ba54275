"""One edition of the vendor's contract, prepared for tests.

Decides what is corrected in it, and which fields an answer should have. The contract itself is no
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
    """One edition of the vendor's contract, and its schemathesis schema."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        self._schemas: Json = document["components"]["schemas"]
        # The old edition specifies neither nullable fields nor errors.
        self._lenient = '"nullable"' not in text
        self._document: Json = self._merged(document)
        self._schemas = self._document["components"]["schemas"]
        # A configuration of its own, because the default one is looked up in files.
        schema = schemathesis.openapi.from_dict(self._document, config=schemathesis.Config())
        # A valid key; a generated one would only be refused.
        schema.config.generation.update(with_security_parameters=False)
        found = [cast("Any", one).ok() for one in schema.get_all_operations()]
        self.operations: Mapping[str, Any] = {one.label: one for one in found}

    def _merged(self, node: Any) -> Any:
        """Merge each `allOf` into one schema: the vendor's bases refuse additional properties."""
        if isinstance(node, list):
            return [self._merged(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "allOf" not in node:
            return {name: self._merged(value) for name, value in node.items()}
        whole: Json = {name: value for name, value in node.items() if name != "allOf"}
        for part in node["allOf"]:
            one = self._merged(self._resolved(part))
            both = {**one.get("properties", {}), **whole.get("properties", {})}
            whole = {**one, **whole, **({"properties": both} if both else {})}
        return whole

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def silent_on(self, failure: BaseException) -> bool:
        """Return True if this edition does not specify errors."""
        match failure:
            case UndefinedStatusCode():
                return self._lenient and 400 <= failure.status_code < 500
            case JsonSchemaError():
                return self._lenient and failure.instance is None
        return False

    def judges(self, body: Any) -> bool:
        """Return True if this edition specifies the error for an invalid body."""
        return not (self._lenient and isinstance(body, dict) and None in body.values())

    def known(self, label: str, media_type: str | None, body: Any) -> Any:
        """Return the schema of an operation's body in this edition, at any depth."""
        return self._known(self._body(label, media_type), body)

    def required(self, label: str) -> frozenset[str]:
        """Return the fields that this edition requires of an operation's JSON body."""
        return frozenset(self._body(label, "application/json").get("required", ()))

    def _body(self, label: str, media_type: str | None) -> Json:
        method, path = label.split(" ", 1)
        body = self._document["paths"][path][method.lower()].get("requestBody", {})
        return self._resolved(body.get("content", {}).get(media_type, {}).get("schema", {}))

    def _known(self, schema: Json, value: Any) -> Any:
        schema = self._resolved(schema)
        if isinstance(value, list):
            return [self._known(schema.get("items", {}), each) for each in value]
        if isinstance(value, dict) and "properties" in schema:
            fields = schema["properties"]
            return {n: self._known(fields[n], v) for n, v in value.items() if n in fields}
        return value

    def missing(self, label: str, response: Response) -> Iterator[str]:
        """Return the fields of the contract that a response lacks, each with its schema."""
        method, _, path = label.partition(" ")
        responses = self._document["paths"][path][method.lower()]["responses"]
        kinds = responses.get(str(response.status_code), {}).get("content", {})
        schema = kinds.get("application/json", {}).get("schema")
        sent = response.headers.get("content-type", [""])[0]
        if schema is not None and sent.startswith("application/json"):
            yield from self._missing(schema, response.json(), "answer")

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


def simulated(label: str, version: str) -> bool:
    """Return True if the simulated server of a version has an operation."""
    wanted = operation_key(*label.split(" ", 1))
    return any(
        operation_key(entry.method, entry.template) == wanted
        for entry in ROUTES.entries
        if entry.since <= parse_version(version)
    )

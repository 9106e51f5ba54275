"""Reads the compact tables that `make.py` writes; knows nothing of declarations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

_TOKEN: Final = re.compile(r"#[\w.]+|\w+(?::[\w.:/-]+)?(?:\([^)]*\))?|[\[\]{}|?]")
_NAMED: Final = re.compile(r"(?P<name>\w+)(?::(?P<format>[^(]+))?(?:\((?P<values>.*)\))?")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)(?:\.\.\.)?\}")
# Other formats say how a text looks, but what comes to hand is a text all the same.
_FORMATS: Final = frozenset({"date-time", "binary"})


@dataclass(frozen=True)
class Field:
    """A field of an object, or a parameter."""

    type: Type
    required: bool = False


@dataclass(frozen=True)
class Kind:
    """One alternative of a type."""

    name: str
    """A JSON type, `any`, `map` for an object of any names, or `fields` for one of known names."""
    format: str = ""
    values: tuple[str, ...] = ()
    item: Type | None = None
    title: str = ""
    load: Callable[[], Mapping[str, Field]] | None = field(default=None, compare=False, repr=False)
    partial: bool = False
    """An object of which only the named fields are looked at."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of an object of known names; read when asked for, as objects may nest."""
        return self.load() if self.load else {}

    def __str__(self) -> str:
        if self.name in {"array", "map"}:
            return f"[{self.item}]" if self.name == "array" else f"{{{self.item}}}"
        if self.name == "fields":
            return f"#{self.title}"
        values = f"({','.join(self.values)})" if self.values else ""
        return self.name + (f":{self.format}" if self.format else "") + values


@dataclass(frozen=True)
class Type:
    """What a value may be."""

    kinds: tuple[Kind, ...]
    nullable: bool = False

    def __str__(self) -> str:
        return "|".join(sorted(map(str, self.kinds))) + "?" * self.nullable


Content = Mapping[str, Type]
"""Types by media type."""


@dataclass(frozen=True)
class Operation:
    """One operation of a contract."""

    method: str
    template: str
    path: Mapping[str, Field]
    query: Mapping[str, Field]
    header: Mapping[str, Field]
    body: Content | None
    responses: Mapping[int, Content]

    @property
    def successes(self) -> Mapping[int, Content]:
        """The answers with a status of 2xx."""
        return {status: one for status, one in self.responses.items() if 200 <= status < 300}


def operation_key(method: str, template: str) -> str:
    """Name an operation whatever its placeholders are called."""
    return f"{method} {_PLACEHOLDER.sub('{}', template)}"


def placeholders(template: str) -> list[str]:
    """Give the names in a template, in order."""
    return _PLACEHOLDER.findall(template)


class Table:
    """One edition of a contract."""

    def __init__(self, text: str) -> None:
        data = json.loads(text)
        self.service: str = data["service"]
        self.edition: str = data["edition"]
        self._schemas: Mapping[str, Mapping[str, str] | str] = data["schemas"]
        self._operations = data["operations"]
        self._by_key: dict[str, list[str]] = {}
        for name in self._operations:
            method, template = name.split(" ")
            self._by_key.setdefault(operation_key(method, template), []).append(name)

    @property
    def keys(self) -> frozenset[str]:
        """Every operation, as `operation_key` names it."""
        return frozenset(self._by_key)

    def find(self, method: str, template: str) -> Operation | None:
        """Find an operation, preferably by its very template; None where the edition lacks it."""
        names = self._by_key.get(operation_key(method, template), [])
        if not names:
            return None
        exact = f"{method} {template}"
        return self._operation(exact if exact in names else names[0])

    def methods(self, template: str) -> frozenset[str]:
        """Give the methods of the operations at a path."""
        path = operation_key("", template)
        return frozenset(key.split(" ")[0] for key in self._by_key if key.endswith(path))

    def _operation(self, name: str) -> Operation:
        method, template = name.split(" ")
        facts = self._operations[name]
        return Operation(
            method=method,
            template=template,
            path=self._fields(facts.get("path", {})),
            query=self._fields(facts.get("query", {})),
            header=self._fields(facts.get("header", {})),
            body=self._content(facts["body"]) if "body" in facts else None,
            responses={
                int(status): self._content(content)
                for status, content in facts["answers"].items()
                if status.isdigit()
            },
        )

    def _content(self, content: Mapping[str, str]) -> Content:
        return {media: self.type_of(text) for media, text in content.items()}

    def _fields(self, fields: Mapping[str, str]) -> dict[str, Field]:
        return {
            name.removesuffix("!"): Field(self.type_of(text), name.endswith("!"))
            for name, text in fields.items()
        }

    def type_of(self, text: str) -> Type:
        """Read a type; schemas that are no objects of known names are put in their place."""
        tokens = _TOKEN.findall(text)
        if "".join(tokens) != text:
            raise ValueError(f"{text!r} is no type; `make.py` says how types are written")
        reader = iter([*tokens, ""])
        found, rest = self._union(next(reader), reader)
        if rest:
            raise ValueError(f"{text!r} is a type up to {rest!r}")
        return found

    def _union(self, token: str, rest: Iterator[str]) -> tuple[Type, str]:
        kinds: list[Kind] = []
        nullable = False
        while True:
            one = self._one(token, rest)
            kinds += one.kinds
            nullable |= one.nullable
            token = next(rest)
            if token == "?":
                nullable = True
                token = next(rest)
            if token != "|":
                return Type(tuple(kinds), nullable), token
            token = next(rest)

    def _one(self, token: str, rest: Iterator[str]) -> Type:
        if token in {"[", "{"}:
            item, end = self._union(next(rest), rest)
            if end != {"[": "]", "{": "}"}[token]:
                raise ValueError(f"{token!r} has no end in a type")
            return Type((Kind("array" if token == "[" else "map", item=item),))
        if token.startswith("#"):
            return self._schema(token[1:])
        parts = _NAMED.fullmatch(token)
        if parts is None:
            raise ValueError(f"{token!r} is no type")
        written = parts["format"] or ""
        values = tuple(parts["values"].split(",")) if parts["values"] else ()
        return Type((Kind(parts["name"], written if written in _FORMATS else "", values),))

    def _schema(self, name: str) -> Type:
        schema = self._schemas[name]
        if isinstance(schema, str):
            return self.type_of(schema)
        return Type((Kind("fields", title=name, load=lambda: self._fields(schema)),))


@cache
def table(service: str, edition: str) -> Table:
    """Read the table of an edition."""
    path = Path(__file__).with_name(f"{service}-{edition}.json")
    return Table(path.read_text(encoding="utf-8"))

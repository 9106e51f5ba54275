"""Read the compact tables that `make.py` writes; declarations are not handled here."""

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
# Other formats restrict the text of a string, but the value is a string all the same.
_FORMATS: Final = frozenset({"date-time", "binary"})


@dataclass(frozen=True)
class Field:
    """A field of an object, or a parameter."""

    type: Type
    required: bool = False
    constant: bool = False
    """A parameter that a declaration always sends with the same value."""


@dataclass(frozen=True)
class Kind:
    """One alternative of a type."""

    name: str
    """A JSON type, `any`, `map` (an object with any keys) or `fields` (one with known keys)."""
    format: str = ""
    values: tuple[str, ...] = ()
    item: Type | None = None
    title: str = ""
    load: Callable[[], Mapping[str, Field]] | None = field(default=None, compare=False, repr=False)
    partial: bool = False
    """An object of which only the listed fields are compared."""
    literal: bool = False
    """Values declared as a `Literal`, which editors offer, and not as an enum class."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of an object with known keys; read on demand, because schemas may recurse."""
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
    """The type of a value: one or more alternatives."""

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
        """The responses with a status of 2xx."""
        return {status: one for status, one in self.responses.items() if 200 <= status < 300}


def operation_key(method: str, template: str) -> str:
    """Return a name for an operation that does not depend on the names of its placeholders."""
    return f"{method} {_PLACEHOLDER.sub('{}', template)}"


def placeholders(template: str) -> list[str]:
    """Return the placeholder names of a template, in order."""
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
        """Every operation, by `operation_key`."""
        return frozenset(self._by_key)

    def find(self, method: str, template: str) -> Operation | None:
        """Return an operation, preferably with the same template; None if the edition lacks it."""
        names = self._by_key.get(operation_key(method, template), [])
        if not names:
            return None
        exact = f"{method} {template}"
        return self._operation(exact if exact in names else names[0])

    def methods(self, template: str) -> frozenset[str]:
        """Return the methods of the operations at a path."""
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
                for status, content in facts["responses"].items()
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
        """Parse a type; schemas other than objects with known keys are expanded in place."""
        tokens = _TOKEN.findall(text)
        if "".join(tokens) != text:
            raise ValueError(f"{text!r} is not a type; see `make.py` for the notation")
        reader = iter([*tokens, ""])
        type_, rest = self._union(next(reader), reader)
        if rest:
            raise ValueError(f"{text!r} is not a type from {rest!r} on")
        return type_

    def _union(self, token: str, rest: Iterator[str]) -> tuple[Type, str]:
        kinds: list[Kind] = []
        nullable = False
        while True:
            alternative = self._alternative(token, rest)
            kinds += alternative.kinds
            nullable |= alternative.nullable
            token = next(rest)
            if token == "?":
                nullable = True
                token = next(rest)
            if token != "|":
                return Type(tuple(kinds), nullable), token
            token = next(rest)

    def _alternative(self, token: str, rest: Iterator[str]) -> Type:
        if token in {"[", "{"}:
            item, end = self._union(next(rest), rest)
            if end != {"[": "]", "{": "}"}[token]:
                raise ValueError(f"{token!r} is not closed in a type")
            return Type((Kind("array" if token == "[" else "map", item=item),))
        if token.startswith("#"):
            return self._schema(token[1:])
        parts = _NAMED.fullmatch(token)
        if parts is None:
            raise ValueError(f"{token!r} is not a type")
        format_ = parts["format"] or ""
        values = tuple(parts["values"].split(",")) if parts["values"] else ()
        return Type((Kind(parts["name"], format_ if format_ in _FORMATS else "", values),))

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

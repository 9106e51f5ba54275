"""The query language for content and variants, as documented by the vendor.

Decides how a query is parsed and which rows its terms match. The rows, and the meaning of their
fields, are defined in the routes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aconnect.testing.wire import Row

_KEY = re.compile(r"([a-z_]+):")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a query: a filter with its values, or text, which has an empty name."""

    name: str
    values: tuple[str, ...]
    negated: bool = False


class InvalidFilterError(Exception):
    """A filter has an invalid value, which is reported as a warning."""


Test = Callable[[Row], bool]
Filters = Mapping[str, Callable[[tuple[str, ...]], Test]]
"""Functions that create a test from the values of a filter, by the name of the filter.

They raise `InvalidFilterError` if a value is invalid.
"""


def read(query: str, names: frozenset[str] | set[str]) -> list[Term]:
    """Parse a query into terms; a term that does not begin with the name of a filter is text."""
    terms: list[Term] = []
    position = 0
    while position < len(query):
        if query[position].isspace():
            position += 1
            continue
        negated = (
            query[position] == "-"
            and position + 1 < len(query)
            and not query[position + 1].isspace()
        )
        position += negated
        match = _KEY.match(query, position)
        if match is not None and match[1] in {*names, "is", "not"}:
            values, position = _values(query, match.end())
            terms += _filters(match[1], values, negated)
        else:
            text, position = _value(query, position, ends="")
            terms.append(Term("", (text,), negated))
    return terms


def _filters(name: str, values: tuple[str, ...], negated: bool) -> list[Term]:
    if name in {"is", "not"}:
        truth = "true" if name == "is" else "false"
        return [Term(value, (truth,), negated) for value in values]
    return [Term(name, values, negated)]


def _values(query: str, position: int) -> tuple[tuple[str, ...], int]:
    values: list[str] = []
    while True:
        value, position = _value(query, position, ends=",")
        values.append(value)
        if position == len(query) or query[position] != ",":
            return tuple(values), position
        position += 1


def _value(query: str, position: int, *, ends: str) -> tuple[str, int]:
    """Parse a value, which is quoted or ends before a space or one of `ends`.

    A backslash escapes a quote or another backslash; before other characters it is literal.
    """
    quoted = query[position : position + 1] == '"'
    position += quoted
    text = ""
    while position < len(query):
        char = query[position]
        if char == "\\" and query[position + 1 : position + 2] in {'"', "\\"}:
            text += query[position + 1]
            position += 2
            continue
        if quoted and char == '"':
            return text, position + 1
        if not quoted and (char.isspace() or char in ends):
            break
        text += char
        position += 1
    return text, position


def words(text: str) -> str:
    """Normalize text for a search, which ignores case and separators."""
    return _SEPARATORS.sub(" ", text).lower()


def select(
    rows: list[Row], query: str, filters: Filters, text_of: Callable[[Row], str]
) -> tuple[list[Row], list[str]]:
    """Return the matching rows, and a warning for each filter that is unknown or invalid."""
    warnings: list[str] = []
    tests: list[tuple[Test, bool]] = []
    for term in read(query, {*filters}):
        if term.name and term.name not in filters:
            warnings.append(f"Unknown filter '{term.name}'")
            continue
        try:
            test = filters[term.name](term.values) if term.name else _contains(term, text_of)
        except InvalidFilterError as error:
            warnings.append(str(error))
        else:
            tests.append((test, term.negated))
    return [row for row in rows if all(test(row) != negated for test, negated in tests)], warnings


def _contains(term: Term, text_of: Callable[[Row], str]) -> Test:
    text = words(term.values[0])
    return lambda row: text in words(text_of(row))


def truth(name: str, values: tuple[str, ...]) -> bool:
    """Parse the value of a boolean filter."""
    if values not in {("true",), ("false",)}:
        shown = ",".join(values)
        raise InvalidFilterError(
            f"Invalid value for '{name}' filter: '{shown}'. Expected true or false"
        )
    return values == ("true",)

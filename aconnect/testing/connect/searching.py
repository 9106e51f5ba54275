"""The query language of content and variants, as the vendor documents it.

Decides how a query is read, and which rows its terms match. Where rows come from, and what each
field of one means, is the routes' business.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aconnect.testing.wire import Row

_KEY = re.compile(r"([a-z_]+):")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Term:
    """A term: a filter with its values, or text with an empty name."""

    name: str
    values: tuple[str, ...]
    negated: bool = False


class Misfit(Exception):  # noqa: N818 - it becomes a warning, not a failure
    """A filter has an invalid value."""


Test = Callable[[Row], bool]
Filters = Mapping[str, Callable[[tuple[str, ...]], Test]]
"""Functions that make a test of a filter's values, by name; they may raise `Misfit`."""


def read(query: str, names: frozenset[str] | set[str]) -> list[Term]:
    """Parse a query into terms; what does not begin with a filter's name is text."""
    terms: list[Term] = []
    at = 0
    while at < len(query):
        if query[at].isspace():
            at += 1
            continue
        negated = query[at] == "-" and at + 1 < len(query) and not query[at + 1].isspace()
        at += negated
        match = _KEY.match(query, at)
        if match is not None and match[1] in {*names, "is", "not"}:
            values, at = _values(query, match.end())
            terms += _filters(match[1], values, negated)
        else:
            text, at = _value(query, at, ends="")
            terms.append(Term("", (text,), negated))
    return terms


def _filters(name: str, values: tuple[str, ...], negated: bool) -> list[Term]:
    if name in {"is", "not"}:
        truth = "true" if name == "is" else "false"
        return [Term(value, (truth,), negated) for value in values]
    return [Term(name, values, negated)]


def _values(query: str, at: int) -> tuple[tuple[str, ...], int]:
    values: list[str] = []
    while True:
        value, at = _value(query, at, ends=",")
        values.append(value)
        if at == len(query) or query[at] != ",":
            return tuple(values), at
        at += 1


def _value(query: str, at: int, *, ends: str) -> tuple[str, int]:
    """Parse one value, in quotes or up to a space or one of `ends`.

    A backslash makes a quote or a backslash after it literal, and is literal before anything else.
    """
    quoted = query[at : at + 1] == '"'
    at += quoted
    text = ""
    while at < len(query):
        char = query[at]
        if char == "\\" and query[at + 1 : at + 2] in {'"', "\\"}:
            text += query[at + 1]
            at += 2
            continue
        if quoted and char == '"':
            return text, at + 1
        if not quoted and (char.isspace() or char in ends):
            break
        text += char
        at += 1
    return text, at


def words(text: str) -> str:
    """Normalize text for a search: case and separators are ignored."""
    return _SEPARATORS.sub(" ", text).lower()


def select(
    rows: list[Row], query: str, filters: Filters, text_of: Callable[[Row], str]
) -> tuple[list[Row], list[str]]:
    """Return the rows that match, and a warning for each filter with an invalid value."""
    warnings: list[str] = []
    tests: list[tuple[Test, bool]] = []
    for term in read(query, {*filters}):
        if term.name and term.name not in filters:
            warnings.append(f"Unknown filter '{term.name}'")
            continue
        try:
            test = filters[term.name](term.values) if term.name else _holds(term, text_of)
        except Misfit as misfit:
            warnings.append(str(misfit))
        else:
            tests.append((test, term.negated))
    return [row for row in rows if all(test(row) != negated for test, negated in tests)], warnings


def _holds(term: Term, text_of: Callable[[Row], str]) -> Test:
    wanted = words(term.values[0])
    return lambda row: wanted in words(text_of(row))


def truth(name: str, values: tuple[str, ...]) -> bool:
    """Parse the value of a boolean filter."""
    if values not in {("true",), ("false",)}:
        shown = ",".join(values)
        raise Misfit(f"Invalid value for '{name}' filter: '{shown}'. Expected true or false")
    return values == ("true",)

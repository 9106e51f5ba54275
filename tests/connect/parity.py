"""The comparison with posit-sdk, and the table of differences in the docs.

Decides what counts as the same: the path and the name, after `await`. An attribute that makes a
request may be a method without arguments here. Every parameter that posit-sdk accepts by name must
be accepted here by the same name.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aconnect.connect
from aconnect._client.resource import Resource
from tests.connect.surface import DELETER, SETTER, Library, Member, is_thing, walk

PAGE: Final = Path(__file__).parents[2] / "docs" / "posit-sdk.md"
HEAD: Final = "| posit-sdk | here | why |"

THEIRS: Final = Library(
    "posit",
    # Their results are not annotated.
    gives={
        "Client.cfg": "Config",
        "OAuth.integrations": "Integrations",
        "OAuth.sessions": "Sessions",
    },
)
OURS: Final = Library("aconnect", through=frozenset({"LazySequence", "Paged"}))

PLAIN: Final = frozenset(
    {"Active", "BaseResource", "ContextManager", "Resource", "Resources", "ResourceSequence"}
)
"""Classes whose members only make a mapping or a sequence; the table has one line for all."""
NOUNS: Final[Mapping[str, str]] = {
    "ContentItem": "content",
    "ContentItemOAuth": "content.oauth",
    "ContentItemRepository": "repository",
}
COUNTERPARTS: Final[Mapping[str, str]] = {"Task": "Task", "Vanity": "Vanity"}
"""The class here for a class of posit-sdk, if no common path leads to it."""

_CODE: Final = re.compile(r"`([^`]+)`")
_SUBJECT: Final = re.compile(r"^(\w+(?:\.\w+)+)(?:\((\w+(?:, \w+)*)\))?( \(\w+\))?$")


@dataclass(slots=True)
class Comparison:
    """The names of posit-sdk, and their counterparts here."""

    theirs: Mapping[str, Member]
    differing: dict[str, str] = field(default_factory=dict)
    """Paths, and `path(parameter)`, with what is missing."""
    nouns: dict[str, tuple[type, ...]] = field(default_factory=dict)
    """The classes for `client`, `content`, `group`, ... in the paths."""

    @property
    def covered(self) -> list[str]:
        """The paths that exist here."""
        return [path for path in self.theirs if path not in self.differing]


def compare() -> Comparison:
    """Walk both clients along the same paths."""
    start: type = importlib.import_module("posit.connect.client").Client
    result = Comparison(walk(THEIRS, start, plain=PLAIN, nouns=NOUNS))
    pairs: dict[type, tuple[type, ...]] = {start: (aconnect.connect.Client,)}
    for path, member in result.theirs.items():
        kind = member.holder
        if name := COUNTERPARTS.get(kind.__name__):
            pairs[kind] = (getattr(aconnect.connect, name),)
        noun = path.removesuffix(SETTER).removesuffix(DELETER).rpartition(".")[0]
        holders = pairs.get(kind, ())
        result.nouns.setdefault(noun, holders)
        here = [OURS.member(holder, member.name) for holder in holders]
        if not here:
            result.differing[path] = f"nothing here is known as posit-sdk's {kind.__name__}"
            continue
        for ours in here:
            result.differing |= _differences(path, member, ours)
        for given in member.gives:
            known = tuple(one for ours in here if ours for one in ours.gives)
            if known:
                pairs.setdefault(given, known)
    return result


def _differences(path: str, theirs: Member, ours: Member | None) -> Iterator[tuple[str, str]]:
    if ours is None:
        yield path, "is not here"
    elif path.endswith(SETTER) and not ours.settable:
        yield path, "cannot be assigned to here"
    elif path.endswith(DELETER) and not ours.deletable:
        yield path, "cannot be deleted here"
    elif theirs.called and not ours.called:
        yield path, "is an attribute here"
    elif ours.called and not theirs.called and not all(map(is_thing, theirs.gives)):
        yield path, "is a method here"
    elif not theirs.called and all(map(_is_value, theirs.gives)) and _is_group(ours):
        yield path, "is a group of operations here"
    elif theirs.called:
        known = ours.parameters
        named = set(theirs.parameters.names)
        missing = [] if known.any_name else [*named.difference(known.names)]
        missing += theirs.parameters.nameless[known.positional :]
        for name in sorted(missing):
            yield f"{path}({name})", "cannot be given here"


def _is_value(kind: type) -> bool:
    return is_thing(kind) and "." not in NOUNS.get(kind.__name__, "")


def _is_group(ours: Member) -> bool:
    return not ours.called and any(issubclass(kind, Resource) for kind in ours.gives)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    line: int
    subjects: tuple[str, ...]
    here: str
    why: str


def rows() -> Iterator[Row]:
    """Parse the table of the migration page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert HEAD in lines, f"{PAGE.name} has no table that begins with {HEAD}"
    for number, line in enumerate(lines[lines.index(HEAD) + 2 :], lines.index(HEAD) + 3):
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 3, f"{PAGE.name}:{number}: write `| posit-sdk | here | why |`"
        assert all(cells), f"{PAGE.name}:{number}: a cell is empty; each line needs its reason"
        yield Row(number, tuple(_subjects(cells[0])), cells[1], cells[2])


def _subjects(cell: str) -> Iterator[str]:
    """Return the paths of a line; `path(a, b)` stands for two parameters."""
    for code in _CODE.findall(cell):
        if found := _SUBJECT.match(code):
            path, parameters, rest = found.groups(default="")
            names = [f"({name})" for name in parameters.split(", ")] if parameters else [rest]
            yield from (path + name for name in names)


def unknown(text: str, nouns: Mapping[str, tuple[type, ...]]) -> Iterator[str]:
    """Return the dotted names in a line's code that do not exist."""
    for code in _CODE.findall(text):
        for one in ast.walk(ast.parse(code)):
            if isinstance(one, ast.Attribute) and _at(one, nouns) is None:
                yield ast.unparse(one)


def _at(node: ast.expr, nouns: Mapping[str, tuple[type, ...]]) -> tuple[type, ...] | None:
    """Return the classes of an expression; empty if not ours, None if a name does not exist."""
    match node:
        case ast.Name(id=name):
            return nouns.get(name, ())
        case ast.Call(func=inner) | ast.Await(value=inner) | ast.Subscript(value=inner):
            return _at(inner, nouns)
        case ast.Attribute(value=inner, attr=name):
            holders = _at(inner, nouns)
            if not holders:
                return holders
            found = [OURS.member(holder, name) for holder in holders]
            if not all(found):
                return None
            return tuple(kind for one in found if one for kind in one.gives)
        case _:
            return ()

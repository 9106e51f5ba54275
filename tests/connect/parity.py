"""The comparison with posit-sdk, and the tables of differences in the docs.

Decides what counts as the same: the path and the name, after `await`. An attribute that makes a
request may be a method without arguments here. Every parameter that posit-sdk accepts by name must
be accepted here by the same name, also those that it only documents, and what is optional there
must be optional here. All paths count: a class of posit-sdk may have several counterparts.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aconnect.connect
from aconnect._client.derived import _searchable as searchable
from aconnect._client.resource import Resource
from tests.connect.surface import Library, Member, documented, is_keyed, is_thing, public

PAGE: Final = Path(__file__).parents[2] / "docs" / "posit-sdk.md"
HEAD: Final = "| posit-sdk | here | why |"


def _searchable_fields(holder: type, function: Callable[..., Any]) -> Collection[str] | None:
    """Return the fields that `find_by` accepts, and the arguments of `find`."""
    if function.__name__ != "find_by":
        return None
    arguments, fields, _ = searchable(vars(holder)["find"])
    return {*arguments, *fields}


THEIRS: Final = Library(
    "posit",
    # Their results are not annotated.
    gives={
        "Client.cfg": "Config",
        "OAuth.integrations": "Integrations",
        "OAuth.sessions": "Sessions",
    },
    behind=documented,
)
OURS: Final = Library(
    "aconnect", through=frozenset({"LazySequence", "Paged"}), behind=_searchable_fields
)

PLAIN: Final = frozenset(
    {"Active", "BaseResource", "ContextManager", "Resource", "Resources", "ResourceSequence"}
)
"""Classes whose members only make a mapping or a sequence; the table has one line for all."""
NOUNS: Final[Mapping[str, str]] = {
    "ContentItem": "content",
    "ContentItemOAuth": "content.oauth",
    "ContentItemRepository": "repository",
}
RENAMED: Final[Mapping[str, str]] = {
    "all": "find",
    "create_repository": "repository.put",
    "create_vanity": "vanity.put",
    "destroy": "delete",
    "fetch": "find",
    "find_vanity": "vanity.get",
    "job.destroy": "kill",
    "repository": "repository.get",
}
"""What is called otherwise here. The tables have these names; their parameters count as well."""

SETTER: Final = " (setter)"
DELETER: Final = " (deleter)"

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CODE: Final = re.compile(r"`([^`]+)`")
_SUBJECT: Final = re.compile(r"^(\w+(?:\.\w+)+)(?:\((\w+(?:, \w+)*)\))?( \(\w+\))?$")


@dataclass(slots=True)
class Comparison:
    """The names of posit-sdk along all paths, and their counterparts here."""

    theirs: dict[str, Member] = field(default_factory=dict)
    differing: dict[str, str] = field(default_factory=dict)
    """Paths, and `path(parameter)`, with what is missing."""
    alike: dict[str, list[str]] = field(default_factory=dict)
    """The paths of each difference: a class may be reached by several, with the same difference."""
    nouns: dict[str, tuple[type, ...]] = field(default_factory=dict)
    """The classes for `client`, `content`, `group`, ... in the paths."""

    @property
    def covered(self) -> list[str]:
        """The paths that exist here."""
        return [path for path in self.theirs if path not in self.differing]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A class of posit-sdk, its counterpart on one path, and the noun or path that leads there."""

    theirs: type
    ours: tuple[type, ...]
    """Several if a method returns objects of several classes."""
    noun: str


def compare() -> Comparison:
    """Walk both clients along the same paths; each pair of classes is compared once.

    A class that posit-sdk returns in several places may have several counterparts, and each is
    compared. It is named by its shortest path (`client.groups`) if an attribute leads to it, and by
    its noun (`group`) if a method returns it.
    """
    return _Walk().run()


class _Walk:
    def __init__(self) -> None:
        self._result = Comparison()
        self._seen: dict[type, list[_Pair]] = {}
        self._same: dict[tuple[type, str, str], list[str]] = {}
        self._ahead: deque[_Pair] = deque()
        self._alone: deque[_Pair] = deque()
        """Classes that some path has no counterpart of; perhaps another one has."""

    def run(self) -> Comparison:
        start: type = importlib.import_module("posit.connect.client").Client
        self._meet(_Pair(start, (aconnect.connect.Client,), "client"))
        while self._ahead or self._alone:
            if self._ahead:
                self._visit(self._ahead.popleft())
            elif (pair := self._alone.popleft()).theirs not in self._seen:
                self._meet(pair)
        return self._result

    def _meet(self, pair: _Pair) -> None:
        known = self._seen.setdefault(pair.theirs, [])
        if all(pair.ours != one.ours for one in known):
            known.append(pair)
            self._ahead.append(pair)

    def _visit(self, pair: _Pair) -> None:
        self._result.nouns.setdefault(pair.noun, pair.ours)
        for name in public(THEIRS, pair.theirs, PLAIN):
            member = THEIRS.member(pair.theirs, name) or Member(pair.theirs, name, called=False)
            path = f"{pair.noun}.{name}"
            ours = [OURS.member(holder, name) for holder in pair.ours]
            forms = [path]
            forms += [path + SETTER] if member.settable else []
            forms += [path + DELETER] if member.deletable else []
            for form in forms:
                self._result.theirs[form] = member
                self._note(pair, _differences(form, pair, member, ours))
            others = _renamed(pair, name)
            for other in others:
                self._note(pair, _accepted(path, member, other))
            self._follow(path, member, others or [one for one in ours if one])

    def _note(self, pair: _Pair, differences: Iterable[tuple[str, str]]) -> None:
        for path, what in differences:
            self._result.differing[path] = what
            key = (pair.theirs, path.removeprefix(pair.noun), what)
            alike = self._same.setdefault(key, [])
            if path not in alike:
                alike.append(path)
            self._result.alike[path] = alike

    def _follow(self, path: str, member: Member, ours: Iterable[Member]) -> None:
        known = tuple(dict.fromkeys(kind for one in ours for kind in one.gives))
        for kind in member.gives:
            if is_keyed(kind):
                continue
            noun = path
            if member.called or is_thing(kind):
                noun = _noun(kind, known)
            (self._meet if known else self._alone.append)(_Pair(kind, known, noun))


def _snake(kind: type) -> str:
    return _WORD.sub("_", kind.__name__).lower()


def _noun(kind: type, known: Collection[type]) -> str:
    """Return the word for an object; not one that stands for another class here."""
    noun = NOUNS.get(kind.__name__) or _snake(kind)
    namesake = getattr(aconnect.connect, kind.__name__, None)
    for one in known:
        if namesake not in {None, *known}:
            return _snake(one)
    return noun


def _renamed(pair: _Pair, name: str) -> list[Member]:
    """Return what takes the place of a member that is called otherwise here."""
    other = RENAMED.get(f"{_snake(pair.theirs)}.{name}") or RENAMED.get(name)
    found: list[Member] = []
    holders = pair.ours
    for word in other.split(".") if other else ():
        found = [one for holder in holders if (one := OURS.member(holder, word))]
        holders = tuple(kind for one in found for kind in one.gives)
    return found


def _differences(
    path: str, pair: _Pair, theirs: Member, ours: Iterable[Member | None]
) -> Iterator[tuple[str, str]]:
    if not pair.ours:
        yield path, f"nothing here is known as posit-sdk's {pair.theirs.__name__}"
    for one in ours:
        yield from _difference(path, theirs, one)


def _difference(path: str, theirs: Member, ours: Member | None) -> Iterator[tuple[str, str]]:
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
    elif not ours.gives and not all(map(is_keyed, theirs.gives)):
        yield path, f"returns no {theirs.gives[0].__name__} here"
    elif theirs.called:
        yield from _accepted(path, theirs, ours)


def _accepted(path: str, theirs: Member, ours: Member) -> Iterator[tuple[str, str]]:
    """Compare the parameters of two methods."""
    asked, known = theirs.parameters, ours.parameters
    missing = [] if known.any_name else [*set(asked.names).difference(known.names)]
    nameless = asked.nameless[known.positional :]
    missing += nameless
    for name in sorted(missing):
        yield f"{path}({name})", "cannot be given here"
    for name in sorted((known.required & {*asked.names}) - asked.required):
        yield f"{path}({name})", "must be given here"
    if asked.positional > known.positional and not nameless:
        yield path, f"accepts {known.positional} arguments by position, and not {asked.positional}"


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
    """Parse the tables of the migration page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert HEAD in lines, f"{PAGE.name} has no table that begins with {HEAD}"
    is_row = False
    for number, line in enumerate(lines, 1):
        is_row = line == HEAD or (is_row and line.startswith("|"))
        if not is_row or line == HEAD or line.startswith("| ---"):
            continue
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

"""Compares a declaration with the editions of a contract, and says where they differ.

Every edition that knows the operation counts. What one edition has, the declaration must have. What
the declaration has beyond an edition, or says less strictly, is a difference only if no other
edition agrees with it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.contracts.declared import Body, Declared
from tests.contracts.matching import Match, is_any, match_types
from tests.contracts.table import Content, Field, Kind, Operation, Table, Type, placeholders

NOTHING: Final = "nothing"
_JSON: Final = "application/json"


@dataclass(frozen=True)
class Difference:
    """One difference, as a line of the table of differences names it."""

    subject: str
    """The operation, or the declared type that the field belongs to."""
    editions: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class _Place:
    """Where the comparison is."""

    subject: str
    part: str
    full: str
    """Unlike the other two, unique within an operation."""

    def below(self, step: str, subject: str = "") -> _Place:
        """Go to a field of the object here, or, without a subject, to what the value holds."""
        part = step if subject else self.part + step
        return _Place(subject or self.subject, part, f"{self.full}.{step}")

    def apart(self) -> _Place:
        """Stay here, but for whether the value may be missing, whatever its type is."""
        return replace(self, full=f"{self.full} missing")


@dataclass(frozen=True)
class _Finding:
    place: _Place
    what: str
    settled_elsewhere: bool
    """Whether another edition's agreement at this place makes it no difference."""


def differences(declaration: Declared, tables: Sequence[Table]) -> list[Difference]:
    """List where a declaration differs from the editions that know its operation."""
    compared = {
        table.edition: Comparison(declaration, known)
        for table in tables
        if (known := table.find(declaration.method, declaration.template)) is not None
    }
    if not compared:
        return [_unknown(declaration, tables)]
    found: dict[tuple[str, str], list[str]] = {}
    for edition, one in compared.items():
        others = [other.agreed for name, other in compared.items() if name != edition]
        for finding in one.findings:
            agreed = any(finding.place.full in places for places in others)
            if not (finding.settled_elsewhere and agreed):
                editions = found.setdefault((finding.place.subject, finding.what), [])
                # One type can stand at several places of an operation.
                if edition not in editions:
                    editions.append(edition)
    return [Difference(subject, tuple(names), what) for (subject, what), names in found.items()]


def _unknown(declaration: Declared, tables: Sequence[Table]) -> Difference:
    methods = sorted({method for table in tables for method in table.methods(declaration.template)})
    instead = f"only {', '.join(methods)} there" if methods else NOTHING
    what = f"operation: contract {instead}, declared {declaration.method} {declaration.template}"
    return Difference(declaration.name, tuple(table.edition for table in tables), what)


class Comparison:
    """One declaration against one edition."""

    def __init__(self, declaration: Declared, contract: Operation) -> None:
        self.findings: list[_Finding] = []
        self.agreed: set[str] = set()
        """The places where the two were found to agree."""
        self._name = declaration.name
        self._entered: set[tuple[str, str, str]] = set()
        self._compare_path(declaration, contract)
        self._compare_query(declaration, contract)
        self._compare_body(declaration.body, contract)
        self._compare_answers(declaration.response, contract)

    def _compare_path(self, declaration: Declared, contract: Operation) -> None:
        theirs = placeholders(contract.template)
        ours = placeholders(declaration.template)
        for their, our in zip(theirs, ours, strict=True):
            place = self._at(f"path {their}")
            if their != our:
                self._differs(place, f"{{{their}}}", f"{{{our}}}")
            elif our in declaration.path:
                self._compare_texts(place, contract.path.get(their), declaration.path[our])

    def _compare_texts(self, place: _Place, contract: Field | None, declared: Type) -> None:
        """Compare what is written into the address: None is left out, several are joined."""
        if contract is not None:
            theirs, ours = _texts(contract.type), _texts(declared)
            self._compare_types(place, theirs, ours, sending=True)

    def _compare_query(self, declaration: Declared, contract: Operation) -> None:
        for name, known in contract.query.items():
            place = self._at(f"query {name}")
            ours = declaration.query.get(name)
            if ours is not None:
                self._compare_texts(place, known, ours.type)
                if known.required and not ours.required:
                    self._differs(place, "required", "optional")
            elif name in declaration.controls:
                self.agreed.add(place.full)
            else:
                self._differs(place, str(known.type), NOTHING)
        for name in [*declaration.query, *declaration.controls]:
            if name not in contract.query:
                self._differs(self._at(f"query {name}"), NOTHING, "sent", settled_elsewhere=True)

    def _compare_body(self, ours: Body | None, contract: Operation) -> None:
        place = self._at("body")
        theirs = contract.body or {}
        headers = ours.headers if ours is not None else frozenset()
        for name, header in contract.header.items():
            if name.lower() not in headers:
                self._differs(self._at(f"header {name}"), str(header.type), NOTHING)
        if ours is None:
            if theirs:
                self._differs(place, _content(theirs), NOTHING)
        elif ours.media not in theirs:
            declared = _content({ours.media: ours.type})
            said = _content(theirs) or NOTHING
            self._differs(place, said, declared, settled_elsewhere=True)
        else:
            taken = theirs[ours.media]
            self._compare_types(place, taken, ours.type, sending=True)
            for media, other in theirs.items():
                # Another name for the same bytes is no other body.
                if str(other) != str(taken):
                    self._differs(self._at(f"body {media}"), str(other), NOTHING)

    def _compare_answers(self, ours: Type | None, contract: Operation) -> None:
        place = self._at("answer")
        empty = [status for status, content in contract.successes.items() if not content]
        full = {status: one for status, one in contract.successes.items() if one}
        if ours is None:
            for status, content in full.items():
                self._differs(place, f"{status} {_content(content)}", NOTHING)
            return
        if not full:
            statuses = " ".join(map(str, empty)) or "no success"
            self._differs(place, f"{statuses} without a body", str(ours))
        elif empty and not ours.nullable:
            self._differs(place, f"{empty[0]} without a body as well", str(ours))
        elif empty:
            self.agreed.add(place.apart().full)
        elif ours.nullable and not is_any(ours):
            self._differs(place.apart(), "always a body", str(ours), settled_elsewhere=True)
        for status, content in full.items():
            self._compare_content(place, status, content, ours)

    def _compare_content(self, place: _Place, status: int, content: Content, ours: Type) -> None:
        binary = any(kind.format == "binary" for kind in ours.kinds)
        for media, theirs in content.items():
            if (media == _JSON) == binary:
                said = f"{status} {_content({media: theirs})}"
                self._differs(place, said, str(ours), settled_elsewhere=True)
            else:
                # Whether a body may be missing was settled by the statuses.
                bare = replace(ours, nullable=theirs.nullable)
                self._compare_types(place, theirs, bare, sending=False)

    def _compare_types(self, place: _Place, theirs: Type, ours: Type, *, sending: bool) -> None:
        match = match_types(theirs, ours, sending=sending)
        if match is not Match.EXACT:
            loose = match is Match.LOOSE
            self._differs(place, str(theirs), str(ours), settled_elsewhere=loose)
        elif theirs.nullable and not ours.nullable:
            self._differs(place, str(theirs), str(ours))
        elif sending and ours.nullable and not theirs.nullable:
            self._differs(place, str(theirs), str(ours), settled_elsewhere=True)
        else:
            self.agreed.add(place.full)
        for their in theirs.kinds:
            for our in ours.kinds:
                if their.name == our.name:
                    self._compare_inside(place, their, our, sending=sending)

    def _compare_inside(self, place: _Place, theirs: Kind, ours: Kind, *, sending: bool) -> None:
        if theirs.item is not None and ours.item is not None:
            inside = place.below("[]" if theirs.name == "array" else "{}")
            self._compare_types(inside, theirs.item, ours.item, sending=sending)
        # A type that holds itself is looked at once.
        step = (place.full.partition(".")[0], theirs.title, ours.title)
        if theirs.name == "fields" and step not in self._entered:
            self._entered.add(step)
            self._compare_fields(place, theirs, ours, sending=sending)
            self._entered.discard(step)

    def _compare_fields(self, place: _Place, theirs: Kind, ours: Kind, *, sending: bool) -> None:
        known, have = theirs.fields, ours.fields
        for name, their in known.items():
            at = place.below(name, ours.title)
            our = have.get(name)
            if our is not None:
                self._compare_types(at, their.type, our.type, sending=sending)
                self._compare_need(at, their, our, partial=ours.partial, sending=sending)
            elif not ours.partial:
                self._differs(at, str(their.type), NOTHING)
        for name, our in have.items():
            if name not in known and (our.required or not ours.partial):
                at = place.below(name, ours.title)
                self._differs(at, NOTHING, str(our.type), settled_elsewhere=True)

    def _compare_need(
        self, place: _Place, theirs: Field, ours: Field, *, partial: bool, sending: bool
    ) -> None:
        apart = place.apart()
        if sending and theirs.required and not ours.required:
            self._differs(apart, "required", "optional")
        elif ours.required and not theirs.required and not partial:
            self._differs(apart, "optional", "required", settled_elsewhere=sending)
        else:
            self.agreed.add(apart.full)

    def _at(self, part: str) -> _Place:
        return _Place(self._name, part, part)

    def _differs(
        self, place: _Place, contract: str, declared: str, *, settled_elsewhere: bool = False
    ) -> None:
        what = f"{place.part}: contract {contract}, declared {declared}"
        self.findings.append(_Finding(place, what, settled_elsewhere))


def _texts(type_: Type) -> Type:
    """Reduce a type to what one text of it says, whether several may come or not."""
    kinds = (
        kind for one in type_.kinds for kind in (one.item.kinds if one.item is not None else (one,))
    )
    return Type(tuple(dict.fromkeys(kinds)))


def _content(content: Content) -> str:
    return ", ".join(f"{media} {kind}" for media, kind in content.items())

"""Compare a declaration with the editions of a contract, and list the differences.

Every edition that has the operation counts. What any edition has, the declaration must have. What
the declaration has beyond an edition, or declares less strictly, is a difference only if no other
edition agrees with it in this position.

A parameter or body field with an enum must be declared as `Literal[...] | str` with the values of
the contract: editors then offer them, and values of later versions are accepted.
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
    """One difference, as `differences.txt` lists it."""

    subject: str
    """The operation, or the declared type that has the field."""
    editions: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class _Position:
    """The position of the comparison."""

    subject: str
    part: str
    full: str
    """Unlike the other two, unique within an operation."""

    def below(self, step: str, subject: str = "") -> _Position:
        """Return the position of a field of `subject`, or, without a subject, of the items."""
        part = step if subject else self.part + step
        return _Position(subject or self.subject, part, f"{self.full}.{step}")

    def aspect(self, name: str) -> _Position:
        """Return the same position for something else than the type, such as `missing`."""
        return replace(self, full=f"{self.full} {name}")


@dataclass(frozen=True)
class _Finding:
    position: _Position
    what: str
    settled_elsewhere: bool
    """Whether it is no difference if another edition agrees at this position."""


def differences(declaration: Declared, tables: Sequence[Table]) -> list[Difference]:
    """List the differences between a declaration and the editions that have its operation."""
    compared = {
        table.edition: Comparison(declaration, operation)
        for table in tables
        if (operation := table.find(declaration.method, declaration.template)) is not None
    }
    if not compared:
        return [_undocumented(declaration, tables)]
    listed: dict[tuple[str, str], list[str]] = {}
    for edition, comparison in compared.items():
        others = [other.agreed for name, other in compared.items() if name != edition]
        for finding in comparison.findings:
            agreed = any(finding.position.full in positions for positions in others)
            if not (finding.settled_elsewhere and agreed):
                editions = listed.setdefault((finding.position.subject, finding.what), [])
                # One type can occur in several positions of an operation.
                if edition not in editions:
                    editions.append(edition)
    return [Difference(subject, tuple(names), what) for (subject, what), names in listed.items()]


def _undocumented(declaration: Declared, tables: Sequence[Table]) -> Difference:
    methods = sorted({method for table in tables for method in table.methods(declaration.template)})
    documented = f"only {', '.join(methods)} there" if methods else NOTHING
    what = f"operation: contract {documented}, declared {declaration.method} {declaration.template}"
    return Difference(declaration.name, tuple(table.edition for table in tables), what)


class Comparison:
    """One declaration against one edition."""

    def __init__(self, declaration: Declared, contract: Operation) -> None:
        self.findings: list[_Finding] = []
        self.agreed: set[str] = set()
        """The positions where the two agree."""
        self._name = declaration.name
        self._entered: set[tuple[str, str, str]] = set()
        self._compare_path(declaration, contract)
        self._compare_query(declaration, contract)
        self._compare_body(declaration.body, contract)
        self._compare_responses(declaration.response, contract)

    def _compare_path(self, declaration: Declared, contract: Operation) -> None:
        theirs = placeholders(contract.template)
        ours = placeholders(declaration.template)
        for their, our in zip(theirs, ours, strict=True):
            position = self._at(f"path {their}")
            if their != our:
                self._differs(position, f"{{{their}}}", f"{{{our}}}")
            elif our in declaration.path and their in contract.path:
                self._compare_parameter(
                    position, contract.path[their], Field(declaration.path[our])
                )

    def _compare_parameter(self, position: _Position, contract: Field, declared: Field) -> None:
        """Compare a value in the URL, where None is left out and several values are joined."""
        theirs, ours = _single(contract.type), _single(declared.type)
        self._compare_types(position, theirs, ours, sending=True)
        if not declared.constant:
            self._compare_enum(position, theirs, ours)

    def _compare_query(self, declaration: Declared, contract: Operation) -> None:
        for name, their in contract.query.items():
            position = self._at(f"query {name}")
            our = declaration.query.get(name)
            if our is not None:
                self._compare_parameter(position, their, our)
                if their.required and not our.required:
                    self._differs(position, "required", "optional")
            elif name in declaration.controls:
                self.agreed.add(position.full)
            else:
                self._differs(position, str(their.type), NOTHING)
        for name in [*declaration.query, *declaration.controls]:
            if name not in contract.query:
                self._differs(self._at(f"query {name}"), NOTHING, "sent", settled_elsewhere=True)

    def _compare_body(self, ours: Body | None, contract: Operation) -> None:
        position = self._at("body")
        theirs = contract.body or {}
        headers = ours.headers if ours is not None else frozenset()
        for name, header in contract.header.items():
            if name.lower() not in headers:
                self._differs(self._at(f"header {name}"), str(header.type), NOTHING)
        if ours is None:
            if theirs:
                self._differs(position, _content(theirs), NOTHING)
        elif ours.media not in theirs:
            declared = _content({ours.media: ours.type})
            documented = _content(theirs) or NOTHING
            self._differs(position, documented, declared, settled_elsewhere=True)
        else:
            accepted = theirs[ours.media]
            self._compare_types(position, accepted, ours.type, sending=True)
            for media, other in theirs.items():
                # A second media type for the same content is not another body.
                if str(other) != str(accepted):
                    self._differs(self._at(f"body {media}"), str(other), NOTHING)

    def _compare_responses(self, ours: Type | None, contract: Operation) -> None:
        position = self._at("response")
        empty = [status for status, content in contract.successes.items() if not content]
        full = {status: content for status, content in contract.successes.items() if content}
        if ours is None:
            for status, content in full.items():
                self._differs(position, f"{status} {_content(content)}", NOTHING)
            return
        if not full:
            statuses = " ".join(map(str, empty)) or "no success"
            self._differs(position, f"{statuses} without a body", str(ours))
        elif empty and not ours.nullable:
            self._differs(position, f"{empty[0]} without a body as well", str(ours))
        elif empty:
            self.agreed.add(position.aspect("missing").full)
        elif ours.nullable and not is_any(ours):
            missing = position.aspect("missing")
            self._differs(missing, "always a body", str(ours), settled_elsewhere=True)
        for status, content in full.items():
            self._compare_content(position, status, content, ours)

    def _compare_content(
        self, position: _Position, status: int, content: Content, ours: Type
    ) -> None:
        binary = any(kind.format == "binary" for kind in ours.kinds)
        for media, theirs in content.items():
            if (media == _JSON) == binary:
                documented = f"{status} {_content({media: theirs})}"
                self._differs(position, documented, str(ours), settled_elsewhere=True)
            else:
                # The statuses decide whether a body may be missing.
                bare = replace(ours, nullable=theirs.nullable)
                self._compare_types(position, theirs, bare, sending=False)

    def _compare_types(
        self, position: _Position, theirs: Type, ours: Type, *, sending: bool
    ) -> None:
        match = match_types(theirs, ours, sending=sending)
        if match is not Match.EXACT:
            loose = match is Match.LOOSE
            self._differs(position, str(theirs), str(ours), settled_elsewhere=loose)
        elif theirs.nullable and not ours.nullable:
            self._differs(position, str(theirs), str(ours))
        elif sending and ours.nullable and not theirs.nullable:
            self._differs(position, str(theirs), str(ours), settled_elsewhere=True)
        else:
            self.agreed.add(position.full)
        for their in theirs.kinds:
            for our in ours.kinds:
                if their.name == our.name:
                    self._compare_inside(position, their, our, sending=sending)

    def _compare_inside(
        self, position: _Position, theirs: Kind, ours: Kind, *, sending: bool
    ) -> None:
        if theirs.item is not None and ours.item is not None:
            inside = position.below("[]" if theirs.name == "array" else "{}")
            self._compare_types(inside, theirs.item, ours.item, sending=sending)
        # A type that contains itself is compared once.
        step = (position.full.partition(".")[0], theirs.title, ours.title)
        if theirs.name == "fields" and step not in self._entered:
            self._entered.add(step)
            self._compare_fields(position, theirs, ours, sending=sending)
            self._entered.discard(step)

    def _compare_fields(
        self, position: _Position, theirs: Kind, ours: Kind, *, sending: bool
    ) -> None:
        documented, declared = theirs.fields, ours.fields
        for name, their in documented.items():
            field = position.below(name, ours.title)
            our = declared.get(name)
            if our is not None:
                self._compare_types(field, their.type, our.type, sending=sending)
                if sending:
                    self._compare_enum(field, their.type, our.type)
                self._compare_required(field, their, our, partial=ours.partial, sending=sending)
            elif not ours.partial:
                self._differs(field, str(their.type), NOTHING)
        for name, our in declared.items():
            if name not in documented and (our.required or not ours.partial):
                field = position.below(name, ours.title)
                self._differs(field, NOTHING, str(our.type), settled_elsewhere=True)

    def _compare_required(
        self, position: _Position, theirs: Field, ours: Field, *, partial: bool, sending: bool
    ) -> None:
        missing = position.aspect("missing")
        if sending and theirs.required and not ours.required:
            self._differs(missing, "required", "optional")
        elif ours.required and not theirs.required and not partial:
            self._differs(missing, "optional", "required", settled_elsewhere=sending)
        else:
            self.agreed.add(missing.full)

    def _compare_enum(self, position: _Position, theirs: Type, ours: Type) -> None:
        """Compare the values offered for an enum that is sent, in a list of values as well."""
        for their in theirs.kinds:
            for our in ours.kinds:
                if their.item is not None and our.item is not None:
                    self._compare_enum(position.below("[]"), their.item, our.item)
        values = {value for kind in theirs.kinds for value in kind.values}
        if not values:
            return
        offered = {value for kind in ours.kinds if kind.literal for value in kind.values}
        aspect = position.aspect("values")
        if offered != values:
            # Older editions may lack values, but no value of an edition may be missing.
            beyond = offered > values
            by_class = any(kind.values and not kind.literal for kind in ours.kinds)
            declared = f"{ours} as an enum class" if by_class else str(ours)
            self._differs(aspect, str(theirs), declared, settled_elsewhere=beyond)
        elif all(kind.values for kind in ours.kinds):
            self._differs(aspect, str(theirs), f"{ours} and no other text")
        else:
            self.agreed.add(aspect.full)

    def _at(self, part: str) -> _Position:
        return _Position(self._name, part, part)

    def _differs(
        self, position: _Position, contract: str, declared: str, *, settled_elsewhere: bool = False
    ) -> None:
        what = f"{position.part}: contract {contract}, declared {declared}"
        self.findings.append(_Finding(position, what, settled_elsewhere))


def _single(type_: Type) -> Type:
    """Return the type of one value, whether the type allows a list of them or not."""
    kinds = (
        single
        for kind in type_.kinds
        for single in (kind.item.kinds if kind.item is not None else (kind,))
    )
    return Type(tuple(dict.fromkeys(kinds)))


def _content(content: Content) -> str:
    return ", ".join(f"{media} {kind}" for media, kind in content.items())

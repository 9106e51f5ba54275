"""A plan as text: a line for each item, and below it what there is to decide and to know.

A plan can have hundreds of items, most of them with the same findings. So the findings are printed
once, with the names of the items; and below each item only if there are few, or on request.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from aconnect._core.text import counted, size_text, some_of
from aconnect.cli.migrate_texts import for_command_line
from aconnect.cli.output import echo_error, is_terminal
from aconnect.cli.table import Column, TabRows, echo_table, fit, shown_text

if TYPE_CHECKING:
    from aconnect.migrate import Finding, Plan, PlannedItem
    from aconnect.migrate.planning.model import Sign

_FEW: Final = 20
"""Up to this many items are printed with all that was found about them."""
_MOST: Final = 12
"""How many findings that only inform are printed below the items of a larger plan."""
_NAMES: Final = 3
_WORDS: Final[dict[Sign, str]] = {
    "+": "to create",
    "~": "to update",
    "=": "up to date",
    "-": "skipped",
    "!": "in conflict",
    "?": "without a value",
    "x": "impossible",
}
_TITLES: Final = {
    "!": "To decide:",
    "?": "Without a value:",
    "x": "Impossible:",
    "-": "Skipped:",
    "+": "To know:",
}
"""What is printed above the findings with a sign."""


def _size(item: PlannedItem) -> int:
    details = item.target.details
    return sum(bundle.size or 0 for bundle in (details.bundles if details else ()))


def _owner(item: PlannedItem) -> str:
    old, new = item.source.owner, item.target.owner
    return old if old == new else f"{old} → {new}"


def _name(item: PlannedItem) -> str:
    old, new = item.source.name, item.target.name
    return old if old == new else f"{old} → {new}"


def _texts(item: PlannedItem) -> list[str]:
    return [f"{one.sign} {for_command_line(one.text)}" for one in item.findings]


def _findings(item: PlannedItem) -> str:
    return "; ".join(_texts(item))


_COLUMNS: Final = (
    Column("Sign", "sign"),
    Column("Nr", "number"),
    Column("GUID", "source.guid"),
    Column("Name", "source.name"),
    Column("New name", "target.name"),
    Column("Owner", "source.owner"),
    Column("New owner", "target.owner"),
    Column("Bytes", _size),
    Column("Findings", _findings),
)
"""In a pipe."""


def echo_plan(plan: Plan, *, verbose: bool = False) -> None:
    """Print the items to standard output, and the summary to standard error."""
    is_full = verbose or len(plan.items) <= _FEW
    if not is_terminal("stdout"):
        rows = TabRows(_COLUMNS)
        for item in plan.items:
            rows.add(item)
    else:
        _echo_items(plan.items, is_full=is_full)
    _echo_summary(plan, is_full=is_full and is_terminal("stdout"), verbose=verbose)


def _echo_items(items: Sequence[PlannedItem], *, is_full: bool) -> None:
    heads = ["", "Nr", "Name", "Owner", "Size"]
    rows = [
        [item.sign, str(item.number), _name(item), _owner(item), size_text(_size(item))]
        for item in items
    ]
    rows = [[shown_text(cell) for cell in row] for row in rows]
    whole = [True, True, False, False, True]
    if is_full:
        _echo_with_findings(heads, rows, whole, [_texts(item) for item in items])
        return
    heads.append("Findings")
    for row, item in zip(rows, items, strict=True):
        row.append(", ".join({one.kind: None for one in item.findings if one.sign != "+"}))
    echo_table(heads, rows, whole=whole)


def _echo_with_findings(
    heads: list[str], rows: list[list[str]], whole: list[bool], findings: list[list[str]]
) -> None:
    """Print items with lines below each, which use the whole width."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    natural = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    widths = fit(natural, console.width, whole)

    def line(cells: list[str], style: str = "") -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for width in widths:
            grid.add_column(width=width, overflow="fold")
        grid.add_row(*(Text(cell, style) for cell in cells[: len(widths)]))
        return grid

    console.print(line(heads, "bold"))
    for row, texts in zip(rows, findings, strict=True):
        console.print(line(row))
        for text in texts:
            console.print(Padding(Text(text), (0, 0, 0, 6)))


class _Group(Struct):
    """A finding, and the items that it is about; none if it is about all."""

    sign: str
    text: str
    names: list[str]

    def __str__(self) -> str:
        about = f"{some_of(self.names, _NAMES)}: " if self.names else ""
        return f"  {self.sign} {about}{for_command_line(self.text)}"


def _groups(plan: Plan) -> dict[str, list[_Group]]:
    """Return the findings by sign, each once, the most frequent first."""
    found: dict[tuple[str, str], _Group] = {}

    def add(findings: Iterable[Finding], name: str | None) -> None:
        for one in findings:
            group = found.setdefault((one.sign, one.text), _Group(one.sign, one.text, []))
            if name is not None:
                group.names.append(name)

    add(plan.findings, None)
    for item in plan.items:
        add(item.findings, item.source.name)
    groups: dict[str, list[_Group]] = {sign: [] for sign in _TITLES}
    for group in sorted(found.values(), key=lambda group: (bool(group.names), -len(group.names))):
        groups[group.sign].append(group)
    return groups


def _echo_summary(plan: Plan, *, is_full: bool, verbose: bool) -> None:
    """Print the numbers, and what was found; what only informs not twice."""
    signs = Counter(item.sign for item in plan.items)
    words = [f"{signs[sign]:,} {word}" for sign, word in _WORDS.items() if sign in signs]
    total = counted(len(plan.items), "item")
    echo_error(f"{total}: {', '.join(words)}")
    echo_error(f"Bundles to carry: {size_text(plan.bytes_total)}")
    if plan.tags:
        echo_error(f"Tags to create: {some_of(['/'.join(path) for path in plan.tags], 10)}")
    nobody = [
        f"{one.kind} {one.source}"
        for one in plan.principals
        if one.target is None and one.how != "left out"
    ]
    if nobody:
        echo_error(f"Without a counterpart: {some_of(nobody, 10)}")
    for sign, groups in _groups(plan).items():
        # What is to be decided comes last, even if it is below its item.
        shown = [one for one in groups if not (one.names and is_full and sign not in {"!", "?"})]
        if not shown:
            continue
        echo_error(_TITLES[sign])
        most = _MOST if sign == "+" and not verbose else len(shown)
        for group in shown[:most]:
            echo_error(str(group))
        if len(shown) > most:
            echo_error(f"  … and {len(shown) - most:,} more; --verbose prints all of them")

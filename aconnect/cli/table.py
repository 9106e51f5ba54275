"""Rows and records as text: a table on a terminal, tab-separated in a pipe, JSON on request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from functools import reduce
from importlib import import_module
from typing import Any, Final, NamedTuple, cast

import click

from aconnect._core.text import one_line
from aconnect.cli.output import JsonArray, echo, echo_error, echo_json, is_terminal, redacted

_GAP: Final = 2
_READABLE: Final = 20
"""A column is left out before another one becomes narrower than this."""
_MOST: Final = 120
"""Longer cells, such as some titles, are cut off in a table."""


class Column(NamedTuple):
    """A column of a listing, or a line of a record."""

    head: str
    value: str | Callable[[Any], object]
    """An attribute, such as `owner.username`, or a function of the object."""
    is_whole: bool = False
    """Whether a narrow terminal shows all of it or nothing, as with a GUID or a time."""

    def of(self, item: object) -> object:
        """Return the value of an object."""
        if callable(self.value):
            return self.value(item)
        return reduce(lambda at, name: getattr(at, name, None), self.value.split("."), item)


TAG_COLUMNS: Final = (Column("Id", "id"), Column("Path", "path"), Column("Name", "name"))


class Fields:
    """The fields of a model as JSON, by their names in the API; the model is imported late."""

    def __init__(self, model: str) -> None:
        self._model = model

    @property
    def names(self) -> list[str]:
        """The names of all fields."""
        import msgspec

        module, _, name = self._model.rpartition(":")
        model = getattr(import_module(module), name)
        return [field.encode_name for field in msgspec.structs.fields(model)]

    def choose(self, text: str) -> list[str]:
        """Parse a list of fields, separated by commas; an empty text means all.

        Raises:
            click.UsageError: A field does not exist.
        """
        import difflib

        chosen = [name.strip() for name in text.split(",") if name.strip()]
        for name in chosen:
            if name not in self.names:
                near = difflib.get_close_matches(name, self.names, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise click.UsageError(
                    f"--json: there is no field {name!r}{hint}. The fields are "
                    f"{', '.join(self.names)}. Put --json last, or write --json=, for all of them"
                )
        return chosen


def json_of(item: Any, fields: Sequence[str]) -> str:
    """Return the chosen fields of an object as JSON on one line; all, if none are chosen."""
    import msgspec

    values: dict[str, object] = msgspec.to_builtins(item)
    if fields:
        values = {name: values.get(name) for name in fields}
    return msgspec.json.encode(values).decode()


class JsonRows:
    """Prints an array, item by item while they arrive."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._array = JsonArray()

    def add(self, item: object) -> None:
        """Print an item."""
        self._array.add(json_of(item, self._fields))

    def close(self) -> None:
        """Print the rest."""
        self._array.close()


class TabRows:
    """Prints items as tab-separated lines while they arrive, with all columns and no heads."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def add(self, item: object) -> None:
        """Print an item."""
        echo("\t".join(cell_text(column.of(item)) for column in self._columns))

    def close(self) -> None:
        """Do nothing: everything is printed."""


class TableRows:
    """Prints items as a table as wide as the terminal, when the last one has arrived."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._rows: list[list[str]] = []

    def add(self, item: object) -> None:
        """Keep an item."""
        cells = [shown_text(column.of(item)) for column in self._columns]
        self._rows.append([f"{text[:_MOST]}…" if len(text) > _MOST else text for text in cells])

    def close(self) -> None:
        """Print the table."""
        if self._rows:
            whole = [column.is_whole for column in self._columns]
            echo_table([column.head for column in self._columns], self._rows, whole=whole)
        else:
            echo_error("Nothing found.")


def rows_printer(
    columns: Sequence[Column], fields: Sequence[str] | None
) -> JsonRows | TabRows | TableRows:
    """Return what prints a listing; `fields` are those of `--json`, or None without it."""
    if fields is not None:
        return JsonRows(fields)
    return TableRows(columns) if is_terminal("stdout") else TabRows(columns)


def echo_record(item: object, columns: Sequence[Column], fields: Sequence[str] | None) -> None:
    """Print one object: its lines with heads, or JSON."""
    if fields is not None:
        echo_json(json_of(item, fields))
        return
    values = {column.head: column.of(item) for column in columns}
    if not is_terminal("stdout"):
        for head, value in values.items():
            echo(f"{head}\t{cell_text(value)}")
        return
    width = max(map(len, values))
    for head, value in values.items():
        if value is not None:
            echo(f"{head:{width}}  {shown_text(value)}")


def cell_text(value: object) -> str:
    """Return a value for a program, on one line and without tabs."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case IntEnum():
            return value.name.lower()
        case dict():
            pairs = cast("dict[str, object]", value).items()
            return ", ".join(f"{key}={cell_text(each)}" for key, each in pairs)
        case list() | tuple():
            return ", ".join(map(cell_text, cast("Iterable[object]", value)))
        case _:
            return " ".join(one_line(redacted(str(value))).split())


def shown_text(value: object) -> str:
    """Return a value for a person."""
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}Z"
        case _:
            return cell_text(value)


def fit(natural: Sequence[int], room: int, whole: Sequence[bool] = ()) -> list[int]:
    """Return the widths of the columns that fit into `room`, from the natural ones.

    Neither the first column nor those that are `whole` are narrowed. The last ones are left out if
    the others would become too narrow to read; then the widest are narrowed.
    """
    kept = (True, *whole[1:], *[False] * len(natural))
    least = [
        width if is_kept else min(width, _READABLE)
        for width, is_kept in zip(natural, kept, strict=False)
    ]
    for count in range(len(natural), 0, -1):
        widths = list(natural[:count])
        space = room - _GAP * (count - 1)
        if count > 1 and sum(least[:count]) > space:
            continue
        while count > 1 and sum(widths) > space:
            spare = [width - low for width, low in zip(widths, least, strict=False)]
            widths[spare.index(max(spare))] -= 1
        return widths
    return []


def echo_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: bool = False,
    whole: Sequence[bool] = (),
) -> None:
    """Print a table for the terminal; `right` aligns all columns but the first to the right.

    What does not fit into its column continues on the next line, so that no name is cut off.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    natural = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    widths = fit(natural, console.width, whole)
    for number, (head, width) in enumerate(zip(heads, widths, strict=False)):
        table.add_column(
            head,
            width=width,
            justify="right" if right and number else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row[: len(widths)]))
    console.print(table, soft_wrap=False)
    hidden = heads[len(widths) :]
    if hidden:
        echo_error(f"Not shown in {console.width} columns: {', '.join(hidden)}")

"""Mapping files: TOML, or CSV with the columns kind, source and target.

Decides how a mapping is written. Whether its names exist is decided by matching.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, Final, Literal, get_args

from aconnect._client.files import reason
from aconnect._core.arguments import canonical_guid, is_guid
from aconnect._core.guards import is_dict
from aconnect._core.text import csv_delimiter, decode_text
from aconnect.deploy.config.tables import Table, Texts
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.model import Mapping, ValueSource

UserCriterion = Literal["username", "email", "external_id"]
GroupCriterion = Literal["name"]

_COLUMNS: Final = ["kind", "source", "target"]
_TABLES: Final = {
    "user": "users",
    "group": "groups",
    "owner": "owners",
    "integration": "integrations",
    "environment": "environments",
    "content": "content",
    "env": "env",
}
"""The tables of TOML by the kinds of CSV."""
_NO_VALUES: Final = (
    'values are never in the mapping file; write { file = "secrets.env" } or '
    '{ environ = "NAME_HERE" } to say where it comes from'
)


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping file; TOML, or CSV if its name ends in `.csv`. Blocks.

    Paths in it are relative to its folder.

    Raises:
        InvalidArgumentError: It cannot be read, or says something else than a mapping; the message
            contains no values.
    """
    path = Path(path)
    table = _read_csv(path) if path.suffix.lower() == ".csv" else Table.load(path)
    match, owners = table.table("match"), table.table("owners")
    default = Mapping()
    mapping = Mapping(
        match_users=_criteria(match, "users", UserCriterion, default.match_users),
        match_groups=_criteria(match, "groups", GroupCriterion, default.match_groups),
        users=_names(table, "users"),
        groups=_names(table, "groups"),
        owner_fallback=owners.get("fallback", str) or None,
        integrations=_names(table, "integrations"),
        environments=_names(table, "environments"),
        content=_content(table),
        env=_sources(table.table("env")),
        content_env=_content_env(table.table("content-env")),
    )
    for one in (match, owners, table):
        one.check()
    return mapping


def _criteria(match: Table, key: str, criterion: Any, default: Texts) -> Texts:
    values: Texts | None = match.get(key, Texts)
    for value in values or ():
        if value not in get_args(criterion):
            raise InvalidArgumentError(
                f"{match.file}: match.{key} cannot be {value!r}; it takes "
                f"{', '.join(get_args(criterion))}"
            )
    return default if values is None else values


def _names(table: Table, key: str) -> dict[str, str]:
    names = table.table(key)
    for name in names.keys:
        if is_dict(names.get(name, Any)):
            raise InvalidArgumentError(
                f"{table.file}: {key}.{name} must be text, not a table; write names that have dots "
                "in quotes"
            )
    return table.texts(key)


def _content(table: Table) -> dict[str, str]:
    content: dict[str, str] = {}
    for source, target in table.texts("content").items():
        guid = _guid(table, "content", source)
        new = _guid(table, "content", target)
        if new in content.values():
            raise InvalidArgumentError(
                f"{table.file}: [content] gives {new} to two items; each can replace one"
            )
        content[guid] = new
    return content


def _content_env(table: Table) -> dict[str, dict[str, ValueSource]]:
    return {_guid(table, table.name, guid): _sources(table.table(guid)) for guid in table.keys}


def _guid(table: Table, name: str, text: str) -> str:
    if not is_guid(text):
        raise InvalidArgumentError(
            f"{table.file}: [{name}] takes GUIDs of content, and {text!r} is none"
        )
    guid: str = canonical_guid("", text)
    return guid


def _sources(table: Table) -> dict[str, ValueSource]:
    return {name: _source(table, name) for name in table.keys}


def _source(table: Table, name: str) -> ValueSource:
    path = f"{table.name}.{name}"
    if not is_dict(table.get(name, Any)):
        raise InvalidArgumentError(f"{table.file}: {path}: {_NO_VALUES}")
    source = table.table(name)
    file, environ = source.get("file", str), source.get("environ", str)
    source.check()
    if bool(file) == bool(environ):
        raise InvalidArgumentError(f"{table.file}: {path} needs either file or environ")
    if file:
        return ValueSource(file=str((table.file.parent / Path(file).expanduser()).absolute()))
    return ValueSource(environ=environ)


def _read_csv(path: Path) -> Table:
    try:
        text = decode_text(path.read_bytes())
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {str(path)!r}: {reason(error)}") from error
    except UnicodeError as error:
        raise InvalidArgumentError(f"{path} is not valid CSV: {error}") from None
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=csv_delimiter(text), strict=True)
    tables: dict[str, dict[str, Any]] = {}
    try:
        header = next(rows, list[str]())
        if [name.strip().lower() for name in header] != _COLUMNS:
            raise InvalidArgumentError(
                f"{path}: the first line must be {','.join(_COLUMNS)}; TOML files end in .toml"
            )
        # Spreadsheets leave rows without text.
        for row in filter(any, rows):
            _add_row(tables, row, f"{path}: line {rows.line_num}")
    except csv.Error as error:
        raise InvalidArgumentError(f"{path} is not valid CSV: {error}") from error
    return Table(path, "", tables)


def _add_row(tables: dict[str, dict[str, Any]], row: list[str], where: str) -> None:
    if len(row) != len(_COLUMNS):
        raise InvalidArgumentError(f"{where} has {len(row)} columns instead of {len(_COLUMNS)}")
    kind, source, target = (field.strip() for field in row)
    if kind not in _TABLES:
        raise InvalidArgumentError(
            f"{where}: the kind must be one of {', '.join(_TABLES)}; other tables need TOML"
        )
    values = tables.setdefault(_TABLES[kind], {})
    if source in values:
        raise InvalidArgumentError(f"{where}: the {kind} {source!r} is in the file twice")
    values[source] = target
    if kind == "env":
        key, colon, name = target.partition(":")
        if not colon or key not in {"file", "environ"}:
            raise InvalidArgumentError(
                f"{where}: values are never in the mapping file; write file:secrets.env or "
                "environ:NAME_HERE to say where it comes from"
            )
        values[source] = {key: name}

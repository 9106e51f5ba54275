"""What Posit Publisher, the extension of VS Code and Positron, has written into a directory.

`.posit/publish/NAME.toml` is a configuration, and `.posit/publish/deployments/*.toml` has a record
of each deployment: which content of which server it went to. Both are only read. Unknown
keys, which newer versions may add, cause a warning and no error.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from aconnect._core.guards import is_dict
from aconnect.connect._base.address import server_root
from aconnect.deploy.config.tables import Table, Texts
from aconnect.errors import InvalidArgumentError

_FOLDER: Final = Path(".posit", "publish")
_SECTIONS: Final = ("access", "runtime", "kubernetes")
_DEFAULT_PACKAGE_FILE: Final = "requirements.txt"
_IGNORED: Final = ("$schema", "comments", "product_type", "connect_cloud")
"""Known keys that do not matter here."""


class Record(Struct, frozen=True):
    """Which content of a server a configuration was deployed to."""

    file: Path
    configuration: str | None
    guid: str | None
    """None before the first deployment."""


class Published(Struct, frozen=True, kw_only=True):
    """The values of a configuration, by the names of this library."""

    file: Path | None = None
    """The configuration; None if there is none."""
    record: Record | None = None
    """The record of this content on the server; None if there is none, or more than one."""
    values: Mapping[str, Any] = {}
    """The fields of `Config`."""
    warnings: Texts = ()


def read(
    directory: Path,
    *,
    settings: Mapping[str, Any],
    server: str | None = None,
    configuration: str | None = None,
    name: str | None = None,
    guid: str | None = None,
) -> Published:
    """Read a configuration and its record.

    Args:
        directory: The folder of the project.
        settings: The types of the settings of content, by name.
        server: The address of the server; by default, the records of all servers count.
        configuration: The name of the configuration. By default it is that of the records of this
            server, or the only one.
        name: The name of the content, if it is known; no record is then needed to find it.
        guid: The guid of the content, if it is known; its records count before others.

    Raises:
        InvalidArgumentError: A file is invalid, there is no such configuration, or several
            configurations or records could be meant.
    """
    folder = directory / _FOLDER
    files = {file.stem: file for file in _toml_files(folder)}
    if configuration is not None and configuration not in files:
        raise _unknown(folder, configuration, list(files))
    records = _records(folder / "deployments", server)
    if guid is not None:
        records = [record for record in records if record.guid == guid] or records
    if configuration is not None:
        records = [record for record in records if record.configuration == configuration]
    record = _only(records, is_required=not (server is None or name or guid))
    chosen = configuration or _chosen(folder, list(files), records)
    if chosen is None:
        return Published(record=record)
    table = Table.load(files[chosen])
    values = _values(table, settings)
    return Published(
        file=files[chosen], record=record, values=values, warnings=_warnings(table, settings)
    )


def _toml_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.toml") if file.is_file())


def _records(folder: Path, server: str | None) -> list[Record]:
    """Return the records of a server, or those of all servers."""
    records: list[Record] = []
    for file in _toml_files(folder):
        table = Table.load(file)
        address = table.get("server_url", str)
        if address and (server is None or _is_same(address, server)):
            # Some versions write empty texts before the first deployment.
            name, guid = table.get("configuration_name", str), table.get("id", str)
            records.append(Record(file, name or None, guid or None))
    return records


def _is_same(one: str, other: str) -> bool:
    try:
        return server_root(one) == server_root(other)
    except InvalidArgumentError:
        return False


def _only(records: Sequence[Record], *, is_required: bool) -> Record | None:
    """Return the record of the content, if all are for the same one; raise if `is_required`."""
    guids = {record.guid for record in records if record.guid is not None}
    if len(guids) > 1 and is_required:
        lines = ", ".join(f"{one.file.name} ({one.guid})" for one in records if one.guid)
        raise InvalidArgumentError(
            f"{records[0].file.parent} has records of {len(guids)} content items on this server: "
            f"{lines}; pass guid=, name= or configuration="
        )
    return next((one for one in records if one.guid), None) if len(guids) == 1 else None


def _chosen(folder: Path, names: list[str], records: Sequence[Record]) -> str | None:
    """Return the name of the configuration that the records name, or the only one."""
    recorded = {one.configuration for one in records if one.configuration in names}
    candidates = sorted(filter(None, recorded)) or names
    if len(candidates) > 1:
        raise InvalidArgumentError(
            f"{folder} has several configurations: {', '.join(candidates)}; choose one with "
            "configuration="
        )
    return candidates[0] if candidates else None


def _unknown(folder: Path, name: str, names: list[str]) -> InvalidArgumentError:
    near = difflib.get_close_matches(name, names, n=1)
    there = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names) or 'none'}"
    return InvalidArgumentError(f"{folder} has no configuration {name!r}; {there}")


def _values(table: Table, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a configuration by the names of the fields of `Config`."""
    python = table.table("python")
    package_file = python.get("package_file", str)
    content: dict[str, Any] = {name: table.get(name, str) for name in ("title", "description")}
    connect = table.table("connect")
    for section in map(connect.table, _SECTIONS):
        content |= {key: section.get(key, settings[key]) for key in section.keys if key in settings}
    kind = table.get("type", str)
    values: dict[str, Any] = {
        # Publisher writes this if it could not detect the type.
        "kind": kind if kind != "unknown" else None,
        "entrypoint": table.get("entrypoint", str),
        "patterns": table.get("files", Texts),
        # This file is used by default, and need not exist.
        "requirements": package_file if package_file != _DEFAULT_PACKAGE_FILE else None,
        "env": table.texts("environment"),
        "secrets": table.get("secrets", Texts),
        "tags": table.get("tags", Texts),
        "verify": table.get("validate", bool),
        "settings": {key: value for key, value in content.items() if value not in (None, "")},
        "manifest": _manifest(table, python),
    }
    return {key: value for key, value in values.items() if value is not None}


def _manifest(table: Table, python: Table) -> dict[str, Any]:
    """Return what a configuration says about the manifest, in the manifest's own shape."""
    r, quarto, jupyter = (table.table(name) for name in ("r", "quarto", "jupyter"))
    # Anything else is decided by the files of the project.
    manager = "none" if python.get("package_manager", str) == "none" else None
    requires = {
        "python": {"requires": python.get("requires_python", str)},
        "r": {"requires": r.get("requires_r", str)},
    }
    manifest: dict[str, Any] = {
        "platform": r.get("version", str),
        "metadata": {"has_parameters": table.get("has_parameters", bool)},
        "python": {"version": python.get("version", str), "package_manager": {"name": manager}},
        "quarto": {"version": quarto.get("version", str), "engines": quarto.get("engines", Texts)},
        "jupyter": {key: jupyter.get(key, bool) for key in ("hide_all_input", "hide_tagged_input")},
        "environment": requires,
        "integration_requests": table.get("integration_requests", list[dict[str, Any]]),
    }
    return _without_empty(manifest)


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, and tables of which nothing is left."""
    parts = {k: _without_empty(v) if is_dict(v) else v for k, v in values.items()}
    return {key: value for key, value in parts.items() if value not in (None, "", {}, ())}


def _warnings(table: Table, settings: Mapping[str, Any]) -> Texts:
    """Name the keys that are not used, such as those of newer versions."""
    connect = table.table("connect")
    sections = [connect.table(name) for name in _SECTIONS]
    unused = [key for key in table.unread if key not in _IGNORED] + connect.unread
    for section in sections:
        unused += [f"{section.name}.{key}" for key in section.keys if key not in settings]
    if not unused:
        return ()
    return (f"{table.file} has keys that are not used: {', '.join(unused)}",)

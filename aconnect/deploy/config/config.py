"""The configuration of a deployment, read from files of the directory.

Decides where values come from and which of them win: a call or the command line, then
`[tool.aconnect.deploy]` in `pyproject.toml`, then what Posit Publisher has written. Nothing is
written.
"""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import Struct

from aconnect._core.guards import is_dict
from aconnect._core.redaction import HIDDEN
from aconnect.connect import Client
from aconnect.connect.content.content import ContentCreateParams
from aconnect.deploy.config import publisher
from aconnect.deploy.config.tables import Table, Texts
from aconnect.deploy.project.files import MANIFEST
from aconnect.deploy.project.project import PYPROJECT, Project, prepare
from aconnect.deploy.target import existing
from aconnect.errors import InvalidArgumentError

_KEYS: Final[dict[str, tuple[str, Any]]] = {
    "name": ("name", str),
    "guid": ("guid", str),
    "type": ("kind", str),
    "entrypoint": ("entrypoint", str),
    "include": ("include", Texts),
    "exclude": ("exclude", Texts),
    "files": ("patterns", Texts),
    "python": ("python", str),
    "requirements": ("requirements", str),
    "secrets": ("secrets", Texts),
    "tags": ("tags", Texts),
    "activate": ("activate", bool),
    "verify": ("verify", bool),
}
"""The keys of `[tool.aconnect.deploy]`, beside `env` and the settings of content."""
_OF_THE_KIND: Final = ("platform", "python", "quarto")
"""The parts of a manifest that only some kinds of content have."""
_OF_MANIFESTS: Final = ("kind", "entrypoint", "patterns", "requirements", "manifest")
"""The values that only matter when a manifest is made."""
_NAME_LENGTH: Final = (3, 64)


class Config(Struct, frozen=True, kw_only=True):
    """The values of a deployment, of which each may be left out."""

    name: str | None = None
    guid: str | None = None
    kind: str | None = None
    """The type of the content, such as `fastapi`."""
    entrypoint: str | None = None
    include: Texts = ()
    """Patterns of files that would be left out otherwise."""
    exclude: Texts = ()
    """Patterns of files that are left out."""
    patterns: Texts | None = None
    """Patterns of all files that are sent, instead of all that are not left out."""
    python: str | None = None
    """The interpreter whose environment is described."""
    requirements: str | None = None
    """The file with the packages."""
    env: Mapping[str, str] = {}
    """Environment variables of the content."""
    secrets: Texts = ()
    """The names of variables whose values are those of the process that deploys."""
    tags: Texts = ()
    activate: bool | None = None
    verify: bool | None = None
    settings: Mapping[str, Any] = {}
    """Settings of the content by the names of the API, such as `title` and `min_processes`."""
    manifest: Mapping[str, Any] = {}
    """What the manifest gets in addition to what is found in the directory."""
    sources: tuple[Path, ...] = ()
    """The files that the values were read from."""
    warnings: Texts = ()

    def __repr__(self) -> str:
        # The values of the variables may be secret.
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["env"] = dict.fromkeys(self.env, HIDDEN)
        return f"Config({', '.join(f'{k}={v!r}' for k, v in shown.items() if v)})"

    def merged(self, other: Config) -> Config:
        """Return these values with those of another configuration, which win.

        Patterns, tags and secrets are added, variables and settings are merged by name, and all
        other values replaced. A name or a guid replaces both: they say which content is meant.
        """
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(self):
            name = field.name
            mine, theirs = getattr(self, name), getattr(other, name)
            if field.default == ():
                values[name] = tuple(dict.fromkeys((*mine, *theirs)))
            elif field.default is None:
                values[name] = mine if theirs is None else theirs
            else:
                values[name] = {**mine, **theirs}
        if other.name is not None or other.guid is not None:
            values |= {"name": other.name, "guid": other.guid}
        return Config(**values)

    def variables(self, environ: Mapping[str, str]) -> tuple[dict[str, str], Texts]:
        """Return the environment variables with their values, and the secrets that have none.

        The content may have a secret already that `environ` does not have.
        """
        secrets = {name: environ[name] for name in self.secrets if name in environ}
        values = {**secrets, **self.env}
        return values, tuple(name for name in self.secrets if name not in values)

    async def prepare(self, directory: str | Path) -> Project:
        """Find out what is sent of a directory; see `aconnect.deploy.prepare`."""
        project = await prepare(
            directory,
            kind=self.kind,
            entrypoint=self.entrypoint,
            include=self.include,
            exclude=self.exclude,
            patterns=self.patterns,
            python=self.python,
            requirements=self.requirements,
            title=self.settings.get("title"),
        )
        if project.detected is None:
            return project  # it has a manifest, which is used as it is
        return msgspec.structs.replace(project, manifest=_refined(project.manifest, self.manifest))


def load_config(
    directory: str | Path,
    *,
    server: str | None = None,
    configuration: str | None = None,
    override: Config | None = None,
) -> Config:
    """Read the configuration of a directory.

    The records of Posit Publisher for this server say which content is meant, unless a name or a
    guid is given elsewhere.

    Args:
        directory: The folder of the project.
        server: The address of the server that is deployed to; without it, records of all servers
            are considered.
        configuration: The name of one of several configurations of Posit Publisher. By default it
            is the one that was deployed to this server, or the only one.
        override: Values that win over those of the files.

    Raises:
        InvalidArgumentError: A file is invalid, or it is not clear which configuration or which
            content is meant.
    """
    folder = Path(directory)
    config = _pyproject(folder).merged(override or Config())
    found = publisher.read(
        folder,
        settings=_settings(),
        server=server,
        configuration=configuration,
        name=config.name,
        guid=config.guid,
    )
    # A manifest is used as it is, so the values for making one are not used.
    unused = _OF_MANIFESTS if (folder / MANIFEST).is_file() else ()
    values = {field: value for field, value in found.values.items() if field not in unused}
    record = found.record
    is_open = config.name is None and config.guid is None
    files = (found.file, record.file if record and is_open else None)
    return Config(
        **values,
        guid=None if record is None else record.guid,
        sources=tuple(filter(None, files)),
        warnings=found.warnings,
    ).merged(config)


async def variables_for(client: Client, config: Config) -> dict[str, str]:
    """Return the environment variables; the values of secrets are those of this process.

    A secret without a value keeps the one that the content has.

    Raises:
        InvalidArgumentError: Neither this process nor the content has one of the secrets.
    """
    values, missing = config.variables(os.environ)
    if missing:
        item = await existing(client, config.name, config.guid)
        there = [] if item is None else await item.environment_variables.find()
        absent = [name for name in missing if name not in there]
        if absent:
            raise InvalidArgumentError(
                f"no value for {', '.join(absent)}, which the configuration lists in `secrets`, "
                "and which the content does not have yet; set it in the environment, or pass env="
            )
    return values


def default_name(text: str, origin: str) -> str:
    """Return a name for content, made from the name of a directory or a repository.

    It is valid on all versions of the server.

    Raises:
        InvalidArgumentError: Fewer than 3 valid characters are left.
    """
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    shortest, longest = _NAME_LENGTH
    name = re.sub(r"[^a-z0-9_]+", "-", text)[:longest].strip("-")
    if len(name) < shortest:
        raise InvalidArgumentError(
            f"the name of {origin}, {text!r}, cannot be used for content, which needs {shortest} "
            f"to {longest} letters, digits, '_' and '-'; pass name= or guid="
        )
    return name


def _pyproject(directory: Path) -> Config:
    """Read the table of `pyproject.toml`, if it has one."""
    file = directory / PYPROJECT
    if not file.is_file():
        return Config()
    tool = Table.load(file).table("tool").table("aconnect").table("deploy")
    if not tool:
        return Config()
    config = config_from(tool, directory)
    tool.check()
    return msgspec.structs.replace(config, sources=(file,))


def config_from(table: Table, directory: Path) -> Config:
    """Return the values of a table; the path of an interpreter is relative to this directory."""
    settings = {key: table.get(key, type_) for key, type_ in _settings().items()}
    values = {field: table.get(key, type_) for key, (field, type_) in _KEYS.items()}
    env = table.texts("env")
    if "/" in (values["python"] or ""):
        values["python"] = str(directory / values["python"])
    values["settings"] = {key: value for key, value in settings.items() if value is not None}
    given = {field: value for field, value in values.items() if value is not None}
    return Config(**given, env=env)


@functools.cache
def _settings() -> dict[str, Any]:
    """Return the types of the settings of content."""
    hints = get_type_hints(ContentCreateParams)
    del hints["name"]
    return hints


def _refined(manifest: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with what a configuration adds to it."""
    return dict(manifest) | {
        key: _refined(manifest.get(key, {}), value) if is_dict(value) else value
        for key, value in more.items()
        if key in manifest or key not in _OF_THE_KIND
    }

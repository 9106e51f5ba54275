"""Many directories to deploy, as `deploy.toml` declares them.

Decides which values win: those of a `[[deploy]]` table, then those of the directory itself, then
those of `[defaults]`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from anyio import to_thread
from msgspec import Struct

from aconnect.deploy.config.config import Config, config_from, default_name, load_config
from aconnect.deploy.config.tables import Table
from aconnect.errors import InvalidArgumentError

_TABLES: Final = "deploy"


class DeploySpec(Struct, frozen=True, kw_only=True):
    """A directory to deploy, and what is known about it beside its own configuration."""

    path: Path
    config: Config = Config()
    """Values that win over those of the directory."""
    defaults: Config = Config()
    """Values that the directory does not have itself."""
    configuration: str | None = None
    """The name of one of several configurations of Posit Publisher."""

    @property
    def target(self) -> str | None:
        """The guid or the name of the content; None if only the directory has it."""
        return self.config.guid or self.config.name

    @property
    def key(self) -> str:
        """What identifies it among others: its path, with its target if it has one."""
        return " ".join(filter(None, (str(self.path), self.target)))

    @property
    def digest(self) -> str:
        """A checksum of all values but those of environment variables, which may be secret."""
        configs = [
            msgspec.structs.replace(each, env=dict.fromkeys(sorted(each.env), ""))
            for each in (self.config, self.defaults)
        ]
        text = msgspec.json.encode([configs, self.configuration], enc_hook=str, order="sorted")
        return hashlib.sha256(text).hexdigest()

    async def load(self, server: str) -> Config:
        """Return these values with those of the directory; the content has a name or a guid.

        Raises:
            InvalidArgumentError: The directory is missing, or its configuration is invalid.
        """
        config = await to_thread.run_sync(partial(self._load, server))
        if config.name is None and config.guid is None:
            name = default_name(self.path.resolve().name, "the directory")
            return msgspec.structs.replace(config, name=name)
        return config

    def _load(self, server: str) -> Config:
        if not self.path.is_dir():
            raise InvalidArgumentError(f"there is no directory {str(self.path)!r}")
        found = load_config(
            self.path, server=server, configuration=self.configuration, override=self.config
        )
        return self.defaults.merged(found)


def read_specs(path: str | Path) -> list[DeploySpec]:
    """Read the directories to deploy from a TOML file, with a table `[[deploy]]` for each.

    A table has the `path` of the directory, relative to the file, and the keys of
    `[tool.aconnect.deploy]`; `configuration` selects one of Posit Publisher's. `[defaults]` has the
    same keys, except those that say which content is meant.

    Raises:
        InvalidArgumentError: The file cannot be read or is invalid.
    """
    document = Table.load(Path(path))
    tables: list[dict[str, Any]] = document.get(_TABLES, list[dict[str, Any]]) or []
    defaults = document.table("defaults")
    document.check()
    if not tables:
        raise InvalidArgumentError(f"{path} declares nothing to deploy; write a table [[deploy]]")
    specs = [
        _spec(Table(document.file, f"{_TABLES}[{number}]", values), defaults)
        for number, values in enumerate(tables)
    ]
    check_specs(specs)
    return specs


def _spec(table: Table, defaults: Table) -> DeploySpec:
    path = table.get("path", str)
    if not path:
        raise InvalidArgumentError(f"{table.file}: [{table.name}] has no key 'path', the directory")
    directory = table.file.parent / path
    spec = DeploySpec(
        path=directory,
        config=config_from(table, directory),
        defaults=config_from(defaults, directory),
        configuration=table.get("configuration", str),
    )
    table.check()
    defaults.check()
    if spec.defaults.name is not None or spec.defaults.guid is not None:
        raise InvalidArgumentError(
            f"{table.file}: [defaults] has a name or a guid, which only one item can have"
        )
    return spec


def check_specs(specs: Iterable[DeploySpec]) -> None:
    """Raise if two directories are for the same content, or one is declared twice."""
    seen: dict[str | Path, DeploySpec] = {}
    for spec in specs:
        name = spec.target or spec.path
        if name in seen:
            raise InvalidArgumentError(
                f"{seen[name].path} and {spec.path} are both deployed to {name}; give each a name "
                "of its own"
            )
        seen[name] = spec

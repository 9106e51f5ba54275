"""Where values of environment variables come from.

A mapping file names sources, never values. They are read when they are needed, and are in no plan,
representation, message or log.
"""

from __future__ import annotations

import os
from collections import abc
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from aconnect._client.files import reason
from aconnect._client.threads import in_thread
from aconnect._core.dotenv import parse_dotenv
from aconnect._core.text import decode_text, some_of
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.migrate.mapping.model import Mapping

_NO_SOURCE: Final = "the mapping file has no source for it in [env]"


class Values:
    """The values of environment variables; `read_values` makes it."""

    def __init__(
        self, mapping: Mapping, environ: dict[str, str], files: dict[str, dict[str, str] | str]
    ) -> None:
        self._mapping = mapping
        self._environ = environ
        # Of a file that cannot be read, the reason.
        self._files = files

    def __reduce__(self) -> NoReturn:
        raise TypeError("the values of environment variables cannot be pickled or copied")

    def missing(self, guid: str, names: Iterable[str]) -> dict[str, str]:
        """Return which variables of a source content item have no value, and why."""
        found = {name: self._find(guid, name) for name in names}
        return {name: why for name, (value, why) in found.items() if value is None}

    def get(self, guid: str, names: Iterable[str]) -> dict[str, str]:
        """Return the values of variables of a source content item.

        Raises:
            InvalidArgumentError: One has none; the message names the variables and their sources.
        """
        found = {name: self._find(guid, name) for name in names}
        values = {name: value for name, (value, _) in found.items() if value is not None}
        lacking = [f"{name}: {why}" for name, (value, why) in found.items() if value is None]
        if lacking:
            raise InvalidArgumentError(f"no value for environment variables: {some_of(lacking)}")
        return values

    def known(self, guid: str) -> dict[str, str]:
        """Return the values of all variables of a source content item that have one."""
        names = self._mapping.env.keys() | self._mapping.content_env.get(guid, {}).keys()
        found = {name: self._find(guid, name)[0] for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def _find(self, guid: str, name: str) -> tuple[str | None, str]:
        """Return the value of a variable, or the reason why there is none."""
        mapping = self._mapping
        source = mapping.content_env.get(guid, {}).get(name) or mapping.env.get(name)
        if source is None:
            return None, _NO_SOURCE
        if source.environ is not None:
            return self._environ.get(source.environ), f"{source} is not set"
        variables = self._files[str(source.file)]
        if isinstance(variables, str):
            return None, variables
        return variables.get(name), f"{source} does not contain it"


async def read_values(mapping: Mapping, environ: abc.Mapping[str, str] | None = None) -> Values:
    """Read the values that a mapping names, of this process unless `environ` is given.

    A file that cannot be read is no error before one of its variables is needed.
    """
    sources = [*mapping.env.values()]
    for one in mapping.content_env.values():
        sources += one.values()
    values = os.environ if environ is None else environ
    wanted = {one.environ for one in sources if one.environ is not None}
    files = sorted({one.file for one in sources if one.file is not None})
    return Values(
        mapping,
        {name: values[name] for name in wanted if name in values},
        await in_thread(lambda: {file: _read(file) for file in files}),
    )


def _read(file: str) -> dict[str, str] | str:
    """Return the variables of a file, or the reason why it cannot be read."""
    try:
        return parse_dotenv(decode_text(Path(file).read_bytes()))
    except OSError as error:
        return f"cannot read {file}: {reason(error)}"
    except ValueError as error:
        # Neither of these errors quotes the file.
        return f"{file}: {error}"

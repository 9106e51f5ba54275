"""TOML files whose keys are read one by one: types are checked, and unknown keys are named."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from types import NoneType
from typing import Any, Final, TypeVar, cast, overload

import msgspec

from aconnect._core.guards import is_dict
from aconnect._core.model import union_members
from aconnect._core.text import decode_text
from aconnect.errors import InvalidArgumentError

T = TypeVar("T")

Texts = tuple[str, ...]

_WANTED: Final[dict[Any, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Texts: "an array of texts",
}
_NESTED: Final = ("an array of other values", "a table")


class Table:
    """A table of a TOML file."""

    def __init__(self, file: Path, name: str, values: dict[str, Any]) -> None:
        self.file = file
        self.name = name
        """With dots between the tables; empty for that of the whole file."""
        self._values = values
        self._read: set[str] = set()

    @classmethod
    def load(cls, file: Path) -> Table:
        """Read a file.

        Raises:
            InvalidArgumentError: It cannot be read, or is not valid TOML in UTF-8.
        """
        try:
            return cls(file, "", tomllib.loads(decode_text(file.read_bytes())))
        except OSError as error:
            raise InvalidArgumentError(
                f"cannot read {str(file)!r}: {error.strerror or error}"
            ) from error
        except UnicodeError as error:
            # Its context would contain the file.
            raise InvalidArgumentError(f"{file} is not valid TOML: {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise InvalidArgumentError(f"{file} is not valid TOML: {error}") from error

    def __bool__(self) -> bool:
        """Return True if it has any keys."""
        return bool(self._values)

    @overload
    def get(self, key: str, type_: type[T]) -> T | None: ...
    @overload
    def get(self, key: str, type_: Any) -> Any: ...
    def get(self, key: str, type_: Any) -> Any:
        """Return a value, or None if there is none.

        Raises:
            InvalidArgumentError: It has another type. The message does not contain the value, which
                may be a secret.
        """
        self._read.add(key)
        if key not in self._values:
            return None
        try:
            return msgspec.convert(self._values[key], type_)
        except msgspec.ValidationError:
            raise self._invalid(key, _wanted(type_)) from None

    def table(self, key: str) -> Table:
        """Return a table in this one, which is empty if there is none."""
        self._read.add(key)
        value = self._values.get(key, {})
        if not is_dict(value):
            raise self._invalid(key, "a table")
        return Table(self.file, self._path(key), value)

    def texts(self, key: str) -> dict[str, str]:
        """Return a table whose values are all text."""
        table = self.table(key)
        return {name: cast("str", table.get(name, str)) for name in table.keys}

    @property
    def keys(self) -> list[str]:
        """All keys."""
        return list(self._values)

    @property
    def unread(self) -> list[str]:
        """The keys that were not read, with the names of their tables."""
        return [self._path(key) for key in self._values if key not in self._read]

    def check(self) -> None:
        """Raise if there are keys that were not read."""
        known = sorted(self._read)
        for key in self._values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
                where = f"[{self.name}]" if self.name else "the file"
                raise InvalidArgumentError(f"{self.file}: {where} has no key {key!r}; {hint}")

    def _path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _invalid(self, key: str, wanted: str) -> InvalidArgumentError:
        kind = _kind(self._values[key])
        hint = "; write it in quotes" if wanted == "text" and kind not in _NESTED else ""
        return InvalidArgumentError(
            f"{self.file}: {self._path(key)} must be {wanted}, not {kind}{hint}"
        )


def _wanted(type_: Any) -> str:
    names = [_WANTED.get(one) for one in union_members(type_) if one is not NoneType]
    # A text for which the library knows some values is a text.
    return " or ".join(dict.fromkeys(name for name in names if name)) or "text"


def _kind(value: object) -> str:
    if isinstance(value, list):
        return _NESTED[0]
    if isinstance(value, dict):
        return _NESTED[1]
    return _WANTED.get(type(value), "a date or time")

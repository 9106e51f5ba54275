"""The plain values of models and rows, and what web frameworks send of them.

Decides that `to_dict` shows everything, and that nothing confidential is sent by mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from aconnect._core.guards import is_dict, is_list


class Record:
    """What models and rows share."""

    __slots__ = ()

    __struct_fields__: ClassVar[tuple[str, ...]]

    def to_dict(self, *, json: bool = False) -> dict[str, Any]:
        """Return plain values by the names of the attributes: ids are text, times `datetime`.

        With `json=True`, all values are those of JSON: times are text in RFC 3339, such as
        `2026-01-31T00:00:00Z`. For JSON under the names that the server uses, pass the object to
        `msgspec.json.encode`.
        """
        values = {name: plain(getattr(self, name)) for name in self.__struct_fields__}
        return msgspec.to_builtins(values, str_keys=True) if json else values

    def _concealed(self) -> dict[str, Any]:
        return {name: concealed(getattr(self, name)) for name in self.__struct_fields__}

    # The rest is what web frameworks look for in an object that a function of theirs returns.

    if not TYPE_CHECKING:
        # An attribute to type checkers. FastAPI calls `vars()` if a function is not annotated. The
        # methods of a mapping would also do, but users have a resource `keys`.
        @property
        def __dict__(self) -> dict[str, Any]:
            return msgspec.to_builtins(self._concealed(), str_keys=True)

    @property
    def __pydantic_serializer__(self) -> Any:
        from aconnect._core.schemas import serializer_of  # noqa: PLC0415  only pydantic needs it

        kind: Any = type(self)
        return serializer_of(kind)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from aconnect._core.schemas import core_schema_of  # noqa: PLC0415  as above

        return core_schema_of(cls)


_ATOMS: Final = frozenset({str, int, float, bool, datetime, type(None)})


def plain(value: Any) -> Any:
    """Return a value as in `to_dict()`."""
    return value if type(value) in _ATOMS else _plain_parts(value, plain)


def concealed(value: Any) -> Any:
    """Return a value as in `to_dict()`, without what is confidential, here and inside."""
    return value if type(value) in _ATOMS else _plain_parts(value, concealed)


def _plain_parts(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, Record):
        record: Any = value
        return record.to_dict() if convert is plain else record._concealed()  # noqa: SLF001  ours
    if isinstance(value, Enum):
        return value.value
    if is_list(value):
        return [convert(item) for item in value]
    if is_dict(value):
        return {name: convert(item) for name, item in value.items()}
    return value

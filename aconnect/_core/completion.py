"""What completion offers for an object: `dir()` without the names that only this library uses."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar


class Completed:
    """Leaves the names in `_inner`, of the class and of its bases, out of `dir()`."""

    __slots__ = ()

    _inner: ClassVar[Collection[str]] = ()

    def __dir__(self) -> list[str]:
        inner = {name for kind in type(self).__mro__ for name in vars(kind).get("_inner", ())}
        return [name for name in super().__dir__() if name not in inner]

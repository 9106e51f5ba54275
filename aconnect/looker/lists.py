"""Changes of lists that Looker can only replace as a whole: read, change, write.

What is read decides what is written, so a list with an entry that cannot be read is not changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from aconnect._client.paged import Paged
from aconnect.errors import DecodeError
from aconnect.looker.base import LookerBound, id_of

_locks: Final = WeakValueDictionary[tuple[object, str], asyncio.Lock]()
"""By event loop and list, for as long as somebody changes it."""


class _Entry(Struct):
    id: str | int


async def change_list(
    type_: type[LookerBound],
    items: Sequence[object],
    current: Paged[Any],
    replace: Callable[[list[str]], Awaitable[object]],
    *,
    add: bool,
) -> bool:
    """Add items to a list or remove them; return False, without writing, if nothing changes.

    Changes of one list by this program wait for each other, so that none is lost.
    """
    ids = dict.fromkeys(id_of(type_, item) for item in items)
    if not ids:
        return False
    key = (asyncio.get_running_loop(), current.api_root + current.query)
    async with _locks.setdefault(key, asyncio.Lock()):
        async with aclosing(_ids(current)) as read:
            before = [each async for each in read]
        if add:
            after = [*before, *(each for each in ids if each not in before)]
        else:
            after = [each for each in before if each not in ids]
        if after == before:
            return False
        await replace(after)
        return True


async def _ids(current: Paged[Any]) -> AsyncGenerator[str, None]:
    async with aclosing(aiter(current.raw())) as rows:
        async for row in rows:
            try:
                entry = msgspec.json.decode(row, type=_Entry)
            except msgspec.DecodeError as error:
                raise _unreadable(current, error) from error
            if entry.id == "":
                raise _unreadable(current, "it is empty")
            yield str(entry.id)


def _unreadable(current: Paged[Any], reason: object) -> DecodeError:
    return DecodeError(
        f"GET {current.api_root}{current.query}: an entry has no usable id ({reason}); nothing was "
        "changed, because Looker can only replace the whole list, without that entry"
    )

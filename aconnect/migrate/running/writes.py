"""The rule of each write: an intent first, and after an interruption a look-up before a repetition.

A write that is done returns its recorded result, so the steps of an item can simply run again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from aconnect._client.once import create_once, is_uncertain
from aconnect._core.clock import Clock
from aconnect.errors import AconnectError
from aconnect.migrate.running.journal import Ledger, Side, Write, WriteKind

Result = dict[str, Any]
"""What came of a write, as it is kept: ids and names."""


class Writes:
    """The writes of one item, or of the whole migration."""

    def __init__(self, ledger: Ledger, clock: Clock, number: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._number = number

    def find(self, kind: WriteKind, key: str = "") -> Write | None:
        """Return a write of this or an earlier process; None if there is none any more."""
        write = self._ledger.write(self._number, kind, key)
        return None if write is None or write.state == "undone" else write

    async def make(
        self,
        kind: WriteKind,
        request: Callable[[], Awaitable[Result | None]],
        *,
        key: str = "",
        side: Side = "destination",
        look_up: Callable[[], Awaitable[Result | None]] | None = None,
        is_taken: Callable[[AconnectError], bool] = lambda _: False,
        before: Mapping[str, Any] | None = None,
    ) -> Result:
        """Make a write once, and return its result.

        Args:
            kind: What is written, such as `permission`.
            request: Makes the write. Without `look_up`, it can be repeated without harm.
            key: What identifies it among the writes of this kind.
            side: On which server.
            look_up: Returns the result of an attempt whose response was not received, or None.
            is_taken: Whether an error says that it exists already. After an earlier attempt, which
                may have been late, it is looked up; otherwise it is not of this run.
            before: What is there now, as far as it is needed to put it back.

        Raises:
            AconnectError: The write failed, or the journal cannot be written.
        """
        write = self.find(kind, key)
        if write is not None and write.state == "done":
            return write.result
        # Whether the server may have acted, on an attempt of this or an earlier process.
        may_exist = write is not None
        if write is None:
            write = await self._ledger.intend(self._number, side, kind, key, before or {})
        elif look_up is not None and (found := await look_up()) is not None:
            return self._done(write, found)

        async def attempt() -> Result:
            nonlocal may_exist
            earlier, may_exist = may_exist, True
            try:
                return await request() or {}
            except AconnectError as error:
                # The client repeats some calls by itself; this is about the last attempt only.
                may_exist = earlier or bool(error.attempts) or is_uncertain(error)
                raise

        try:
            if look_up is None:
                result = await attempt()
            else:
                result = await create_once(
                    self._clock,
                    attempt,
                    look_up,
                    is_complete=bool,
                    is_taken=lambda error: may_exist and is_taken(error),
                )
        except AconnectError:
            if not may_exist:
                self._ledger.discard(write)
            raise
        return self._done(write, result)

    def _done(self, write: Write, result: Result) -> Result:
        self._ledger.update(msgspec.structs.replace(write, state="done", result=result))
        return result

"""What was written before: recent events, and sessions that were open when they were read.

For outputs that only append, and for sessions that end later. Events are recognized by digests of
the fields that identify them, with counts: two equal events are two events.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from aconnect._core import decoding
from aconnect.collect.dataset import Dataset
from aconnect.collect.sink import Period
from aconnect.collect.units import parse_time

_PER_ENTRY: Final = 10_000


class Identity(Struct, frozen=True, gc=False):
    """What an event is recognized by."""

    time: int | None
    base: str
    """A digest of the fields that the oldest servers send."""
    id: str | None
    """A digest of its id, if it has one."""
    is_open: bool = False
    end: int | None = None
    """When it ended, if it is a session that has."""


class Identifier:
    """Reads the identities of raw rows."""

    def __init__(self, dataset: Dataset) -> None:
        self._names = dataset.identity
        self._time = self._names.index(dataset.time_field or "")
        self._open_field = dataset.open_field
        names = (*self._names, "id", *([dataset.open_field] if dataset.open_field else []))
        self._decode = _decoder(names)

    def of(self, row: Raw) -> Identity:
        """Return the identity of a row."""
        try:
            values = list(msgspec.structs.astuple(self._decode(row)))
        except decoding.FAILURES:
            return Identity(None, _digest(bytes(row)), None)
        fields = values[: len(self._names)]
        id_, end = values[len(self._names)], values[-1]
        time = parse_time(fields[self._time])
        # Servers may write more or fewer digits of the same time, and ids as numbers or text.
        fields = [str(value) if isinstance(value, int | float) else value for value in fields]
        fields[self._time] = fields[self._time] if time is None else time
        base = _digest(msgspec.json.encode(fields))
        id_digest = None if id_ is None else _digest(f"id {id_}".encode())
        if self._open_field is None:
            return Identity(time, base, id_digest)
        return Identity(time, base, id_digest, end is None, parse_time(end))


@cache
def _decoder(names: tuple[str, ...]) -> Any:
    fields: list[Any] = [
        (f"f{i}", Any, msgspec.field(name=name, default=None)) for i, name in enumerate(names)
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Identity", fields)).decode


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


class Recent:
    """The events at the end of an output, by digest and count."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._counts: Counter[str] = Counter()
        self._times: dict[str, int] = {}
        self._keys = {key for key in entries if key.startswith("recent/")}
        for key in self._keys:
            for digest, time, count in msgspec.json.decode(entries[key]):
                self._counts[digest] += count
                self._times[digest] = time
        self._number = 1 + max((int(key.partition("/")[2]) for key in self._keys), default=-1)
        self._added: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._counts.total()

    def add(self, event: Identity) -> None:
        """Remember an event that is written."""
        digest = event.id or event.base
        self._counts[digest] += 1
        self._added[digest] += 1
        self._times[digest] = event.time or 0

    def unseen(self, events: Sequence[Identity]) -> list[int]:
        """Return the positions of the events that were not written; those must be all of a time."""
        left = self._counts.copy()
        new: list[int] = []
        for i, event in enumerate(events):
            # An event that was written before its server sent ids has none here.
            for digest in (event.id, event.base):
                if digest is not None and left[digest] > 0:
                    left[digest] -= 1
                    break
            else:
                new.append(i)
        return new

    def changes(self) -> dict[str, str | None]:
        """Return the entries for what was added since this was last asked."""
        if not self._added:
            return {}
        rows = [(digest, self._times[digest], count) for digest, count in self._added.items()]
        self._added.clear()
        return self._entries(rows)

    def compact(self, *, since: int | None) -> dict[str, str | None]:
        """Forget what is older, or everything; return the entries of the rest."""
        rows = [
            (digest, self._times[digest], count)
            for digest, count in self._counts.items()
            if since is not None and count and self._times[digest] >= since
        ]
        removed: dict[str, str | None] = dict.fromkeys(self._keys)
        self._keys.clear()
        self._number = 0
        self._added.clear()
        return removed | self._entries(rows)

    def _entries(self, rows: list[tuple[str, int, int]]) -> dict[str, str | None]:
        entries: dict[str, str | None] = {}
        for start in range(0, len(rows), _PER_ENTRY):
            key = f"recent/{self._number}"
            self._number += 1
            self._keys.add(key)
            entries[key] = msgspec.json.encode(rows[start : start + _PER_ENTRY]).decode()
        return entries


class _Open(Struct):
    """Sessions of one identity that were open."""

    started: int
    rows: list[str]
    """Their rows; equal sessions are several."""


class OpenSessions:
    """Sessions that had not ended when they were read last."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._open = {
            key.partition("/")[2]: msgspec.json.decode(value, type=_Open)
            for key, value in entries.items()
            if key.startswith("open/")
        }
        self._changed: set[str] = set()

    def __len__(self) -> int:
        return sum(len(one.rows) for one in self._open.values())

    def oldest(self, before: int) -> int | None:
        """Return when the oldest of those began that began before a time."""
        return min(
            (one.started for one in self._open.values() if one.started < before), default=None
        )

    def put(self, event: Identity, rows: Sequence[Raw]) -> None:
        """Remember the open sessions of one identity, instead of those known before."""
        self._changed.add(event.base)
        if rows and event.time is not None:
            self._open[event.base] = _Open(event.time, [bytes(row).decode() for row in rows])
        else:
            self._open.pop(event.base, None)

    def add(self, event: Identity, row: Raw) -> None:
        """Remember one more open session."""
        known = self._open.get(event.base)
        rows = [Raw(text.encode()) for text in known.rows] if known else []
        self.put(event, [*rows, row])

    def count(self, event: Identity) -> int:
        """Return how many sessions of an identity are open."""
        known = self._open.get(event.base)
        return len(known.rows) if known else 0

    def forget(self, lo: int | None, hi: int | None) -> None:
        """Forget the sessions that began in a period, because they are read again."""
        for base, one in list(self._open.items()):
            if one.started in Period(lo, hi):
                del self._open[base]
                self._changed.add(base)

    def expire(self, before: int) -> list[Raw]:
        """Forget the sessions that began before a time, and return their rows."""
        expired = [base for base, one in self._open.items() if one.started < before]
        self._changed.update(expired)
        return [Raw(row.encode()) for base in expired for row in self._open.pop(base).rows]

    def changes(self) -> dict[str, str | None]:
        """Return the entries that have changed since this was last asked."""
        changed: dict[str, str | None] = {}
        for base in self._changed:
            one = self._open.get(base)
            changed[f"open/{base}"] = None if one is None else msgspec.json.encode(one).decode()
        self._changed.clear()
        return changed

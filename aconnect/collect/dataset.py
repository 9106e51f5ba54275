"""What a dataset is: the declaration that the rest of the package works from.

Each dataset is declared in a module of `datasets`. How its rows are fetched is decided by a
strategy, how they are written by a sink.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from aconnect._core.model import Id, union_members


class Dataset(Struct, frozen=True, kw_only=True):
    """A kind of rows that can be collected from a server."""

    name: str
    """As in file names, tables and on the command line, such as `shiny_usage`."""
    row_type: Any
    """The type of its decoded rows."""
    time_field: str | None = None
    """The field with the time of an event; None for a snapshot, which is replaced as a whole."""
    identity: tuple[str, ...] = ()
    """The fields that the oldest servers send, by which an event is recognized when it is read
    again; `id`, where a row has one, comes before them."""
    open_field: str | None = None
    """The field that is null until an event is over."""

    @property
    def is_snapshot(self) -> bool:
        """Whether its rows are the present state of the server, not events."""
        return self.time_field is None


def is_id(hint: Any) -> bool:
    """Return True if an annotation is of an id, which servers send as a number or as text."""
    return any(member == Id for member in union_members(hint))

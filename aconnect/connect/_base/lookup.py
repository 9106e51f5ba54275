"""Finding the first of many by its fields, where the server cannot search for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import TypeVar

from aconnect._client.paged import Paged

T = TypeVar("T")


async def first_match(rows: Paged[T], kind: type[T], fields: Mapping[str, object]) -> T | None:
    """Give the first row that has these values, or None; later pages are not asked for."""
    for name in fields:
        # A misspelt field would otherwise look like nothing found.
        if name.startswith("_") or not hasattr(kind, name):
            raise TypeError(f"find_by() got {name!r}, which is no field of {kind.__name__}")
    async with aclosing(rows.pages()) as pages:
        async for page in pages:
            for row in page.rows:
                if all(getattr(row, name) == value for name, value in fields.items()):
                    return row
    return None

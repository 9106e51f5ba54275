"""Rows as they travel from the server to a sink: raw JSON, decoded when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from aconnect._core import decoding

if TYPE_CHECKING:
    import pyarrow as pa

    from aconnect.collect.dataset import Dataset
    from aconnect.collect.oddities import Oddities

R = TypeVar("R")


class Batch(Generic[R]):
    """Some rows of a dataset, mostly those of a page."""

    __slots__ = ("_dataset", "_rows", "oddities", "raw", "supersedes")

    def __init__(
        self,
        dataset: Dataset,
        raw: Sequence[Raw],
        *,
        supersedes: bool = False,
        oddities: Oddities | None = None,
    ) -> None:
        self.raw: Sequence[Raw] = raw
        """The rows as the server sent them."""
        self.supersedes: bool = supersedes
        """Whether they take the place of rows with the same identity that were not over."""
        self.oddities: Oddities | None = oddities
        """Where values that do not fit are counted."""
        self._dataset = dataset
        self._rows: list[R] | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __repr__(self) -> str:
        return f"<Batch of {len(self.raw)} {self._dataset.name}>"

    @property
    def rows(self) -> list[R]:
        """The decoded rows; a value that does not match its field is None."""
        if self._rows is None:
            self._rows = decode_rows(self.raw, self._dataset)
        return self._rows

    def to_arrow(self) -> pa.RecordBatch:
        """Return the rows as an Arrow record batch; needs the extra `arrow`."""
        from aconnect.collect.columns import columns_for  # noqa: PLC0415  imports pyarrow

        return columns_for(self._dataset).record_batch(self.raw, self.oddities)


def decode_rows(raw: Sequence[Raw], dataset: Dataset) -> list[Any]:
    """Decode rows, leniently where need be."""
    row_type: Any = dataset.row_type
    type_: Any = list.__class_getitem__(row_type)
    body = b"[" + b",".join(raw) + b"]"
    try:
        rows: list[Any] = decoding.decoder_for(type_)(body)
    except msgspec.ValidationError:
        rows = decoding.decode_without_misfits(body, type_, dataset.name)
    return rows

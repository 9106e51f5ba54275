"""JSON lines: one row per line, as the server wrote it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, cast

import msgspec
from msgspec import Raw

from aconnect._core.text import clean_json
from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.sink import Checkpoint, Entries, Run, Written, update
from aconnect.collect.sinks.appending import AppendingSink

_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


class JsonLines(AppendingSink):
    """A file of JSON lines; `NAME.gz` and `NAME.zst` are compressed.

    While a complete file is appended to, a reader may see a part of the last rows.

    Raises:
        MissingExtraError: The name ends in `.zst`, and the extra `zstd` is not installed.
    """

    columns: tuple[str, ...] = ()
    header = b""

    def encoder(self, dataset: Dataset, columns: tuple[str, ...]) -> JsonLines:
        """Return the encoder, which needs to know nothing of the rows."""
        return self

    def encode(self, batch: Batch[Any]) -> bytes:
        """Return rows as lines."""
        return json_lines(batch.raw)


def json_lines(rows: Sequence[Raw]) -> bytes:
    """Join rows; line breaks in a row, which can only be between its values, become spaces."""
    texts = cast("Sequence[bytes]", rows)
    # To find no break is ten times as fast as to count those between the lines.
    together = b"".join(texts)
    if b"\n" in together or b"\r" in together:
        texts = [bytes(row).translate(_BREAKS) for row in rows]
    return b"\n".join([*texts, b""])


class StandardOutput:
    """JSON lines to a stream, such as a pipe; its state ends with the program.

    Errors of the stream, such as that of a pipe whose reader has gone, are raised as they are. A
    terminal gets control characters as escapes.

    Args:
        stream: Standard output by default. It is flushed, and never closed.
        labels: Fields of an object around each row, such as the dataset, by which rows that share a
            stream can be told apart. The row is its last field, `row`.
    """

    replaces: bool = False
    is_transient: bool = True

    def __init__(
        self, stream: BinaryIO | None = None, *, labels: Mapping[str, str] | None = None
    ) -> None:
        self._stream = sys.stdout.buffer if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._start = msgspec.json.encode(labels)[:-1] + b',"row":' if labels else b""
        self._entries: Entries = {}
        self._size = 0
        self._error: OSError | None = None

    def open(self, run: Run) -> Entries:
        """Return what this program has written; nothing is known of earlier ones.

        Raises:
            OSError: The stream has failed before; what was written cannot be taken back.
        """
        if self._error is not None:
            raise self._error
        return dict(self._entries)

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Write rows."""
        rows = batch.raw
        if self._start:
            rows = [Raw(self._start + bytes(row) + b"}") for row in rows]
        text = json_lines(rows)
        if self._is_terminal:
            text = clean_json(text.decode(errors="replace")).encode()
        with self._remembering():
            self._stream.write(text)
        self._size += len(text)

    def commit(self, checkpoint: Checkpoint) -> None:
        """Pass on what was written."""
        with self._remembering():
            self._stream.flush()
        update(self._entries, checkpoint.entries)

    def finish(self) -> Written:
        """Pass on what was written."""
        with self._remembering():
            self._stream.flush()
        return Written(target="-", size=self._size)

    @contextmanager
    def _remembering(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self._error = error
            raise

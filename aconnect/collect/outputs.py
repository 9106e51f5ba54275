"""Where rows are written to, as one value: a place and a format.

Decides which sink a path or an address means, and how files are named. The same data have the same
name in every run, so that a run that is repeated finds what the last one wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final, Literal, get_args

from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core.arguments import canonical_guid
from aconnect.collect.dataset import Dataset
from aconnect.collect.sink import Sink
from aconnect.errors import FileError, InvalidArgumentError

Format = Literal[
    "jsonl",
    "jsonl.gz",
    "jsonl.zst",
    "csv",
    "csv.gz",
    "csv.zst",
    "parquet",
    "duckdb",
    "postgres",
]
"""The formats that rows are written in."""

STANDARD_OUTPUT: Final = "-"
_DATABASE: Final = "usage.duckdb"
_POSTGRES: Final = ("postgresql://", "postgres://")
_FILES: Final[tuple[Format, ...]] = tuple(
    each for each in get_args(Format) if each not in {"parquet", "postgres"}
)
_NO_FILES: Final = {
    ".parquet": "Parquet is a folder with a file for each date: name the folder",
    ".json": "a file of JSON lines ends in .jsonl",
    ".ndjson": "a file of JSON lines ends in .jsonl",
}
"""Names that mean a file to others, and that would be taken for those of folders."""


class Output(Struct, frozen=True, kw_only=True):
    """A place with a format; `parse` reads one."""

    place: str
    """A path, an address, or `-`; that of a database may contain a password."""
    format: Format
    is_folder: bool
    """Whether the names of files are chosen by what they contain."""

    def __repr__(self) -> str:
        return f"<Output {_shown(self.place)} as {self.format}>"

    @classmethod
    def parse(cls, place: str, format: Format | None = None) -> Output:  # noqa: A002  the field
        """Return the output that a path or an address means.

        Args:
            place: A folder; a file whose ending is that of a format; `-` for standard output; the
                address of an object store, such as `s3://bucket/usage`, or of a PostgreSQL
                database, such as `postgresql://host/database`.
            format: How to write a folder; by default JSON lines, and Parquet for an object store.

        Raises:
            InvalidArgumentError: The place cannot have this format.
        """
        if format is not None and format not in get_args(Format):
            raise InvalidArgumentError(
                f"there is no format {format!r}; choose one of {', '.join(get_args(Format))}"
            )
        own, is_folder = _own_format(place)
        if own is not None and format not in {None, own}:
            raise InvalidArgumentError(f"{_shown(place)} is {own}, not {format}; leave format= out")
        if own is None and format == "postgres":
            raise InvalidArgumentError(
                f"PostgreSQL is an address, such as postgresql://host/database, not {_shown(place)}"
            )
        return cls(place=place, format=own or format or "jsonl", is_folder=is_folder)

    @property
    def is_transient(self) -> bool:
        """Whether it is standard output, where nothing is kept."""
        return self.place == STANDARD_OUTPUT

    def below(self, name: str) -> Output:
        """Return the output in a folder of this one.

        Raises:
            InvalidArgumentError: It is no folder.
        """
        if not self.is_folder:
            raise InvalidArgumentError(
                f"{_shown(self.place)} is one output; the rows of several servers need a folder, "
                "or an object store"
            )
        place = self.place.rstrip("/") or "/"
        return Output(place=f"{place}/{name}", format=self.format, is_folder=True)

    def check(self, datasets: Sequence[str]) -> None:
        """Raise InvalidArgumentError if these datasets cannot be written to it."""
        is_file = not self.is_folder and self.format in _FILES and self.format != "duckdb"
        if is_file and not self.is_transient and len(datasets) > 1:
            raise InvalidArgumentError(
                f"{self.place} is a file, which has the rows of one dataset; name a folder"
            )

    def sink(
        self,
        dataset: Dataset,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        since_last: bool = False,
        content_guid: Sequence[str] | None = None,
    ) -> Sink:
        """Return the sink for a dataset; creates the folder of a file.

        Args:
            dataset: What is written.
            from_: The start of the window, which is part of a file's name.
            to: Its end.
            since_last: Whether the output grows with each run, so that no window is in its name.
            content_guid: The filter by content, which is part of a file's name.

        Raises:
            FileError: The folder cannot be created.
        """
        if self.is_transient:
            from aconnect.collect.sinks.lines import StandardOutput  # noqa: PLC0415

            return StandardOutput()
        if self.format == "postgres":
            from aconnect.collect.sinks.postgres import Postgres  # noqa: PLC0415

            return Postgres(self.place)
        if self.format == "parquet":
            from aconnect.collect.sinks.parquet import Parquet  # noqa: PLC0415

            return Parquet(self.place)
        path = Path(self.place)
        if self.is_folder and self.format == "duckdb":
            path /= _DATABASE
        elif self.is_folder:
            window = (None, None) if dataset.is_snapshot or since_last else (from_, to)
            path /= file_name(dataset.name, *window, content_guid or (), self.format)
        _create_folder(path.parent)
        return _file_sink(path, self.format)


def _shown(place: str) -> str:
    """Return a place for a message: an address may contain a password."""
    scheme, separator, _ = place.partition("://")
    return f"the address {scheme}://..." if separator else repr(place)


def _own_format(place: str) -> tuple[Format | None, bool]:
    """Return the format of which a place is, if it says so, and whether it is a folder."""
    if place == STANDARD_OUTPUT:
        return "jsonl", False
    if place.lower().startswith(_POSTGRES):
        return "postgres", False
    if "://" in place:
        return "parquet", True
    path = Path(place)
    if path.is_dir() or place.endswith("/"):
        return None, True
    for each in _FILES:
        if path.name.lower().endswith(f".{each}"):
            return each, False
    advice = _NO_FILES.get(path.suffix.lower())
    if advice is not None:
        raise InvalidArgumentError(f"cannot write {place!r}: {advice}")
    return None, True


def _file_sink(path: Path, format_: Format) -> Sink:
    if format_ == "duckdb":
        from aconnect.collect.sinks.duckdb import DuckDB  # noqa: PLC0415

        return DuckDB(path)
    if format_.startswith("csv"):
        from aconnect.collect.sinks.csv import Csv  # noqa: PLC0415

        return Csv(path)
    from aconnect.collect.sinks.lines import JsonLines  # noqa: PLC0415

    return JsonLines(path)


def _create_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot create the folder {path}: {reason(error)}; choose another path"
        ) from error


def file_name(
    dataset: str,
    from_: datetime | None,
    to: datetime | None,
    content: Sequence[str],
    format_: str,
) -> str:
    """Return the name of a file for this window and content, the same in every run."""
    parts = [dataset]
    if from_ is not None and to is not None:
        parts.append(f"{_stamp(from_)}--{_stamp(to)}")
    elif from_ is not None:
        parts.append(f"from-{_stamp(from_)}")
    elif to is not None:
        parts.append(f"until-{_stamp(to)}")
    if content:
        joined = " ".join(sorted({canonical_guid("content", guid) for guid in content}))
        parts.append(f"content-{hashlib.sha256(joined.encode()).hexdigest()[:8]}")
    return "-".join(parts) + f".{format_}"


def _stamp(moment: datetime) -> str:
    """Return a time in UTC without colons, which some file systems refuse."""
    moment = moment.astimezone(UTC)
    if moment.timetz() == time(tzinfo=UTC):
        return moment.strftime("%Y-%m-%d")
    fraction = f".{moment.microsecond:06}" if moment.microsecond else ""
    return moment.strftime("%Y-%m-%dT%H%M%S") + fraction + "Z"

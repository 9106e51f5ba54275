"""Collected data as tables of DuckDB, whatever format it has.

Decides which files and columns are read, and which rows are left out. Every value is read as text
and converted if possible, so that no value of a server makes a report fail. The tables are in a
temporary file, so that memory is bounded; only results of queries come to Python.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from msgspec import Struct

from aconnect.errors import FileError, InvalidArgumentError

EVENTS: Final[dict[str, tuple[str, ...]]] = {
    "visits": ("content_guid", "user_guid", "time"),
    "shiny_usage": ("content_guid", "user_guid", "started", "ended"),
    "hits": ("content_guid", "user_guid", "timestamp"),
    "audit_logs": ("action", "user_guid", "time"),
}
"""The columns of events that are read."""
SNAPSHOTS: Final[dict[str, tuple[str, ...]]] = {
    "content": (
        *("guid", "title", "name", "owner_guid", "app_mode"),
        *("bundle_id", "created_time", "last_deployed_time"),
    ),
    "users": ("guid", "username", "first_name", "last_name"),
}
"""Those of content and users."""
_COLUMNS: Final = EVENTS | SNAPSHOTS
_FORMATS: Final = {"parquet": "Parquet", "jsonl": "JSON lines", "csv": "CSV"}
"""By the ending of a file; where a dataset is there in several, the first is read."""
_FILE: Final = re.compile(
    r"(visits|shiny[-_]usage|hits|audit[-_]logs|content|users)(?:-.*)?"
    r"\.(parquet|(?:jsonl|csv)(?:\.gz|\.zst)?)"
)
# Connect did not exist before; the server writes the year 1 for a time that was never set.
_FIRST, _LAST = "TIMESTAMP '2000-01-01'", "TIMESTAMP '2100-01-01'"
_MEMORY: Final = "1GB"


class Input(Struct, frozen=True, kw_only=True):
    """What was read of one dataset."""

    dataset: str
    format: str
    files: int
    rows: int
    """Those in the period; all rows of content and users."""
    invalid: int = 0
    """Rows without a valid time, which are left out."""
    start: datetime | None = None
    end: datetime | None = None
    """The time of the last row."""


class Data:
    """The tables `activity`, `audit_logs`, `content` and `users`, and what was read into them.

    `activity` has the rows of visits, Shiny sessions and hits. All tables exist; those of missing
    datasets are empty. Times are in UTC, without a time zone.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self._connection = connection
        self.name = name
        """The name of the folder or file."""
        self.inputs: dict[str, Input] = {}
        self.notes: list[str] = []
        """What is odd about the data."""

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a result."""
        try:
            return self._connection.execute(sql, values or None).fetchall()
        except duckdb.Error as error:
            raise FileError(f"cannot read the data of {self.name}: {_first_line(error)}") from error
        except RuntimeError as error:
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error  # which DuckDB replaces by this error
            raise

    def has(self, dataset: str) -> bool:
        """Return True if a dataset has rows in the period."""
        return dataset in self.inputs and self.inputs[dataset].rows > 0


class _Relation(Struct, frozen=True, kw_only=True):
    """Something of DuckDB that has the rows of one dataset."""

    dataset: str
    sql: str
    format: str
    files: int = 1


@contextmanager
def read(
    source: Path, *, from_: datetime | None = None, to: datetime | None = None
) -> Generator[Data, None, None]:
    """Read a folder or a DuckDB file.

    Args:
        source: The folder or file.
        from_: Leave out events before.
        to: Leave out events at this time or later.

    Raises:
        InvalidArgumentError: There is no data.
        FileError: It cannot be read.
    """
    name = source.resolve().name or str(source)
    with TemporaryDirectory(prefix="aconnect-", ignore_cleanup_errors=True) as folder:
        connection = duckdb.connect(
            os.path.join(folder, "report.duckdb"),  # noqa: PTH118  takes text
            config={
                "memory_limit": _MEMORY,
                "threads": 2,
                "temp_directory": folder,
                "autoinstall_known_extensions": False,  # would use the network
                "autoload_known_extensions": False,
            },
        )
        with connection:
            data = Data(connection, name)
            data.query("SET TimeZone = 'UTC'")
            data.query("SET enable_progress_bar = false")
            is_folder = source.is_dir()
            relations = _in_folder(source, data) if is_folder else _in_database(source, data)
            if not relations:
                raise InvalidArgumentError(
                    f"{source} has no data of {', '.join(_COLUMNS)}; collect some, for example: "
                    f"aconnect collect visits content users --out {source if is_folder else '.'}"
                )
            _load(data, relations, from_, to)
            yield data


def _in_folder(source: Path, data: Data) -> list[_Relation]:
    """Return the datasets of a folder, and note files that are left out."""
    files: dict[str, dict[str, list[str]]] = {}
    for path in _files(source):
        match = _FILE.fullmatch(path.name)
        if match is not None:
            dataset, ending = match[1].replace("-", "_"), match[2].partition(".")[0]
            files.setdefault(dataset, {}).setdefault(ending, []).append(str(path.resolve()))
    relations: list[_Relation] = []
    for dataset, columns in _COLUMNS.items():
        formats = [ending for ending in _FORMATS if ending in files.get(dataset, {})]
        if not formats:
            continue
        chosen, *others = formats
        paths = sorted(files[dataset][chosen])
        relations.append(
            _Relation(
                dataset=dataset,
                sql=_reader(chosen, paths, columns),
                format=_FORMATS[chosen],
                files=len(paths),
            )
        )
        data.notes += [
            f"{dataset} is there as {_FORMATS[chosen]} and as {_FORMATS[other]}; only the former "
            "is read."
            for other in others
        ]
    return relations


def _files(source: Path) -> Generator[Path, None, None]:
    """Yield the files of a folder and those below it; not those being written."""
    for folder, folders, names in os.walk(source):
        folders[:] = [each for each in folders if not each.startswith((".", "_"))]
        yield from (Path(folder, name) for name in names)


def _reader(ending: str, paths: Sequence[str], columns: Sequence[str]) -> str:
    """Return a relation over files of one format, with their names in the column `filename`."""
    listed = f"[{', '.join(_quoted(glob.escape(path)) for path in paths)}]"
    if ending == "jsonl":
        types = ", ".join(f"{_quoted(column)}: 'VARCHAR'" for column in columns)
        return (
            f"read_json({listed}, columns = {{{types}}}, format = 'newline_delimited', "
            "ignore_errors = true, filename = true)"
        )
    if ending == "csv":
        return (
            f"read_csv({listed}, header = true, all_varchar = true, delim = ',', quote = '\"', "
            "escape = '\"', ignore_errors = true, union_by_name = true, filename = true)"
        )
    return (
        f"read_parquet({listed}, union_by_name = true, hive_partitioning = false, filename = true)"
    )


def _in_database(source: Path, data: Data) -> list[_Relation]:
    """Return the datasets of a DuckDB file."""
    if not source.is_file():
        raise InvalidArgumentError(f"there is no folder or file {str(source)!r}")
    try:
        data.query(f"ATTACH {_quoted(str(source.resolve()))} AS source (TYPE duckdb, READ_ONLY)")
    except FileError as error:
        raise FileError(
            f"cannot read {str(source)!r} as a DuckDB file: {_first_line(error.__cause__)}; pass a "
            "folder of files, or a DuckDB file that no other program has open"
        ) from error
    tables = data.query(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_catalog = 'source' AND table_schema = 'main'"
    )
    return [
        _Relation(dataset=dataset, sql=f"source.main.{dataset}", format="DuckDB")
        for dataset in _COLUMNS
        if (dataset,) in tables
    ]


def _load(
    data: Data, relations: Iterable[_Relation], from_: datetime | None, to: datetime | None
) -> None:
    """Copy what a report needs into tables."""
    data.query(
        "CREATE TABLE activity (dataset VARCHAR, content_guid VARCHAR, user_guid VARCHAR, "
        "time TIMESTAMP, seconds DOUBLE, file VARCHAR)"
    )
    data.query(
        "CREATE TABLE audit_logs (dataset VARCHAR, action VARCHAR, user_guid VARCHAR, "
        "time TIMESTAMP, file VARCHAR)"
    )
    for dataset, columns in SNAPSHOTS.items():
        data.query(f"CREATE TABLE {dataset} ({', '.join(f'{each} VARCHAR' for each in columns)})")
    period = [
        f"time {sign} TIMESTAMP '{time.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'"
        for sign, time in ((">=", from_), ("<", to))
        if time is not None
    ]
    for relation in relations:
        if relation.dataset in EVENTS:
            data.inputs[relation.dataset] = _load_events(data, relation, period)
        else:
            data.inputs[relation.dataset] = _load_snapshot(data, relation)


def _load_events(data: Data, relation: _Relation, period: Sequence[str]) -> Input:
    """Copy the events of a dataset that have a valid time, in the period."""
    dataset = relation.dataset
    types = _types(data, relation)
    table = "audit_logs" if dataset == "audit_logs" else "activity"
    first, user, time, *ended = (_expression(each, types) for each in EVENTS[dataset])
    seconds = ""
    if table == "activity":
        over = _time(ended[0]) if ended else "NULL"
        seconds = f"date_diff('microsecond', {_time(time)}, {over}) / 1e6, "
    data.query(
        f"INSERT INTO {table} SELECT '{dataset}', {_guid(first)}, {_guid(user)}, {_time(time)}, "
        f"{seconds}{_text('filename', types)} FROM {relation.sql}"
    )
    outside = f"dataset = '{dataset}' AND (time >= {_FIRST} AND time < {_LAST}) IS NOT TRUE"
    ((invalid,),) = data.query(f"SELECT count(*) FROM {table} WHERE {outside}")
    data.query(f"DELETE FROM {table} WHERE {outside}")
    for condition in period:
        data.query(f"DELETE FROM {table} WHERE dataset = '{dataset}' AND NOT {condition}")
    ((rows, start, end),) = data.query(
        f"SELECT count(*), min(time), max(time) FROM {table} WHERE dataset = ?", dataset
    )
    if relation.files > 1:
        _note_overlaps(data, table, dataset)
    return Input(
        dataset=dataset,
        format=relation.format,
        files=relation.files,
        rows=rows,
        invalid=invalid,
        start=start,
        end=end,
    )


def _load_snapshot(data: Data, relation: _Relation) -> Input:
    """Copy content or users, each item once."""
    columns = SNAPSHOTS[relation.dataset]
    types = _types(data, relation)
    values = ", ".join(f"any_value({_text(each, types)})" for each in columns[1:])
    guid = _guid(_text("guid", types))
    data.query(
        f"INSERT INTO {relation.dataset} SELECT {guid}, {values} FROM {relation.sql} "
        f"WHERE {guid} IS NOT NULL GROUP BY 1"
    )
    ((rows,),) = data.query(f"SELECT count(*) FROM {relation.dataset}")
    return Input(dataset=relation.dataset, format=relation.format, files=relation.files, rows=rows)


def _note_overlaps(data: Data, table: str, dataset: str) -> None:
    """Note files whose rows overlap in time: events in both would be counted twice."""
    last, reached = "", None
    for file, start, end in data.query(
        f"SELECT file, min(time), max(time) FROM {table} WHERE dataset = ? "
        "GROUP BY file ORDER BY 2, 3",
        dataset,
    ):
        if reached is not None and start < reached:
            data.notes.append(
                f"{Path(last).name} and {Path(file).name} overlap in time; events that are in both "
                "are counted twice. Keep one of them in the folder."
            )
            return
        last, reached = file, end


def _types(data: Data, relation: _Relation) -> dict[str, str]:
    """Return the type of each column that a relation has."""
    return {
        str(name).lower(): str(kind)
        for name, kind, *_ in data.query(f"DESCRIBE SELECT * FROM {relation.sql}")
    }


def _expression(column: str, types: dict[str, str]) -> str:
    """Return a column as it is if it is a time, else as text; NULL if there is none."""
    return column if types.get(column, "").startswith("TIMESTAMP") else _text(column, types)


def _text(column: str, types: dict[str, str]) -> str:
    return f"CAST({column} AS VARCHAR)" if column in types else "NULL::VARCHAR"


def _guid(text: str) -> str:
    return f"nullif(lower({text}), '')"


def _time(value: str) -> str:
    """Return a time in UTC; one without a zone is taken as UTC."""
    return f"TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS TIMESTAMP)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]

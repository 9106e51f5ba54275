"""Where rows are written to: a module for each format.

::

    from aconnect.collect.sinks import Parquet

    await collect.visits(client).follow(every=60).into(Parquet("usage"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aconnect.collect.sinks.arrow import ArrowStream, ArrowTable
    from aconnect.collect.sinks.csv import Csv
    from aconnect.collect.sinks.duckdb import DuckDB
    from aconnect.collect.sinks.lines import JsonLines, StandardOutput
    from aconnect.collect.sinks.parquet import Parquet
    from aconnect.collect.sinks.postgres import Postgres

__all__ = [
    "ArrowStream",
    "ArrowTable",
    "Csv",
    "DuckDB",
    "JsonLines",
    "Parquet",
    "Postgres",
    "StandardOutput",
]

# Loaded on first access: most need a package of an extra.
_HOMES = {
    "arrow": ("ArrowStream", "ArrowTable"),
    "csv": ("Csv",),
    "duckdb": ("DuckDB",),
    "lines": ("JsonLines", "StandardOutput"),
    "parquet": ("Parquet",),
    "postgres": ("Postgres",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'aconnect.collect.sinks' has no attribute {name!r}")
    value: object = getattr(import_module(f"aconnect.collect.sinks.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

"""Shared by the benchmarks: arguments, the server, the event loop, and the table of results."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks._posit import PositWorker, posit_python, posit_worker
from benchmarks._server import Server, simulated_server


@dataclass(frozen=True)
class Settings:
    """The arguments of the command line."""

    quick: bool
    uvloop: bool
    verbose: bool
    check: bool
    posit: bool
    posit_python: Path | None
    rows: int
    posit_rows: int
    postgres: str | None

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True)
class Figure:
    """A result with its target."""

    name: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "x"

    @property
    def ok(self) -> bool:
        if self.at_least is not None and self.measured < self.at_least:
            return False
        return self.at_most is None or self.measured <= self.at_most

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g} {self.unit}"
        return f"<= {self.at_most:g} {self.unit}" if self.at_most is not None else ""


class Run:
    """One run of some benchmarks."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.settings = settings
        self.figures: list[Figure] = []
        self._stack = stack

    @cached_property
    def server(self) -> Server:
        """The simulated server, started on first use."""
        return self._stack.enter_context(simulated_server(self.settings.rows))

    @cached_property
    def _posit_python(self) -> Path | None:
        return posit_python(self.settings.posit_python) if self.settings.posit else None

    @cached_property
    def posit(self) -> PositWorker | None:
        """A process with posit-sdk; None if it cannot be installed."""
        python = self._posit_python
        return self._stack.enter_context(posit_worker(python, self.server)) if python else None

    @contextmanager
    def fresh_posit(self, server: Server | None = None) -> Iterator[PositWorker | None]:
        """Return a new process with posit-sdk, for a server other than the usual one if passed."""
        python = self._posit_python
        if python is None:
            yield None
            return
        with posit_worker(python, server or self.server) as worker:
            yield worker

    def add(self, figure: Figure) -> None:
        """Add a result to the table at the end."""
        self.figures.append(figure)

    def say(self, what: str, value: object) -> None:
        """Print one measurement."""
        print(f"  {what:<58} {value}", flush=True)


Benchmark = Callable[[Run], Awaitable[None]]


def main(*benchmarks: Benchmark) -> int:
    """Run benchmarks with the arguments of the command line; return the exit code."""
    settings = _settings()
    _print_machine(settings)
    with ExitStack() as stack:
        run = Run(settings, stack)
        factory = importlib.import_module("uvloop").new_event_loop if settings.uvloop else None
        with asyncio.Runner(loop_factory=factory) as runner:
            for benchmark in benchmarks:
                runner.run(_one(benchmark, run))
    _print_table(run.figures)
    return 1 if settings.check and not all(figure.ok for figure in run.figures) else 0


async def _one(benchmark: Benchmark, run: Run) -> None:
    title = (sys.modules[benchmark.__module__].__doc__ or "").partition("\n")[0].rstrip(".")
    print(f"\n{title}", flush=True)
    await benchmark(run)


def _settings() -> Settings:
    parser = argparse.ArgumentParser(
        description="Measure aconnect against hand-written aiohttp and msgspec, and posit-sdk."
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, in under a minute")
    parser.add_argument("--uvloop", action="store_true", help="use uvloop, for both sides")
    parser.add_argument("--verbose", action="store_true", help="print more details")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--no-posit", action="store_true", help="omit posit-sdk")
    parser.add_argument(
        "--posit-python",
        type=Path,
        metavar="PATH",
        help="a Python that has posit-sdk; by default one is created in .benchmarks",
    )
    parser.add_argument("--rows", type=int, metavar="N", help="visits; 1,000,000 by default")
    parser.add_argument(
        "--posit-rows", type=int, metavar="N", help="visits for posit-sdk; 200,000 by default"
    )
    parser.add_argument(
        "--postgres",
        metavar="URI",
        help="a PostgreSQL database to write to; by default one is started if it is installed",
    )
    given = parser.parse_args()
    rows = given.rows or (100_000 if given.quick else 1_000_000)
    return Settings(
        quick=given.quick,
        uvloop=given.uvloop,
        verbose=given.verbose,
        check=given.check,
        posit=not given.no_posit,
        posit_python=given.posit_python,
        rows=rows,
        posit_rows=min(given.posit_rows or (20_000 if given.quick else 200_000), rows),
        postgres=given.postgres,
    )


def _print_machine(settings: Settings) -> None:
    names = ("aiohttp", "msgspec", "anyio", "tenacity", "yarl", "uvloop")
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores{load}"
    )
    print(f"{versions}; event loop: {'uvloop' if settings.uvloop else 'asyncio'}", flush=True)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _print_table(figures: list[Figure]) -> None:
    if not figures:
        return
    print(f"\n{'figure':<60} {'target':>12} {'measured':>12}  ok?")
    for figure in figures:
        verdict = "ok" if figure.ok else "MISSED"
        measured = f"{figure.measured:.2f} {figure.unit}"
        print(f"{figure.name:<60} {figure.target:>12} {measured:>12}  {verdict}")

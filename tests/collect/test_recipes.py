"""The recipes of the page on several machines run: the shell loop, Prefect and Airflow.

Prefect and Airflow are stand-ins with the few names that the recipes use: what is tested is that
the recipes compile, pass plain values between tasks, end, and collect each row once.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aconnect.testing import FakeConnect, Seed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(kind: str, words: str) -> str:
    """Return the block of the page that contains some words."""
    (found,) = [code for one, code in BLOCKS if one == kind and words in code]
    return found


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[FakeConnect]:
    """A server that is known as `prod`; the folders of the page are in one of the test."""
    monkeypatch.chdir(tmp_path)
    async with FakeConnect(Seed(visits=2200)) as running:
        monkeypatch.setenv("ACONNECT_SERVER_PROD", running.url)
        monkeypatch.setenv("ACONNECT_SERVER_PROD_API_KEY", running.api_key)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        yield running


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], ModuleType]:
    """Import a block of the page as a module."""

    def imported(name: str, code: str) -> ModuleType:
        made = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, made)
        code = code.replace("/shared", str(tmp_path))
        code = code.replace("collect.visits(client, ", "collect.visits(client, page_size=50, ")
        code = code.replace('"slots": SLOTS}', '"slots": SLOTS, "pages": 2}')
        exec(compile(code, name, "exec"), made.__dict__)  # noqa: S102  our own words
        return made

    return imported


def plain(value: Any) -> Any:
    """Return a value as it is after a scheduler has stored it."""
    return json.loads(json.dumps(value))


class Task:
    """A task of either: called, mapped or expanded, through a store of JSON."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return plain(self._function(*map(plain, args)))

    def map(self, jobs: list[Any]) -> Task._Futures:
        return self._Futures([self(job) for job in jobs])

    def expand(self, *, job: list[Any]) -> list[Any]:
        return [self(one) for one in job]

    class _Futures(list[Any]):
        def result(self) -> list[Any]:
            return list(self)


class Skipping(Task):
    """A task of Airflow: nothing is expanded over nothing, and what follows is skipped."""

    def __call__(self, *args: Any) -> Any:
        return [] if [] in args else super().__call__(*args)


def ids(folder: Path) -> list[int]:
    """Return the ids of the rows in Parquet files."""
    dataset = pytest.importorskip("pyarrow.dataset")
    table = dataset.dataset(sorted(map(str, folder.rglob("*.parquet")))).to_table(columns=["id"])
    return sorted(map(int, table["id"].to_pylist()))


@pytest.mark.usefixtures("server")
async def test_the_loop_of_the_shell(tmp_path: Path) -> None:
    """The loop with `xargs` collects each row once, also where jobs leave something."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    program = bin_ / "aconnect"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m aconnect "$@"\n')
    program.chmod(0o755)
    script = block("sh", "xargs").replace("--parallel 4", "--parallel 4 --pages 2")
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "usage").glob("*.jsonl")
    rows = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert sorted(map(int, rows)) == list(range(1, 2201))


@pytest.mark.usefixtures("server")
async def test_prefect(
    tmp_path: Path, module: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow collects each row once, and a second one finds nothing new."""
    prefect, runners = ModuleType("prefect"), ModuleType("prefect.task_runners")
    vars(prefect)["task"] = lambda function, **_: Task(function)
    vars(prefect)["flow"] = lambda **_: lambda function: function
    vars(runners)["ThreadPoolTaskRunner"] = lambda max_workers: max_workers
    monkeypatch.setitem(sys.modules, "prefect", prefect)
    monkeypatch.setitem(sys.modules, "prefect.task_runners", runners)
    module("visits_jobs", block("python", "# visits_jobs.py"))
    recipe = module("prefect_visits", block("python", "# prefect_visits.py"))
    for _ in range(2):
        await asyncio.to_thread(recipe.collect_visits)
    assert recipe.run_task.calls > recipe.commit_task.calls > 1
    assert ids(tmp_path / "usage") == list(range(1, 2201))


@pytest.mark.usefixtures("server")
async def test_airflow(
    tmp_path: Path, module: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of the DAG collect each row once; what one leaves, the next one begins with."""
    made: list[Task] = []

    def task(function: Callable[..., Any] | None = None, **_: Any) -> Any:
        def declared(function: Callable[..., Any]) -> Task:
            made.append(Skipping(function))
            return made[-1]

        return declared if function is None else declared(function)

    airflow, sdk = ModuleType("airflow"), ModuleType("airflow.sdk")
    runs: list[Callable[[], None]] = []

    def dag(**_: Any) -> Any:
        def declared(function: Callable[[], None]) -> Callable[[], None]:
            runs.append(function)
            return lambda: None

        return declared

    vars(sdk).update(dag=dag, task=task)
    monkeypatch.setitem(sys.modules, "airflow", airflow)
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    module("visits_jobs", block("python", "# visits_jobs.py"))
    code = block("python", "# airflow_visits.py").replace("ROUNDS = 5", "ROUNDS = 2")
    module("airflow_visits", code)
    for _ in range(10):
        await asyncio.to_thread(runs[0])
    assert made
    assert ids(tmp_path / "usage") == list(range(1, 2201))

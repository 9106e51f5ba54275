"""Jobs on the workers of a real Dask cluster, of which one is killed."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aconnect import collect
from aconnect.collect import distributed
from aconnect.collect.engines import dask as dask_engine
from aconnect.collect.engines.dask import DaskEngine, connected
from aconnect.collect.sinks.lines import JsonLines
from aconnect.errors import ConnectionFailedError, MissingExtraError, WorkerError
from aconnect.testing import FakeConnect, Seed

dask = pytest.importorskip("distributed", reason="the extra dask is not installed")

pytestmark = pytest.mark.timeout(90)

TO = datetime(2026, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def cluster(workers: int) -> AsyncIterator[str]:
    """Run a scheduler, and worker processes with the environment of this one."""
    async with dask.LocalCluster(
        n_workers=workers,
        processes=True,
        threads_per_worker=1,
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs=50,
        asynchronous=True,
    ) as running:
        yield running.scheduler_address


def dying_after_writing() -> Callable[[str], str]:
    """Return what runs a job; the first process that has written the rows of one is killed.

    Of a nested function, Dask sends the code: workers cannot import the tests.
    """

    def run(text: str) -> str:
        import json
        import os
        import signal
        from pathlib import Path

        from aconnect.collect.engines.dask import run_text

        result = run_text(text)
        job = json.loads(text)
        if job["unit"]["id"] == 2:
            try:
                (Path(job["staging"]) / "killed").touch(exist_ok=False)
            except FileExistsError:
                return result
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return run


async def test_a_worker_that_is_killed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed after it has written and before it reports: each row is there once.

    A worker that does not know the server fails a job with the name of the variable.
    """
    async with FakeConnect(Seed(visits=9000, burst=3)) as server:
        monkeypatch.setenv("ACONNECT_SERVER_PROD", server.url)
        monkeypatch.setenv("ACONNECT_SERVER_PROD_API_KEY", server.api_key)
        staging, path = tmp_path / "staging", tmp_path / "visits.jsonl"
        async with (
            cluster(2) as address,
            connected(address) as engine,
            distributed.server_named("prod").client() as client,
        ):
            assert engine.slots == 2
            monkeypatch.setattr(DaskEngine, "run_text", staticmethod(dying_after_writing()))
            visits = collect.visits(client, to=TO, in_flight=4)
            where: Any = {"staging": str(staging), "pages": 2}
            spread = distributed.distribute(visits, engine, server="prod", **where)
            report = await spread.into(JsonLines(path))
            unknown = distributed.distribute(visits, engine, server="other", **where)
            with pytest.raises(WorkerError, match=r"set ACONNECT_SERVER_OTHER to .* \(on tcp://"):
                await unknown.into(JsonLines(tmp_path / "other.jsonl"))
    rows = [msgspec.json.decode(line)["id"] for line in path.read_bytes().splitlines()]
    assert sorted(map(int, rows)) == list(range(1, 9001))
    assert report.rows == 9000
    assert [file.name for file in staging.iterdir()] == ["killed"]


async def test_without_a_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that cannot be reached, or has no workers, is an error that says so."""
    monkeypatch.setattr(dask_engine, "_CONNECT", 0.3)
    with pytest.raises(ConnectionFailedError, match=r"scheduler tcp://127.0.0.1:1: .* address"):
        async with connected("tcp://127.0.0.1:1"):
            pass
    async with cluster(0) as address:
        with pytest.raises(ConnectionFailedError, match="has no workers"):
            async with connected(address):
                pass


async def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says how to install it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"aconnect\[dask\]"):
        async with connected("tcp://127.0.0.1:1"):
            pass

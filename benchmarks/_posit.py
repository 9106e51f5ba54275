"""posit-sdk in an environment of its own: creating it, and running work in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks._measuring import Span
from benchmarks._server import ROOT, Server

REQUIREMENT = "posit-sdk==0.17.0"
_FOLDER = ROOT / ".benchmarks" / "posit-sdk"


def posit_python(given: Path | None) -> Path | None:
    """Find or create a Python with posit-sdk; print the reason and return None if that fails."""
    if given is not None:
        if _has_posit(given):
            return given
        print(f"{given} cannot import posit.connect; going on without posit-sdk")
        return None
    python = _FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if _has_posit(python):
        return python
    print(f"installing {REQUIREMENT} into {_FOLDER}")
    try:
        venv.create(_FOLDER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"could not install {REQUIREMENT} ({error}); going on without it")
        return None
    return python


def _has_posit(python: Path) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import posit.connect"], check=False, capture_output=True
        )
    except OSError:
        return False
    return done.returncode == 0


class PositWorker:
    """A process that runs jobs with posit-sdk, one at a time."""

    def __init__(self, jobs: IO[str], outcomes: IO[str]) -> None:
        self._jobs = jobs
        self._outcomes = outcomes

    def _do(self, **job: Any) -> dict[str, Any]:
        print(json.dumps(job), file=self._jobs, flush=True)
        line = self._outcomes.readline()
        if not line:
            raise RuntimeError("the posit-sdk worker ended; its error is above")
        outcome: dict[str, Any] = json.loads(line)
        return outcome

    async def gets(self, guids: list[str], threads: int) -> Span:
        """Get users, in as many threads."""
        outcome = self._do(do="gets", guids=guids, threads=threads)
        return Span(outcome["wall"], outcome["cpu"])

    async def visits(self, to: str) -> Span:
        """List the visits until a time."""
        outcome = self._do(do="visits", to=to)
        return Span(outcome["wall"], outcome["cpu"])

    async def recipe(self, name: str, items: int) -> Span:
        """Read something of each content item, one after the other."""
        outcome = self._do(do="recipe", name=name)
        if outcome["count"] != items:
            raise RuntimeError(f"{outcome['count']} items came instead of {items}")
        return Span(outcome["wall"], outcome["cpu"])

    def failures(self, calls: int, threads: int) -> int:
        """Get the own user so often, in as many threads, and return how often that fails."""
        failures: int = self._do(do="mine", calls=calls, threads=threads)["count"]
        return failures

    def growth(self, to: str) -> int:
        """List the visits until a time, and return the growth of the peak memory in bytes."""
        growth: int = self._do(do="visits", to=to)["growth"]
        return growth


@contextmanager
def posit_worker(python: Path, server: Server) -> Iterator[PositWorker]:
    """Start a worker for the server."""
    command = [str(python), "-m", "benchmarks._posit_worker", server.url, server.api_key]
    # The worker must not import from our own environment.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=variables,
    ) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the posit-sdk worker has no pipes")
            yield PositWorker(process.stdin, process.stdout)
        finally:
            process.terminate()

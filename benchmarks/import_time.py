"""Import time, in fresh interpreters."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Span, alternate, speed_ratio
from benchmarks._server import ROOT

# `import aconnect` loads names late, so the client is what is imported.
_CLIENT = "aconnect.connect"
_DEPENDENCIES = "aiohttp, msgspec, anyio, tenacity"
_SHOWN = 10


async def import_time(run: Run) -> None:
    """Import the library and its four dependencies, alternately."""
    rounds = run.settings.size(21, 7)
    with TemporaryDirectory() as folder:
        # An installed package has bytecode; a checkout may have none and may not be writable.
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        variables["PYTHONPYCACHEPREFIX"] = folder
        ours = partial(_import, _CLIENT, variables)
        theirs = partial(_import, _DEPENDENCIES, variables)
        await alternate(1, ours=ours, theirs=theirs)
        spans = await alternate(rounds, ours=ours, theirs=theirs)
        if run.settings.verbose:
            _print_modules(variables)
    ratio = speed_ratio(spans["theirs"], spans["ours"])
    run.say("the four dependencies, least ms", f"{_least(spans['theirs']):.0f}")
    run.say("aconnect, least ms", f"{_least(spans['ours']):.0f}")
    run.say("time to that of the dependencies", ratio)
    run.add(Figure("import time to that of the dependencies", ratio.median, at_most=1.3))


def _least(spans: list[Span]) -> float:
    return min(span.wall for span in spans) * 1e3


async def _import(modules: str, variables: dict[str, str]) -> Span:
    code = (
        "import time; c = time.process_time(); t = time.perf_counter(); "
        f"import {modules}; print(time.perf_counter() - t, time.process_time() - c)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=variables
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"importing {modules} failed; the error is above")
    wall, cpu = told.split()
    return Span(float(wall), float(cpu))


def _print_modules(variables: dict[str, str]) -> None:
    """Print our modules by their own time, and the other modules that only we import."""
    ours, theirs = _modules("aconnect", variables), _modules(_DEPENDENCIES, variables)
    own = {name: times for name, times in ours.items() if name.startswith("aconnect")}
    foreign = {n: t for n, t in ours.items() if n not in theirs and n not in own}
    for title, found in (
        ("own modules, µs in themselves", own),
        ("modules that the dependencies do not need, µs in themselves", foreign),
    ):
        print(f"  {title}; {sum(t for t in found.values())} in all {len(found)}:")
        for name, time in sorted(found.items(), key=lambda item: -item[1])[:_SHOWN]:
            print(f"    {time:>7} {name}")


def _modules(modules: str, variables: dict[str, str]) -> dict[str, int]:
    """Return the own time of each imported module in µs."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {modules}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=variables,
    ).stderr
    found: dict[str, int] = {}
    for line in told.splitlines():
        time, _, name = line.removeprefix("import time:").split("|")
        if time.strip().isdigit():
            found[name.strip()] = int(time)
    return found


if __name__ == "__main__":
    sys.exit(main(import_time))

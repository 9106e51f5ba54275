"""`aconnect demo`: the main tasks with a simulated server in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aconnect._core.text import size_text
from aconnect.cli.options import folder
from aconnect.cli.output import echo, echo_error, is_terminal
from aconnect.cli.running import Command, Failure
from aconnect.cli.table import echo_table

if TYPE_CHECKING:
    from aconnect import Client

Line = tuple[str, ...]

_HEAD: Line = ("What", "Rows", "Seconds", "Rows/s", "File", "Peak memory")


@click.command(cls=Command)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the files in this folder; by default they are temporary.",
)
@click.option("--visits", type=click.IntRange(min=0), default=200_000, show_default=True)
@click.option("--audit-logs", type=click.IntRange(min=0), default=50_000, show_default=True)
@click.option("--shiny-usage", type=click.IntRange(min=0), default=20_000, show_default=True)
def demo(out: Path | None, visits: int, audit_logs: int, shiny_usage: int) -> None:
    """Demonstrate the main tasks with a simulated server.

    Starts a simulated Posit Connect server on this machine, collects visits, audit logs and Shiny
    usage into files, deploys an example site, follows its build, and prints the time and memory it
    took. Requires no network and no settings.
    """
    volumes = [
        ("visits", visits, "jsonl"),
        ("audit_logs", audit_logs, "jsonl"),
        ("shiny_usage", shiny_usage, "csv"),
    ]
    with ExitStack() as stack:
        if out is None:
            target = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aconnect-demo-")))
        else:
            target = folder(out)
        url, key = stack.enter_context(_server({name: rows for name, rows, _ in volumes}))
        echo_error(f"A simulated Posit Connect server is running at {url}")
        lines = [_collected(url, key, target, name, format_) for name, _, format_ in volumes]
        lines.append(_deployed(url, key, target))
        _print_table(lines)
    echo_error(
        f"The files are in {target}"
        if out is not None
        else "The files were temporary; keep them with --out DIR"
    )


def _client(url: str, key: str) -> Client:
    from aconnect import Client

    return Client(url, api_key=key)


def _collected(url: str, key: str, target: Path, name: str, format_: str) -> Line:
    from aconnect.cli.collecting import Order, collect_once
    from aconnect.collect.outputs import Output

    path = target / f"{name}.{format_}"
    order = Order(
        datasets=(name,),
        output=Output.parse(str(path)),
        options={"restart": True},
        prints_targets=False,
    )
    (report,) = collect_once(_client(url, key), order)
    size = (report.written and report.written.size) or 0
    rate = f"{report.rows / report.seconds:,.0f}"
    return (
        path.name, f"{report.rows:,}", f"{report.seconds:.2f}", rate, size_text(size), _memory()
    )  # fmt: skip


def _deployed(url: str, key: str, target: Path) -> Line:
    from aconnect.cli.deploying import Order, deploy_directory
    from aconnect.deploy.config.config import Config

    site = target / "site"
    _write_site(site)
    began = time.perf_counter()
    wanted = Config(name="demo-site", settings={"title": "A demonstration"})
    item = deploy_directory(_client(url, key), site, Order(wanted))
    seconds = time.perf_counter() - began
    return (f"deployed {item.name}", "", f"{seconds:.2f}", "", "", _memory())


def _write_site(site: Path) -> None:
    """Create a small static site."""
    files = {
        "index.html": "<!doctype html>\n<link rel=stylesheet href=style.css>\n<h1>Hello</h1>\n",
        "style.css": "h1 { font-family: sans-serif }\n",
    }
    site.mkdir(exist_ok=True)
    for name, text in files.items():
        (site / name).write_bytes(text.encode())


@contextmanager
def _server(volumes: dict[str, int]) -> Generator[tuple[str, str], None, None]:
    """Run a simulated server for the block; it also ends if this process is killed."""
    arguments = [f"--{name.replace('_', '-')}={rows}" for name, rows in volumes.items()]
    arguments.append("--seconds-per-line=0.3")
    command = [sys.executable, "-m", "aconnect.cli.demo_server", *arguments]
    # A session of its own: Ctrl-C in the terminal is for this process only.
    with subprocess.Popen(  # noqa: S603  our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101  it is a pipe
            ready = process.stdout.readline()
            if not ready:
                raise Failure("the simulated server did not start; its output is above")
            settings = json.loads(ready)
            yield settings["url"], settings["api_key"]
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _memory() -> str:
    """Return the peak memory of this process."""
    try:
        import resource
    except ImportError:
        return "unknown"  # Windows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size_text(peak * (1 if sys.platform == "darwin" else 1024))


def _print_table(lines: list[Line]) -> None:
    if not is_terminal("stdout"):
        widths = [max(len(line[i]) for line in [_HEAD, *lines]) for i in range(len(_HEAD))]
        for line in [_HEAD, *lines]:
            cells = [
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            echo("  ".join(cells).rstrip())
        return
    echo_table(_HEAD, lines, right=True)

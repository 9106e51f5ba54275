"""Signals and closed pipes, in processes of their own."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from aconnect.testing import BuildScript, faults
from tests.cli.conftest import MANIFEST

ROOT = Path(__file__).parents[2]

VISITS = "GET /v1/instrumentation/content/visits"


async def ready(condition):
    """Wait until a condition that depends on another process is true."""
    async with asyncio.timeout(30):
        # There is no event for a file that another process writes.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
@pytest.mark.parametrize("format_", ["jsonl", "duckdb"])
async def test_collect_stopped(server, shell, number, code, format_):
    """After an interruption, the next run completes the output: no row is lost or there twice."""
    if format_ == "duckdb":
        pytest.importorskip("duckdb")
    server.script(*[faults.slow_headers(0)] * 4, faults.slow_headers(60), on=VISITS)
    out = str(shell.folder / f"visits.{format_}")
    command = ("collect", "visits", "--in-flight", "1", "--out", out)
    process = await shell.start(*command)
    # The last of the pages that are answered was asked for; without a signal that can be handled,
    # only what a commit has saved, each second, is kept.
    await ready(lambda: server.count("GET", "/v1/instrumentation/content/visits") >= 5)
    await asyncio.sleep(1.5 if number == signal.SIGKILL else 0.2)
    process.send_signal(number)
    _, err = await process.communicate()
    assert process.returncode == code
    hinted = number != signal.SIGKILL
    assert (b"Stopped.\nvisits: 1,500 rows are kept; repeat it to resume.\n" in err) is hinted
    assert b"Traceback" not in err
    before = server.count("GET", "/v1/instrumentation/content/visits")
    resumed = await shell(*command)
    assert resumed.exit_code == 0
    assert "1,500 of the rows are those of an earlier run" in resumed.stderr
    assert server.count("GET", "/v1/instrumentation/content/visits") - before <= 3
    assert ids_in(shell.folder / f"visits.{format_}") == list(range(1, 2201))


def ids_in(path: Path) -> list[int]:
    if path.suffix == ".jsonl":
        rows = [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        import duckdb

        with duckdb.connect(path, read_only=True) as database:
            rows = [id_ for (id_,) in database.execute("SELECT id FROM visits").fetchall()]
    return sorted(map(int, rows))


async def test_in_the_background(server, shell):
    """A background job of a script ignores Ctrl-C, but ends at SIGTERM."""
    server.script(*[faults.slow_headers(0)] * 3, faults.slow_headers(60), on=VISITS)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = await shell.start("collect", "visits", "--in-flight", "1")
    finally:
        signal.signal(signal.SIGINT, before)
    await ready(lambda: server.count("GET", "/v1/instrumentation/content/visits") >= 4)
    await asyncio.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert process.returncode == 143
    assert b"1,000 rows are kept" in err
    assert b"Traceback" not in err


async def test_deploy_stopped(server, shell):
    """Ctrl-C during a build prints the content and how to follow the build."""
    server.state.build_script = BuildScript(hang=True)
    (shell.folder / "manifest.json").write_text(MANIFEST)
    process = await shell.start("deploy", ".", "--name", "my-site")
    assert process.stderr is not None
    while b"Completed" not in await process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    (task,) = server.state.tasks
    assert f"the build continues; follow it with: aconnect tasks follow {task}\n" in err.decode()
    guid = list(server.state.content)[-1]
    assert f"The content is {guid} at {server.url}/content/{guid}/\n" in err.decode()


async def test_closed_pipe(shell):
    """A command ends without an error when the reader of its pipe does."""
    process = await shell.start("content", "list")
    assert process.stdout is not None
    process.stdout._transport.close()
    assert process.stderr is not None
    err = await process.stderr.read()
    await process.wait()
    assert b"Traceback" not in err


async def test_serve(shell):
    """`serve` prints the environment variables to use it, and ends at Ctrl-C."""
    process = await shell.start("serve", "--port", "0", "--visits", "5")
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in range(2)]
    values = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
    shell.settings = values
    result = await shell("collect", "visits")
    assert "5 rows" in result.stderr
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0


SMALL = ("--visits", "700", "--audit-logs", "60", "--shiny-usage", "20")


async def test_demo(shell):
    """`demo` needs no settings, collects, deploys, and keeps the files in `--out`."""
    shell.settings = {"CONNECT_SERVER": "", "CONNECT_API_KEY": ""}
    for _ in range(2):
        process = await shell.start("demo", *SMALL, "--out", "kept")
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
    table = out.decode().splitlines()
    assert [line.split()[:2] for line in table[2:5]] == [
        ["visits.jsonl", "700"],
        ["audit_logs.jsonl", "60"],
        ["shiny_usage.csv", "20"],
    ]
    assert b"Completed application build" in err
    files = {each.name for each in (shell.folder / "kept").iterdir()}
    assert files >= {"visits.jsonl", "audit_logs.jsonl", "shiny_usage.csv", "site"}
    assert b"\x1b" not in out + err


def children(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
    return [int(number) for number in found.split()]


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").split()[2] == "Z"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_demo_stopped(shell, number):
    """The server of `demo` ends with it, even if it is killed."""
    process = await shell.start("demo", *SMALL)
    assert process.stderr is not None
    while b"follow" not in (line := await process.stderr.readline()) and b"Building" not in line:
        assert line
    (server,) = children(process.pid)
    process.send_signal(number)
    _, err = await process.communicate()
    assert process.returncode in {130, 143, -signal.SIGKILL}
    assert b"Traceback" not in err
    await ready(lambda: gone(server))


HOSTILE = "\x1b[2J\x1b]0;title\x07gone\na \u202eb\x9b31m\x85\n{key}\n"
DOWNLOAD = ("call", "content.jobs.download", "guid", "key")


@pytest.mark.parametrize("last", [b"", b"\xff"], ids=["UTF-8", "no UTF-8"])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["", "json"])
async def test_a_download_on_a_terminal(shell, server, options, last):
    """A job's log reaches a terminal without control characters, and without the key."""
    log = HOSTILE.format(key=server.api_key).encode() + last
    server.script(faults.status(200, body=log))
    out, err = await shell.on_terminal(*DOWNLOAD, *options)
    assert out.decode() == "gone\na b31m\n***\n" + last.decode(errors="replace"), err


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["", "json"])
async def test_a_download_in_a_pipe(shell, server, options):
    """A job's log reaches a pipe byte for byte."""
    log = HOSTILE.format(key=server.api_key).encode() + b"\xff"
    server.script(faults.status(200, body=log))
    process = await shell.start(*DOWNLOAD, *options)
    out, _ = await process.communicate()
    assert out == log


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["", "json"])
async def test_a_binary_file_on_a_terminal(shell, options):
    """A terminal does not get a binary file; the message says what to do."""
    guid, bundles = next(iter(shell.server.state.bundles.items()))
    bundle = next(iter(bundles))
    out, err = await shell.on_terminal("call", "content.bundles.download", guid, bundle, *options)
    assert out == b""
    assert b"write it to a file with > FILE" in err


async def test_serve_for_others(shell):
    """`serve` warns if others can reach the server, whose key is publicly known."""
    process = await shell.start("serve", "--port", "0", "--host", "0.0.0.0")  # noqa: S104  the point
    assert process.stderr is not None
    assert b"Warning: the simulated server listens on 0.0.0.0" in await process.stderr.readline()
    assert process.stdout is not None
    assert await process.stdout.readline()  # it serves, and handles signals
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    ("command", "closed", "code", "words"),
    [
        ("whoami", "<&-", 0, b""),
        ("call users.me", "<&- 2>&-", 0, b""),
        ("whoami --api-key-file -", "<&-", 2, b"is empty"),
        ("login other --server http://127.0.0.1:1", "<&-", 2, b"pass --api-key-file FILE"),
        ("whoami", ">&-", 1, b"cannot write the output"),
        ("content list", ">&-", 1, b"cannot write the output"),
        ("bogus", ">&-", 2, b"No such command"),
        ("bogus", "2>&-", 2, b""),
        ("whoami", "<&- >&- 2>&-", 1, b""),
    ],
)
async def test_closed_streams(shell, command, closed, code, words):
    """A command whose standard streams are closed does its work, or says what it cannot write."""
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f'"{sys.executable}" -m aconnect {command} {closed}',
        env={**os.environ, **shell.settings, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == code
    assert words in err
    assert b"Traceback" not in err
    assert bool(out) == (code == 0)


@pytest.mark.parametrize("command", ["delete {}", "env {} --set SECRET"])
async def test_a_question_stopped(server, shell, command):
    """Ctrl-C at a question ends the command, and nothing is changed."""
    guid = next(iter(server.state.content))
    terminal, end = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "aconnect", "content", *command.format(guid).split()),
        env={**os.environ, **shell.settings, "PYTHONPATH": str(ROOT)},
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    shown = b""
    while b": " not in shown:
        shown += await asyncio.to_thread(os.read, terminal, 1000)
    # readline shows the question a moment before it waits.
    await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        assert await process.wait() == 130
    os.close(terminal)
    assert {request.method for request in server.requests} == {"GET"}

"""`aconnect collect --follow`: what is new, for ever, and a clean end."""

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta

import pytest

from aconnect.testing import faults

VISITS = "GET /v1/instrumentation/content/visits"
FOLLOW = ("--follow", "--every", "1s", "--settle", "0s")


def add(server, number, seconds=0):
    """Add a visit that happened so many seconds ago."""
    time = datetime.now(UTC) - timedelta(seconds=seconds)
    server.state.visits.append({"id": f"{number}", "time": time})


async def lines_of(process, count):
    """Return the next lines that a process writes to standard output."""
    async with asyncio.timeout(30):
        return [json.loads(await process.stdout.readline()) for _ in range(count)]


async def ended(process, number=signal.SIGINT):
    """Stop a process, and return the rest of what it writes."""
    process.send_signal(number)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert b"Traceback" not in err, err.decode()
    return out, err.decode()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_standard_output(server, shell, number, code):
    """Standard output gets each event once, also those that come later; a signal ends it."""
    process = await shell.start("collect", "visits", *FOLLOW, "--from", "2025-01-01", "--out", "-")
    rows = await lines_of(process, 2200)
    add(server, 9001)
    rows += await lines_of(process, 1)
    add(server, 9002)
    rows += await lines_of(process, 1)
    out, err = await ended(process, number)
    assert (process.returncode, out) == (code, b"")
    assert sorted(int(row["id"]) for row in rows) == [*range(1, 2201), 9001, 9002]
    assert err.endswith("Stopped.\n")


async def test_from_now(server, shell):
    """Without `--from`, standard output gets what happens from now on: it remembers nothing."""
    process = await shell.start("collect", "visits", "audit-logs", *FOLLOW, "--out", "-")
    async with asyncio.timeout(30):
        while server.count("GET", "/server_settings") < 4:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)
    add(server, 9001)
    (line,) = await lines_of(process, 1)
    assert (line["dataset"], line["row"]["id"]) == ("visits", "9001")
    out, _ = await ended(process)
    assert out == b""


@pytest.mark.parametrize("name", ["visits.jsonl", "visits.duckdb"])
async def test_restarted(server, shell, name):
    """A file or a table has each event once over restarts, late events included."""
    if name.endswith("duckdb"):
        pytest.importorskip("duckdb")
    path = shell.folder / name
    for number in range(2):
        process = await shell.start("collect", "visits", *FOLLOW, "--out", str(path))
        async with asyncio.timeout(30):
            while server.count("GET", "/server_settings") < 2:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)
        # Late: it is older than what was collected last.
        add(server, 9001 + number, seconds=100)
        async with asyncio.timeout(30):
            while b" row" not in (line := await process.stderr.readline()):
                assert line
        _, err = await ended(process)
        assert "The same command goes on from there." in err
        add(server, 9011 + number, seconds=50)
    await asyncio.sleep(1.1)  # nothing is collected twice within one second of the server's clock
    await shell("collect", "visits", "--since-last", "--settle", "0s", "--out", str(path))
    if name.endswith("jsonl"):
        ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    else:
        import duckdb

        with duckdb.connect(path, read_only=True) as database:
            ids = [id_ for (id_,) in database.execute("SELECT id FROM visits").fetchall()]
    assert sorted(map(int, ids)) == [*range(1, 2201), 9001, 9002, 9011, 9012]


async def test_a_server_out_of_order(server, shell):
    """A server that is down for longer than the retries last is asked again."""
    server.script(*[faults.reset()] * 5, on=VISITS)
    process = await shell.start(
        "collect", "visits", *FOLLOW, "--from", "2025-01-01", "--in-flight", "1", "--out", "-"
    )
    rows = await lines_of(process, 2200)
    _, err = await ended(process)
    assert len({row["id"] for row in rows}) == 2200
    assert "; trying again in 1 s" in err
    assert err.count("trying again") == 1


async def test_a_refused_key(shell):
    """A key that is refused ends it, for all datasets."""
    shell.settings["CONNECT_API_KEY"] = "wrong-key-0123456789"
    code, out, err = await shell.run("collect", "visits", "audit-logs", *FOLLOW, "--out", "-")
    assert (code, out) == (1, b"")
    assert b"returned 401" in err

"""`aconnect collect`: what it writes, what it says, and what a second run does."""

import csv
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from aconnect.testing import FakeConnect, Seed, faults

VISITS = "GET /v1/instrumentation/content/visits"
EVENTS = ["visits", "shiny-usage", "hits", "audit-logs"]
SNAPSHOTS = ["content", "users", "groups", "permissions", "jobs", "packages"]
TO = ("--to", "2025-01-01T00:02:00Z")


def ids_of(path):
    return sorted(int(json.loads(line)["id"]) for line in path.read_text().splitlines())


@pytest.mark.parametrize("dataset", EVENTS)
@pytest.mark.parametrize("format_", ["jsonl", "csv"])
async def test_events(shell, dataset, format_):
    """The name of the file goes to standard output, the result to standard error."""
    result = await shell("collect", dataset, "--format", format_, *TO)
    name = dataset.replace("-", "_")
    path = shell.folder / f"{name}-until-2025-01-01T000200Z.{format_}"
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    lines = path.read_text().splitlines()
    rows = list(csv.DictReader(lines)) if format_ == "csv" else [json.loads(x) for x in lines]
    assert len(rows) == 18
    assert f"{name}: 18 rows, " in result.stderr
    assert "rows/s" in result.stderr


@pytest.mark.parametrize("dataset", SNAPSHOTS)
async def test_snapshots(shell, dataset):
    """What the server has now takes the place of what it had at the last run."""
    path = shell.folder / f"{dataset}.jsonl"
    for _ in range(2):
        result = await shell("collect", dataset)
        assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    rows = path.read_text().splitlines()
    assert f"{dataset}: {len(rows):,} rows" in result.stderr


async def test_several_datasets(shell):
    """Several datasets are collected one after the other, a dataset that is named twice once."""
    result = await shell("collect", *EVENTS, "content", "audit_logs", *TO)
    assert result.exit_code == 0
    names = [line.rpartition("/")[2].partition("-")[0] for line in result.stdout.splitlines()]
    assert names == ["visits", "shiny_usage", "hits", "audit_logs", "content.jsonl"]


@pytest.mark.parametrize("format_", ["jsonl.gz", "csv.gz", "parquet", "duckdb"])
async def test_formats(shell, format_):
    """Each format is written into the folder, and a second run fetches nothing."""
    if format_ in {"parquet", "duckdb"}:
        pytest.importorskip("pyarrow")
        pytest.importorskip("duckdb")
    command = ("collect", "visits", "--format", format_, *TO)
    first = await shell(*command)
    assert (first.exit_code, "18 rows" in first.stderr) == (0, True)
    again = await shell(*command)
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "nothing was fetched" in again.stderr


async def test_a_database_by_its_name(shell):
    """The name of a file decides its format; several datasets are tables of one database."""
    duckdb = pytest.importorskip("duckdb")
    path = shell.folder / "new" / "all.duckdb"
    result = await shell("collect", "visits", "users", *TO, "--out", str(path))
    assert result.exit_code == 0
    with duckdb.connect(path, read_only=True) as database:
        assert database.execute("SELECT count(*) FROM visits").fetchone() == (18,)
        tables = database.execute("SHOW TABLES").fetchall()
        assert {name for (name,) in tables} >= {"visits", "users"}


@pytest.mark.parametrize("dataset", ["hits", "audit-logs"])
async def test_again(server, shell, dataset):
    """A nightly job can be repeated: a complete window is fetched again only with `--restart`."""
    command = ("collect", dataset, *TO)
    first = await shell(*command)
    assert (first.exit_code, "not over" in first.stderr) == (0, False)
    before = len(server.requests)
    again = await shell(*command)
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "nothing was fetched; --restart" in again.stderr
    assert len(server.requests) == before
    restarted = await shell(*command, "--restart")
    assert "18 rows" in restarted.stderr


@pytest.mark.parametrize(
    "window", [(), ("--from", "2025-01-01"), ("--to", "2999-01-01"), ("--since-last",)]
)
async def test_a_window_that_is_not_over(server, shell, window):
    """Up to when the rows are complete is printed, and the same command adds what is new."""
    for number, settle in enumerate(["3h", "2h", "60s"]):
        if number:
            time = datetime.now(UTC) - timedelta(hours=3 - number, minutes=30)
            server.state.visits.append({"id": f"{9000 + number}", "time": time})
        # Events settle sooner each time, for which a user would wait.
        result = await shell("collect", "visits", *window, "--settle", settle)
        assert result.exit_code == 0
        assert "complete up to 20" in result.stderr
        (path,) = shell.folder.glob("*.jsonl")
        assert path.read_bytes().count(b"\n") == 2200 + number
    again = await shell("collect", "visits", *window)
    assert "nothing new since" in again.stderr
    assert again.stdout == result.stdout


async def test_adjoining_windows(shell):
    """Adjoining windows contain each event once; relative times and dates begin at midnight."""
    edges = ["2025-01-01", "2025-01-01T00:01:10Z", "2025-01-01T01:00:00Z", "-1d", "today"]
    found: list[int] = []
    for from_, to in pairwise(edges):
        result = await shell("collect", "visits", "--from", from_, "--to", to)
        assert result.exit_code == 0, result.stderr
        found += ids_of(shell.folder / result.stdout.strip())
    assert sorted(found) == list(range(1, 2201))


async def test_some_content(server, shell):
    """`--content` can be repeated, and is a part of the name."""
    guids = list(server.state.content)[:2]
    result = await shell("collect", "visits", "--content", guids[0], "--content", guids[1])
    (path,) = shell.folder.glob("*.jsonl")
    assert path.name.startswith("visits-content-")
    assert result.stdout == f"{path}\n"
    found = {json.loads(line)["content_guid"] for line in path.read_text().splitlines()}
    assert found == set(guids)


async def test_ordered(shell):
    """With `--ordered`, rows are in the order of time."""
    await shell("collect", "visits", "--ordered", "--in-flight", "5")
    times = [
        json.loads(x)["time"] for x in (shell.folder / "visits.jsonl").read_text().split("\n") if x
    ]
    assert times == sorted(times)


async def test_json(shell):
    """`--json` prints one document with all reports, with times in RFC 3339."""
    result = await shell("collect", "visits", "users", *TO, "--json")
    visits, users = json.loads(result.stdout)
    assert visits["written"]["target"].endswith("visits-until-2025-01-01T000200Z.jsonl")
    assert (visits["rows"], visits["from"], visits["is_over"]) == (18, None, True)
    assert visits["until"] == "2025-01-01T00:02:00Z"
    assert visits["reason"]
    assert users["strategy"] == "snapshot"


async def test_json_after_a_failure(server, shell):
    """What was collected before a failure is in the document; the exit code is 1."""
    server.script(faults.error(403, 22), on="GET /v1/users")
    result = await shell("collect", "visits", "users", *TO, "--json")
    assert result.exit_code == 1
    assert [each["dataset"] for each in json.loads(result.stdout)] == ["visits"]
    assert "use the key of an administrator" in result.stderr


async def test_verbose(shell):
    """`--verbose` says how the rows were fetched, and why."""
    result = await shell("collect", "audit-logs", "--verbose")
    assert "audit_logs: strategy search: the server searches" in result.stderr


async def test_old_server(shell):
    """Audit logs are collected even if the server cannot search them."""
    async with FakeConnect(Seed(audit_logs=50), version="2023.09.0") as old:
        shell.settings["CONNECT_SERVER"] = old.url
        logs = await shell("collect", "audit-logs", "--from", "2025-01-01T00:01:00Z")
        assert (logs.exit_code, "41 rows" in logs.stderr) == (0, True)


async def test_pushback(server, shell):
    """How often the server pushed back is said."""
    server.script(*[faults.status(429, retry_after=0.05)] * 2, on=VISITS)
    result = await shell("collect", "visits")
    assert result.exit_code == 0
    assert "visits: the server pushed back " in result.stderr


async def test_values_that_do_not_fit(server, shell):
    """Values that could not be stored as they are, are counted."""
    pytest.importorskip("pyarrow")
    server.state.visits.append({"id": "9001", "time": datetime(2025, 2, 1, tzinfo=UTC)})
    body = {"results": [{"id": "1", "time": "2025-01-01T00:00:00Z", "data_version": "x"}]}
    page = {**body, "paging": {"cursors": {"next": None}, "next": None}}
    server.script(*[faults.status(200, body=json.dumps(page))] * 4, on=VISITS)
    result = await shell(
        "collect", "visits", "--format", "parquet", *TO, "--in-flight", "1", "--ordered"
    )
    assert "visits: values that did not fit: data_version: " in result.stderr


async def test_server_gone(server, shell):
    """When the server disappears, the message says what is kept, and the next run resumes."""
    server.script(*[faults.slow_headers(0)] * 4, *[faults.reset()] * 5, on=VISITS)
    broken = await shell("collect", "visits", "--in-flight", "1")
    assert broken.exit_code == 1
    assert "(tried 5 times)" in broken.stderr
    assert broken.stderr.count("retrying in") == 4
    assert " rows are kept; repeat it to resume." in broken.stderr
    path = shell.folder / "visits.jsonl"
    assert not path.exists()
    resumed = await shell("collect", "visits")
    assert resumed.exit_code == 0
    assert "of the rows are those of an earlier run" in resumed.stderr
    assert ids_of(path) == list(range(1, 2201))


async def test_another_window_of_a_file(shell):
    """A file with the rows of another window is not appended to, and says what helps."""
    path = str(shell.folder / "a.jsonl")
    assert (await shell("collect", "visits", *TO, "--out", path)).exit_code == 0
    refused = await shell("collect", "visits", "--to", "2025-01-02", "--out", path)
    assert refused.exit_code == 1
    assert "--since-last" in refused.stderr
    assert "--restart" in refused.stderr


async def test_standard_output(shell):
    """`--out -` writes the rows as received, and nothing else, to standard output."""
    until_now = await shell("collect", "visits", "--out", "-")
    assert until_now.stdout.count("\n") == 2200
    # A second run would write all of them again.
    assert "the same command adds" not in until_now.stderr
    result = await shell("collect", "visits", *TO, "--out", "-")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 19))
    assert "18 rows" in result.stderr


async def test_several_datasets_to_standard_output(shell):
    """Several datasets on standard output are told apart by an object around each row."""
    result = await shell("collect", "visits", "shiny-usage", *TO, "--out", "-")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {tuple(line) for line in lines} == {("dataset", "row")}
    counts = [line["dataset"] for line in lines]
    # Also sessions that have not ended: no later run would write them.
    assert (counts.count("visits"), counts.count("shiny_usage")) == (18, 18)


async def test_a_terminal_gets_no_key(server, shell):
    """Rows that contain the key are shown without it on a terminal."""
    time = datetime(2025, 3, 1, tzinfo=UTC)
    server.state.visits.append({"id": "9001", "time": time, "path": f"/{server.api_key}\x9b"})
    out, err = await shell.on_terminal(
        "collect", "visits", "--from", "2025-02-01", "--to", "2025-04-01", "--out", "-"
    )
    assert (b"/***" in out, server.api_key.encode() in out + err) == (True, False)
    assert "\x9b".encode() not in out


async def test_a_full_disk(shell):
    """Standard output that cannot be written is one message and exit code 1."""
    with open("/dev/full", "wb") as full:  # noqa: ASYNC230, PTH123
        code, _, err = await shell.run("collect", "visits", "--out", "-", stdout=full.fileno())
    assert code == 1
    assert b"No space left on device" in err


async def test_a_pipe_whose_reader_has_gone(shell):
    """A command ends without an error when the reader of its pipe does."""
    process = await shell.start("collect", "visits", "--out", "-")
    process.stdout._transport.close()
    err = await process.stderr.read()
    assert await process.wait() == 1
    assert b"Error" not in err
    assert b"Traceback" not in err

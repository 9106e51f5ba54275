"""`aconnect jobs plan`, `run` and `commit`: a collection by any scheduler."""

import json
import shlex
from pathlib import Path

import click
import pytest

from aconnect.cli.engines import Spread, staging_of
from aconnect.collect.outputs import Output

WINDOW = "--from 2025-01-01 --to 2025-01-02"


@pytest.fixture
def plain(shell):
    """Run commands where the server is known as `prod`, and by no other way."""
    shell.settings = {
        "CONNECT_SERVER": "",
        "CONNECT_API_KEY": "",
        "ACONNECT_SERVER_PROD": shell.server.url,
        "ACONNECT_SERVER_PROD_API_KEY": shell.server.api_key,
    }
    return shell


async def test_plan_run_commit(plain, tmp_path: Path):
    """Planned, run line by line, and committed until nothing is left: the output is complete."""
    out = tmp_path / "usage"
    options = shlex.split(f"visits --alias prod {WINDOW} --out {out} --pages 1 --parallel 2")
    planned = await plain("jobs", "plan", *options)
    assert planned.exit_code == 0, planned.output
    assert "jobs to run" in planned.stderr
    left, manifests, turns = planned.stdout, list[Path](), 0
    assert json.loads(left.splitlines()[0])["server"] == "prod"
    while left:
        turns += 1
        jobs = tmp_path / f"jobs-{turns}.jsonl"
        jobs.write_text(left)
        for index in range(len(left.splitlines())):
            ran = await plain("jobs", "run", str(jobs), "--index", str(index))
            assert ran.exit_code == 0, ran.output
            manifests.append(tmp_path / f"{turns}-{index}.json")
            # Whatever runs it was killed while it printed the next entry.
            manifests[-1].write_text(ran.stdout + '{"job": "x')
        committed = await plain("jobs", "commit", *options, *map(str, manifests))
        assert committed.exit_code == 0, committed.output
        assert "line 2 of" in committed.stderr
        left = committed.stdout
    assert turns > 1
    assert "2,200 rows" in committed.stderr
    (file,) = out.glob("*.jsonl")
    rows = [json.loads(line)["id"] for line in file.read_bytes().splitlines()]
    assert sorted(map(int, rows)) == list(range(1, 2201))
    again = await plain("jobs", "plan", *options)
    assert again.stdout == ""
    assert "No jobs are left" in again.stderr


async def test_all_jobs_of_standard_input(plain, tmp_path: Path):
    """`run -` runs all jobs of standard input; one that fails is named, and the others are run."""
    options = shlex.split(f"visits --alias prod {WINDOW} --out {tmp_path}/v.duckdb --in-flight 3")
    jobs = (await plain("jobs", "plan", *options)).stdout
    first, *others = jobs.splitlines()
    assert others
    broken = json.loads(first)
    broken["server"] = "other"
    ran = await plain("jobs", "run", "-", text="\n".join([json.dumps(broken), *others]))
    assert ran.exit_code == 1
    assert len(ran.stdout.splitlines()) == len(others)
    assert f"{broken['id']}: this machine does not know server 'other'" in ran.stderr
    assert f"1 of {1 + len(others)} jobs failed" in ran.stderr
    committed = await plain("jobs", "commit", *options, "-", text=ran.stdout)
    assert [json.loads(line)["id"] for line in committed.stdout.splitlines()] == [broken["id"]]
    assert "1 jobs are left" in committed.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("plan visits --out x", "--alias"),
        ("plan visits --alias other --out x", "ACONNECT_SERVER_OTHER"),
        ("plan visits --alias prod --out -", "--out"),
        ("plan visits --alias prod --out postgresql://h/d", "pass --staging"),
        ("plan users --alias prod --out x", "cannot be divided among machines"),
        ("run absent.jsonl", "absent.jsonl"),
        ("run - --index 3", "has 1 jobs"),
        ("run -", "is not a file of jobs"),
        ("commit visits --alias prod", "MANIFESTS"),
    ],
)
async def test_wrong_usage(plain, command, words, tmp_path, monkeypatch):
    """Each mistake is named, with what would be right."""
    monkeypatch.chdir(tmp_path)
    result = await plain("jobs", *command.split(), text="{}\n")
    assert (result.exit_code, words in result.stderr) == (2, True), result.output
    assert result.stdout == ""


def test_options_of_engines():
    """`--engine` needs a scheduler and an alias; the staging folder is in that of the output."""
    folder = Output.parse("usage/")
    parse = Spread.parse
    assert parse(None, None, folder, alias=None) is None
    spread = parse("dask", "tcp://s:1", folder, alias="prod")
    assert spread == Spread(scheduler="tcp://s:1", server="prod", staging="usage/.staging/attempts")
    for words, arguments in {
        "--scheduler": ("dask", None, "prod"),
        "--profile NAME": ("dask", "tcp://s:1", None),
        "--engine": (None, "tcp://s:1", "prod"),
    }.items():
        with pytest.raises(click.UsageError, match=words):
            parse(arguments[0], arguments[1], folder, alias=arguments[2])
    assert staging_of(Output.parse("s3://b/u"), None) == "s3://b/u/.staging/attempts"
    assert staging_of(Output.parse("a/v.duckdb"), None) == "a/.staging/attempts"
    assert staging_of(Output.parse("postgresql://h/d"), "/shared") == "/shared"

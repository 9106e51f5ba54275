"""`aconnect report`: a page of what `aconnect collect` wrote."""

import pytest
from click.testing import CliRunner

from aconnect.cli.app import app

pytest.importorskip("duckdb")
pytest.importorskip("altair")
pytest.importorskip("vl_convert")


async def test_collected_data(shell):
    """What was collected becomes a page; its path is the result, and what it lacks is told."""
    await shell("collect", "visits")
    path = shell.folder / "page.html"
    done = await shell("report", str(shell.folder), "-o", str(path), "--title", "Our <usage>")
    assert (done.exit_code, done.stdout) == (0, f"{path}\n")
    assert "aconnect collect content users --out" in done.stderr
    page = path.read_text("utf-8")
    assert "<h1>Our &lt;usage&gt;</h1>" in page
    assert "<dd>2,200</dd><dt>visits</dt>" in page


async def test_period(shell):
    """--from and --to leave out what is outside."""
    await shell("collect", "visits")
    arguments = ("report", str(shell.folder), "-o", str(shell.folder / "page.html"))
    period = ("--from", "1999-01-01", "--to", "1999-02-01")
    assert (await shell(*arguments, *period)).exit_code == 0
    assert "No events in the period" in (shell.folder / "page.html").read_text("utf-8")


def test_no_settings_are_needed(tmp_path):
    """No server is asked, so none needs to be known; wrong usage is exit code 2."""
    result = CliRunner().invoke(app, ["report", str(tmp_path)], env={"CONNECT_SERVER": ""})
    assert result.exit_code == 2
    assert "aconnect collect visits" in result.stderr


def test_unreadable_data(tmp_path):
    """Data that cannot be read is a failure that names it."""
    (tmp_path / "visits.parquet").write_text("no Parquet")
    result = CliRunner().invoke(app, ["report", str(tmp_path), "-o", str(tmp_path / "page.html")])
    assert result.exit_code == 1
    assert "visits.parquet" in result.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "visits.parquet"]

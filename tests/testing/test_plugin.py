"""The pytest plugin works in both modes of pytest-asyncio, and without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TEST = """
import pytest
from aconnect.testing import Seed

@pytest.mark.asyncio
@pytest.mark.connect(seed=Seed(users=9), version="2024.06.0")
async def test_it(connect_server):
    assert connect_server.version == "2024.06.0"
    assert len(connect_server.state.users) == 9

@pytest.mark.asyncio
async def test_default(connect_server):
    assert connect_server.url.startswith("http://127.0.0.1:")

@pytest.mark.asyncio
async def test_client(connect_client, connect_server):
    assert (await connect_client.me()).username == "admin"
    assert connect_server.count("GET", "/v1/user") == 1
"""


def run(tmp_path, code, *arguments):
    """Run pytest in a new process for a file with the given code."""
    (tmp_path / "test_inner.py").write_text(code)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-m", "pytest", "-q", "-p", "aconnect.testing.plugin", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_fixture_and_marker(tmp_path, mode):
    """The server fixture uses the marker, and the client fixture is connected to that server."""
    options = ("-p", "pytest_asyncio.plugin", "--asyncio-mode", mode, "--strict-markers")
    scope = ("-o", "asyncio_default_fixture_loop_scope=function")
    process = run(tmp_path, TEST, *options, *scope)
    assert "3 passed" in process.stdout, process.stdout + process.stderr


def test_without_pytest_asyncio(tmp_path):
    """Without pytest-asyncio, pytest still runs with the plugin."""
    (tmp_path / "pytest_asyncio.py").write_text("raise ImportError")
    code = "def test_it(): pass\n"
    process = run(tmp_path, code, "--strict-markers")
    assert "1 passed" in process.stdout, process.stdout + process.stderr


def test_import_is_cheap():
    """Importing the testing package and its plugin does not import other modules of the package."""
    code = "import sys, aconnect.testing.plugin, aconnect.testing"
    check = "; print([m for m in sys.modules if m.startswith('aconnect.testing.')])"
    process = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-c", code + check],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "['aconnect.testing.plugin']"

"""Terminals, pipes and disks: whatever the output is, no command ends with a traceback."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.cli.conftest import MANIFEST


@pytest.fixture
def named(server):
    """The server, whose first content has a title that few encodings can express."""
    next(iter(server.state.content.values()))["title"] = "Übersicht 東京 📊"
    return server


# Not ASCII: click takes such a stream for a wrong setting, and writes UTF-8.
@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8"])
async def test_encodings(shell, named, encoding):
    """A stream of any encoding gets the text, with escapes for what it cannot express."""
    shell.settings["PYTHONIOENCODING"] = encoding
    title = next(iter(named.state.content.values()))["title"]
    for command in (["content", "list"], ["content", "get", "content-0000"]):
        code, out, _ = await shell.run(*command)
        text = out.decode(encoding)
        expected = title.encode(encoding, "backslashreplace").decode(encoding)
        assert (code, expected in text) == (0, True)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("command", ["content list --json", "call content.find --json"])
async def test_json_in_any_encoding(shell, named, encoding, command):
    """JSON means the same in every encoding."""
    shell.settings["PYTHONIOENCODING"] = encoding
    title = next(iter(named.state.content.values()))["title"]
    _, out, _ = await shell.run(*command.split())
    assert json.loads(out.decode(encoding))[0]["title"] == title


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "content list",
        "content list --json",
        "content get content-0000",
        "content search content",
        "content logs content-0000",
        "call content.find",
        "call users.me --json",
        "call --list",
        "whoami",
    ],
)
async def test_full_disk(shell, command):
    """Output that cannot be written is one message and exit code 1."""
    with open("/dev/full", "wb") as full:  # noqa: ASYNC230, PTH123
        code, _, err = await shell.run(*command.split(), stdout=full.fileno())
    assert code == 1
    assert b"No space left on device" in err or b"no jobs" in err


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("columns", [40, 80, 140])
@pytest.mark.parametrize("command", ["content list", "users list", "server"])
async def test_widths(shell, columns, command):
    """A table uses the width of the terminal, and no more."""
    out, err = await shell.on_terminal(*command.split(), columns=columns)
    assert b"Traceback" not in err
    if command != "server" and columns > 40:
        lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode()).splitlines()
        assert max(map(len, lines)) <= columns


async def test_the_role_is_shown(shell):
    """In 80 columns, the report of access leaves out the guid, and not who has which role."""
    out, err = await shell.on_terminal("content", "access", columns=80)
    heads = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode()).splitlines()[0].split("  ")
    assert [head.strip() for head in heads if head][:5] == [
        *("Content", "Access", "Type", "Name", "Role")
    ], err


async def test_no_color(shell):
    """With NO_COLOR a terminal gets no color, and a table keeps its columns."""
    shell.settings["NO_COLOR"] = "1"
    out, _ = await shell.on_terminal("content", "list")
    assert b"\x1b[3" not in out


async def test_dumb_terminals(shell):
    """A terminal that cannot redraw lines gets what a pipe gets."""
    shell.settings["TERM"] = "dumb"
    out, _ = await shell.on_terminal("content", "list")
    assert b"\x1b" not in out
    assert out.count(b"\t") > 0


@pytest.mark.parametrize("arguments", [["--version"], ["content", "--help"]])
def test_python_m(arguments):
    """`python -m aconnect` is the same as `aconnect`."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "aconnect", *arguments], capture_output=True, text=True, check=True
    )
    assert "aconnect" in done.stdout


@pytest.mark.parametrize(
    "command", ["collect visits --from 2025-01-01 --to 2025-01-02", "deploy . --name my-site"]
)
@pytest.mark.parametrize("columns", [80, 140])
async def test_progress(shell, command, columns):
    """Progress fits into one line of the terminal, with per cent where the whole is known."""
    (shell.folder / "manifest.json").write_text(MANIFEST)
    out = await shell.errors_on_terminal(*command.split(), columns=columns)
    assert "Traceback" not in out
    assert "?" not in out.replace("\x1b[?", "")
    assert "100%" in out or command.startswith("collect")

"""Every example in the README and the documentation runs, and prints what it says.

A page is one scenario: its Python and console blocks run in order, in one namespace and one folder,
against a simulated server like the one of `aconnect serve`, which the environment variables point
to. `# prints: ...` says what a block prints, and lines below a command what it tells; `...` stands
for anything. The commands of a block that begins with "console terminal" write to a terminal, and
those of others to a pipe. The commands of a YAML block, such as a pipeline, are ones that the
command line accepts. A block in a comment is run as well: it does what readers do by hand. A block
is left out with the comment `# not run`, and one that defines tests is run by pytest. A test that a
page names exists.

Each recipe of the cookbook can be pasted on its own, and each task of the vendor's has one.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import os
import re
import shlex
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import click
import pytest
import yaml

from aconnect import Client, Portal
from aconnect.cli.app import app
from aconnect.cli.serve import serve
from aconnect.testing import FakeConnect, Seed

ROOT: Final = Path(__file__).parents[1]
_FENCE: Final = re.compile(r"^```(\w+(?: terminal)?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE: Final = re.compile(r"# exit code (\d+)$")
_CONTROLS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PRINTS: Final = re.compile(r"# prints: ?(.*)$", re.MULTILINE)
_TEST: Final = re.compile(r"^(async )?def test_", re.MULTILINE)
_NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
# These do not end by themselves, take seconds, or need an id or a server of one's own; that they
# are accepted is enough.
_ACCEPTED_ONLY: Final = {"bootstrap", "serve", "demo", "follow"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    kind: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Find the blocks to run."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        kind, code = found.groups()
        if kind.split()[0] in {"python", "console", "yaml"} and "# not run" not in code:
            yield Block(page, text.count("\n", 0, found.start(2)) + 1, kind, code)


PAGES: Final = sorted(
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if "_build" not in page.parts and any(blocks(page))
)


def seed() -> Seed:
    """Return the seed of `aconnect serve`, so that readers see the same output."""
    known = inspect.signature(Seed).parameters
    volumes: dict[str, Any] = {p.name: p.default for p in serve.params if p.name in known}
    return Seed(**volumes)


@pytest.fixture
async def surroundings(tmp_path, monkeypatch) -> Any:
    """A server that the environment points to, an empty folder, and a namespace."""
    # Environment variables that a page sets, as Connect does for running content, are reset.
    with patch.dict(os.environ):
        async with FakeConnect(seed=seed()) as server:
            monkeypatch.setenv("CONNECT_SERVER", server.url)
            monkeypatch.setenv("CONNECT_API_KEY", server.api_key)
            monkeypatch.setenv("PYTHONPATH", str(ROOT))
            monkeypatch.chdir(tmp_path)
            namespace: dict[str, Any] = {"__name__": "__main__"}
            yield namespace
            for value in namespace.values():
                if isinstance(value, Portal):
                    await asyncio.to_thread(value.close)
            for value in namespace.values():
                if isinstance(value, Client):
                    await value.aclose()
                elif isinstance(value, FakeConnect):
                    await value.stop()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
async def test_page(page, surroundings, capsys):
    """The examples of a page run one after the other, and print what they say."""
    for block in blocks(page):
        if block.kind.startswith("console"):
            await asyncio.to_thread(run_console, block)
        elif block.kind == "yaml":
            accept_commands(block)
        elif _TEST.search(block.code):
            await asyncio.to_thread(run_tests, block)
        else:
            await run_python(block, surroundings)
            check(block, "\n".join(_PRINTS.findall(block.code)), capsys.readouterr().out)


async def run_python(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block here if it awaits, else in a thread, where it can run its own event loop."""
    # Empty lines before it make tracebacks name the line of the page.
    code = compile(
        "\n" * (block.line - 1) + block.code,
        str(block.page),
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    if code.co_flags & inspect.CO_COROUTINE:
        await eval(code, namespace)  # noqa: S307  our own words
    else:
        await asyncio.to_thread(exec, code, namespace)


def run_tests(block: Block) -> None:
    """Run a block as a module of tests with the plugin."""
    Path("test_page.py").write_text(block.code, encoding="utf-8")
    Path("pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", encoding="utf-8")
    plugins = ("-p", "pytest_asyncio.plugin", "-p", "aconnect.testing.plugin")
    scope = ("-o", "asyncio_default_fixture_loop_scope=function")
    done = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-m", "pytest", "-q", *plugins, *scope, "test_page.py"],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"
    assert f"{len(_TEST.findall(block.code))} passed" in done.stdout, done.stdout


def run_console(block: Block) -> None:
    """Run the commands of a block that are ours, and compare their output."""
    for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
        line, _, expected = part.partition("\n")
        program, *arguments = shlex.split(line, comments=True)
        if program != "aconnect":
            continue
        command, rest = resolve(arguments)
        if command.name in _ACCEPTED_ONLY:
            command.make_context(command.name, rest)
            continue
        run_here = run_on_terminal if block.kind.endswith("terminal") else run_in_pipe
        code, output = run_here(arguments)
        if (wanted := _EXIT_CODE.search(line)) is not None:
            assert code == int(wanted[1]), f"{block.place}: {line}\n{output}"
        elif "Error:" not in expected:
            assert code == 0, f"{block.place}: {line}\n{output}"
        check(block, expected, output)


def run_in_pipe(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of a command, and what it writes."""
    done = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-m", "aconnect", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def run_on_terminal(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of a command, and what it writes to a terminal of 94 columns."""
    terminal, end = os.openpty()
    tty.setraw(end)
    process = subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, "-m", "aconnect", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "94", "LINES": "24"},
    )
    os.close(end)
    chunks: list[bytes] = []
    with os.fdopen(terminal, "rb", 0) as file, suppress(OSError):
        while chunk := file.read(65536):
            chunks.append(chunk)
    text = _CONTROLS.sub("", b"".join(chunks).decode())
    return process.wait(), "\n".join(line.rstrip() for line in text.splitlines())


def accept_commands(block: Block) -> None:
    """Check that the commands in a block of YAML are ones that the command line accepts."""
    for text in strings(yaml.safe_load(block.code)):
        program, *arguments = shlex.split(text, comments=True) or [""]
        if program == "aconnect":
            shell = next((at for at, word in enumerate(arguments) if word in {">", "|"}), None)
            command, rest = resolve(arguments[:shell])
            command.make_context(command.name, rest)


def strings(value: Any) -> Iterator[str]:
    """Yield all texts of nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def resolve(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a line names, and its arguments."""
    command: click.Command = app
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        context = click.Context(command)
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
    return command, arguments


def check(block: Block, expected: str, output: str) -> None:
    """Compare the output with what the page says, if it says anything."""
    if expected.strip():
        pattern = re.escape(expected.strip()).replace(r"\.\.\.", ".*?")
        assert re.fullmatch(pattern, output.strip(), re.DOTALL), (
            f"{block.place} says\n\n{expected}\n\nbut this came:\n\n{output}"
        )


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_named_tests_exist(page):
    """Every test that a page names as the keeper of a promise exists."""
    for path, name in _NAMED.findall(page.read_text(encoding="utf-8")):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, f"{page.name} names {path}::{name}"


@pytest.mark.parametrize("page", ["failures.md", "security.md"])
def test_promises_name_their_tests(page):
    """Each row of the last table of such a page names a test."""
    rows = (ROOT / "docs" / page).read_text(encoding="utf-8").split("| --- | --- |\n")[-1]
    assert all(_NAMED.search(row) for row in rows.splitlines())


def test_a_wrong_example_is_detected():
    """An example that prints something else than the page says is detected."""
    block = Block(ROOT / "README.md", 1, "python", "")
    check(block, "a ... c", "a b c\n")
    with pytest.raises(AssertionError):
        check(block, "a\nb", "a\n")


COOKBOOK: Final = ROOT / "docs" / "cookbook.md"
_HEADING: Final = re.compile(r"^#{2,3} (.*)$", re.MULTILINE)
_ROW: Final = re.compile(r"^\| `(.+?)` \| (.+) \|$", re.MULTILINE)
_ANCHOR: Final = re.compile(r"\]\(#([\w-]+)\)")


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_cookbook_has_all_tasks():
    """Each recipe of the vendor's cookbook and each app of its gallery is in the tables."""
    listed = (ROOT / "tests" / "cookbook_tasks.txt").read_text(encoding="utf-8").splitlines()
    tasks = [line for line in listed if not line.startswith("#")]
    text = COOKBOOK.read_text(encoding="utf-8")
    rows = _ROW.findall(text)
    assert [name for name, _ in rows] == [task.removeprefix("extensions/") for task in tasks]
    anchors = {slug(heading) for heading in _HEADING.findall(text)}
    for name, where in rows:
        assert "](" in where, f"{name} leads nowhere"
        assert anchors.issuperset(_ANCHOR.findall(where)), f"{name}: {where}"


def test_recipes_stand_alone():
    """A recipe of the cookbook only needs the page's first lines, and those of its section."""
    text, _, _ = COOKBOOK.read_text(encoding="utf-8").partition("## From the vendor's")
    intro, *parts = re.split(r"^(#{2,3}) (.*)$", text, flags=re.MULTILINE)
    known: dict[int, set[str]] = {}
    for marks, heading, part in zip(
        ["#", *parts[::3]], ["", *parts[1::3]], [intro, *parts[2::3]], strict=True
    ):
        level = len(marks)
        names = {name for upper in range(1, level) for name in known[upper]}
        recipe = _FENCE.findall(part)
        assert recipe or level < 3, f"{heading} has no code"
        for code in (code for kind, code in recipe if kind == "python"):
            names |= defined_names(code)
            assert not used_names(code) - names, heading
        known[level] = names


def defined_names(code: str) -> set[str]:
    """Return the names that code defines, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return names


def used_names(code: str) -> set[str]:
    """Return the names that code reads, other than those of Python."""
    nodes = ast.walk(ast.parse(code))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return used - set(dir(builtins))

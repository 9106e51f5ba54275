"""The floors: code in the core decides without waiting."""

import ast
from pathlib import Path

import pytest

import aconnect._core

MODULES = sorted(Path(aconnect._core.__path__[0]).rglob("*.py"))
WAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)


def is_protocol(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in node.bases)


def waiting(tree: ast.Module) -> list[str]:
    """Return the code in a module that awaits, except the methods of protocols."""
    declared = {
        id(method)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and is_protocol(node)
        for method in node.body
    }
    return [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, WAITING)
        or (isinstance(node, ast.AsyncFunctionDef) and id(node) not in declared)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_core_does_not_wait(path):
    """No module of the core awaits anything or defines a coroutine."""
    assert waiting(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("async def f(): ...", ["line 1"]),
        ("class C:\n    async def f(self): ...", ["line 2"]),
        ("class C(Protocol):\n    async def f(self): ...", []),
        ("class C(Protocol):\n    async def f(self):\n        await g()", ["line 3"]),
    ],
)
def test_awaiting_code_is_found(text, found):
    """Coroutines and `await` count; methods of protocols do not."""
    assert waiting(ast.parse(text)) == found


def test_all_modules_found():
    """All modules of the core are checked."""
    assert len(MODULES) > 10

"""What a Python file imports and creates, without running it.

Decides nothing about kinds. A file that cannot be parsed, because of its errors, its encoding or a
newer syntax, is searched for lines with imports instead.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

_MOST: Final = 4 << 20
"""In bytes; a larger file is data rather than code, and only its beginning is read."""

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?([\w, \t]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
# `warnings.catch_warnings` changes what all threads see, and restores it in the wrong order if two
# of them do it at the same time.
_parsing: Final = threading.Lock()


class Script(Struct, frozen=True):
    """What is known of a Python file."""

    imports: frozenset[str] = frozenset()
    """Modules, and what is imported from them, such as `shiny` and `shiny.App`."""
    objects: Mapping[str, str] = {}
    """The callables that create the objects of the module, such as `fastapi.FastAPI` for `app`."""
    functions: frozenset[str] = frozenset()
    """The functions of the module."""


def read_script(path: Path) -> Script:
    """Return what a Python file imports and creates; raise only if it cannot be read."""
    with path.open("rb") as file:
        return parse_script(file.read(_MOST))


def parse_script(source: bytes) -> Script:
    """Return what Python code imports and creates."""
    try:
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(source)
        return _script(list(_statements(module.body)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Script(frozenset(_imported(decode_leniently(source))))


def decode_leniently(data: bytes) -> str:
    """Return a text whatever its encoding; what is looked for in it is ASCII."""
    is_utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    text = data.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def imports_any(imports: Iterable[str], packages: Iterable[str]) -> str | None:
    """Return the first of these packages that is imported, or has something of it imported.

    `flask` is also imported by `flask_openapi3`, as extensions are named.
    """
    names = tuple(imports)
    for package in packages:
        if any(f"{name}.".startswith((f"{package}.", f"{package}_")) for name in names):
            return package
    return None


def _script(statements: list[ast.stmt]) -> Script:
    origins: dict[str, str] = {}
    objects: dict[str, str] = {}
    imports: set[str] = set()
    for statement in statements:
        origins.update(_bound(statement))
        imports.update(_modules(statement))
        for name, value in _assigned(statement):
            if (origin := _creator(value, origins, objects)) is not None:
                # What wraps it later, such as a middleware, gets the same name.
                objects.setdefault(name, origin)
    functions = {
        statement.name
        for statement in statements
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return Script(frozenset(imports), objects, frozenset(functions))


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also in the blocks that are run when it is imported."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for field in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, field, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _statements(handler.body)


def _bound(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names that an import binds, with what they mean."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            root = alias.name.partition(".")[0]
            yield alias.asname or root, alias.name if alias.asname else root
    elif isinstance(statement, ast.ImportFrom) and not statement.level:
        for alias in statement.names:
            yield alias.asname or alias.name, f"{statement.module}.{alias.name}"


def _modules(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        # A relative import is of a file beside this one.
        prefix = f"{statement.module}." if statement.module else ""
        if statement.module:
            yield statement.module
        yield from (f"{prefix}{alias.name}" for alias in statement.names)


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a statement assigns, with their values."""
    pairs: list[tuple[ast.expr | None, ast.expr | None]] = []
    if isinstance(statement, ast.Assign):
        pairs = [(target, statement.value) for target in statement.targets]
    elif isinstance(statement, ast.AnnAssign):
        pairs = [(statement.target, statement.value)]
    elif isinstance(statement, ast.With):
        pairs = [(item.optional_vars, item.context_expr) for item in statement.items]
    for target, value in pairs:
        if isinstance(target, ast.Name) and value is not None:
            yield target.id, value


def _creator(value: ast.expr, origins: Mapping[str, str], objects: Mapping[str, str]) -> str | None:
    """Return what is called to create a value, or the object whose `app` it is."""
    if isinstance(value, ast.Attribute) and value.attr == "app":
        value = value.value
        if isinstance(value, ast.Name):
            return objects.get(value.id)
    return _dotted(value.func, origins) if isinstance(value, ast.Call) else None


def _dotted(expression: ast.expr, origins: Mapping[str, str]) -> str | None:
    """Return what a name or an attribute means, with the module that it was imported from."""
    if isinstance(expression, ast.Name):
        return origins.get(expression.id)
    if isinstance(expression, ast.Attribute):
        base = _dotted(expression.value, origins)
        return None if base is None else f"{base}.{expression.attr}"
    return None


def _imported(text: str) -> Iterator[str]:
    for module, names, modules in _IMPORT.findall(text):
        if module:
            yield module
            yield from (f"{module}.{name}" for name in _words(names))
        yield from _words(modules)


def _words(names: str) -> Iterator[str]:
    """Yield the names of a list such as `a, b as c`."""
    for part in names.split(","):
        yield from part.split()[:1]

"""What docstrings say about an operation and its arguments, for `--help`.

Reads the section `Args:` of a method, and the docstrings under the fields of a `TypedDict`, which
only the source has. It is not read for anything but help.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, is_typeddict

from aconnect._client.signature import keyword_fields

_SECTION: Final = re.compile(r"^(Args|Returns|Yields|Raises):\n((?:(?: .*)?\n)*)", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"^    (\w+): ", re.MULTILINE)


def description(function: Callable[..., Any]) -> str:
    """Return the docstring of a method without its sections, and that of its keyword fields."""
    texts = [_SECTION.sub("", _docstring(function))]
    fields = keyword_fields(function)
    if fields is not None:
        texts.append(inspect.cleandoc(fields.__doc__ or ""))
    return "\n\n".join(text.strip() for text in texts if text.strip())


def summary(function: Callable[..., Any]) -> str:
    """Return the first sentence of the docstring of a method."""
    return _joined(_docstring(function).partition("\n\n")[0])


def argument_docs(function: Callable[..., Any]) -> dict[str, str]:
    """Return what is documented of the arguments of a method, by name, each on one line."""
    docs: dict[str, str] = {}
    fields = keyword_fields(function)
    if fields is not None:
        docs.update(_field_docs(fields.__module__, fields.__name__))
    sections = dict(_SECTION.findall(_docstring(function)))
    words = _ARGUMENT.split(sections.get("Args", ""))
    docs.update(zip(words[1::2], map(_joined, words[2::2]), strict=True))
    return docs


def _docstring(function: Callable[..., Any]) -> str:
    return f"{inspect.getdoc(function) or ''}\n"


def _joined(text: str) -> str:
    return " ".join(text.split())


@functools.cache
def _field_docs(module: str, name: str) -> dict[str, str]:
    """Return the docstrings under the fields of a class and of its bases."""
    found = _classes(module).get(name)
    if found is None:
        # It is imported, or there is no source.
        origin = getattr(sys.modules[module], name, None)
        home = getattr(origin, "__module__", module)
        return _field_docs(home, name) if is_typeddict(origin) and home != module else {}
    docs: dict[str, str] = {}
    for base in found.bases:
        if isinstance(base, ast.Name):
            docs.update(_field_docs(module, base.id))
    for field, text in pairwise(found.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=attribute)),
                ast.Expr(value=ast.Constant(value=str(doc))),
            ):
                docs[attribute] = _joined(doc)
            case _:
                pass
    return docs


@functools.cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    try:
        source = inspect.getsource(sys.modules[module])
    except (OSError, TypeError):
        return {}
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}

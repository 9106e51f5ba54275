"""Environment variables of content on the command line, and in files.

Decides how they are written. No message contains a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from aconnect.cli.options import decode_text

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)", re.DOTALL)
_SINGLE: Final = re.compile(r"'([^']*)'\s*(#.*)?")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(#.*)?')
_COMMENT: Final = re.compile(r"(^|\s)#.*")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def read_variables(texts: Iterable[str], files: Iterable[Path]) -> dict[str, str]:
    """Return the variables of `--env` and `--env-file`; the former win.

    A name without a value means the variable of this process.
    """
    values: dict[str, str] = {}
    for file in files:
        values |= _read_file(file)
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise click.UsageError("--env: write NAME=VALUE, or NAME for the variable of the shell")
        if not equals:
            if name not in os.environ:
                raise click.UsageError(
                    f"--env {name}: the environment of this command has no {name}; set it, or pass "
                    f"--env {name}=VALUE"
                )
            value = os.environ[name]
        values[name] = value
    return values


def _read_file(path: Path) -> dict[str, str]:
    """Read lines of NAME=VALUE; a value may be in quotes, and `#` begins a comment."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.UsageError(
            f"--env-file: cannot read {path}: {error.strerror or error}"
        ) from error
    values: dict[str, str] = {}
    for number, line in enumerate(decode_text(data, str(path)).split("\n"), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        value = None if found is None else _value(found[2])
        if found is None or value is None:
            raise click.UsageError(
                f"--env-file: line {number} of {path} is not NAME=VALUE; a value may be in single "
                "or double quotes, and has only one line"
            )
        values[found[1]] = value
    return values


def _value(text: str) -> str | None:
    """Return the value that a line contains; None if its quotes do not match."""
    if text.startswith("'"):
        single = _SINGLE.fullmatch(text)
        return None if single is None else single[1]
    if text.startswith('"'):
        double = _DOUBLE.fullmatch(text)
        if double is None:
            return None
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), double[1])
    return _COMMENT.sub("", text).strip()

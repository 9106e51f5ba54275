"""Environment variables of content on the command line, and in files.

Decides how they are written. No message contains a value.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from aconnect._core.dotenv import parse_dotenv
from aconnect.cli.options import decode_text


def read_variables(
    texts: Iterable[str], files: Iterable[Path] = (), *, option: str = "--env"
) -> dict[str, str]:
    """Return the variables of an option such as `--env`, and of `--env-file`; the former win.

    A name without a value means the variable of this process.
    """
    values: dict[str, str] = {}
    for file in files:
        values |= _read_file(file)
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise click.UsageError(
                f"{option}: write NAME=VALUE, or NAME for the variable of the shell"
            )
        if not equals:
            if name not in os.environ:
                raise click.UsageError(
                    f"{option} {name}: the environment of this command has no {name}; set it, or "
                    f"pass {option} {name}=VALUE"
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
    try:
        return parse_dotenv(decode_text(data, str(path)))
    except ValueError as error:
        raise click.UsageError(f"--env-file: {path}: {error}") from error

"""Files with environment variables, as lines of NAME=VALUE."""

from __future__ import annotations

import re
from typing import Final

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)", re.DOTALL)
_SINGLE: Final = re.compile(r"'([^']*)'\s*(#.*)?")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(#.*)?')
_COMMENT: Final = re.compile(r"(^|\s)#.*")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def parse_dotenv(text: str) -> dict[str, str]:
    """Read lines of NAME=VALUE; a value may be in quotes, and `#` begins a comment.

    Raise `ValueError`, which quotes nothing of the text, for any other line.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        assignment = line.strip()
        if not assignment or assignment.startswith("#"):
            continue
        found = _LINE.fullmatch(assignment)
        value = None if found is None else _value(found[2])
        if found is None or value is None:
            raise ValueError(
                f"line {number} is not NAME=VALUE; a value may be in single or double quotes, and "
                "has only one line"
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

"""Patterns in the syntax of `.gitignore`, and which names they match.

Decides what one list of patterns says about one name, as Git does: the last pattern that matches
decides, `!` negates, and a pattern for a folder says nothing about what is below it. What follows
for the files in a folder that is left out is decided in `files`.

pathspec translates the patterns. Its own matching is not used, because it also matches everything
below a folder, and then cannot tell which of two patterns for a folder came last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from aconnect._client.files import reason as why
from aconnect.errors import InvalidArgumentError

# Later ones override earlier ones.
IGNORE_FILES: Final = (".gitignore", ".positignore", ".rscignore")

_WILDCARDS: Final = re.compile(r"[*?\[\\]")
# pathspec does not know them.
_CLASSES: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_NAMELESS: Final = re.compile(r"[*?./]*")
_GROUP_NAME: Final = re.compile(r"\(\?P<\w+>")


class Pattern(NamedTuple):
    """One line of an ignore file."""

    text: str
    """As it is written."""
    is_negated: bool
    is_for_folders: bool
    by_name: bool
    """It has no `/`, and is compared with the last part of a path only."""
    regex: re.Pattern[str]
    core: str
    """Without `!` and the `/` at its end."""

    def matches(self, path: str, name: str, *, is_folder: bool) -> bool:
        """Return whether it matches this path itself, and not only a folder above it."""
        if self.is_for_folders and not is_folder:
            return False
        found = self.regex.search(name if self.by_name else path)
        # Of a path below a folder that matches, pathspec marks the folder's `/` as a group.
        return found is not None and found.lastgroup is None

    def names(self, *, with_folder: bool = True) -> bool:
        """Return whether it has more than wildcards: in its last part, or with its folders."""
        return not _NAMELESS.fullmatch(self.core if with_folder else self.core.rpartition("/")[2])

    @property
    def is_literal(self) -> bool:
        return not self.is_negated and not _WILDCARDS.search(self.core)


class Patterns:
    """A list of patterns, such as the lines of one ignore file.

    Args:
        lines: The patterns, in their order.
        origin: Where they are from, for messages, such as `.gitignore`.
        below: The folder that they apply to, relative to the top, ending with `/`; `""` is the top.
        above: For patterns of a folder above the top: the path of the top in it, ending with `/`.
    """

    def __init__(
        self, lines: Iterable[str], *, origin: str = "", below: str = "", above: str = ""
    ) -> None:
        self.items: Final = [pattern for line in lines if (pattern := _parse(line)) is not None]
        self._origin = origin
        self._cut = len(below)
        self._above = above
        self._any_by_name = _union(pattern for pattern in self.items if pattern.by_name)
        self._any_by_path = _union(pattern for pattern in self.items if not pattern.by_name)
        self._prefixes: list[Pattern] | None = None

    def last_match(self, path: str, *, is_folder: bool) -> int | None:
        """Return the index of the last pattern that matches a path, relative to the top."""
        if not self.items:
            return None
        name = path[path.rfind("/") + 1 :]
        path = self._above + path[self._cut :]
        # Most names match nothing, and one search finds that out.
        if not (self._any_by_name(name) or self._any_by_path(path)):
            return None
        for index in range(len(self.items) - 1, -1, -1):
            if self.items[index].matches(path, name, is_folder=is_folder):
                return index
        return None

    def says(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether they select a path, or None if no pattern matches."""
        index = self.last_match(path, is_folder=is_folder)
        return None if index is None else not self.items[index].is_negated

    def describe(self, index: int) -> str:
        text = self.items[index].text
        return f"{self._origin}: {text}" if self._origin else text

    def may_select(self, folder: str) -> bool:
        """Return whether a pattern may match something below a folder."""
        by_name = any(pattern.by_name and not pattern.is_negated for pattern in self.items)
        return by_name or self.reach(folder)

    def reach(self, folder: str) -> bool:
        """Return whether a pattern with a path may match something below a folder."""
        if self._prefixes is None:
            self._prefixes = [prefix for pattern in self.items for prefix in _prefixes(pattern)]
        return any(prefix.matches(folder, "", is_folder=True) for prefix in self._prefixes)


def patterns_in(path: str, name: str, entries: Container[str]) -> list[Patterns]:
    """Return the patterns of the ignore files in a folder, those that decide first."""
    return [
        Patterns(lines, origin=name + file, below=name)
        for file in reversed(IGNORE_FILES)
        if file in entries and (lines := _lines(Path(path, file), name + file))
    ]


def patterns_above(root: Path) -> tuple[Patterns, ...]:
    """Return the patterns of the folders above, up to that of the repository."""
    found: list[Patterns] = []
    for folder in (root, *root.parents):
        if folder != root:
            above = root.relative_to(folder).as_posix()
            origin = "../" * (above.count("/") + 1) + ".gitignore"
            lines = _lines(folder / ".gitignore", origin)
            found.append(Patterns(lines, origin=origin, above=f"{above}/"))
        if os.path.exists(folder / ".git"):  # noqa: PTH110  Path.exists may raise
            return tuple(found)
    return ()


def _lines(path: Path, name: str) -> list[str]:
    """Return the lines of an ignore file, if it is a file."""
    if not os.path.isfile(path):  # noqa: PTH113  Path.is_file may raise
        return []
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {name}: {why(error)}") from error
    if b"\0" in data:
        raise InvalidArgumentError(
            f"{name} is not UTF-8 text, so its rules would be ignored; save it as UTF-8"
        )
    # Bytes that are not UTF-8 are decoded as in the names of files.
    text = data.decode("utf-8-sig", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _parse(line: str) -> Pattern | None:
    """Return a pattern, or None for an empty line, a comment, and what Git never matches."""
    text = line.rstrip(" ")
    if text != line and (len(text) - len(text.rstrip("\\"))) % 2:
        text += " "  # escaped
    if text.startswith("#"):
        return None
    core = text.removeprefix("!")
    is_negated = core != text
    is_for_folders = core.endswith("/")
    core = core.removesuffix("/")
    if not core or core.endswith("/"):
        return None
    regex = _translate(f"\\{core}" if core[0] in "!#" else core)
    if regex is None:
        return None
    return Pattern(text, is_negated, is_for_folders, "/" not in core, regex, core)


def _translate(core: str) -> re.Pattern[str] | None:
    # Imported late, because most programs never deploy anything.
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    for name, characters in _CLASSES.items():
        core = core.replace(f"[:{name}:]", characters)
    # Python warns of `[` in a set, which may get another meaning.
    core = core.replace("[[]", r"\[")
    try:
        pattern = GitIgnoreSpec.from_lines([core]).patterns[0]
    except (ValueError, re.error, FutureWarning):  # such as `[z-a]`
        return None
    regex: re.Pattern[str] | None = getattr(pattern, "regex", None)
    return regex


def _union(patterns: Iterable[Pattern]) -> Callable[[str], re.Match[str] | None]:
    """Return a search that finds something wherever one of the patterns does."""
    sources = [f"(?:{_GROUP_NAME.sub('(', pattern.regex.pattern)})" for pattern in patterns]
    # An empty character class never matches.
    return re.compile("|".join(sources) or r"[^\s\S]").search


def _prefixes(pattern: Pattern) -> list[Pattern]:
    """Return patterns for the folders that something selected by a pattern may be in."""
    if pattern.by_name or pattern.is_negated:
        return []
    found: list[Pattern] = []
    parts = pattern.core.removeprefix("/").split("/")
    for count in range(1, len(parts)):
        prefix = _parse("/" + "/".join(parts[:count]))
        if prefix is not None:
            found.append(prefix)
        if parts[count - 1] == "**":
            break
    return found

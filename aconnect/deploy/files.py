"""Which files of a directory belong into a bundle, and why the others do not."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class SourceFile(Struct, frozen=True):
    """A file that belongs into the bundle."""

    name: str
    """In the bundle, with `/` between folders."""
    path: Path
    """Where it is read."""
    size: int
    """In bytes, when it was found."""


class Excluded(Struct, frozen=True):
    """A file or folder that was left out."""

    name: str
    """Relative to the directory; a folder ends with `/`, and its content is not listed."""
    reason: str
    """Such as `.gitignore: *.log`, or `may contain a secret`."""
    is_secret: bool = False
    """Whether users should be told, because their content may need it."""


class Selection(Struct, frozen=True):
    """The files of a directory, in the order of their names, and what was left out."""

    files: tuple[SourceFile, ...]
    excluded: tuple[Excluded, ...] = ()

    @property
    def size(self) -> int:
        """The total size of the files, in bytes."""
        return sum(file.size for file in self.files)

"""Which files of a directory belong in a bundle, and why the others do not.

Decides what is left out: what ignore files name, caches and other files that no bundle needs,
virtual environments, and what may be secret. Refuses what cannot be packed, such as a link that
leaves the directory. What a pattern matches is decided in `ignore`, what may be secret in `guard`.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from msgspec import Struct

from aconnect._client.files import reason as why
from aconnect._core.text import some_of
from aconnect.deploy.project.guard import (
    has_password,
    password_warning,
    secret_by_content,
    secret_by_name,
)
from aconnect.deploy.project.ignore import Patterns, patterns_above, patterns_in
from aconnect.deploy.project.unneeded import (
    ENVIRONMENT,
    ENVIRONMENT_PARTS,
    is_environment,
    unneeded,
)
from aconnect.errors import InvalidArgumentError

MANIFEST: Final = "manifest.json"

_MAX_LINKED: Final = 1000


class SourceFile(Struct, frozen=True):
    """A file that belongs in the bundle."""

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
    """Such as ``.gitignore: *.log`` or ``may contain a secret: credentials``."""
    is_secret: bool = False
    """Whether it may be secret; users are warned, because the content may need it."""


class Selection(Struct, frozen=True):
    """The files of a directory, in the order of their names, and what was left out."""

    files: tuple[SourceFile, ...]
    excluded: tuple[Excluded, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the user should know, one sentence each."""

    @property
    def size(self) -> int:
        """The total size of the files, in bytes."""
        return sum(file.size for file in self.files)


def select(
    directory: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    patterns: Sequence[str] | None = None,
) -> Selection:
    """Return the files of a directory that belong in its bundle.

    Ignore files (`.gitignore`, also those of the repository above the directory, `.positignore`
    and `.rscignore`) apply as in Git. All arguments are patterns in the same syntax.

    Args:
        directory: The folder. Rules that ignore the folder itself, or one above it, do not count.
        include: Files to select although a rule leaves them out, also in a folder that is left out.
            Those that may be secret, or that no bundle needs, must be named: `*` does not select
            them.
        exclude: Files to leave out as well, as by lines at the end of the last ignore file.
        patterns: If given, only what they match is selected, as in the `files` of Posit Publisher,
            and ignore files are not read. A name without wildcards selects that file also if it may
            be secret.

    Raises:
        InvalidArgumentError: The directory cannot be read or nothing is selected; or something
            selected is a link that leaves it, a loop of links, a FIFO, a socket or a device, cannot
            be read, or has a name that is not UTF-8 or contains a backslash.
    """
    try:
        root = os.path.realpath(directory, strict=True)
        if not os.path.isdir(root):  # noqa: PTH112  Path.is_dir may raise
            raise NotADirectoryError(0, "it is not a folder")
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"cannot read {str(directory)!r}: {why(error)}; pass an existing folder"
        ) from error
    walk = _Walk(root, include, exclude, patterns)
    walk.run()
    files = sorted(walk.files, key=lambda file: file.name)
    excluded = sorted(walk.excluded, key=lambda left_out: left_out.name)
    if not files:
        _refuse_empty(directory, excluded)
    warnings = (*map(password_warning, sorted(walk.passwords)), *_collisions(files))
    return Selection(tuple(files), tuple(excluded), warnings)


class _Folder(NamedTuple):
    name: str
    """Empty for the top, else it ends with `/`."""
    path: str
    """Without links."""
    ignored: tuple[Patterns, ...]
    """The patterns of ignore files, those that decide first."""
    choice: tuple[int, bool]
    """The last pattern that matches it or a folder above, and whether that selects."""
    is_left_out: bool = False
    """Whether only files that `include` names are selected."""
    is_guarded: bool = False
    """Whether it is left out because it may be secret, or is needed by no bundle."""
    is_named: bool = False
    """Whether `include` names it."""
    linked_from: tuple[str, ...] = ()
    """The folders with the links that lead here."""


class _Walk:
    """One walk through a directory, from the top, into no folder that is left out."""

    def __init__(
        self,
        root: str,
        include: Sequence[str],
        exclude: Sequence[str],
        patterns: Sequence[str] | None,
    ) -> None:
        self._root = root
        self._exclude = Patterns(exclude, origin="exclude")
        self._patterns = None if patterns is None else Patterns(patterns, origin="files")
        named = () if self._patterns is None else self._patterns.items
        self._include = Patterns([*(one.text for one in named if one.is_literal), *include])
        # What may select something in a folder that is left out.
        self._into = Patterns(one.text for one in self._include.items if one.names())
        self._linked = 0
        self.files: list[SourceFile] = []
        self.excluded: list[Excluded] = []
        self.passwords: list[str] = []

    def run(self) -> None:
        above = () if self._patterns is not None else patterns_above(Path(self._root))
        folders = [_Folder("", self._root, above, (-1, self._patterns is None))]
        while folders:
            folders += self._scan(folders.pop())

    def _scan(self, folder: _Folder) -> Iterable[_Folder]:
        """Sort out the entries of a folder; return the folders to go on with."""
        try:
            with os.scandir(folder.path) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self._refuse(folder.name or self._root, f"cannot be listed: {why(error)}", error)
        names = {entry.name for entry in entries}
        if folder.name and not (folder.is_named or folder.is_left_out):
            if is_environment(folder.path, names):
                self._leave_out(folder.name, ENVIRONMENT)
                if not self._into.reach(folder.name[:-1]):
                    return ()
                folder = folder._replace(is_left_out=True, is_guarded=True)
        elif not folder.name and "pyvenv.cfg" in names:
            entries = self._without_environment(entries)
        if self._patterns is None:
            found = patterns_in(folder.path, folder.name, names)
            folder = folder._replace(ignored=(*found, *folder.ignored))
        below = (self._sort_out(folder, entry) for entry in entries)
        return [found for found in below if found is not None]

    def _without_environment(self, entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """Leave out the environment that the top consists of, beside the files of the project."""
        others: list[os.DirEntry[str]] = []
        for entry in entries:
            if entry.name in ENVIRONMENT_PARTS and not self._into.reach(entry.name):
                self._leave_out(entry.name + "/" * entry.is_dir(), ENVIRONMENT)
            else:
                others.append(entry)
        return others

    def _sort_out(self, folder: _Folder, entry: os.DirEntry[str]) -> _Folder | None:
        """Select an entry or leave it out; return the folder to go on with, if it is one."""
        name = folder.name + entry.name
        if name == MANIFEST:
            return None
        is_folder = _is_folder(entry)
        is_included, is_named = self._included(folder, name, is_folder)
        is_selected = is_named if folder.is_guarded else is_included
        is_left_out = folder.is_left_out and not is_selected
        is_guarded = is_left_out and folder.is_guarded
        choice = self._choice(folder, name, is_folder)
        if not (is_named or is_left_out):
            problem = _guard(name, is_folder)
            is_guarded = problem is not None
            if not (is_guarded or is_included):
                may_descend = is_folder and not entry.is_symlink()
                problem = self._judge(folder, name, choice, is_folder, may_descend)
            if problem is not None:
                self._leave_out(name + "/" * is_folder, *problem)
                is_left_out = True
        if is_left_out and not (is_folder and self._into.reach(name)):
            return None
        path, linked_from = entry.path, folder.linked_from
        if entry.is_symlink():
            if is_left_out:
                return None
            path = self._target(folder, name, path, is_named)
            if not path:
                return None
            linked_from = (*linked_from, folder.path)
        if not is_folder:
            self._add(name, path, is_named)
            return None
        below = (is_left_out, is_guarded, is_named)
        return _Folder(f"{name}/", path, folder.ignored, choice, *below, linked_from)

    def _included(self, folder: _Folder, name: str, is_folder: bool) -> tuple[bool, bool]:
        """Return whether `include` matches an entry, and whether by more than wildcards."""
        index = self._include.last_match(name, is_folder=is_folder)
        if index is None or (pattern := self._include.items[index]).is_negated:
            return False, False
        return True, pattern.names(with_folder=folder.is_guarded)

    def _choice(self, folder: _Folder, name: str, is_folder: bool) -> tuple[int, bool]:
        if self._patterns is None:
            return folder.choice
        index = self._patterns.last_match(name, is_folder=is_folder)
        if index is None or index < folder.choice[0]:
            return folder.choice
        return index, not self._patterns.items[index].is_negated

    def _judge(
        self,
        folder: _Folder,
        name: str,
        choice: tuple[int, bool],
        is_folder: bool,
        may_descend: bool,
    ) -> tuple[str, bool] | None:
        """Return the rule that leaves out an entry, and False: it is not left out as a secret."""
        for patterns in (self._exclude, *folder.ignored):
            index = patterns.last_match(name, is_folder=is_folder)
            if index is not None:
                if patterns.items[index].is_negated:
                    break
                return patterns.describe(index), False
        index, is_chosen = choice
        if self._patterns is None or is_chosen or (may_descend and self._patterns.may_select(name)):
            return None
        return ("no pattern matches" if index < 0 else self._patterns.describe(index)), False

    def _target(self, folder: _Folder, name: str, link: str, is_named: bool) -> str:
        """Return what a link leads to, or nothing if that is left out."""
        try:
            path = os.path.realpath(link, strict=True)
        except OSError as error:
            self._refuse(name, f"is a link that leads nowhere: {why(error)}", error)
        if not _is_within(path, self._root):
            self._refuse(name, f"is a link that leaves the directory, to {path}")
        is_folder = os.path.isdir(path)  # noqa: PTH112  a path as text
        if not is_named and (problem := self._judge_target(path, is_folder)):
            self._leave_out(name + "/" * is_folder, *problem)
            return ""
        if is_folder:
            self._linked += 1
            if any(_is_within(inner, path) for inner in (folder.path, *folder.linked_from)):
                self._refuse(name, f"is a link to {path}, which contains it, and so has no end")
            if self._linked > _MAX_LINKED:
                self._refuse(name, f"is one of more than {_MAX_LINKED} links to folders")
        return path

    def _judge_target(self, path: str, is_folder: bool) -> tuple[str, bool] | None:
        """Return why the target of a link is left out: no link is a way around the guard."""
        parts = Path(path).relative_to(self._root).parts
        target = "/".join(parts)
        for count in range(1, len(parts) + 1):
            name = "/".join(parts[:count])
            if problem := _guard(name, is_folder or count < len(parts)):
                return f"a link to {target}: {problem[0]}", problem[1]
        if os.path.isfile(path) and (secret := secret_by_content(path, path)):  # noqa: PTH113
            return f"a link to {target}: {secret}", True
        return None

    def _add(self, name: str, path: str, is_named: bool) -> None:
        try:
            status = os.stat(path)  # noqa: PTH116  a path as text, for speed
            if not stat.S_ISREG(status.st_mode):
                self._refuse(name, f"is {_kind(status.st_mode)}, which cannot be packed")
            if not os.access(path, os.R_OK):
                self._refuse(name, "cannot be read: you have no permission")
            secret = None if is_named else secret_by_content(name, path)
        except OSError as error:
            self._refuse(name, f"cannot be read: {why(error)}", error)
        if secret is not None:
            self._leave_out(name, secret, is_secret=True)
            return
        if not name.isascii():
            try:
                name.encode()
            except UnicodeEncodeError as error:
                self._refuse(name, "has a name that is not UTF-8; rename it", error)
        if not is_named and has_password(name, path):
            self.passwords.append(name)
        if "\\" in name:
            self._refuse(name, "has a backslash in its name, which separates folders on Windows")
        self.files.append(SourceFile(name, Path(path), status.st_size))

    def _leave_out(self, name: str, reason: str, is_secret: bool = False) -> None:
        # It is shown and written as JSON, whatever is in it.
        name = name.encode(errors="backslashreplace").decode()
        self.excluded.append(Excluded(name, reason, is_secret))

    def _refuse(self, name: str, problem: str, cause: Exception | None = None) -> NoReturn:
        raise InvalidArgumentError(
            f"{name!r} in {self._root!r} {problem}. Remove it, replace it with a copy, or leave it "
            "out: with exclude=, or a line in .rscignore"
        ) from cause


def _guard(name: str, is_folder: bool) -> tuple[str, bool] | None:
    """Return why an entry is left out unless it is named, and whether because of secrets."""
    if secret := secret_by_name(name, is_folder=is_folder):
        return secret, True
    if reason := unneeded(name, is_folder=is_folder):
        return reason, False
    return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((kind for is_kind, kind in kinds if is_kind(mode)), "a device")


def _collisions(files: Iterable[SourceFile]) -> tuple[str, ...]:
    """Warn of names that are one on other systems; a server has Linux, where they are two."""
    seen: dict[str, str] = {}
    pairs: list[str] = []
    for file in files:
        key = file.name.casefold()
        if not key.isascii():
            key = unicodedata.normalize("NFC", key)
        other = seen.setdefault(key, file.name)
        if other != file.name:
            pairs.append(f"{other} / {file.name}")
    if not pairs:
        return ()
    warning = (
        "the server keeps these files apart, but Windows and macOS do not: only the case or "
        f"the Unicode form of their names differs: {some_of(pairs)}"
    )
    return (warning,)


def _refuse_empty(directory: Path, excluded: Sequence[Excluded]) -> NoReturn:
    if not excluded:
        raise InvalidArgumentError(f"{str(directory)!r} has no files; pass the folder with them")
    shown = some_of([f"{one.name} ({one.reason})" for one in excluded])
    raise InvalidArgumentError(
        f"everything in {str(directory)!r} is left out: {shown}; change the rules, or pass include="
    )

"""A project: what a directory is, which files belong in its bundle, and its manifest.

Decides whether an existing manifest is used, and what the user is warned of. What a directory is,
which files are selected and what it needs is decided in `kinds`, `files` and `environment`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from anyio import to_thread
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core.guards import is_dict
from aconnect._core.text import decode_text, some_of
from aconnect.deploy.project import documents
from aconnect.deploy.project.detection import detect
from aconnect.deploy.project.environment import Inspection, inspect
from aconnect.deploy.project.files import MANIFEST, Excluded, Selection, SourceFile, select
from aconnect.deploy.project.guard import has_password, password_warning, secret_in
from aconnect.deploy.project.ignore import Patterns
from aconnect.deploy.project.kinds import (
    PROJECT_FILES,
    Detected,
    find_kind,
    is_quarto_project,
)
from aconnect.deploy.project.manifest import read_manifest
from aconnect.errors import FileError, InvalidArgumentError

PYPROJECT: Final = "pyproject.toml"

_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_NOT_HERE: Final = re.compile(r"\s*(-r|-e|-c|--requirement|--editable|\.)")


class Project(Struct, frozen=True, kw_only=True):
    """What would be sent of a directory; it is not packed yet."""

    directory: Path
    detected: Detected | None
    """None if the directory has a manifest, which is used as it is."""
    manifest: Mapping[str, Any]
    """That of the directory, unchanged; or a new one without `files`, which are added with their
    checksums when they are packed."""
    files: tuple[SourceFile, ...]
    """Without the manifest."""
    manifest_text: bytes | None = None
    """The text of the directory's manifest as it was read; None if it has none."""
    generated: Mapping[str, bytes] = {}
    """Files that are not in the directory, such as a `requirements.txt` made of a lock file."""
    excluded: tuple[Excluded, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the user should know, one sentence each."""
    title: str | None = None
    """The title that was passed, or that of the document."""

    @property
    def app_mode(self) -> str:
        """The type of the content, as the server names it."""
        return str(self._part("metadata").get("appmode", ""))

    @property
    def entrypoint(self) -> str | None:
        """The entry point, if the manifest has one."""
        metadata = self._part("metadata")
        names = ("entrypoint", "primary_rmd", "primary_html")
        return next((str(metadata[name]) for name in names if metadata.get(name)), None)

    @property
    def environment(self) -> dict[str, str]:
        """What it needs on the server: versions, and where its packages are listed."""
        python = self._part("python")
        manager = python.get("package_manager")
        quarto = self._part("quarto")
        packages = self._part("packages")
        values = {
            "Python": python.get("version"),
            "Python required": _get(self._part("environment"), "python", "requires"),
            "Requirements": _get(manager, "package_file"),
            "R": self.manifest.get("platform"),
            "R packages": len(packages) or None,
            "Quarto": quarto.get("version"),
            "Quarto engines": ", ".join(map(str, quarto.get("engines") or ())),
            "Node.js": self._part("node").get("version"),
        }
        return {name: str(value) for name, value in values.items() if value}

    @property
    def size(self) -> int:
        """The total size of the files, in bytes, before compression."""
        return sum(file.size for file in self.files) + sum(map(len, self.generated.values()))

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self.manifest.get(name)
        return part if is_dict(part) else {}


async def prepare(
    directory: str | Path,
    *,
    kind: str | None = None,
    entrypoint: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    patterns: Sequence[str] | None = None,
    python: str | None = None,
    requirements: str | None = None,
    title: str | None = None,
    timeout: float = 120.0,
) -> Project:
    """Return what would be sent of a directory; none of its code is run, and nothing is written.

    A `manifest.json` at its top is used as it is, with the files that it lists.

    Args:
        directory: The directory.
        kind: The type of the content, such as `fastapi`; the names that the server and Posit
            Publisher use are accepted as well. By default it is detected.
        entrypoint: The entry point, such as `app:app` or `report.qmd`. By default it is detected.
        include: Patterns of files to send although a rule leaves them out, such as ``.env``.
        exclude: Patterns of files to leave out as well.
        patterns: Patterns of the only files to send, as in the `files` of Posit Publisher.
        python: The interpreter whose version is sent; it needs rsconnect-python. By default the one
            that runs this.
        requirements: The file with the requirements of Python. By default `requirements.txt`,
            `uv.lock` or `pyproject.toml`.
        title: The title for new content. By default that of the document.
        timeout: Seconds for each process that is run to inspect the environment.

    Raises:
        InvalidArgumentError: The directory is of no known type or could be several, its packages
            are not known, something in it cannot be sent, or its manifest is invalid or contradicts
            an argument; the message says what to do.
        MissingExtraError: It needs rsconnect-python, which is not installed.
        InspectionError: Its environment could not be inspected.
        FileError: A file cannot be read.
    """
    directory = Path(directory)
    given = await to_thread.run_sync(partial(read_project, directory), abandon_on_cancel=True)
    if given is not None:
        options = {
            "include": include,
            "exclude": exclude,
            "patterns": patterns,
            "python": python,
            "requirements": requirements,
        }
        _check_options(given, kind, entrypoint, options)
        return msgspec.structs.replace(given, title=title)
    selection, detected = await to_thread.run_sync(
        partial(_survey, directory, kind, entrypoint, include, exclude, patterns),
        abandon_on_cancel=True,
    )
    inspection = await inspect(
        directory,
        frozenset(file.name for file in selection.files),
        detected,
        python=python,
        requirements=requirements,
        timeout=timeout,
    )
    return await to_thread.run_sync(
        partial(_project, directory, selection, detected, inspection, title)
    )


def read_project(directory: Path) -> Project | None:
    """Return the project that a manifest describes; None if the directory has no manifest."""
    found = read_manifest(directory)
    if found is None:
        return None
    return Project(
        directory=directory,
        detected=None,
        manifest=found.value,
        manifest_text=found.text,
        files=found.files,
        warnings=tuple(filter(None, map(_exposed, found.files))),
    )


def _exposed(file: SourceFile) -> str | None:
    """Return a warning if a file that a manifest lists may be secret or has a password."""
    try:
        if why := secret_in(file.name, str(file.path)):
            return (
                f"{MANIFEST} lists {file.name} ({why}), so it is sent, and everybody can read it "
                "who may download the bundle; remove it from the manifest if that is not intended"
            )
        has = has_password(file.name, str(file.path))
    except OSError as error:
        raise FileError(f"cannot read {file.name!r}: {reason(error)}") from error
    return password_warning(file.name) if has else None


def _check_options(
    given: Project, kind: str | None, entrypoint: str | None, options: Mapping[str, Any]
) -> None:
    """Raise if an argument contradicts the manifest of the directory."""
    wrong = [f"{name}=" for name, value in options.items() if value]
    if kind is not None and find_kind(kind).app_mode != given.app_mode:
        wrong.append("kind=")
    if entrypoint not in {None, given.entrypoint}:
        wrong.append("entrypoint=")
    if wrong:
        raise InvalidArgumentError(
            f"{given.directory} has a {MANIFEST} (type {given.app_mode or 'unknown'}, entry point "
            f"{given.entrypoint or 'unknown'}), which is used as it is; change or remove it, or do "
            f"not pass {' and '.join(wrong)}"
        )


def _survey(
    directory: Path,
    kind: str | None,
    entrypoint: str | None,
    include: Sequence[str],
    exclude: Sequence[str],
    patterns: Sequence[str] | None,
) -> tuple[Selection, Detected]:
    """Select the files of a directory, and return what it is."""
    selection = select(directory, include=include, exclude=exclude, patterns=patterns)
    names = frozenset(file.name for file in selection.files)
    try:
        detected = detect(directory, names, kind=kind, entrypoint=entrypoint)
    except InvalidArgumentError as error:
        if left_out := some_of([f"{one.name} ({one.reason})" for one in selection.excluded]):
            error.add_note(f"Left out of {directory}: {left_out}")
        raise
    if detected.kind.language == "quarto":
        selection = _without_rendered(directory, selection, names, detected)
    elif detected.kind.language == "html":
        chosen = Patterns([*(patterns or ()), *include])
        if not chosen.says(PYPROJECT, is_folder=False):
            selection = _without(selection, {PYPROJECT: "configuration, which visitors could read"})
    return selection, detected


def _without_rendered(
    directory: Path, selection: Selection, names: Collection[str], detected: Detected
) -> Selection:
    """Leave out what Quarto made of the documents here, because the server renders them again."""
    inputs, folder = [detected.entrypoint or ""], None
    if is_quarto_project(names):
        inputs = documents.project_inputs(names)
        file = next(name for name in PROJECT_FILES if name in names)
        folder = documents.output_folder(directory / file)
    return _without(selection, documents.rendered(names, inputs, folder))


def _without(selection: Selection, gone: Mapping[str, str]) -> Selection:
    """Leave out the files with these names, for these reasons."""
    files = [file for file in selection.files if file.name not in gone]
    excluded = [
        *selection.excluded,
        *(Excluded(one.name, gone[one.name]) for one in selection.files if one.name in gone),
    ]
    return msgspec.structs.replace(
        selection,
        files=tuple(files),
        excluded=tuple(sorted(excluded, key=lambda one: one.name)),
    )


def _project(
    directory: Path,
    selection: Selection,
    detected: Detected,
    inspection: Inspection,
    title: str | None,
) -> Project:
    files = tuple(file for file in selection.files if file.name not in inspection.generated)
    start = detected.entrypoint or ""
    if title is None and start.lower().endswith((".qmd", ".rmd")):
        title = documents.read_document(directory / start).title
    secrets = tuple(secret_warning(one) for one in selection.excluded if one.is_secret)
    missing = _missing_package(detected, inspection, selection)
    return Project(
        directory=directory,
        detected=detected,
        manifest=inspection.manifest,
        files=files,
        generated=inspection.generated,
        excluded=selection.excluded,
        warnings=(*secrets, *selection.warnings, *missing, *inspection.warnings),
        title=title,
    )


def secret_warning(left_out: Excluded) -> str:
    """Return what the user should know about a file that may contain a secret."""
    return (
        f"{left_out.name} was left out ({left_out.reason}); if the content needs it, set its "
        f"values as environment variables of the content, or pass include= with {left_out.name}"
    )


def _missing_package(
    detected: Detected, inspection: Inspection, selection: Selection
) -> tuple[str, ...]:
    """Warn if the requirements do not have the package by which the kind was recognized."""
    name = _get(inspection.manifest.get("python"), "package_manager", "package_file")
    if detected.package is None or name is None:
        return ()
    paths = [file.path for file in selection.files if file.name == name]
    try:
        content = inspection.generated.get(str(name)) or paths[0].read_bytes()
        lines = decode_text(content).splitlines()
    except (OSError, UnicodeError) as error:
        raise FileError(f"cannot read the requirements in {name}: {error}") from error
    if any(_NOT_HERE.match(line) for line in lines):
        return ()
    names = [found[1] for line in lines if (found := _REQUIREMENT.match(line)) is not None]
    normal = [re.sub(r"[._-]+", "-", one).lower() for one in names]
    package = detected.package.partition(".")[0]
    # An extension has the package itself among its requirements.
    if any(f"{one}-".startswith(f"{package}-") for one in normal):
        return ()
    return (f"{name} does not list {package}, which the content imports",)


def _get(value: Any, *names: str) -> Any:
    """Return what is at a path of nested objects; None if there is nothing."""
    for name in names:
        value = value.get(name) if is_dict(value) else None
    return value

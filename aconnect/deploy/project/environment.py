"""What a project needs on the server: the parts of its manifest besides the files.

Decides which file has the requirements, which processes are run to ask, and what is refused because
its packages are not known. Static sites, and Quarto documents without code, need no process.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
import tomllib
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import anyio
import msgspec
from anyio import to_thread
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core.text import decode_text
from aconnect.deploy.project import documents
from aconnect.deploy.project.children import Finished, run_child
from aconnect.deploy.project.detection import needs_r
from aconnect.deploy.project.kinds import LOCK_FILE, Detected, is_quarto_project
from aconnect.errors import FileError, InspectionError, InvalidArgumentError, MissingExtraError

# A hint: the server renders with a version that it has. Posit Publisher writes the same.
_QUARTO_VERSION: Final = "1.7.34"
_SITES: Final = frozenset({"_site.yml", "_bookdown.yml"})
"""They make a directory of R Markdown documents a site."""
_REQUIREMENTS: Final = ("requirements.txt", "uv.lock", "pyproject.toml")
_SECRETS: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_UNDECLARED: Final = "Python version constraint missing"
"""The beginning of a warning of rsconnect-python."""
_DISTRIBUTION: Final = "rsconnect-python>=1.30,<2"


class Inspection(Struct, frozen=True):
    """What a project needs on the server."""

    manifest: dict[str, Any]
    """Without `files`."""
    generated: dict[str, bytes] = {}
    """Files that are not in the directory, or not with this content."""
    warnings: tuple[str, ...] = ()


class _Quarto(Struct, frozen=True):
    """What Quarto reports, or what was found by reading the documents."""

    version: str
    engines: list[str]
    inputs: list[str]


class _QuartoVersion(Struct):
    version: str = _QUARTO_VERSION


class _QuartoFiles(Struct):
    input: list[str] = []


class _QuartoAnswer(Struct):
    """What `quarto inspect` writes, as far as it is needed."""

    engines: list[str]
    quarto: _QuartoVersion = msgspec.field(default_factory=_QuartoVersion)
    files: _QuartoFiles | None = None


class _Requirements(Struct):
    name: str
    text: str


class _Answer(Struct):
    """What the child process writes."""

    manifest: dict[str, Any] | None = None
    requirements: _Requirements | None = None
    missing: str | None = None
    """The module that cannot be imported."""
    error: str | None = None


async def inspect(
    directory: Path,
    names: Collection[str],
    detected: Detected,
    *,
    python: str | None = None,
    requirements: str | None = None,
    timeout: float = 120.0,
) -> Inspection:
    """Return what a project needs on the server.

    Args:
        directory: The directory.
        names: The names of the files that will be sent, with `/` between folders.
        detected: What the directory is.
        python: The interpreter whose version is sent; it needs rsconnect-python. By default the one
            that runs this.
        requirements: The file with the requirements. By default `requirements.txt`, `uv.lock` or
            `pyproject.toml`.
        timeout: Seconds for each process that is run.

    Raises:
        InvalidArgumentError: Its packages are not known; the message says how to write them down.
        MissingExtraError: rsconnect-python is not installed.
        InspectionError: A process failed, did not end in time, or wrote no valid result.
        FileError: A file cannot be read.
    """
    directory = Path(await anyio.Path(directory).absolute())
    warnings: list[str] = []
    metadata, languages = await to_thread.run_sync(partial(_metadata, directory, names, detected))
    manifest: dict[str, Any] = {"version": 1, "metadata": metadata}
    needs_python = "python" in languages
    if detected.kind.language == "quarto":
        quarto = await _quarto(directory, names, detected, timeout, warnings)
        if "knitr" in quarto.engines and LOCK_FILE not in names:
            raise InvalidArgumentError(needs_r(directory, "has code in R, which knitr runs"))
        manifest["quarto"] = {"version": quarto.version, "engines": quarto.engines}
        if len(quarto.inputs) > 1:
            metadata["content_category"] = "site"
        needs_python = "jupyter" in quarto.engines
    has_r = LOCK_FILE in names and detected.kind.language not in {"html", "node"}
    if not needs_python and not has_r and detected.kind.language != "node":
        return Inspection(manifest, {}, tuple(warnings))
    interpreter = python and shutil.which(python)
    if python and interpreter is None:
        raise InvalidArgumentError(f"python {python!r} is not a program; pass an interpreter")
    file = None
    if needs_python:
        file = await to_thread.run_sync(partial(_requirements, directory, names, requirements))
    answer = await _ask(
        {
            "directory": str(directory),
            "app_mode": detected.kind.app_mode,
            "entrypoint": detected.entrypoint,
            "requirements": file,
            "python": interpreter,
            "r": has_r,
            "node": detected.kind.language == "node",
        },
        timeout,
        warnings,
    )
    made = answer.manifest or {}
    manifest = made | manifest | {"metadata": metadata | made.get("metadata", {})}
    generated: dict[str, bytes] = {}
    if answer.requirements is not None and file is not None:
        generated = await to_thread.run_sync(
            partial(_generated, directory, names, file, answer.requirements, warnings)
        )
    return Inspection(manifest, generated, tuple(warnings))


def _metadata(
    directory: Path, names: Collection[str], detected: Detected
) -> tuple[dict[str, Any], Collection[str]]:
    """Return what a manifest says of the content and its start, and the languages of its code."""
    start = detected.entrypoint
    languages: Collection[str] = {detected.kind.language}
    metadata: dict[str, Any] = {"appmode": detected.kind.app_mode}
    if start is None:
        return metadata, languages
    metadata["entrypoint"] = start
    if detected.kind.language == "html":
        metadata["primary_html"] = start
    elif detected.kind.name.startswith("rmd"):
        document = documents.read_document(directory / start)
        languages = document.languages
        metadata["primary_rmd"] = start
        if document.has_parameters:
            metadata["has_parameters"] = True
        if not _SITES.isdisjoint(names):
            metadata["content_category"] = "site"
    return metadata, languages


async def _quarto(
    directory: Path,
    names: Collection[str],
    detected: Detected,
    timeout: float,
    warnings: list[str],
) -> _Quarto:
    """Return the version, the engines and the documents; from Quarto if it is installed."""
    is_project = is_quarto_project(names) and detected.entrypoint is None
    target = str(directory if is_project else directory / (detected.entrypoint or ""))
    binary = shutil.which("quarto")
    if binary is not None:
        finished = await run_child([binary, "inspect", target], env=_environment(), timeout=timeout)
        try:
            answer = finished.answer(_QuartoAnswer)
        except ValueError as error:
            warnings.append(
                f"quarto inspect failed ({error}); the engines were found by reading the documents"
            )
        else:
            inputs = answer.files.input if answer.files is not None and is_project else []
            return _Quarto(answer.quarto.version, answer.engines, inputs)
    inputs = documents.project_inputs(names) if is_project else [detected.entrypoint or ""]
    engines = await to_thread.run_sync(partial(documents.engines, directory, inputs))
    return _Quarto(_QUARTO_VERSION, engines, inputs)


def _requirements(directory: Path, names: Collection[str], wanted: str | None) -> str:
    """Return the name of the file with the requirements, or raise and say how to write one."""
    if wanted is not None:
        name = str(PurePosixPath(wanted.replace("\\", "/")))
        if name not in names:
            raise InvalidArgumentError(
                f"requirements {wanted!r} is not among the files of {directory} that would be "
                "sent; pass the name of one of them"
            )
        return _readable(directory, name)
    for name in _REQUIREMENTS:
        if name in names and (name != "pyproject.toml" or _dependencies(directory / name)):
            return _readable(directory, name)
    raise InvalidArgumentError(
        f"{directory} has no requirements.txt, no uv.lock, and no pyproject.toml with "
        "dependencies, so its packages are not known; write them down with pip freeze > "
        "requirements.txt in its environment, or with uv export --no-hashes > requirements.txt, "
        "or pass requirements= with the name of another file"
    )


def _readable(directory: Path, name: str) -> str:
    """Return the name of a file, or raise if it is not UTF-8, such as output of PowerShell."""
    path = directory / name
    try:
        decode_text(path.read_bytes())
    except UnicodeError as error:
        raise InvalidArgumentError(f"cannot read {str(path)!r}: {error}") from None
    except OSError as error:
        raise FileError(f"cannot read {str(path)!r}: {reason(error)}") from error
    return name


def _dependencies(path: Path) -> list[str]:
    """Return the dependencies that a pyproject.toml declares; none if it cannot be parsed."""
    try:
        project = tomllib.loads(path.read_text("utf-8-sig")).get("project", {})
        return [str(one) for one in project.get("dependencies", [])]
    except (ValueError, AttributeError, TypeError):
        return []


async def _ask(request: Mapping[str, Any], timeout: float, warnings: list[str]) -> _Answer:
    """Run the child process, and return its answer."""
    # Run by its path, because importing this package would take longer than the rest; and safely,
    # because a project may have a json.py.
    program = str(Path(__file__).with_name("_inspect.py"))
    finished = await run_child(
        [sys.executable, "-P", program],
        request=msgspec.json.encode(request),
        env=_environment(),
        timeout=timeout,
    )
    try:
        answer = finished.answer(_Answer)
    except ValueError as error:
        raise _failed(request, finished, str(error)) from error
    if answer.missing is not None:
        if answer.missing.partition(".")[0] != "rsconnect":
            raise _failed(request, finished, f"no module named {answer.missing!r}")
        raise MissingExtraError(
            f"the environment of a project is inspected by {_DISTRIBUTION}, which is not "
            "installed: pip install 'aconnect[deploy]'"
        )
    if answer.error is not None or answer.manifest is None:
        raise _failed(request, finished, answer.error or "it returned no manifest")
    section: Any = answer.manifest.get("python")
    python = section.get("version") if section else None
    undeclared = (
        "the project does not declare with which versions of Python it works, so the server uses "
        f"one that is close to {python}; declare them in .python-version, or as requires-python in "
        "pyproject.toml"
    )
    warnings.extend(
        undeclared if warning.startswith(_UNDECLARED) else warning
        for warning in finished.warnings()
    )
    return answer


def _failed(request: Mapping[str, Any], finished: Finished, why: str) -> InspectionError:
    directory, python = request["directory"], request["python"]
    lines = finished.last_lines()
    message = f"cannot inspect the environment of {directory}: {finished.shown(why)}"
    if python is not None and "No module named" in lines and "rsconnect" in lines:
        hint = f"{python} needs rsconnect-python: {python} -m pip install '{_DISTRIBUTION}'"
    else:
        hint = (
            "correct what it names, or write the manifest with rsconnect write-manifest, and "
            "deploy the directory again"
        )
    error = InspectionError(
        f"{message}; ran {' '.join(finished.command)}"
        + (f"; its last output was: {lines}" if lines else "")
    )
    error.hint = hint
    return error


def _environment() -> dict[str, str]:
    """Return the environment variables of a child, without secrets and with our scripts in PATH."""
    environment = {k: v for k, v in os.environ.items() if not _SECRETS.search(k)}
    # The lock file that is sent is the one in the directory.
    environment.pop("RENV_PATHS_LOCKFILE", None)
    scripts = sysconfig.get_path("scripts")
    path = environment.get("PATH", os.defpath)
    # rsconnect-python installs uv, which is not found if its environment is not activated.
    return environment | {
        "PATH": f"{path}{os.pathsep}{scripts}",
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
    }


def _generated(
    directory: Path,
    names: Collection[str],
    source: str,
    made: _Requirements,
    warnings: list[str],
) -> dict[str, bytes]:
    """Return the file of requirements if it is not in the directory as it is sent."""
    try:
        if source.endswith("pyproject.toml"):
            before = _dependencies(directory / source)
        else:
            before = decode_text((directory / source).read_bytes()).splitlines()
        content = made.text.encode()
        is_same = made.name in names and (directory / made.name).read_bytes() == content
    except UnicodeError as error:
        raise InvalidArgumentError(f"cannot read {str(directory / source)!r}: {error}") from None
    except OSError as error:
        raise FileError(f"cannot read {str(directory / source)!r}: {reason(error)}") from error
    if not source.endswith(".lock"):
        # A mark at the beginning, which Windows writes, is part of neither.
        after = {line.strip() for line in made.text.removeprefix("\ufeff").splitlines()}
        lost = [
            name[0]
            for line in before
            if line.strip() not in after and (name := _NAME.match(line.strip()))
        ]
        if lost:
            warnings.append(
                f"rsconnect-python leaves out or shortens lines of {source}, because it expects "
                f"that they cannot be installed on the server: {', '.join(lost)}"
            )
    return {} if is_same else {made.name: content}

"""Recognizing what a directory is, by the names of its files and by what they import.

Decides which kind a directory is and where it starts; nothing of it is run. Which kinds there are
is declared in `kinds`; what the content needs on the server is decided in `environment`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect._client.files import reason
from aconnect._core.text import some_of
from aconnect.deploy.project import documents
from aconnect.deploy.project.kinds import (
    KINDS,
    LOCK_FILE,
    PROJECT_FILES,
    Detected,
    Kind,
    find_kind,
    is_quarto_project,
)
from aconnect.deploy.project.scripts import Script, imports_any, read_script
from aconnect.errors import FileError, InvalidArgumentError

_NODE_LOCK_FILE: Final = "package-lock.json"
# In the order in which the server looks for them, then by convention.
_OBJECTS: Final = ("app", "application", "api", "demo")
_FACTORIES: Final = frozenset({"create_app", "make_app"})
_MAIN_FILES: Final = tuple(
    f"{name}.py"
    for name in (
        "app", "application", "main", "api", "wsgi", "asgi", "server", "streamlit_app", "home",
    )
)  # fmt: skip
_NODE_FILES: Final = tuple(
    f"{name}.{suffix}" for suffix in ("js", "ts") for name in ("app", "index", "server", "main")
)
_HELPERS: Final = re.compile(r"(test_.*|.*_test|conftest|manage|setup|noxfile|tasks)\.py")
_FOUND_AT_MOST: Final = 8
_DEEPER_AT_MOST: Final = 100


class _Candidate(Struct, frozen=True):
    file: str
    detected: Detected
    is_sure: bool = True
    """False for a file that only imports a package, as the helpers of an application do."""
    imports: frozenset[str] = frozenset()


def detect(
    directory: Path,
    names: Collection[str],
    *,
    kind: str | None = None,
    entrypoint: str | None = None,
) -> Detected:
    """Return what a directory is.

    Args:
        directory: The directory.
        names: The names of the files that would be sent, with `/` between folders.
        kind: What it is: the name of one of `KINDS`, the server's name for it, or Publisher's.
        entrypoint: Where it starts: a file, or a Python module with or without `:object`.

    Raises:
        InvalidArgumentError: It is none of `KINDS`, or more than one; the message lists them. Or
            its manifest cannot be made here; the message says what makes it.
        FileError: A file cannot be read.
    """
    names = frozenset(names)
    wanted = None if kind is None else find_kind(kind)
    kinds = KINDS if wanted is None else (wanted,)
    try:
        if entrypoint is not None:
            detected = _given(directory, names, kinds, entrypoint)
        else:
            detected = _choose(directory, names, _candidates(directory, names, kinds), wanted)
        _check_makeable(directory, names, detected)
    except OSError as error:
        raise FileError(f"cannot read a file of {str(directory)!r}: {reason(error)}") from error
    if wanted is None:
        return detected
    return msgspec.structs.replace(detected, reason=f"its type was given as {kind}")


def _candidates(directory: Path, names: Collection[str], kinds: Sequence[Kind]) -> list[_Candidate]:
    """Return everything that the directory could be, by the files at its top."""
    found: list[_Candidate] = []
    is_project = is_quarto_project(names)
    quarto = [kind for kind in kinds if kind.language == "quarto"]
    if is_project and quarto:
        file = next(name for name in PROJECT_FILES if name in names)
        # A project whose only document is an application is one, too.
        inputs = [name for name in names if "/" not in name and name.lower().endswith(".qmd")]
        shiny = len(inputs) == 1 and documents.read_document(directory / inputs[0]).is_shiny
        kind = next((k for k in quarto if (k.when is not None) == shiny), quarto[0])
        found.append(_Candidate(file, Detected(kind, None, f"it has {file}")))
    for name in sorted(name for name in names if "/" not in name):
        suffix = PurePosixPath(name).suffix.lower()
        if suffix == ".py" and not _HELPERS.fullmatch(name):
            found.extend(_python(directory, name, kinds))
        elif not (is_project and quarto and suffix in {".qmd", ".rmd", ".ipynb"}):
            found.extend(_by_name(directory, names, name, kinds))
    return found


def _python(directory: Path, name: str, kinds: Sequence[Kind]) -> list[_Candidate]:
    """Return what a Python file is, as a list of none or one."""
    script = read_script(directory / name)
    matches = [
        (kind, package, made)
        for kind in kinds
        if (package := imports_any(script.imports, kind.imports)) is not None
        for made in [_objects(script, kind)]
    ]
    if not matches:
        return []
    # The object with the name that the server looks for decides; then the order of KINDS.
    kind, package, made = min(
        matches, key=lambda match: min(map(_preference, match[2]), default=len(_OBJECTS) + 1)
    )
    module = name.removesuffix(".py")
    entrypoint = f"{module}:{min(made, key=_preference)}" if made else module
    why = f"{name} imports {package}"
    is_sure = bool(made) or not kind.classes or bool(script.functions & _FACTORIES)
    return [_Candidate(name, Detected(kind, entrypoint, why, package), is_sure, script.imports)]


def _objects(script: Script, kind: Kind) -> list[str]:
    """Return the objects of a module that are applications of this kind."""
    return [
        name
        for name, origin in script.objects.items()
        if origin.rpartition(".")[2] in kind.classes and imports_any([origin], kind.imports)
    ]


def _preference(name: str) -> int:
    return _OBJECTS.index(name) if name in _OBJECTS else len(_OBJECTS)


def _by_name(
    directory: Path, names: Collection[str], name: str, kinds: Sequence[Kind]
) -> list[_Candidate]:
    """Return what another file is, as a list of none or one."""
    base = PurePosixPath(name).name.lower()
    for kind in kinds:
        if not any(fnmatchcase(base, pattern) for pattern in kind.files):
            continue
        # A kind that was asked for need not look like it.
        if kind.when is None or len(kinds) == 1 or kind.when(directory / name):
            start = _node_start(directory, names) if kind.language == "node" else name
            why = f"{name} {kind.sign}" if kind.sign else f"it has {name}"
            return [_Candidate(name, Detected(kind, start, why))]
    return []


def _choose(
    directory: Path,
    names: Collection[str],
    candidates: list[_Candidate],
    wanted: Kind | None,
) -> Detected:
    """Return the one candidate that counts, or raise and list them."""
    left = _narrowed(candidates)
    if not left and wanted is not None and wanted.imports:
        file = _main_file(names)
        if file is not None:
            return Detected(wanted, _module(directory, file, wanted), "")
    if not left:
        raise InvalidArgumentError(_nothing(directory, names, wanted))
    if len(left) > 1:
        listed = ", ".join(f"{one.file} ({one.detected.kind.name})" for one in left)
        by_type = len({one.detected.kind.name for one in left}) == len(left)
        how = f"kind= with one of {', '.join(sorted({c.detected.kind.name for c in left}))}, or "
        raise InvalidArgumentError(
            f"{directory} could be deployed as {listed}; pass {how if by_type else ''}"
            f"entrypoint= with the file where it starts, such as {left[0].file}"
        )
    return left[0].detected


def _narrowed(candidates: list[_Candidate]) -> list[_Candidate]:
    """Leave out what is only a part of something else in the directory."""
    if not candidates:
        return []
    lowest = min((one.detected.kind.rank for one in candidates if one.is_sure), default=1)
    left = [
        one
        for one in candidates
        if (one.detected.kind.rank == lowest if one.is_sure else lowest > 0)
    ]
    imported = {name for one in left for name in one.imports}
    if top := [one for one in left if PurePosixPath(one.file).stem not in imported]:
        left = top
    if len({one.detected.kind for one in left}) > 1:
        return left
    kind = left[0].detected.kind
    if not kind.classes or not left[0].is_sure:
        # A file that is run as a whole has helpers and pages beside it that look the same.
        preferred = kind.files or _MAIN_FILES
        for pattern in (p for p in preferred if "*" not in p):
            if first := [one for one in left if one.file.lower() == pattern]:
                return first
    return left


def _given(
    directory: Path, names: Collection[str], kinds: Sequence[Kind], entrypoint: str
) -> Detected:
    """Return what a directory is whose entry point was given."""
    module, _, name = entrypoint.partition(":")
    file = _file_of(module.replace("\\", "/").removeprefix("./"), names)
    if file is None:
        raise InvalidArgumentError(
            f"entrypoint {entrypoint!r} is not among the files of {directory} that would be sent; "
            "pass a file, or a module such as app:app"
        )
    if file in PROJECT_FILES:
        return _choose(directory, names, _candidates(directory, names, kinds), None)
    is_python = file.endswith(".py")
    found = (
        _python(directory, file, kinds) if is_python else _by_name(directory, names, file, kinds)
    )
    if found:
        detected = found[0].detected
    elif len(kinds) == 1:
        detected = Detected(kinds[0], None, "")
    else:
        raise InvalidArgumentError(
            f"{file} in {directory} says nothing about its type; pass kind= with one of "
            f"{', '.join(kind.name for kind in KINDS)}"
        )
    if not is_python:
        start = file
    elif name:
        start = f"{_dotted(file)}:{name}"
    else:
        start = _module(directory, file, detected.kind)
    return Detected(detected.kind, start, detected.reason, detected.package)


def _file_of(module: str, names: Collection[str]) -> str | None:
    """Return the file of an entry point, which may be a dotted module."""
    path = module.replace(".", "/")
    choices = (module, f"{module}.py", f"{path}.py", f"{path}/__init__.py")
    return next((name for name in choices if name in names), None)


def _dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _module(directory: Path, file: str, kind: Kind) -> str:
    """Return the entry point of a Python file of this kind."""
    made = _objects(read_script(directory / file), kind)
    return f"{_dotted(file)}:{min(made, key=_preference)}" if made else _dotted(file)


def _main_file(names: Iterable[str]) -> str | None:
    """Return the Python file that would be run, by its name or because it is the only one."""
    files = [n for n in sorted(names) if n.endswith(".py") and "/" not in n]
    for name in _MAIN_FILES:
        if name in files:
            return name
    files = [name for name in files if not _HELPERS.fullmatch(name)]
    return files[0] if len(files) == 1 else None


def _node_start(directory: Path, names: Collection[str]) -> str | None:
    """Return the file that Node.js runs: `main`, that of `npm start`, or by its name."""
    main: Any = None
    start: Any = None
    if "package.json" in names:
        try:
            package = msgspec.json.decode(documents.read_text(directory / "package.json"))
            main = package.get("main")
            start = package.get("scripts", {}).get("start", "")
        except (msgspec.DecodeError, AttributeError):
            pass
    started = re.match(r"node\s+(\S+)", start) if isinstance(start, str) else None
    choices = (main, started and started[1], *_NODE_FILES)
    files = (choice.removeprefix("./") for choice in choices if isinstance(choice, str))
    return next((file for file in files if file in names), None)


def _deeper(directory: Path, names: Collection[str], kinds: Sequence[Kind]) -> list[str]:
    """Return the Python files below the top that may be where it starts."""
    files = (name for name in names if "/" in name and PurePosixPath(name).name in _MAIN_FILES)
    nearest = sorted(files, key=lambda name: (name.count("/"), name))[:_DEEPER_AT_MOST]
    found = [one for name in nearest for one in _python(directory, name, kinds)]
    return [one.file for one in found if one.is_sure][:_FOUND_AT_MOST]


def _check_makeable(directory: Path, names: Collection[str], detected: Detected) -> None:
    """Raise if the manifest cannot be made here; the message says what can make it."""
    kind = detected.kind
    if kind.language == "node" and not ({"package.json", _NODE_LOCK_FILE} <= set(names)):
        raise InvalidArgumentError(
            f"{directory} is of type {kind.name}, which needs package.json and {_NODE_LOCK_FILE}; "
            "run npm install, and deploy again"
        )
    if kind.language == "node" and detected.entrypoint is None:
        raise InvalidArgumentError(
            f"{directory} is of type {kind.name}, but package.json names no existing file as main; "
            "pass entrypoint= with the file that starts it"
        )
    if kind.language == "r" and LOCK_FILE not in names:
        raise InvalidArgumentError(needs_r(directory, f"is of type {kind.name}"))


def needs_r(directory: Path, what: str) -> str:
    """Return what to do about content whose R packages are not known."""
    return (
        f"{directory} {what}, but has no {LOCK_FILE}, so its R packages are not known; run "
        f"renv::snapshot() or rsconnect::writeManifest() in R, and deploy the directory again"
    )


def _nothing(directory: Path, names: Collection[str], wanted: Kind | None) -> str:
    """Return what was looked for, and what there is instead."""
    top = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in names})
    found = some_of(top, _FOUND_AT_MOST)
    if wanted is not None:
        looked = ", ".join(wanted.files) or f"a file that imports {' or '.join(wanted.imports)}"
        other = {"api": "flask or fastapi", "shiny": "python-shiny"}.get(wanted.app_mode)
        hint = f"; for Python, the type is {other}" if other else ""
        what = f"is not of type {wanted.name}: looked for {looked}{hint}"
    else:
        what = (
            "is of no known type: looked for manifest.json, Python files that import a web "
            "framework, notebooks, Quarto and R Markdown documents, app.R, server.R, plumber.R, "
            "package-lock.json and HTML files"
        )
    deeper = _deeper(directory, names, KINDS if wanted is None else (wanted,))
    if deeper:
        return (
            f"{directory} {what}, at its top. Below it, applications are created in "
            f"{', '.join(deeper)}; pass entrypoint= with one of them, or deploy its folder"
        )
    return f"{directory} {what}. At its top are: {found or 'no files'}. " + (
        "Pass kind= with its type, and entrypoint= with the file where it starts"
        if names
        else "Check the path, and what is left out"
    )

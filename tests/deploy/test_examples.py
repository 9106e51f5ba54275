"""Each example arrives on the server as it is on the disk, with the manifest that rsconnect makes.

The examples are small real projects in `docs/examples`. Intended differences between our manifests
and those of `rsconnect write-manifest` are listed in `differences.txt`, one line each.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import pytest

from aconnect.deploy import Project, deploy, pack
from aconnect.deploy.config.config import load_config
from tests.differences import read_differences

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("rsconnect") is None and not os.environ.get("CI"),
    reason="rsconnect-python is not installed (the extra `deploy`)",
)

EXAMPLES: Final = Path(__file__).parents[2] / "docs" / "examples"
NAMES: Final = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())
LIST: Final = Path(__file__).parent / "differences.txt"

CLUTTER: Final = (
    ".DS_Store",
    ".env",
    ".git/config",
    ".venv/bin/python",
    ".venv/pyvenv.cfg",
    "__pycache__/app.cpython-312.pyc",
    "deep/down/__pycache__/module.cpython-312.pyc",
    "id_rsa",
)
"""What working folders have, and bundles must not have."""

QUARTO: Final = """
import json
print(json.dumps({
    "quarto": {"version": "1.6.40"},
    "engines": ["markdown"],
    "config": {"project": {"type": "default"}},
    "files": {"input": ["report.qmd"], "resources": [], "config": ["_quarto.yml"]},
}))
"""
"""What `quarto inspect` prints for the document, so that nobody needs 300 MB for this test."""

APPLICATIONS: Final = ("bokeh", "dash", "fastapi", "flask", "gradio", "panel", "streamlit")
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name, ".") for name in APPLICATIONS},
    "notebook": ("notebook", "rain.ipynb", "data/rain.csv"),
    "quarto": ("quarto", "."),
    "shiny-core": ("shiny", "."),
    "shiny-express": ("shiny", "."),
    "voila": ("voila", "."),
}
"""The arguments of `rsconnect write-manifest`, run in the folder. It has no command for static
sites and for R."""

SITE: Final = """
import json
from rsconnect.bundle import create_html_manifest
print(json.dumps(create_html_manifest(".", "index.html", [], []).get_flattened_copy().data))
"""
"""What `rsconnect deploy html` makes its manifest with."""

APP_MODES: Final = {
    **{name: f"python-{name}" for name in APPLICATIONS},
    "flask": "python-api",
    "notebook": "jupyter-static",
    "quarto": "quarto-static",
    "rmarkdown": "rmd-static",
    "shiny-core": "python-shiny",
    "shiny-express": "python-shiny",
    "static-site": "static",
    "voila": "jupyter-voila",
}


def committed(name: str) -> dict[str, bytes]:
    """Return the files of an example by their names, without what running it leaves behind."""
    paths = [path for path in (EXAMPLES / name).rglob("*") if path.is_file()]
    files = {path.relative_to(EXAMPLES / name): path for path in paths}
    return {
        path.as_posix(): file.read_bytes()
        for path, file in files.items()
        if not any(part.startswith("__") or part.endswith("_cache") for part in path.parts)
    }


def working_folder(name: str, target: Path) -> Path:
    """Copy an example, and add what working folders have."""
    for file, data in (committed(name) | dict.fromkeys(CLUTTER, b"not for the server")).items():
        path = target / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return target / name


async def prepared(directory: Path) -> Project:
    """Prepare a folder as the command line does, with its configuration."""
    return await load_config(directory).prepare(directory)


def unpacked(file: IO[bytes]) -> tuple[list[tarfile.TarInfo], dict[str, bytes]]:
    """Return the members of an archive, and what is in them by name."""
    with tarfile.open(fileobj=file, mode="r:gz") as tar:
        opened = {member: tar.extractfile(member) for member in tar.getmembers()}
        return [*opened], {member.name: data.read() for member, data in opened.items() if data}


@pytest.fixture
def quarto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program `quarto` that knows one document."""
    program = tmp_path / "bin" / "quarto"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{QUARTO}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


@pytest.mark.parametrize("name", NAMES)
async def test_arrives(name, server, client, tmp_path):
    """The server gets the files of the project and its manifest, and nothing else."""
    directory = working_folder(name, tmp_path)
    # The manifest of the R Markdown does not list its README.
    left_out = {".gitignore", "manifest.json", *({"README.md"} if name == "rmarkdown" else ())}
    sent = {file: data for file, data in committed(name).items() if file not in left_out}

    item = await (await deploy(client, await prepared(directory), name=name))

    assert item.app_mode == APP_MODES[name]
    (bundle,) = server.state.bundles[item.guid].values()
    with bundle.archive.open() as file:
        members, files = unpacked(file)
    manifest = json.loads(files.pop("manifest.json"))
    assert files == sent
    checksums = {name: hashlib.md5(data).hexdigest() for name, data in sent.items()}  # noqa: S324
    assert {name: entry["checksum"] for name, entry in manifest["files"].items()} == checksums
    assert [member.name for member in members] == [*sorted(sent), "manifest.json"]
    assert {(member.type, member.mode, member.mtime) for member in members} == {
        (tarfile.REGTYPE, 0o644, 0)
    }


@pytest.mark.usefixtures("quarto")
@pytest.mark.parametrize("name", NAMES)
async def test_has_the_manifest_of_rsconnect(name, tmp_path):
    """The manifest is the one that rsconnect makes, or the difference is listed."""
    project = await prepared(working_folder(name, tmp_path / "ours"))
    async with pack(project) as archive:
        with open(archive, "rb") as file:  # noqa: ASYNC230, PTH123  small, and any path
            ours = json.loads(unpacked(file)[1]["manifest.json"])
    theirs = manifest_of_rsconnect(name, working_folder(name, tmp_path / "theirs"))

    found = set(differences(ours, theirs))
    listed = {difference for example, difference in reasons() if example == name}
    new = "\n".join(f"{name} | {difference} | WHY" for difference in sorted(found - listed))
    assert not found - listed, f"add to {LIST.name}, with the reason:\n{new}"
    old = "\n".join(sorted(listed - found))
    assert not listed - found, f"remove {name} from these lines of {LIST.name}:\n{old}"


def test_list_of_differences():
    """Each line names examples and has a reason."""
    assert {example for example, _ in reasons()} <= set(NAMES)
    assert set(COMMANDS) == set(NAMES) - {"static-site", "rmarkdown"}


def manifest_of_rsconnect(name: str, directory: Path) -> Any:
    """Return the manifest that rsconnect makes of a folder."""
    manifest = directory / "manifest.json"
    if name in COMMANDS:
        run_rsconnect(directory, "-m", "rsconnect.main", "write-manifest", *COMMANDS[name])
    elif not manifest.exists():
        manifest.write_text(run_rsconnect(directory, "-c", SITE))
    return json.loads(manifest.read_text(encoding="utf-8"))


def run_rsconnect(directory: Path, *arguments: str) -> str:
    """Run Python in a folder, and return what it prints."""
    done = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-W", "ignore", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def differences(ours: Any, theirs: Any) -> Iterator[str]:
    """Describe what differs between two manifests, a line for each value or file."""
    for name in sorted({*ours["files"]} ^ {*theirs["files"]}):
        yield f"only {'aconnect' if name in ours['files'] else 'rsconnect'} lists {name}"
    left, right = flat(ours), flat(theirs)
    for key in sorted({*left, *right}):
        one, other = left.get(key, "nothing"), right.get(key, "nothing")
        is_listed_once = key.startswith("files/") and "nothing" in {one, other}
        if one != other and not is_listed_once:
            yield f"{key}: aconnect {one}, rsconnect {other}"


def flat(manifest: Any, prefix: str = "") -> dict[str, str]:
    """Return the values of nested objects by their path, as JSON."""
    if not isinstance(manifest, Mapping):
        return {prefix: json.dumps(manifest)}
    values: dict[str, str] = {}
    for key, value in manifest.items():
        values |= flat(value, f"{prefix}/{key}" if prefix else key)
    return values


@cache
def reasons() -> Mapping[tuple[str, str], str]:
    """Read the intended differences and their reasons, by example and difference."""
    found: dict[tuple[str, str], str] = {}
    for where, examples, difference, reason in read_differences(
        LIST, "examples | difference | reason"
    ):
        for example in examples.split():
            assert (example, difference) not in found, f"{where}: listed twice for {example}"
            found[example, difference] = reason
    return found

"""A project is what its manifest says, or what is recognized, selected and inspected."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from aconnect.deploy import pack
from aconnect.deploy.project.project import Project, prepare
from aconnect.errors import InspectionError, InvalidArgumentError

APP = "from fastapi import FastAPI\napp = FastAPI()\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(project: Project) -> list[str]:
    return [file.name for file in project.files]


async def test_application(tmp_path):
    """Files, kind, reason, environment and warnings are what a dry run shows."""
    folder = write(
        tmp_path,
        {
            "app.py": APP,
            "data/x.csv": "1,2",
            "requirements.txt": "fastapi\n",
            ".python-version": "3.11",
            ".env": "PASSWORD=hunter2",
        },
    )
    project = await prepare(folder, title="Mine")
    assert project.detected is not None
    assert project.detected.kind.name == "fastapi"
    assert project.detected.reason == "app.py imports fastapi"
    assert {"app.py", "data/x.csv", "requirements.txt"} <= set(names(project))
    assert project.size == sum((folder / name).stat().st_size for name in names(project))
    assert (project.app_mode, project.entrypoint) == ("python-fastapi", "app:app")
    assert project.environment["Python required"] == "~=3.11.0"
    assert project.environment["Requirements"] == "requirements.txt"
    assert "files" not in project.manifest
    assert project.title == "Mine"
    (secret,) = project.warnings
    assert ".env was left out" in secret
    assert "include= with .env" in secret
    assert "hunter2" not in str(project)


async def test_included(tmp_path):
    """A secret that was asked for is sent without a warning."""
    folder = write(tmp_path, {"index.html": "", ".env": "A=1"})
    project = await prepare(folder, include=[".env"])
    assert names(project) == [".env", "index.html"]
    assert project.warnings == ()


@pytest.mark.parametrize("name", [".env", ".aws/config", "sub/id_rsa", "deploy_key"])
async def test_secrets_in_manifest(tmp_path, name):
    """What may be secret is sent if a manifest lists it, as by rsconnect, with a warning."""
    manifest = json.dumps({"metadata": {"appmode": "static"}, "files": {name: {}}})
    text = "-----BEGIN PRIVATE KEY-----"
    project = await prepare(write(tmp_path, {"manifest.json": manifest, name: text}))
    assert names(project) == [name]
    (warning,) = project.warnings
    assert warning.startswith(f"manifest.json lists {name} (may contain a secret: ")


async def test_passwords_in_manifest(tmp_path):
    """A list of packages with a password causes a warning if a manifest lists it."""
    manifest = json.dumps({"metadata": {}, "files": ["requirements.txt"]})
    files = {"manifest.json": manifest, "requirements.txt": "-i https://u:hunter2@h/simple"}
    (warning,) = (await prepare(write(tmp_path, files))).warnings
    assert warning.startswith("requirements.txt has a password")
    assert "hunter2" not in warning


async def test_configuration_of_a_site(tmp_path):
    """A static site does not publish its configuration, unless it is asked for."""
    files = {"index.html": "", "pyproject.toml": "[tool.aconnect.deploy]\nenv = {A = 'b'}\n"}
    folder = write(tmp_path, files)
    project = await prepare(folder)
    assert names(project) == ["index.html"]
    assert [one.name for one in project.excluded] == ["pyproject.toml"]
    assert names(await prepare(folder, include=["*.toml"])) == ["index.html", "pyproject.toml"]
    chosen = await prepare(folder, patterns=["/index.html", "/pyproject.toml"])
    assert names(chosen) == ["index.html", "pyproject.toml"]


async def test_generated(tmp_path):
    """A generated file takes the place of the file in the directory."""
    folder = write(tmp_path, {"app.py": APP, "requirements.txt": "fastapi\nrsconnect-python\n"})
    project = await prepare(folder)
    assert names(project) == ["app.py"]
    assert project.generated == {"requirements.txt": b"fastapi\n"}
    assert project.size == len(APP) + len("fastapi\n")


async def test_packed(tmp_path):
    """A project can be packed as it is prepared, and again at another time with the same bytes."""
    pyproject = "[project]\nname='x'\nversion='1'\ndependencies=['fastapi']\n"
    folder = write(tmp_path, {"app.py": APP, "pyproject.toml": pyproject, ".env": "A=1"})
    packed = []
    for _ in range(2):
        project = await prepare(folder)
        async with pack(project) as archive:
            packed.append(archive.path.read_bytes())
            with tarfile.open(archive) as tar:
                sent = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    assert packed[0] == packed[1]
    assert list(sent) == ["app.py", "pyproject.toml", "requirements.txt", "manifest.json"]
    manifest = json.loads(sent.pop("manifest.json"))
    assert manifest.pop("files") == {
        name: {"checksum": hashlib.md5(content, usedforsecurity=False).hexdigest()}
        for name, content in sent.items()
    }
    assert manifest == project.manifest
    assert sent["requirements.txt"] == project.generated["requirements.txt"]


@pytest.mark.parametrize(
    ("requirements", "is_missing"),
    [
        ("pandas\n# fastapi\n", True),
        ("", True),
        ("FastAPI[standard]>=0.1", False),
        ("fastapi-utils", False),
        ("-r other.txt", False),
        ("fastapix", True),
    ],
)
async def test_missing_package(tmp_path, requirements, is_missing):
    """Requirements without the framework that is imported are warned of."""
    files = {"app.py": APP, "requirements.txt": requirements, ".python-version": "3.11"}
    project = await prepare(write(tmp_path, files))
    expected = ("requirements.txt does not list fastapi, which the content imports",)
    assert project.warnings == (expected if is_missing else ())


async def test_quarto(tmp_path):
    """What Quarto made of the documents is left out, with the reason; the title is theirs."""
    files = {
        "a.qmd": "---\ntitle: 'The title'\n---\n",
        "a.html": "",
        "a_files/x.js": "",
        "b.html": "",
    }
    project = await prepare(write(tmp_path, files))
    assert names(project) == ["a.qmd", "b.html"]
    reasons = {one.name: one.reason for one in project.excluded}
    assert reasons["a.html"] == reasons["a_files/x.js"] == "rendered from a.qmd"
    assert project.title == "The title"
    assert project.environment["Quarto engines"] == "markdown"


@pytest.mark.parametrize(
    ("config", "folder"),
    [("project:\n  output-dir: 'out'\n", "out"), ("project:\n  type: book\n", "_book"),
     ("", "_site")],
)  # fmt: skip
async def test_quarto_project(tmp_path, config, folder):
    """The folder that a Quarto project is rendered into is left out."""
    files = {"_quarto.yml": config, "a.qmd": "", f"{folder}/a.html": "", "other/a.html": ""}
    project = await prepare(write(tmp_path, files))
    assert names(project) == ["_quarto.yml", "a.qmd", "other/a.html"]


async def test_unknown(tmp_path):
    """If nothing is recognized, what was left out is in the error's notes."""
    folder = write(tmp_path, {"a.csv": "", "app.py": APP, ".gitignore": "app.py"})
    with pytest.raises(InvalidArgumentError, match=r"no known type.*a.csv") as caught:
        await prepare(folder)
    assert any("app.py (.gitignore: app.py)" in note for note in caught.value.__notes__)


async def test_timeout(tmp_path):
    """The time of the inspection is limited."""
    with pytest.raises(InspectionError, match="timeout="):
        await prepare(write(tmp_path, {"app.py": APP, "requirements.txt": ""}), timeout=0.001)


async def test_no_folder(tmp_path):
    """A file, or a folder that does not exist, is refused."""
    (tmp_path / "x").write_text("")
    for path in (tmp_path / "x", tmp_path / "missing", "\0"):
        with pytest.raises(InvalidArgumentError, match="folder"):
            await prepare(path)


MANIFEST = {
    "version": 1,
    "metadata": {"appmode": "rmd-static", "primary_rmd": "a.Rmd"},
    "platform": "4.3.1",
    "packages": {"a": {}, "b": {}},
    "files": {"a.Rmd": {"checksum": "0"}},
}


async def test_manifest(tmp_path):
    """A manifest is used as it is, with the files that it lists and nothing else."""
    folder = write(tmp_path, {"manifest.json": json.dumps(MANIFEST), "a.Rmd": "12", "b.R": ""})
    project = await prepare(folder)
    assert project.detected is None
    assert project.manifest == MANIFEST
    assert [(file.name, file.size) for file in project.files] == [("a.Rmd", 2)]
    assert (project.app_mode, project.entrypoint) == ("rmd-static", "a.Rmd")
    assert project.environment == {"R": "4.3.1", "R packages": "2"}


@pytest.mark.parametrize("files", [["a", "./b/c"], {"b/c": {}, "a": None, "manifest.json": {}}])
async def test_listed(tmp_path, files):
    """The files of a manifest are an object or an array, and in order; the manifest is none."""
    manifest = "\ufeff" + json.dumps({"files": files})
    folder = write(tmp_path, {"manifest.json": manifest, "a": "", "b/c": ""})
    assert names(await prepare(folder)) == ["a", "b/c"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "fastapi"}, r"type rmd-static.*do not pass kind="),
        ({"entrypoint": "b.Rmd"}, "do not pass entrypoint="),
        ({"include": [".env"], "python": "python3"}, "do not pass include= and python="),
        ({"requirements": "x"}, "do not pass requirements="),
    ],
)
async def test_contradicted(tmp_path, options, words):
    """Arguments that contradict the manifest are refused; those that agree are not."""
    folder = write(tmp_path, {"manifest.json": json.dumps(MANIFEST), "a.Rmd": ""})
    with pytest.raises(InvalidArgumentError, match=words):
        await prepare(folder, **options)
    assert (await prepare(folder, kind="rmd", entrypoint="a.Rmd", title="x")).title == "x"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is not a manifest"),
        ('{"name": "PWA", "icons": []}', r"web application, rename it"),
        ('{"files": ["missing"]}', "'missing', but there is no such file"),
        ('{"files": ["../outside"]}', "not the name of a file below it"),
        ('{"files": ["link"]}', "resolves outside"),
    ],
)
async def test_wrong_manifest(tmp_path, text, words):
    """An invalid manifest, or one with files that cannot be sent, is refused."""
    (tmp_path / "outside").write_text("secret")
    folder = write(tmp_path / "s", {"manifest.json": text})
    (folder / "link").symlink_to("../outside")
    with pytest.raises(InvalidArgumentError, match=words):
        await prepare(folder)

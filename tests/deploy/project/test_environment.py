"""What a project needs is asked of processes that cannot hang, lie or outlive the question."""

import asyncio
import inspect as inspection
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from aconnect.deploy.project import environment
from aconnect.deploy.project.detection import detect
from aconnect.deploy.project.environment import inspect
from aconnect.errors import InspectionError, InvalidArgumentError, MissingExtraError

APP = "from fastapi import FastAPI\napp = FastAPI()\n"
LOCK = {
    "R": {"Version": "4.3.1", "Repositories": [{"Name": "CRAN", "URL": "https://cran.example"}]},
    "Packages": {
        "shiny": {"Package": "shiny", "Version": "1.8", "Source": "Repository",
                  "Repository": "CRAN"},
    },
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, newline="")
    return folder


async def inspected(folder: Path, files: dict[str, str], **options):
    detected = detect(write(folder, files), files.keys())
    return await inspect(folder, files.keys(), detected, **options)


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Return a function that replaces the child process by a program."""

    def replace(code: str) -> None:
        program = tmp_path / "child" / "_inspect.py"
        program.parent.mkdir()
        program.write_text(code)
        monkeypatch.setattr(environment, "__file__", str(program.with_name("environment.py")))

    return replace


@pytest.fixture
def no_quarto(monkeypatch):
    """Quarto is not installed."""
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.fixture
def quarto(tmp_path_factory, monkeypatch):
    """Return a function that installs a Quarto that prints this."""
    program = tmp_path_factory.mktemp("bin") / "quarto"

    def install(answer: str, code: int = 0) -> None:
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setattr(shutil, "which", lambda _: str(program))

    return install


async def killed(pids: str) -> None:
    """Wait until none of these processes is left; a killed one is there for a moment."""

    def is_running(pid: str) -> bool:
        try:
            # A zombie has no command line.
            return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            return False

    with anyio.fail_after(10):
        while any(map(is_running, pids.split())):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.01)


async def test_python(tmp_path):
    """The interpreter's version, the requirements and the version required are in it."""
    found = await inspected(
        tmp_path,
        {
            "app.py": APP,
            "requirements.txt": "fastapi\n",
            "pyproject.toml": "[project]\nname='x'\nversion='1'\nrequires-python='>=3.11'\n",
        },
    )
    manifest = found.manifest
    assert manifest["version"] == 1
    assert manifest["metadata"] == {"appmode": "python-fastapi", "entrypoint": "app:app"}
    assert manifest["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert manifest["python"]["package_manager"]["package_file"] == "requirements.txt"
    assert manifest["environment"] == {"python": {"requires": ">=3.11"}}
    assert isinstance(manifest["locale"], str)
    assert "files" not in manifest
    assert (found.generated, found.warnings) == ({}, ())


async def test_warnings(tmp_path):
    """What rsconnect-python says about missing versions becomes one plain sentence."""
    found = await inspected(tmp_path, {"app.py": APP, "requirements.txt": "fastapi\n"})
    (warning,) = found.warnings
    version = ".".join(map(str, sys.version_info[:3]))
    assert f"the server uses one that is close to {version}; declare them in" in warning


async def test_dropped(tmp_path):
    """Lines that rsconnect-python does not send are named, without their credentials."""
    text = "fastapi\nrsconnect-python @ https://u:pass@h/x\nnumpy @ file:///b/numpy\n"
    found = await inspected(tmp_path, {"app.py": APP, "requirements.txt": text})
    assert found.generated == {"requirements.txt": b"fastapi\nnumpy\n"}
    assert any("requirements.txt" in w and "rsconnect-python, numpy" in w
               for w in found.warnings)  # fmt: skip
    assert "pass@" not in str(found.warnings)


async def test_pyproject(tmp_path):
    """Requirements made of pyproject.toml are the same at any time."""
    text = "[project]\nname='x'\nversion='1'\ndependencies=['fastapi']\n"
    found = await inspected(tmp_path, {"app.py": APP, "pyproject.toml": text})
    assert found.generated == {
        "requirements.txt": b"# requirements.txt generated from pyproject.toml by "
        b"rsconnect-python\nfastapi"
    }


async def test_uv_lock(tmp_path, monkeypatch):
    """Uv is found although its environment is not activated; its own version is named."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "pyproject.toml").write_text("[project]\nname='x'\nversion='1'\n")
    lock = f"version = 1\nrequires-python = '>={sys.version_info[0]}.{sys.version_info[1]}'\n"
    lock += "[[package]]\nname = 'x'\nversion = '1'\nsource = { virtual = '.' }\n"
    found = await inspected(tmp_path, {"app.py": APP, "uv.lock": lock})
    manager = found.manifest["python"]["package_manager"]
    assert manager["name"] == "uv"
    uv = shutil.which("uv", path=environment._environment()["PATH"])
    assert uv is not None
    result = await anyio.run_process([uv, "--version"])
    assert manager["version"] == result.stdout.decode().split()[1]
    (content,) = found.generated.values()
    assert content.splitlines()[0].endswith(b"by rsconnect-python")


async def test_other_file(tmp_path):
    """Another file of requirements can be chosen, among those that are sent."""
    files = {"app.py": APP, "requirements.txt": "x", "server.txt": "fastapi\n"}
    found = await inspected(tmp_path, files, requirements="server.txt")
    assert found.manifest["python"]["package_manager"]["package_file"] == "server.txt"
    found = await inspected(tmp_path, files, requirements="./server.txt")
    assert found.manifest["python"]["package_manager"]["package_file"] == "server.txt"
    with pytest.raises(InvalidArgumentError, match=r"'other.txt' is not among the files"):
        await inspected(tmp_path, files, requirements="other.txt")


@pytest.mark.parametrize("pyproject", [None, "[tool.x]", "[project]\nname='x'", "[", "project=1"])
async def test_no_requirements(tmp_path, pyproject):
    """Without requirements, the error says how to write them down."""
    files = {"app.py": APP} | ({"pyproject.toml": pyproject} if pyproject else {})
    with pytest.raises(InvalidArgumentError, match=r"no requirements.txt.*pip freeze.*uv exp"):
        await inspected(tmp_path, files)


@pytest.mark.parametrize("name", ["requirements.txt", "uv.lock", "other.txt"])
async def test_requirements_encoding(tmp_path, name):
    """Requirements as PowerShell writes them are refused with what to do."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / name).write_bytes("fastapi\n".encode("utf-16"))
    names, wanted = ["app.py", name], "other.txt" if name == "other.txt" else None
    with pytest.raises(InvalidArgumentError, match=rf"{name}.*is UTF-16 text; save it as UTF"):
        await inspect(tmp_path, names, detect(tmp_path, names), requirements=wanted)


async def test_requirements_mark(tmp_path):
    """A mark at the beginning, as Windows writes it, does not make a line another one."""
    files = {"app.py": APP, "requirements.txt": "\ufefffastapi\r\nflask\r\n"}
    found = await inspected(tmp_path, files)
    assert not any("leaves out" in warning for warning in found.warnings)


async def test_express(tmp_path):
    """The entry point of a Shiny Express application is what runs it on the server."""
    files = {"my-app.py": "from shiny.express import ui", "requirements.txt": "shiny"}
    found = await inspected(tmp_path, files)
    assert found.manifest["metadata"] == {
        "appmode": "python-shiny",
        "entrypoint": "shiny.express.app:my_2d_app_2e_py",
    }


async def test_r(tmp_path):
    """The packages of R come from renv.lock, also of documents with R Markdown."""
    files = {"a.Rmd": "---\nparams:\n  x: 1\n---\n", "_site.yml": "",
             "renv.lock": json.dumps(LOCK)}  # fmt: skip
    manifest = (await inspected(tmp_path, files)).manifest
    assert manifest["metadata"] == {
        "appmode": "rmd-static",
        "entrypoint": "a.Rmd",
        "primary_rmd": "a.Rmd",
        "has_parameters": True,
        "content_category": "site",
    }
    assert manifest["platform"] == "4.3.1"
    assert manifest["packages"]["shiny"]["Repository"] == "https://cran.example"


async def test_r_with_python(tmp_path):
    """R Markdown with code in Python gets the requirements as well."""
    files = {"a.Rmd": "```{python}\n1\n```\n", "renv.lock": json.dumps(LOCK)}
    with pytest.raises(InvalidArgumentError, match=r"no requirements.txt"):
        await inspected(tmp_path, files)
    manifest = (await inspected(tmp_path, files | {"requirements.txt": "pandas\n"})).manifest
    assert {"python", "packages", "platform"} <= manifest.keys()


async def test_old_lock(tmp_path):
    """What rsconnect-python refuses is an error with its reason and what to do."""
    with pytest.raises(InspectionError, match=r"renv.lock is not compatible.*write-manifest"):
        await inspected(tmp_path, {"app.R": "", "renv.lock": "{}"})


async def test_python_with_r(tmp_path):
    """A Python application beside renv.lock gets both."""
    files = {"app.py": APP, "requirements.txt": "", "renv.lock": json.dumps(LOCK)}
    manifest = (await inspected(tmp_path, files)).manifest
    assert {"python", "packages", "platform"} <= manifest.keys()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_node(tmp_path):
    """The versions of Node.js and npm are in it."""
    files = {"package.json": "{}", "package-lock.json": "{}", "app.js": ""}
    manifest = (await inspected(tmp_path, files)).manifest
    assert manifest["metadata"] == {"appmode": "nodejs", "entrypoint": "app.js"}
    assert manifest["node"]["package_manager"]["name"] == "npm"


async def test_static(tmp_path, child):
    """A static site needs no process, and nothing installed."""
    child("raise SystemExit(1)")
    found = await inspected(tmp_path, {"index.html": ""})
    assert found.manifest == {
        "version": 1,
        "metadata": {
            "appmode": "static",
            "entrypoint": "index.html",
            "primary_html": "index.html",
        },
    }


@pytest.mark.usefixtures("no_quarto")
@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("text", "markdown"),
        ("---\nengine: markdown\n---\n```{r}\n```", "markdown"),
        ("```{python}\n```", "jupyter"),
        ("---\njupyter: python3\n---\n", "jupyter"),
        ("```python\n```", "markdown"),
    ],
)
async def test_quarto_engines(tmp_path, text, engine):
    """Without Quarto, the engine is found by reading the document; the version is a hint."""
    files = {"a.qmd": text, "requirements.txt": ""}
    manifest = (await inspected(tmp_path, files)).manifest
    assert manifest["quarto"] == {"version": "1.7.34", "engines": [engine]}
    assert manifest["metadata"] == {"appmode": "quarto-static", "entrypoint": "a.qmd"}
    assert ("python" in manifest) == (engine == "jupyter")


@pytest.mark.usefixtures("no_quarto")
async def test_quarto_project(tmp_path):
    """A project with several documents is a site, and has the engines of all."""
    files = {"_quarto.yml": "", "a.qmd": "", "b.ipynb": "{}", "_c.qmd": "```{r}",
             "requirements.txt": ""}  # fmt: skip
    manifest = (await inspected(tmp_path, files)).manifest
    assert manifest["metadata"] == {"appmode": "quarto-static", "content_category": "site"}
    assert manifest["quarto"]["engines"] == ["jupyter", "markdown"]


@pytest.mark.usefixtures("no_quarto")
async def test_quarto_knitr(tmp_path):
    """Code in R is refused without renv.lock, with what makes it."""
    with pytest.raises(InvalidArgumentError, match=r"knitr.*no renv.lock.*writeManifest\(\)"):
        await inspected(tmp_path, {"a.qmd": "```{r}\n1\n```\n"})
    files = {"a.qmd": "```{r}\n1\n```\n", "renv.lock": json.dumps(LOCK)}
    manifest = (await inspected(tmp_path, files)).manifest
    assert manifest["quarto"]["engines"] == ["knitr"]
    assert manifest["platform"] == "4.3.1"


async def test_quarto_installed(tmp_path, quarto):
    """What Quarto says counts more than what the documents look like."""
    answer = {"quarto": {"version": "1.9.9"}, "engines": ["markdown"], "dir": "x",
              "files": {"input": ["/a.qmd", "/b.qmd"]}}  # fmt: skip
    quarto(json.dumps(answer))
    manifest = (await inspected(tmp_path, {"_quarto.yml": "", "a.qmd": "```{r}\n"})).manifest
    assert manifest["quarto"] == {"version": "1.9.9", "engines": ["markdown"]}
    assert manifest["metadata"]["content_category"] == "site"


@pytest.mark.parametrize(("answer", "code"), [("garbage", 0), ("{}", 0), ("", 3)])
async def test_quarto_fails(tmp_path, quarto, answer, code):
    """If Quarto fails, the documents are read and the user is told."""
    quarto(answer, code)
    found = await inspected(tmp_path, {"a.qmd": "text"})
    assert found.manifest["quarto"] == {"version": "1.7.34", "engines": ["markdown"]}
    assert "quarto inspect failed" in found.warnings[0]


LEAKING = """
import sys
url = "https://u:hunter2@h/"
print('{"error": "%s"}' % url)
sys.stderr.write(f"\\x1b[31m{url} failed")
"""
PROJECT = {"app.py": APP, "requirements.txt": "fastapi\n"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('garbage')", r"8 bytes that are not a valid answer.*write-manifest"),
        ("print('[1]')", "not a valid answer"),
        ("pass", "0 bytes that are not a valid answer"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with SIGSEGV"),
        ("import sys; print('last words', file=sys.stderr); sys.exit(3)",
         r"exit code 3; ran .*_inspect.py; its last output was: last words"),
        ("print('{\"error\": \"no pip\"}')", "no pip"),
        ("print('{}')", "no manifest"),
        ("print('{\"missing\": \"other\"}')", "no module named 'other'"),
        (LEAKING, r"https://\*\*\*@h/; ran .*output was: https://\*\*\*@h/ failed"),
        ("import os, sys; sys.stdin.close(); os.close(0); os.close(1); sys.exit(4)",
         "exit code"),
        ("import sys; sys.stderr.write('x' * 5_000_000 + '\\nend'); sys.exit(5)", "end"),
    ],
)  # fmt: skip
async def test_child_fails(tmp_path, child, code, words):
    """However the child fails, the error says how, what was run, and what to do."""
    child(code)
    with pytest.raises(InspectionError, match=words) as caught:
        await inspected(tmp_path, PROJECT)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 70_000


async def test_much_output(tmp_path, child):
    """A child that writes megabytes of both neither blocks nor fills the memory."""
    child(
        "import sys; sys.stderr.write('warning: x\\n' * 500_000);"
        'print(\'{"manifest": {"metadata": {}, "x": "\' + \'y\' * 5_000_000 + \'"}}\')'
    )
    found = await inspected(tmp_path, PROJECT)
    assert len(found.manifest["x"]) == 5_000_000
    assert found.warnings == ("x",)


@pytest.mark.parametrize("what", ["itself", "what it started"])
async def test_hangs(tmp_path, child, what):
    """A child that hangs, or leaves a process behind that does, is killed with all of it."""
    pids = tmp_path / "pids"
    child(
        "import os, subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{p.pid}}')\n"
        "print('waiting for you', file=sys.stderr, flush=True)\n"
        + ("time.sleep(600)" if what == "itself" else "")
    )
    with pytest.raises(InspectionError, match=r"did not end within 2 s.*waiting for you"):
        await inspected(tmp_path, PROJECT, timeout=2)
    await killed(pids.read_text())


@pytest.mark.parametrize("scope", ["asyncio", "anyio"])
async def test_cancelled(tmp_path, child, scope):
    """Cancelling kills the child and what it started."""
    pids = tmp_path / "pids"
    child(
        "import os, subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r} + '_', 'w').write(f'{{os.getpid()}} {{p.pid}}')\n"
        f"os.rename({str(pids)!r} + '_', {str(pids)!r})\n"
        "time.sleep(600)"
    )

    async def started():
        while not pids.exists():  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.01)

    if scope == "asyncio":
        task = asyncio.create_task(inspected(tmp_path, PROJECT))
        await started()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        async with anyio.create_task_group() as group:
            group.start_soon(inspected, tmp_path, PROJECT)
            await started()
            group.cancel_scope.cancel()
    await killed(pids.read_text())


async def test_orphaned(tmp_path):
    """The child, and what it started, end if this process is killed and cannot kill them."""
    pids, python = tmp_path / "pids", tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$PPID $$" > {pids}_\nmv {pids}_ {pids}\nsleep 600\n')
    python.chmod(0o755)
    code = (
        "import asyncio, pathlib\n"
        "from aconnect.deploy.project.detection import detect\n"
        "from aconnect.deploy.project.environment import inspect\n"
        f"folder, names = pathlib.Path({str(write(tmp_path, PROJECT))!r}), {[*PROJECT]}\n"
        f"asyncio.run(inspect(folder, names, detect(folder, names), python={str(python)!r}))\n"
    )
    async with await anyio.open_process([sys.executable, "-c", code]) as parent:
        while not pids.exists():  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.01)
        parent.kill()
    await killed(pids.read_text())


@pytest.mark.parametrize("missing", ["rsconnect", "rsconnect.environment_r", "name"])
async def test_not_installed(tmp_path, child, missing):
    """Without rsconnect-python of the right version, the error has what installs it."""
    source = Path(environment.__file__).with_name("_inspect.py").read_text()
    without = (
        "import rsconnect.bundle; del rsconnect.bundle.resolve_shiny_express_entrypoint\n"
        if missing == "name"
        else f"import sys; sys.modules[{missing!r}] = None\n"
    )
    child(without + source.replace(
        "from __future__ import annotations", ""))  # fmt: skip
    with pytest.raises(MissingExtraError, match=r"pip install 'aconnect\[deploy\]'"):
        await inspected(tmp_path, PROJECT)


async def test_other_interpreter(tmp_path):
    """An interpreter without rsconnect-python is an error that says what it needs."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(InspectionError, match=r"python -m pip install 'rsconnect-python>=1.30"):
        await inspected(tmp_path, PROJECT, python=str(python))


async def test_interpreter_on_path(tmp_path, monkeypatch):
    """An interpreter is found on the path, and its version is sent."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    found = await inspected(tmp_path, PROJECT, python=Path(sys.executable).name)
    assert found.manifest["python"]["version"].startswith("3.")
    assert any("--python option" in warning for warning in found.warnings)


async def test_no_such_interpreter(tmp_path):
    """An interpreter that does not exist is named."""
    with pytest.raises(InvalidArgumentError, match="'/nowhere/python' is not a program"):
        await inspected(tmp_path, PROJECT, python="/nowhere/python")


async def test_cannot_run(monkeypatch, tmp_path):
    """If no process can be started, the error says which."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(InspectionError, match="cannot run /nowhere/python: No such file"):
        await inspected(tmp_path, PROJECT)


async def test_shadows(tmp_path, monkeypatch):
    """Files of the project that have the names of modules are not imported."""
    shadows = dict.fromkeys(("json.py", "click.py", "rsconnect.py", "pip.py"), "raise OSError")
    monkeypatch.chdir(write(tmp_path, shadows))
    found = await inspected(tmp_path, PROJECT)
    assert "python" in found.manifest


async def test_secrets(tmp_path, child, monkeypatch):
    """The child gets no secret of the environment, and nothing of the standard input."""
    monkeypatch.setenv("CONNECT_API_KEY", "hunter2")
    monkeypatch.setenv("MY_PASSWORD", "hunter2")
    monkeypatch.setenv("HARMLESS", "1")
    child(
        "import json, os, sys\nsys.stdin.readline()\n"
        "print(json.dumps({'manifest': {'metadata': {}, 'environ': dict(os.environ)}}))"
    )
    environ = (await inspected(tmp_path, PROJECT)).manifest["environ"]
    assert "hunter2" not in environ.values()
    assert environ["HARMLESS"] == "1"


def test_signatures():
    """rsconnect-python has what the child process uses; a version that has not fails here."""
    from rsconnect.bundle import make_source_manifest, resolve_shiny_express_entrypoint
    from rsconnect.environment import Environment
    from rsconnect.environment_node import NodeEnvironment
    from rsconnect.environment_r import REnvironment
    from rsconnect.models import AppModes

    used: dict[Any, set[str]] = {
        make_source_manifest: {"app_mode", "environment", "entrypoint", "r_environment"},
        resolve_shiny_express_entrypoint: {"entrypoint", "directory"},
        Environment.create_python_environment: {"directory", "requirements_file", "python"},
        REnvironment.create: {"directory"},
        NodeEnvironment.create: {"directory"},
        AppModes.get_by_name: {"name"},
    }
    for function, keywords in used.items():
        parameters = inspection.signature(function).parameters
        assert keywords <= parameters.keys()
        others = [p for name, p in parameters.items() if name not in keywords]
        assert all(p.default is not p.empty for p in others)
    fields = {"node_version", "npm_version", "package_file", "locale"}
    assert fields <= inspection.signature(NodeEnvironment).parameters.keys()
    assert {"contents", "filename"} <= Environment.DATA_FIELDS


def test_side_effects():
    """Importing aconnect.deploy imports no rsconnect and adds no handler to the log."""
    code = (
        "import logging, sys; before = list(logging.root.handlers)\n"
        "import aconnect.deploy, aconnect.deploy.project.project\n"
        "assert not {'rsconnect', 'click', 'pathspec', 'rich'} & set(sys.modules)\n"
        "assert logging.root.handlers == before\n"
        "loggers = logging.root.manager.loggerDict.values()\n"
        "handlers = [h for one in loggers for h in getattr(one, 'handlers', ())]\n"
        "assert all(isinstance(h, logging.NullHandler) for h in handlers), handlers\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603

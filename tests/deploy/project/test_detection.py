"""A directory is recognized by its files and imports, or the error says what it could be."""

import codecs
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from aconnect.deploy.project.detection import detect
from aconnect.deploy.project.kinds import KINDS, Detected, find_kind
from aconnect.deploy.project.scripts import parse_script
from aconnect.errors import FileError, InvalidArgumentError

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "import fastapi\napp = fastapi.FastAPI()\n"
NOTEBOOK = '{"cells": [{"cell_type": "code", "source": ["import pandas as pd\\n", "1"]}]}'
WIDGETS = '{"cells": [{"cell_type": "code", "source": ["from ipywidgets import interact\\n"]}]}'
SHINY_DOCUMENT = "---\ntitle: x\nserver: shiny\n---\n"


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def recognize(folder: Path, files: dict[str, str | bytes], **options: str) -> Detected:
    return detect(write(folder, files), files.keys(), **options)


@pytest.mark.parametrize(
    ("files", "kind", "told"),
    [
        ({"app/main.py": FASTAPI, "app/routes.py": FASTAPI}, None, "created in app/main.py;"),
        ({"src/x/app.py": FLASK, "b/wsgi.py": FLASK}, None, "in b/wsgi.py, src/x/app.py;"),
        ({"src/x/app.py": FLASK, "b/main.py": FASTAPI}, "flask", "created in src/x/app.py;"),
        (
            {"manage.py": "import django", "site/wsgi.py": "import django.core.wsgi as w\n"
             "application = w.get_wsgi_application()"},
            "flask",
            "created in site/wsgi.py;",
        ),
    ],
)  # fmt: skip
def test_deeper(tmp_path, files, kind, told):
    """Applications below the top are not guessed but named, with what to pass."""
    with pytest.raises(InvalidArgumentError, match=told):
        recognize(tmp_path, files, **({} if kind is None else {"kind": kind}))


@pytest.mark.parametrize(
    ("files", "kind", "entrypoint"),
    [
        ({"app.py": FASTAPI}, "fastapi", "app:app"),
        ({"main.py": "from fastapi import FastAPI as F\nservice: F = F()"}, "fastapi",
         "main:service"),
        ({"a.py": "from starlette.applications import Starlette\nx = Starlette()"}, "fastapi",
         "a:x"),
        ({"a.py": "from quart import Quart\napp = Quart(__name__)"}, "fastapi", "a:app"),
        ({"a.py": "import falcon.asgi\napp = falcon.asgi.App()"}, "fastapi", "a:app"),
        ({"a.py": "import falcon\napp = falcon.App()"}, "flask", "a:app"),
        ({"app.py": "from vetiver import VetiverAPI\nv = VetiverAPI(m)\napi = v.app"}, "fastapi",
         "app:api"),
        ({"app.py": FLASK}, "flask", "app:app"),
        ({"wsgi.py": "from bottle import Bottle\napplication = Bottle()"}, "flask",
         "wsgi:application"),
        ({"app.py": "import flask\ndef create_app():\n    return flask.Flask('x')"}, "flask",
         "app"),
        ({"app.py": FLASK, "views.py": "from flask import Blueprint\nb = Blueprint('b', 'c')"},
         "flask", "app:app"),
        ({"app.py": "import dash\napp = dash.Dash()\nserver = app.server"}, "dash", "app:app"),
        ({"app.py": "import flask, dash\nserver = flask.Flask('x')\nx = dash.Dash(server=server)"},
         "dash", "app:x"),
        ({"app.py": "import dash, fastapi\nd = dash.Dash()\napp = fastapi.FastAPI()\n"},
         "fastapi", "app:app"),
        ({"app.py": "import streamlit as st\nimport bokeh"}, "streamlit", "app"),
        ({"app.py": "import streamlit\nimport charts", "charts.py": "import streamlit"},
         "streamlit", "app"),
        ({"app.py": "import streamlit", "other.py": "import streamlit"}, "streamlit", "app"),
        ({"x.py": "from bokeh.plotting import curdoc"}, "bokeh", "x"),
        ({"x.py": "import panel as pn\nimport bokeh"}, "panel", "x"),
        ({"app.py": "import gradio as gr\nwith gr.Blocks() as demo:\n    pass"}, "gradio",
         "app:demo"),
        ({"app.py": "import gradio as gr\nfrom fastapi import FastAPI\napp = FastAPI()\n"
                    "demo = gr.Interface()\napp = gr.mount_gradio_app(app, demo)"},
         "fastapi", "app:app"),
        ({"app.py": "from shiny import App, ui\napp = App(ui.page_fluid(), None)"},
         "python-shiny", "app:app"),
        ({"app.py": "from shiny.express import input, ui"}, "shiny-express", "app"),
        ({"app.py": "import shiny.express"}, "shiny-express", "app"),
        ({"app.py": "from shiny import express"}, "shiny-express", "app"),
        ({"app.py": FLASK, "test_app.py": FASTAPI, "index.html": "", "report.Rmd": ""}, "flask",
         "app:app"),
        ({"a.ipynb": NOTEBOOK}, "notebook", "a.ipynb"),
        ({"a.ipynb": WIDGETS}, "voila", "a.ipynb"),
        ({"a.ipynb": NOTEBOOK, "a.html": "", "helpers.py": "import pandas"}, "notebook",
         "a.ipynb"),
        ({"a.qmd": "text", "a.html": ""}, "quarto", "a.qmd"),
        ({"a.qmd": "text", "index.qmd": "", "README.md": ""}, "quarto", "index.qmd"),
        ({"a.qmd": SHINY_DOCUMENT}, "quarto-shiny", "a.qmd"),
        ({"a.qmd": "---\r\nserver:\r\n  type: shiny\r\n---\r\n"}, "quarto-shiny", "a.qmd"),
        ({"_quarto.yml": "", "a.qmd": "", "b.ipynb": NOTEBOOK, "c.Rmd": ""}, "quarto", None),
        ({"_quarto.yml": "", "a.qmd": SHINY_DOCUMENT}, "quarto-shiny", None),
        ({"app.R": "", "renv.lock": "", "report.Rmd": ""}, "r-shiny", "app.R"),
        ({"ui.R": "", "server.R": "", "renv.lock": ""}, "r-shiny", "server.R"),
        ({"plumber.R": "", "renv.lock": ""}, "plumber", "plumber.R"),
        ({"entrypoint.R": "", "renv.lock": ""}, "plumber", "entrypoint.R"),
        ({"_server.yml": "engine: plumber2", "renv.lock": ""}, "plumber", "_server.yml"),
        ({"a.Rmd": "x", "renv.lock": ""}, "rmd", "a.Rmd"),
        ({"a.rmd": "---\nruntime: shiny\n---\n", "renv.lock": ""}, "rmd-shiny", "a.rmd"),
        ({"package.json": '{"main": "./lib/x.js"}', "package-lock.json": "", "lib/x.js": ""},
         "nodejs", "lib/x.js"),
        ({"package.json": '{"scripts": {"start": "node s.js"}}', "package-lock.json": "",
          "s.js": "", "index.html": ""}, "nodejs", "s.js"),
        ({"package.json": "[", "package-lock.json": "", "app.js": ""}, "nodejs", "app.js"),
        ({"index.html": "", "about.html": "", "x.js": ""}, "static", "index.html"),
        ({"report.html": ""}, "static", "report.html"),
    ],
)  # fmt: skip
def test_recognized(tmp_path, files, kind, entrypoint):
    """Each kind is recognized by its files, with its entry point and a reason."""
    found = recognize(tmp_path, files)
    assert (found.kind.name, found.entrypoint) == (kind, entrypoint)
    assert any(name in found.reason for name in files)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"app.py": FLASK, "report.ipynb": NOTEBOOK}, r"app.py \(flask\), report.ipynb \(note"),
        ({"app.py": FLASK, "x.ipynb": NOTEBOOK}, "kind= with one of flask, notebook, or entryp"),
        ({"app.py": FLASK, "api.py": FASTAPI}, r"api.py \(fastapi\), app.py \(flask\)"),
        ({"one.py": FLASK, "two.py": FLASK}, r"one.py \(flask\), two.py \(flask\); pass entryp"),
        ({"a.ipynb": NOTEBOOK, "b.ipynb": NOTEBOOK}, "a.ipynb.*b.ipynb.*pass entrypoint="),
        ({"a.html": "", "b.html": ""}, "a.html.*b.html.*pass entrypoint="),
        ({"build.py": "import flask", "index.html": ""}, "build.py.*index.html"),
        ({"app.R": "", "app.py": FLASK, "renv.lock": ""}, "app.R.*app.py"),
    ],
)  # fmt: skip
def test_ambiguous(tmp_path, files, words):
    """If a directory could be several things, the error lists them and says how to choose."""
    with pytest.raises(InvalidArgumentError, match=words):
        recognize(tmp_path, files)


@pytest.mark.parametrize(
    ("files", "options", "kind", "entrypoint"),
    [
        ({"app.py": FLASK, "a.ipynb": NOTEBOOK}, {"kind": "notebook"}, "notebook", "a.ipynb"),
        ({"app.py": FLASK, "a.ipynb": NOTEBOOK}, {"entrypoint": "a.ipynb"}, "notebook", "a.ipynb"),
        ({"app.py": FLASK, "a.ipynb": NOTEBOOK}, {"entrypoint": "app.py"}, "flask", "app:app"),
        ({"app.py": FLASK, "b.py": FLASK}, {"entrypoint": "b"}, "flask", "b:app"),
        ({"app.py": FLASK, "b.py": FLASK}, {"entrypoint": "b:other"}, "flask", "b:other"),
        ({"src/web/app.py": FASTAPI}, {"entrypoint": "src.web.app:app"}, "fastapi",
         "src.web.app:app"),
        ({"src/web/app.py": FASTAPI}, {"entrypoint": ".\\src\\web\\app.py"}, "fastapi",
         "src.web.app:app"),
        ({"web/__init__.py": FLASK}, {"entrypoint": "web"}, "flask", "web:app"),
        ({"a.ipynb": WIDGETS}, {"kind": "jupyter-static"}, "notebook", "a.ipynb"),
        ({"a.ipynb": NOTEBOOK}, {"kind": "jupyter-voila"}, "voila", "a.ipynb"),
        ({"a.ipynb": NOTEBOOK}, {"kind": "panel", "entrypoint": "a.ipynb"}, "panel", "a.ipynb"),
        ({"app.py": "import mine\napp = mine.make()"}, {"kind": "flask"}, "flask", "app"),
        ({"only.py": "import mine"}, {"kind": "streamlit"}, "streamlit", "only"),
        ({"docs/a.qmd": ""}, {"entrypoint": "docs/a.qmd"}, "quarto", "docs/a.qmd"),
        ({"site/x.html": ""}, {"entrypoint": "site/x.html"}, "static", "site/x.html"),
        ({"api.R": "", "renv.lock": ""}, {"kind": "api", "entrypoint": "api.R"}, "plumber",
         "api.R"),
        ({"_quarto.yml": "", "a.qmd": "", "b.qmd": ""}, {"entrypoint": "_quarto.yml"}, "quarto",
         None),
    ],
)  # fmt: skip
def test_chosen(tmp_path, files, options, kind, entrypoint):
    """The type and the entry point can be chosen, in the forms that people write."""
    found = recognize(tmp_path, files, **options)
    assert (found.kind.name, found.entrypoint) == (kind, entrypoint)
    assert found.reason or "entrypoint" in options


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Python-FastAPI", "fastapi"), ("python-api", "flask"), ("python-flask", "flask"),
        ("api", "plumber"), ("r-plumber", "plumber"), ("shiny", "r-shiny"),
        ("python-shiny", "python-shiny"), ("jupyter-notebook", "notebook"), ("html", "static"),
        ("quarto-static", "quarto"), ("quarto", "quarto"), ("rmd-static", "rmd"), ("rmd", "rmd"),
    ],
)  # fmt: skip
def test_names_of_kinds(text, name):
    """The names of the server and of Posit Publisher are accepted as well as ours."""
    assert find_kind(text).name == name


def test_unknown_kind():
    """An unknown type is refused with the list of all."""
    with pytest.raises(InvalidArgumentError, match=r"'django' is not a type.*fastapi.*static"):
        find_kind("django")


def test_table():
    """No name means two kinds, and a kind is recognized by imports or by files."""
    names = [name for kind in KINDS for name in (kind.name, *kind.aliases)]
    assert len(names) == len(set(names))
    assert all(bool(kind.imports) != bool(kind.files) for kind in KINDS)
    for kind in KINDS:
        assert find_kind(kind.app_mode).app_mode == kind.app_mode


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({"a.csv": "", "b/c.py": ""}, {}, "no known type: looked for.*a.csv, b/"),
        ({f"{n}.txt": "" for n in range(20)}, {}, "and 12 more"),
        ({"helpers.py": "import os"}, {}, "helpers.py"),
        ({"app.R": ""}, {}, r"is of type r-shiny, but has no renv.lock.*writeManifest\(\)"),
        ({"plumber.R": ""}, {}, "is of type plumber, but has no renv.lock"),
        ({"a.Rmd": ""}, {}, "is of type rmd, but has no renv.lock"),
        ({"app.py": FLASK}, {"kind": "shiny"}, "looked for app.r, server.r; for Python, .*python-"),
        ({"app.py": FLASK}, {"kind": "api"}, "for Python, the type is flask or fastapi"),
        ({"app.py": FLASK}, {"entrypoint": "main:app"}, "'main:app' is not among the files"),
        ({"a.csv": ""}, {"entrypoint": "a.csv"}, "a.csv.*says nothing about its type; pass kind="),
        ({"package-lock.json": "", "app.js": ""}, {}, "needs package.json"),
        ({"package-lock.json": "", "package.json": "{}"}, {}, "pass entrypoint="),
        ({}, {}, "no files"),
    ],
)
def test_refused(tmp_path, files, options, words):
    """What cannot be recognized or made is refused with what was found and what to do."""
    with pytest.raises(InvalidArgumentError, match=words):
        recognize(tmp_path, files, **options)


@pytest.mark.parametrize(
    "source",
    [
        codecs.BOM_UTF8 + FLASK.encode(),
        b"# -*- coding: latin-1 -*-\n# \xe9\n" + FLASK.encode(),
        FLASK.replace("\n", "\r\n").encode(),
        FLASK.encode() + b"def broken(:\n",
        FLASK.encode() + b"x = '\xff'\n",
        FLASK.encode("utf-16"),
        FLASK.encode() + b"pattern = '\\d'\n",
        FLASK.encode() + b"x = " + b"(" * 10_000,
    ],
)
def test_any_encoding(tmp_path, source):
    """Files with errors, byte order marks and other encodings are recognized all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert recognize(tmp_path, {"app.py": source}).kind.name == "flask"


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_script(source):
    """No bytes make the reading of a Python file fail."""
    parse_script(source)


FILES = st.dictionaries(
    st.sampled_from(
        ["app.py", "main.py", "x.py", "a/app.py", "a.ipynb", "b.ipynb", "a.qmd", "_quarto.yml",
         "a.Rmd", "app.R", "plumber.R", "renv.lock", "index.html", "a.html", "package.json",
         "package-lock.json", "a.csv"]
    ),
    st.sampled_from([FLASK, FASTAPI, NOTEBOOK, WIDGETS, SHINY_DOCUMENT, "", "{}", "import x"]),
    max_size=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(FILES, st.randoms(use_true_random=False))
def test_any_directory(files, random):
    """A directory is of one kind or refused, whatever the order in which its files are listed."""
    names = list(files)
    found: list[object] = []
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place), files)
        for _ in range(2):
            try:
                detected = detect(folder, names)
            except InvalidArgumentError as error:
                found.append(str(error))
            else:
                found.append(detected)
                start = (detected.entrypoint or "_quarto.yml").partition(":")[0]
                assert start in names or f"{start}.py" in names
            random.shuffle(names)
    assert found[0] == found[1]


def test_unreadable(tmp_path):
    """A file that vanished in between is an error of its own."""
    with pytest.raises(FileError, match="cannot read a file"):
        detect(tmp_path, ["app.py"])


def test_blocks():
    """What is created in the blocks of a module counts; what functions create does not."""
    source = b"""
try:
    from flask import Flask
except ImportError:
    import bottle
else:
    if True:
        a = Flask("x")
def f():
    b = Flask("y")
"""
    script = parse_script(source)
    assert script.objects == {"a": "flask.Flask"}
    assert {"flask", "flask.Flask", "bottle"} <= script.imports
    assert script.functions == {"f"}

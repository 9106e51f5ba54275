"""The kinds of content that a directory can be: a table, to which a kind is added by one entry.

How a directory is recognized as one of them is decided in `detection`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from aconnect.deploy.project import documents
from aconnect.errors import InvalidArgumentError

Language = Literal["python", "r", "quarto", "node", "html"]


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of content."""

    name: str
    """As users write it, such as `fastapi`."""
    app_mode: str
    """As the server and its manifests write it, such as `python-fastapi`."""
    title: str
    """What it is, such as `FastAPI or another ASGI application`."""
    language: Language
    """What runs or renders it."""
    aliases: tuple[str, ...] = ()
    """Other names for it: those of Posit Publisher and of rsconnect."""
    imports: tuple[str, ...] = ()
    """The packages by which a Python file is recognized."""
    classes: tuple[str, ...] = ()
    """What of them creates the application; empty if the file itself is the application."""
    files: tuple[str, ...] = ()
    """Patterns of the names of its main file, the preferred first; lower case."""
    when: Callable[[Path], bool] | None = None
    """Whether such a file is of this kind; if it is None, every one is."""
    sign: str = ""
    """What `when` looks for, as in `index.ipynb imports widgets`."""
    rank: int = 0
    """It is considered only if the directory is nothing with a lower rank."""


class Detected(Struct, frozen=True):
    """The kind of a directory."""

    kind: Kind
    entrypoint: str | None
    """As in a manifest, such as ``app:app`` or the name of a file; None for a Quarto project."""
    reason: str
    """Why it was recognized, such as `app.py imports fastapi`, or that its type was given."""
    package: str | None = None
    """The Python package by which it was recognized."""


def _is_shiny(path: Path) -> bool:
    return documents.read_document(path).is_shiny


def _is_plumber(path: Path) -> bool:
    return path.suffix.lower() == ".r" or "plumber" in documents.read_text(path)


_SERVER: Final = "has server: shiny or runtime: shiny in its front matter"
_ASGI: Final = (
    "fastapi",
    "starlette",
    "quart",
    "litestar",
    "sanic",
    "falcon.asgi",
    "mcp.server",
    "vetiver",
    "django.core.asgi",
)
_ASGI_CLASSES: Final = ("FastAPI", "Starlette", "Quart", "Litestar", "Sanic", "VetiverAPI")
_WSGI: Final = ("flask", "apiflask", "flasgger", "falcon", "bottle", "pycnic", "django.core.wsgi")
_WSGI_CLASSES: Final = ("Flask", "APIFlask", "OpenAPI", "API", "Bottle", "WSGI")

# Of two kinds that a file could be, the first counts, unless an object `app` says otherwise.
KINDS: Final = (
    Kind(
        name="streamlit", app_mode="python-streamlit", title="Streamlit application",
        language="python", imports=("streamlit",)
    ),
    Kind(
        name="shiny-express", app_mode="python-shiny", title="Shiny Express application",
        language="python", imports=("shiny.express",)
    ),
    Kind(
        name="python-shiny", app_mode="python-shiny", title="Shiny for Python application",
        language="python", imports=("shiny",), classes=("App",)
    ),
    Kind(
        name="dash", app_mode="python-dash", title="Dash application",
        language="python", imports=("dash",), classes=("Dash", "DashProxy")
    ),
    Kind(
        name="gradio", app_mode="python-gradio", title="Gradio application",
        language="python", imports=("gradio",),
        classes=("Blocks", "ChatInterface", "Interface", "TabbedInterface")
    ),
    Kind(
        name="fastapi", app_mode="python-fastapi", title="FastAPI or another ASGI application",
        aliases=("asgi",), language="python",
        imports=_ASGI, classes=("App", "get_asgi_application", *_ASGI_CLASSES)
    ),
    Kind(
        name="flask", app_mode="python-api", title="Flask or another WSGI application",
        aliases=("python-flask", "wsgi"), language="python",
        imports=_WSGI, classes=("App", "get_wsgi_application", *_WSGI_CLASSES)
    ),
    Kind(
        name="panel", app_mode="python-panel", title="Panel application",
        language="python", imports=("panel",)
    ),
    Kind(
        name="bokeh", app_mode="python-bokeh", title="Bokeh application",
        language="python", imports=("bokeh",)
    ),
    Kind(
        name="voila", app_mode="jupyter-voila", title="Voila application",
        language="python", files=("*.ipynb",), when=documents.has_widgets, sign="imports widgets"
    ),
    Kind(
        name="notebook", app_mode="jupyter-static", title="Jupyter notebook",
        aliases=("jupyter-notebook",), language="python", files=("*.ipynb",)
    ),
    Kind(
        name="quarto-shiny", app_mode="quarto-shiny", title="Quarto document with Shiny",
        language="quarto", files=("index.qmd", "*.qmd"), when=_is_shiny, sign=_SERVER
    ),
    Kind(
        name="quarto", app_mode="quarto-static", title="Quarto document or project",
        language="quarto", files=("index.qmd", "*.qmd")
    ),
    Kind(
        name="plumber", app_mode="api", title="Plumber API", aliases=("r-plumber",), language="r",
        files=("plumber.r", "entrypoint.r", "_server.yml", "_server.yaml"), when=_is_plumber
    ),
    Kind(
        name="r-shiny", app_mode="shiny", title="Shiny application in R",
        language="r", files=("app.r", "server.r")
    ),
    Kind(
        name="rmd-shiny", app_mode="rmd-shiny", title="R Markdown document with Shiny",
        language="r", files=("index.rmd", "*.rmd"), when=_is_shiny, sign=_SERVER, rank=1
    ),
    Kind(
        name="rmd", app_mode="rmd-static", title="R Markdown document or site",
        language="r", files=("index.rmd", "*.rmd"), rank=1
    ),
    Kind(
        name="nodejs", app_mode="nodejs", title="Node.js application",
        language="node", files=("package-lock.json",), rank=2
    ),
    Kind(
        name="static", app_mode="static", title="static site",
        aliases=("html",), language="html", files=("index.html", "*.html", "*.htm"), rank=3
    ),
)  # fmt: skip

PROJECT_FILES: Final = ("_quarto.yml", "_quarto.yaml")
"""They make a directory a Quarto project, whose documents are rendered together."""
LOCK_FILE: Final = "renv.lock"
"""The R packages of a directory."""


def find_kind(text: str) -> Kind:
    """Return the kind of this name, app mode or alias."""
    name = text.strip().lower()
    for kind in sorted(KINDS, key=lambda kind: (kind.name != name, kind.app_mode != name)):
        if name in {kind.name, kind.app_mode, *kind.aliases}:
            return kind
    raise InvalidArgumentError(
        f"{text!r} is not a type of content; use one of {', '.join(kind.name for kind in KINDS)}"
    )


def is_quarto_project(names: Collection[str]) -> bool:
    """Return True if the documents of the directory are rendered together."""
    return any(name in names for name in PROJECT_FILES)

"""What is read from a document: its front matter, its languages, its engine.

Parses only the YAML that this needs. `environment` asks Quarto instead where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from aconnect.deploy.project.scripts import decode_leniently, imports_any, parse_script

_MOST: Final = 32 << 20
"""In bytes; only the beginning of a larger document is read."""

_FRONT_MATTER: Final = re.compile(
    r"\A\s*---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE
)
_FENCE: Final = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*\{([A-Za-z0-9_+-]+)", re.MULTILINE)
_SHINY: Final = re.compile(
    r"^(?:server:[ \t]*[\"']?shiny|runtime:[ \t]*[\"']?shiny|server:[ \t]*\n[ \t]+type:[ \t]*"
    r"[\"']?shiny)",
    re.MULTILINE,
)
# As Posit Publisher decides that a notebook is an application.
_WIDGETS: Final = (
    "ipywidgets",
    "bqplot",
    "ipympl",
    "ipyvolume",
    "ipyspeck",
    "ipywebgl",
    "ipywebrtc",
)
_RENDERED: Final = (".qmd", ".rmd", ".ipynb", ".md")
"""What Quarto renders in a project."""


class Document(Struct, frozen=True):
    """What is known of a Quarto or R Markdown document."""

    front_matter: str = ""
    languages: frozenset[str] = frozenset()
    """Of its code cells, such as `r` and `python`."""

    @property
    def is_shiny(self) -> bool:
        """Whether it needs a running server."""
        return _SHINY.search(self.front_matter) is not None

    @property
    def has_parameters(self) -> bool:
        """Whether users can render it with other parameters."""
        return re.search(r"^params:", self.front_matter, re.MULTILINE) is not None

    @property
    def title(self) -> str | None:
        """The title of its front matter, if it is one line."""
        return self._value("title")

    @property
    def engine(self) -> str:
        """What runs its code, by Quarto's rules."""
        if (engine := self._value("engine")) is not None:
            return engine
        if re.search(r"^jupyter:", self.front_matter, re.MULTILINE):
            return "jupyter"
        if re.search(r"^knitr:", self.front_matter, re.MULTILINE) or "r" in self.languages:
            return "knitr"
        return "jupyter" if self.languages & {"python", "julia", "bash"} else "markdown"

    def _value(self, name: str) -> str | None:
        found = re.search(rf"^{name}:[ \t]*([^\s|>].*?)[ \t]*$", self.front_matter, re.MULTILINE)
        return None if found is None else (found[1].strip("\"'") or None)


def read_text(path: Path) -> str:
    """Return the beginning of a text."""
    with path.open("rb") as file:
        return decode_leniently(file.read(_MOST))


def read_document(path: Path) -> Document:
    """Return what is known of a Quarto or R Markdown document."""
    return parse_document(read_text(path))


def parse_document(text: str) -> Document:
    """Return what is known of a document with this text."""
    found = _FRONT_MATTER.match(text)
    languages = frozenset(language.lower() for language in _FENCE.findall(text))
    return Document(found[1] if found else "", languages)


def has_widgets(path: Path) -> bool:
    """Return True if a notebook imports what only works in an application."""
    # The lines of code are JSON strings, in which only quotes and line breaks are escaped.
    lines = re.findall(r'"((?:from|import)\s[^"\\]*)', read_text(path))
    return imports_any(parse_script("\n".join(lines).encode()).imports, _WIDGETS) is not None


def project_inputs(names: Collection[str]) -> list[str]:
    """Return what Quarto renders in a project, by its rule that `_` and `.` hide files."""
    return sorted(
        name
        for name in names
        if name.lower().endswith(_RENDERED)
        and not any(part.startswith(("_", ".")) for part in PurePosixPath(name).parts)
        and PurePosixPath(name).stem.upper() not in {"README", "LICENSE", "CLAUDE", "AGENTS"}
    )


def engines(directory: Path, inputs: Iterable[str]) -> list[str]:
    """Return what runs the code of these documents, sorted."""
    found = {
        "jupyter" if name.lower().endswith(".ipynb") else read_document(directory / name).engine
        for name in inputs
    }
    return sorted(found)


def output_folder(project_file: Path) -> str:
    """Return the folder that a Quarto project is rendered into."""
    text = read_text(project_file)
    if (
        found := re.search(r"^[ \t]+output-dir:[ \t]*[\"']?([^\s\"'#]+)", text, re.MULTILINE)
    ) is not None:
        return str(PurePosixPath(found[1]))
    return "_book" if re.search(r"^[ \t]+type:[ \t]*[\"']?book", text, re.MULTILINE) else "_site"


def rendered(names: Iterable[str], inputs: Iterable[str], folder: str | None) -> dict[str, str]:
    """Return the files that Quarto makes of the inputs, with a reason to leave each out."""
    stems = {re.sub(r"\.[^./]+$", "", name): name for name in inputs}
    result: dict[str, str] = {}
    for name in names:
        if folder not in {None, "."} and name.startswith(f"{folder}/"):
            result[name] = f"Quarto renders into {folder}/"
        elif name.endswith(".html") and (source := stems.get(name[: -len(".html")])):
            result[name] = f"rendered from {source}"
        else:
            base = re.match(r"(.*?)_files/", name)
            if base is not None and (source := stems.get(base[1])):
                result[name] = f"rendered from {source}"
    return result

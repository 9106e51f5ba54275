"""A reference page for each resource of Posit Connect, and the directive `groups`.

Which names a page has follows from the package: what `aconnect.connect` exports, by the module that
defines it. So no page can omit a model, and a new resource gets a page by existing. The pages are
written before Sphinx reads them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from inspect import getdoc, isclass
from pathlib import Path
from sys import modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final, is_typeddict

from sphinx.util.docutils import SphinxDirective

import aconnect.connect
from aconnect._client.resource import Resource, ResourceBelow
from aconnect.connect._base.resource import ConnectBound

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

PACKAGE: Final = aconnect.connect.__name__
ELSEWHERE: Final = frozenset({"client", "tasks"})
"""Pages that are written by hand."""
WORDS: Final = {"codes": "error codes", "oauth": "OAuth", "version": "server version"}
"""How words of a page's name are written in its title, if differently."""
KINDS: Final = (
    ("Operations", lambda value: isclass(value) and issubclass(value, Resource)),
    ("Arguments of calls", is_typeddict),
    ("Models", isclass),
    ("Functions", callable),
)


def write_pages(app: Sphinx) -> None:
    """Write the pages that have changed, so that Sphinx builds only those, and delete old ones."""
    folder = Path(app.srcdir) / "reference" / "connect"
    folder.mkdir(exist_ok=True)
    modules_of = defaultdict[str, list[str]](list)
    for name in public_names():
        modules_of[getattr(aconnect.connect, name).__module__].append(name)
    pages = {
        folder / f"{page_name(module)}.md": page(module, names)
        for module, names in modules_of.items()
        if page_name(module) not in ELSEWHERE
    }
    for path in folder.glob("*.md"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def public_names() -> list[str]:
    """List what `aconnect.connect` exports, except for its modules and type aliases."""
    return sorted(
        name
        for name, value in vars(aconnect.connect).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "").startswith(f"{PACKAGE}.")
    )


def page_name(module: str) -> str:
    """Return the name of a module's page: `content.bundles`, or `content` for `content.content`."""
    *packages, name = module.removeprefix(f"{PACKAGE}.").removeprefix("_base.").split(".")
    return ".".join(packages if packages and packages[-1] == name else [*packages, name])


def page(module: str, names: list[str]) -> str:
    """Return the text of one page."""
    words = " ".join(WORDS.get(word, word) for word in re.split("[._]", page_name(module)))
    parts = [f"# {words[0].upper()}{words[1:]}", getdoc(modules[module]) or ""]
    remaining = names
    for heading, belongs in KINDS:
        members = [name for name in remaining if belongs(getattr(aconnect.connect, name))]
        remaining = [name for name in remaining if name not in members]
        if members:
            lines = [line for name in members for line in entry(name)]
            parts += [f"## {heading}", "\n".join(["```{eval-rst}", *lines, "```"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def entry(name: str) -> list[str]:
    """Return the lines that describe one name."""
    value: Any = getattr(aconnect.connect, name)
    if not isclass(value):
        return [f".. autofunction:: {PACKAGE}.{name}", ""]
    lines = [f".. autoclass:: {PACKAGE}.{name}()", "   :members:"]
    if not issubclass(value, Resource):
        lines.append("   :undoc-members:")
    if is_typeddict(value):
        lines.append("   :inherited-members: dict")
    elif issubclass(value, ConnectBound):
        lines.append("   :inherited-members: ConnectBound")
    if any(resources_below(value)):
        lines += ["", f"   .. groups:: {name}"]
    return [*lines, ""]


def resources_below(owner: type) -> Iterator[tuple[str, type[Resource]]]:
    """Yield the resources that a client, a resource or an object has as attributes."""
    for class_ in reversed(owner.__mro__):
        for name, value in vars(class_).items():
            if not name.startswith("_") and isinstance(value, ResourceBelow):
                yield name, value.kind


class Groups(SphinxDirective):
    """Describe the resources of a class as its attributes; the client's by default."""

    optional_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        (name,) = self.arguments or ["Client"]
        lines: list[str] = []
        for attribute, kind in resources_below(getattr(aconnect.connect, name)):
            summary = (getdoc(kind) or "").partition("\n")[0]
            lines += [f".. py:attribute:: {attribute}", f"   :type: {PACKAGE}.{kind.__name__}"]
            lines += ["", f"   {summary}", ""]
        return self.parse_text_to_nodes("\n".join(lines))


def _leave_out(
    _app: Sphinx, _what: str, _name: str, value: Any, _skipped: bool, _options: Any
) -> bool | None:
    """Leave resources to the directive: autodoc would describe the descriptor."""
    return True if isinstance(value, ResourceBelow) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and write the pages before Sphinx looks for them."""
    app.add_directive("groups", Groups)
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", _leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""A page for each resource group of Posit Connect, and the list of groups on the client's page.

Which names a page has follows from the package: what `aconnect.connect` exports, by the module it
is defined in. So a page cannot forget a model, and a new group has a page by being there. The pages
are written before they are built.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from inspect import getdoc, isclass
from pathlib import Path
from sys import modules
from typing import TYPE_CHECKING, Any, Final, is_typeddict

from sphinx.util.docutils import SphinxDirective

import aconnect.connect
from aconnect._client.endpoint import Resource
from aconnect.connect._base.resource import ConnectBound

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

ELSEWHERE: Final = frozenset({"client", "tasks"})
"""Modules with a page written by hand."""
KINDS: Final = (
    ("Operations", lambda one: isclass(one) and issubclass(one, Resource)),
    ("Arguments of calls", is_typeddict),
    ("Models", isclass),
    ("Functions", callable),
)


def write_pages(app: Sphinx) -> None:
    """Write all pages; one that is right already is left alone, so that it is not built again."""
    folder = Path(app.srcdir) / "reference" / "connect"
    folder.mkdir(exist_ok=True)
    groups = defaultdict[str, list[str]](list)
    for name in aconnect.connect.__all__:
        home = getattr(getattr(aconnect.connect, name), "__module__", "")
        package, _, group = home.rpartition(".")
        if package == aconnect.connect.__name__ and group not in ELSEWHERE:
            groups[group].append(name)
    pages = {folder / f"{group}.md": page(group, names) for group, names in groups.items()}
    for path in folder.glob("*.md"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def page(group: str, names: list[str]) -> str:
    """Write one page."""
    summary, _, rest = (getdoc(modules[f"aconnect.connect.{group}"]) or "").partition("\n\n")
    head, colon, _ = summary.partition(":")
    title = head if colon else group.replace("_", " ").capitalize()
    parts = [f"# {title}", " ".join(summary.split()), rest]
    left = sorted(names)
    for title, belongs in KINDS:
        found = [name for name in left if belongs(getattr(aconnect.connect, name))]
        left = [name for name in left if name not in found]
        if found:
            lines = [line for name in found for line in entry(name)]
            parts += [f"## {title}", "\n".join(["```{eval-rst}", *lines, "```"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def entry(name: str) -> list[str]:
    """Describe one name."""
    one: Any = getattr(aconnect.connect, name)
    if not isclass(one):
        return [f".. autofunction:: aconnect.connect.{name}", ""]
    lines = [f".. autoclass:: aconnect.connect.{name}()", "   :members:"]
    if not issubclass(one, Resource):
        lines.append("   :undoc-members:")
    if is_typeddict(one):
        lines.append("   :inherited-members: dict")
    elif issubclass(one, ConnectBound):
        lines.append("   :inherited-members: ConnectBound")
    return [*lines, ""]


class Groups(SphinxDirective):
    """The directive `groups`: the resource groups of the client, as its attributes."""

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        lines: list[str] = []
        for name, found in vars(aconnect.connect.Client).items():
            if is_group(found):
                kind = found.func
                summary = (getdoc(kind) or "").partition("\n")[0]
                lines += [
                    f".. py:attribute:: {name}",
                    f"   :type: aconnect.connect.{kind.__name__}",
                ]
                lines += ["", f"   {summary}", ""]
        return self.parse_text_to_nodes("\n".join(lines))


def is_group(found: Any) -> bool:
    """Tell whether an attribute of a client is a group of operations."""
    return (
        isinstance(found, cached_property)
        and isclass(found.func)
        and issubclass(found.func, Resource)
    )


def _leave_out(
    _app: Sphinx, _what: str, _name: str, found: Any, _skipped: bool, _options: Any
) -> bool | None:
    """Leave groups to the directive: autodoc sees properties that give nothing."""
    return True if is_group(found) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and write the pages before Sphinx looks for them."""
    app.add_directive("groups", Groups)
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", _leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

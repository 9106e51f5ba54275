"""The directive `operations`: a table of every declared operation of a service.

It is made from the registry when the pages are built, so it cannot disagree with the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker  # noqa: F401  importing a service enters its operations
from aconnect._client.operation import REGISTRY, Endpoint

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEADS = ("Coroutine", "Operation", "Since", "Role", "Paged", "Idempotent")
WIDTHS = (24, 40, 12, 12, 6, 6)


class Operations(SphinxDirective):
    """Make the table of the service named by the argument."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        (service,) = self.arguments
        found = sorted(
            (*declared.name.rpartition(".")[::2], key)
            for key, declared in REGISTRY.items()
            if declared.service == service
        )
        if not found:
            raise self.error(f"no operation is declared for the service {service!r}")
        # The page depends on the code and not on a file of these pages.
        self.env.note_reread()
        body = nodes.tbody()
        for resource, group in groupby(found, key=itemgetter(0)):
            operations = [(name, REGISTRY[key]) for _, name, key in group]
            body += heading(resource, below=any(stands_below(one) for _, one in operations))
            body += [row(cells(name, declared)) for name, declared in operations]
        return [nodes.paragraph(text=f"{len(found)} operations."), table(body)]


def cells(name: str, declared: Endpoint) -> Iterator[nodes.Node]:
    """Describe one operation."""
    # Some answers come whole, though they are found like the others.
    in_pages = declared.style is not None and declared.style.max_size is not None
    yield nodes.literal(text=name)
    yield nodes.literal(text=f"{declared.method} {declared.template}")
    yield nodes.Text(lifetime(declared))
    yield nodes.Text(declared.role or "")
    yield nodes.Text("yes" if in_pages else "")
    yield nodes.Text("yes" if declared.idempotent else "no")


def lifetime(declared: Endpoint) -> str:
    """Say from which version on the server has it, and which one took it away."""
    if declared.until is None:
        return declared.since or ""
    gone = "gone" if declared.until == "unknown" else f"gone in {declared.until}"
    return f"{declared.since}, {gone}" if declared.since else gone


def stands_below(declared: Endpoint) -> bool:
    """Tell whether an object that it is called on fills a part of its path."""
    return any(name not in declared.plan.arguments for name, *_ in declared.plan.path)


def heading(resource: str, *, below: bool) -> nodes.row:
    """Lay out the row above the operations of one resource."""
    name = nodes.strong("", resource)
    note = nodes.Text(", below one object" if below else "")
    entry = nodes.entry("", nodes.paragraph("", "", name, note), morecols=len(HEADS) - 1)
    return nodes.row("", entry)


def table(body: nodes.tbody) -> nodes.table:
    """Lay out the table."""
    group = nodes.tgroup(cols=len(HEADS))
    group += [nodes.colspec(colwidth=width) for width in WIDTHS]
    group += nodes.thead("", row(nodes.Text(head) for head in HEADS))
    group += body
    return nodes.table("", group, classes=["operations"])


def row(found: Iterator[nodes.Node]) -> nodes.row:
    """Lay out one row."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in found))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("operations", Operations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

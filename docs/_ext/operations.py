"""The directive `operations`: a table of every declared operation of a service.

It is generated from the registry when the pages are built, so it cannot disagree with the code.
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
import aconnect.looker  # noqa: F401  importing a service registers its operations
from aconnect._client.operation import REGISTRY, Operation

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEADS = ("Coroutine", "Operation", "Since", "Role", "Paged", "Idempotent")
WIDTHS = (24, 40, 12, 12, 6, 6)


class Operations(SphinxDirective):
    """Make the table of the service that the argument names."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        (service,) = self.arguments
        entries = sorted(
            (*operation.name.rpartition(".")[::2], key)
            for key, operation in REGISTRY.items()
            if operation.service == service
        )
        if not entries:
            raise self.error(f"no operation is declared for the service {service!r}")
        # The page depends on the code and not on a file of these pages.
        self.env.note_reread()
        body = nodes.tbody()
        for resource, group in groupby(entries, key=itemgetter(0)):
            operations = [(name, REGISTRY[key]) for _, name, key in group]
            body += heading(resource, below=any(is_below(each) for _, each in operations))
            body += [row(cells(name, operation)) for name, operation in operations]
        return [nodes.paragraph(text=f"{len(entries)} operations."), table(body)]


def cells(name: str, operation: Operation) -> Iterator[nodes.Node]:
    """Describe one operation."""
    # Some lists are not paged by the server, although they are used in the same way.
    is_paged = operation.style is not None and operation.style.max_size is not None
    yield nodes.literal(text=name)
    yield nodes.literal(text=f"{operation.method} {operation.template}")
    yield nodes.Text(lifetime(operation))
    yield nodes.Text(operation.role or "")
    yield nodes.Text("yes" if is_paged else "")
    yield nodes.Text("yes" if operation.idempotent else "no")


def lifetime(operation: Operation) -> str:
    """Return the version that added the operation and the one that removed it."""
    if operation.until is None:
        return operation.since or ""
    removed = "removed" if operation.until == "unknown" else f"removed in {operation.until}"
    return f"{operation.since}, {removed}" if operation.since else removed


def is_below(operation: Operation) -> bool:
    """Return True if the object that it is called on fills a part of its path."""
    signature = operation.signature
    return any(name not in signature.arguments for name, *_ in signature.path)


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


def row(contents: Iterator[nodes.Node]) -> nodes.row:
    """Lay out one row."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in contents))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("operations", Operations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The directive `floors`: a picture of the layers that import-linter checks.

The layers come from the contract in pyproject.toml, so the picture cannot disagree with the check.
The body of the directive has a caption for each module, one `module: caption` a line. The picture
is plain SVG inside the page; it takes its colours from the theme.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PYPROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"

# In the units of the picture, which are pixels at its full width: that of a page of the theme.
WIDTH: Final = 736.0
PADDING: Final = 8.0
GAP: Final = 24.0
"""Between two layers, for the arrow."""
NAME_SIZE, CAPTION_SIZE = 13.0, 12.0
LINE: Final = 16.0
CHARACTER: Final = 0.56
"""The average width of a caption's character, as a part of the font's size."""

Layer = list[str]
"""The modules side by side in one layer; they do not import each other."""


class Floors(SphinxDirective):
    """Draw the layers, the highest first."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        self.env.note_dependency(str(PYPROJECT))
        floors = layers(tomllib.loads(PYPROJECT.read_text("utf-8")))
        captions = {
            module.strip(): caption.strip()
            for module, _, caption in (line.partition(":") for line in self.content if line.strip())
        }
        unknown = captions.keys() - {module for layer in floors for module in layer}
        if unknown:
            raise self.error(f"not in the layers of pyproject.toml: {', '.join(sorted(unknown))}")
        return [nodes.raw("", draw(floors, captions), format="html")]


def layers(pyproject: dict[str, dict[str, dict[str, list[dict[str, object]]]]]) -> list[Layer]:
    """Return the layers of the first contract of that type."""
    for contract in pyproject["tool"]["importlinter"]["contracts"]:
        declared = contract.get("layers")
        if contract["type"] == "layers" and isinstance(declared, list):
            return [[module.strip(" ()") for module in re.split("[|:]", row)] for row in declared]
    raise ValueError("pyproject.toml has no import-linter contract of type layers")


def draw(floors: list[Layer], captions: dict[str, str]) -> str:
    """Draw the whole picture."""
    parts: list[str] = []
    top = 1.0
    for number, layer in enumerate(floors):
        if number:
            parts.append(arrow(top, top + GAP))
            top += GAP
        box, height = draw_layer(layer, captions, top)
        parts += box
        top += height
    label = "Layers, the highest first: " + "; ".join(" and ".join(layer) for layer in floors)
    head = (
        f'<svg class="floors" viewBox="0 0 {WIDTH:g} {top + 1:g}" role="img"'
        f' width="{WIDTH:g}" style="max-width: 100%; height: auto"'
        f' fill="currentColor" aria-label="{escape(label)}">'
    )
    return "\n".join([head, *parts, "</svg>"])


def draw_layer(layer: Layer, captions: dict[str, str], top: float) -> tuple[list[str], float]:
    """Draw the box of one layer with its modules side by side, and return its height."""
    width = (WIDTH - 2) / len(layer)
    columns = int((width - 2 * PADDING) / (CAPTION_SIZE * CHARACTER))
    wrapped = [textwrap.wrap(captions.get(module, ""), columns) for module in layer]
    height = 2 * PADDING + LINE * (1 + max(len(lines) for lines in wrapped))
    frame = (
        f'<rect x="1" y="{top:g}" width="{WIDTH - 2:g}" height="{height:g}" rx="6"'
        ' fill-opacity="0.05" stroke="currentColor" stroke-opacity="0.5"/>'
    )
    parts = [frame]
    for number, (module, lines) in enumerate(zip(layer, wrapped, strict=True)):
        left = 1 + number * width
        if number:
            parts.append(
                f'<path d="M{left:g} {top:g}v{height:g}" stroke="currentColor"'
                ' stroke-opacity="0.5" stroke-dasharray="4 3"/>'
            )
        middle, base = left + width / 2, top + PADDING + LINE * 0.75
        parts.append(
            f'<text x="{middle:g}" y="{base:g}" text-anchor="middle" font-size="{NAME_SIZE:g}"'
            ' style="font-family: var(--font-stack--monospace, monospace)">'
            f"{escape(module)}</text>"
        )
        parts += [
            f'<text x="{middle:g}" y="{base + LINE * row:g}" text-anchor="middle"'
            f' font-size="{CAPTION_SIZE:g}" fill-opacity="0.75">{escape(line)}</text>'
            for row, line in enumerate(lines, 1)
        ]
    return parts, height


def arrow(start: float, end: float) -> str:
    """Draw an arrow from one layer down to the next."""
    middle, head = WIDTH / 2, 7.0
    return (
        f'<path d="M{middle:g} {start + 3:g}V{end - head:g}" stroke="currentColor"/>'
        f'<path d="M{middle:g} {end - 2:g}l-4 -{head:g}h8z"/>'
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("floors", Floors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

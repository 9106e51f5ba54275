"""The parts of pages that need nothing else: no server, no network, no other file.

Names of content and users are text that anyone can choose. They come into a page as escaped text
and as JSON that cannot end its element; and the policy of the page runs only the scripts whose
digests it has, so that no other could run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import NamedTuple

import msgspec

from aconnect._version import __version__


class Script(NamedTuple):
    """A script of a page."""

    code: str
    is_module: bool = True
    """Whether its names are its own; those of other scripts are global."""

    @property
    def element(self) -> str:
        """The element of the page."""
        kind = ' type="module"' if self.is_module else ""
        return f"<script{kind}>{self.code}</script>"

    @property
    def digest(self) -> str:
        """What the policy of the page allows."""
        digest = hashlib.sha256(self.code.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"


def document(
    body: str, *, title: str, scripts: Sequence[Script], style: str = "", data: str = ""
) -> str:
    """Return a page.

    Args:
        body: What it shows, as HTML.
        title: The title, any text.
        scripts: Its scripts, in the order in which they run.
        style: Rules beside those of all pages.
        data: Elements that the scripts read, as HTML.
    """
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(script.digest for script in scripts)}",
            "style-src 'unsafe-inline'",  # charts place their tooltips with it
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    rules = files("aconnect.report").joinpath("page.css").read_text("utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="aconnect {escape(__version__)}">
<title>{escape(title)}</title>
<style>
{rules}{style}</style>
</head>
<body>
<main>
{body}
</main>
{data}{"".join(script.element for script in scripts)}
</body>
</html>
"""


def json_element(name: str, value: object) -> str:
    """Return an element with JSON that cannot end it."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def heading(
    title: str, note: str, totals: Sequence[tuple[str, str]], remarks: Sequence[str]
) -> str:
    """Return the head of a page: its title, a line below it, numbers with nouns, and remarks."""
    figures = "".join(
        f"<div><dd>{escape(number)}</dd><dt>{escape(noun)}</dt></div>" for number, noun in totals
    )
    return f"""<header>
<h1>{escape(title)}</h1>
<p>{escape(note)}</p>
<dl class="totals">{figures}</dl>
{notes(remarks)}</header>"""


def notes(items: Sequence[str]) -> str:
    """Return a list of remarks; nothing if there are none."""
    if not items:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{escape(item)}</li>" for item in items)}</ul>\n'


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table that scrolls if it is long; each value becomes a cell."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"""<div class="scroll"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>"""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, Markup):
        return f"<td>{value}</td>"
    text = f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value or "")
    return f"<td>{escape(text)}</td>"

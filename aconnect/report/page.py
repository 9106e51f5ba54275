"""One HTML page that needs nothing else: the library of the charts, the charts and the tables.

Names of content and users are text that anyone can choose. They come into the page as escaped text
and as JSON that cannot end its element; and the policy of the page runs only the scripts whose
digests it has, so that no other could run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import altair as alt
import msgspec
import vl_convert

from aconnect._client.files import replacing
from aconnect._version import __version__
from aconnect.errors import InvalidArgumentError
from aconnect.report.charts import specification
from aconnect.report.contents import Contents
from aconnect.report.figures import Figure
from aconnect.report.reading import Input

_STYLE: Final = files("aconnect.report").joinpath("page.css")
_SCRIPT: Final = files("aconnect.report").joinpath("page.js")


def render(contents: Contents, *, title: str, made: datetime) -> str:
    """Return the page as text.

    Args:
        contents: What it shows.
        title: The title, any text.
        made: The time of its making, in UTC.
    """
    library, script = _library(), _SCRIPT.read_text("utf-8")
    charts: dict[str, dict[str, Any]] = {}
    sections: list[str] = []
    for number, figure in enumerate(contents.figures, 1):
        name, chart = f"figure-{number}", specification(figure)
        if chart is not None:
            charts[name] = chart
        sections.append(_section(figure, name, has_chart=chart is not None))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(library)} {_digest(script)}",
            "style-src 'unsafe-inline'",  # charts place their tooltips with it
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    # A module has names of its own; those of the library are global.
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
{_STYLE.read_text("utf-8")}</style>
</head>
<body>
<main>
{_head(contents, title, made)}
{"".join(sections)}
{_inputs(contents.inputs)}
</main>
<script type="application/json" id="charts">{_json(charts)}</script>
<!-- Vega, Vega-Lite and Vega-Embed: copyright University of Washington Interactive Data Lab and
contributors, licensed under the BSD 3-Clause License, https://github.com/vega -->
<script>{library}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def check(path: Path) -> None:
    """Raise `InvalidArgumentError` if a page cannot be written to a path."""
    if path.is_dir() or not path.parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder {str(path.parent)!r}"
        raise InvalidArgumentError(f"cannot write {str(path)!r}: {what}; choose another path")


def save(page: str, path: Path) -> None:
    """Write a page atomically; raise `FileError` if that is impossible."""
    with replacing(path) as file:
        file.write(page.encode("utf-8", "replace"))


@cache
def _library() -> str:
    """Return Vega-Embed and all that it needs, as a script."""
    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    known = version in vl_convert.get_vegalite_versions()
    bundle = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", version if known else None
    )
    return bundle.replace("</script", "<\\/script")


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(value: object) -> str:
    """Return JSON that is safe inside an element."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _head(contents: Contents, title: str, made: datetime) -> str:
    totals = "".join(
        f"<div><dd>{escape(number)}</dd><dt>{escape(noun)}</dt></div>"
        for number, noun in contents.totals
    )
    remarks = (*contents.notes, *contents.missing)
    return f"""<header>
<h1>{escape(title)}</h1>
<p>{escape(contents.period)}. Made on {made:%Y-%m-%d at %H:%M} UTC.</p>
<dl class="totals">{totals}</dl>
{_list(remarks)}</header>"""


def _list(items: Sequence[str]) -> str:
    if not items:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{escape(item)}</li>" for item in items)}</ul>\n'


def _section(figure: Figure, name: str, *, has_chart: bool) -> str:
    chart = f'<div class="chart" id="{name}"></div>\n' if has_chart else ""
    return f"""<section aria-labelledby="{name}-title">
<h2 id="{name}-title">{escape(figure.title)}</h2>
<p class="note">{escape(figure.note)}</p>
{chart}<details{"" if has_chart else " open"}>
<summary>Table</summary>
{_table(figure.columns, figure.rows)}
</details>
</section>
"""


def _inputs(inputs: Sequence[Input]) -> str:
    rows = [
        (
            each.dataset,
            each.format,
            each.files,
            each.rows,
            *(f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (each.start, each.end)),
        )
        for each in inputs
    ]
    columns = ("Dataset", "Format", "Files", "Rows", "From (UTC)", "To (UTC)")
    return f"""<section aria-labelledby="data-title">
<h2 id="data-title">Data</h2>
{_table(columns, rows)}
</section>"""


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"""<div class="scroll"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>"""


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f'<td class="number">{value:,}</td>'
    text = f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value or "")
    return f"<td>{escape(text)}</td>"

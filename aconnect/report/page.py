"""One HTML page that needs nothing else: the library of the charts, the charts and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import altair as alt
import vl_convert

from aconnect._client.files import replacing
from aconnect.errors import InvalidArgumentError
from aconnect.report.charts import specification
from aconnect.report.contents import Contents
from aconnect.report.figures import Figure
from aconnect.report.markup import Script, document, heading, json_element, table
from aconnect.report.reading import Input

_SCRIPT: Final = files("aconnect.report").joinpath("page.js")
_LICENSE: Final = """
<!-- Vega, Vega-Lite and Vega-Embed: copyright University of Washington Interactive Data Lab and
contributors, licensed under the BSD 3-Clause License, https://github.com/vega -->
"""


def render(contents: Contents, *, title: str, made: datetime) -> str:
    """Return the page as text.

    Args:
        contents: What it shows.
        title: The title, any text.
        made: The time of its making, in UTC.
    """
    charts: dict[str, dict[str, Any]] = {}
    sections: list[str] = []
    for number, figure in enumerate(contents.figures, 1):
        name, chart = f"figure-{number}", specification(figure)
        if chart is not None:
            charts[name] = chart
        sections.append(_section(figure, name, has_chart=chart is not None))
    return document(
        f"""{_head(contents, title, made)}
{"".join(sections)}
{_inputs(contents.inputs)}""",
        title=title,
        scripts=(Script(_library(), is_module=False), Script(_SCRIPT.read_text("utf-8"))),
        data=json_element("charts", charts) + _LICENSE,
    )


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


def _head(contents: Contents, title: str, made: datetime) -> str:
    return heading(
        title,
        f"{contents.period}. Made on {made:%Y-%m-%d at %H:%M} UTC.",
        contents.totals,
        (*contents.notes, *contents.missing),
    )


def _section(figure: Figure, name: str, *, has_chart: bool) -> str:
    chart = f'<div class="chart" id="{name}"></div>\n' if has_chart else ""
    return f"""<section aria-labelledby="{name}-title">
<h2 id="{name}-title">{escape(figure.title)}</h2>
<p class="note">{escape(figure.note)}</p>
{chart}<details{"" if has_chart else " open"}>
<summary>Table</summary>
{table(figure.columns, figure.rows)}
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
{table(columns, rows)}
</section>"""

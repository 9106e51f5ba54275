"""Packages that are installed for content.

Decides which packages an item has: some of a fixed few, always the same for the same item.
"""

from zlib import crc32

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.routes.content._items import may_view
from aconnect.testing.wire import Response, Row, empty

MAX_PAGE = 1_000_000
VERSIONS = {"python": "3.11.10", "r": "4.4.2"}

_INSTALLED = {
    "python": {
        "anyio": "4.6.2",
        "numpy": "2.1.3",
        "packaging": "24.2",
        "pandas": "2.2.3",
        "shiny": "1.2.0",
        "uvicorn": "0.32.1",
    },
    "r": {
        "R6": "2.5.1",
        "cli": "3.6.3",
        "dplyr": "1.1.4",
        "knitr": "1.49",
        "rmarkdown": "2.29",
        "shiny": "1.9.1",
    },
}


def languages(content: Row) -> tuple[str, ...]:
    """Return the languages whose library the server manages for an item."""
    mode = content["app_mode"]
    if mode == "quarto-static":
        names: tuple[str, ...] = ("python", "r")
    elif mode.startswith(("python-", "jupyter-")):
        names = ("python",)
    elif mode in {"shiny", "rmd-static", "rmd-shiny", "api"}:
        names = ("r",)
    else:
        names = ()
    flags = {"python": "py_environment_management", "r": "r_environment_management"}
    return tuple(language for language in names if content[flags[language]] is not False)


def packages_of(content: Row) -> list[Row]:
    """Return the packages of an item, by language and name."""
    if content["bundle_id"] is None:
        return []
    return [
        {
            "language": language,
            "language_version": VERSIONS[language],
            "name": name,
            "version": version,
            "hash": f"{crc32(name.encode()):08x}" if language == "r" else None,
            "bundle_id": content["bundle_id"],
            "app_id": content["id"],
            "app_guid": content["guid"],
            "content_id": content["id"],
            "content_guid": content["guid"],
        }
        for language in languages(content)
        for name, version in _INSTALLED[language].items()
        # Every item has most of them, and different ones are missing.
        if crc32(f"{content['guid']} {name}".encode()) % 4
    ]


@route("GET", "/v1/packages", role="publisher", since=(2024, 11, 0))
def find_packages(call: Call) -> Response:
    """Find the packages of all content; if there are none, there is no body."""
    name = call.value("name")
    rows = [
        row
        for content in call.state.content.values()
        if may_view(call, content)
        for row in packages_of(content)
        if name is None or row["name"] == name
    ]
    if not rows:
        return empty()
    rows.sort(
        key=lambda row: (row["language"], row["name"]),
        reverse=not call.flag("asc_order", default=True),
    )
    return offset(call, rows, high=MAX_PAGE)

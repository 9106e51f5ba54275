"""The languages of content: the fields with their versions, and those of seeded content."""

from aconnect.testing.wire import Row

VERSIONS = {
    "r": "r_version",
    "python": "py_version",
    "quarto": "quarto_version",
    "nodejs": "node_version",
}
"""The field with the version of each language."""

MANAGED = {"r": "r_environment_management", "python": "py_environment_management"}
"""The field that says whether the server installs the packages of a language."""

_SEEDED = {
    "r": ("4.4.2", "4.3.1", "4.3.3"),
    "python": ("3.12.7", "3.11.4", "3.11.10"),
    "quarto": ("1.5.57", "1.4.549", "1.4.557"),
    "nodejs": ("22.11.0",),
}
"""The versions of seeded content; the second one of each is no longer installed."""

_IN_A_ROW = 6
"""The consecutive items with the same versions; the first items of a server are up to date."""


def seeded_runtimes(number: int, mode: str) -> Row:
    """Return what the builds of seeded content have set."""
    row: Row = {}
    for language in languages_of(mode):
        versions = _SEEDED[language]
        row[VERSIONS[language]] = versions[number // _IN_A_ROW % len(versions)]
        if language in MANAGED:
            row[MANAGED[language]] = True
    return row


def languages_of(mode: str) -> tuple[str, ...]:
    """Return the languages of content of a type; Quarto documents use Python here."""
    if mode == "static":
        return ()
    if mode.startswith("quarto"):
        return ("quarto", "python")
    if mode.startswith(("python", "jupyter", "tensorflow")):
        return ("python",)
    return ("nodejs",) if mode == "nodejs" else ("r",)

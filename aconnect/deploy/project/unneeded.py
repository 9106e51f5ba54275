"""Files and folders that no bundle needs, recognized by their names: caches, records, libraries.

The server installs packages itself, and an environment of this machine does not work there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from aconnect.deploy.project.ignore import IGNORE_FILES

_FOLDERS: Final = {
    **dict.fromkeys((".git", ".hg", ".svn"), "version control"),
    **dict.fromkeys(("rsconnect", "rsconnect-python", ".posit"), "records of deployments"),
    **dict.fromkeys(
        (
            *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"),
            *(".hypothesis", ".ipynb_checkpoints", ".jupyter_cache", ".quarto", ".Rproj.user"),
        ),
        "cache",
    ),
    **dict.fromkeys(
        ("node_modules", "__pypackages__", ".pixi", ".eggs", ".terraform"), "installed packages"
    ),
}
_FILES: Final = {
    ".git": "version control",  # of a worktree or a submodule
    ".DS_Store": "file of the desktop",
    "Thumbs.db": "file of the desktop",
    **dict.fromkeys(
        (".Rhistory", ".bash_history", ".psql_history", ".python_history", ".sqlite_history"),
        "history of commands",
    ),
    **dict.fromkeys(IGNORE_FILES, "ignore file"),
}
# By the folder that they are in.
_LIBRARIES: Final = {
    "renv": ("library", "staging", "sandbox", "local"),
    "packrat": ("lib", "lib-R", "lib-ext"),
}
ENVIRONMENT: Final = "virtual environment"
ENVIRONMENT_PARTS: Final = frozenset(
    ("bin", "include", "lib", "lib64", "share", "pyvenv.cfg", "Include", "Lib", "Scripts")
)


def unneeded(name: str, *, is_folder: bool) -> str | None:
    """Return why no bundle needs a file or folder of this name, or None."""
    above, _, name = name.rpartition("/")
    if not is_folder:
        return "compiled Python" if name.endswith(".pyc") else _FILES.get(name)
    if name in _LIBRARIES.get(above.rpartition("/")[2], ()):
        return "installed packages"
    return _FOLDERS.get(name)


def is_environment(path: str, names: set[str]) -> bool:
    """Return whether a folder is an environment of Python or conda."""
    if "pyvenv.cfg" in names or "conda-meta" in names:
        return True
    if "bin" not in names or not os.path.lexists(os.path.join(path, "bin", "python")):  # noqa: PTH118
        return False
    libraries = (Path(path, name) for name in names if name.startswith("lib"))
    return any(True for library in libraries for _ in library.glob("python*"))

"""The configuration of Sphinx.

The code is read from the checkout, so only Sphinx and the library's dependencies must be installed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from sphinx.util.typing import stringify_annotation  # noqa: E402

import aconnect  # noqa: E402  the path comes first
from aconnect._core.model import Model, Row  # noqa: E402
from aconnect.connect.content.content import Include  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "aconnect"
author = "The aconnect developers"
project_copyright = "2026, the aconnect developers"
release = version = aconnect.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "_ext.floors",
    "_ext.groups",
    "_ext.operations",
]
exclude_patterns = ["_build", "examples"]

html_theme = "furo"
html_title = f"aconnect {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Docstrings write names in single backticks: a link if the name is documented, else plain code.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autoclass_content = "both"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90

_INCLUDE = stringify_annotation(Include, "smart")
_MODULE = re.compile(r"~([a-z_]+\.)*~?")


def _signature(
    _app: Sphinx, what: str, _name: str, value: Any, _options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Shorten signatures.

    Those of models are omitted: the fields follow, and only the library creates models. Type
    variables are written as `~module.~P`, which Sphinx cannot parse. One alias is used often.
    """
    if what == "class" and isinstance(value, type) and issubclass(value, Model | Row):
        return "", returns
    if signature and "~P" in signature:
        return _MODULE.sub("", signature), _MODULE.sub("", returns)
    if signature and _INCLUDE in signature:
        return signature.replace(_INCLUDE, "Include"), returns
    return None


def setup(app: Sphinx) -> None:
    """Connect the hook above."""
    app.connect("autodoc-process-signature", _signature)

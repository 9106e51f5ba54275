"""The services of `docs/services` as projects, and what the library imports for them."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from aconnect.deploy.config.config import load_config
from tests.services.frameworks import FRAMEWORKS

DOCS: Final = Path(__file__).parents[2] / "docs"
NAMES: Final = [framework.name for framework in FRAMEWORKS]
APP_MODES: Final = {
    "fastapi": "python-fastapi",
    "starlette": "python-fastapi",
    "mcp": "python-fastapi",
    "shiny": "python-shiny",
    "streamlit": "python-streamlit",
    "dash": "python-dash",
    "flask": "python-api",
    "gradio": "python-gradio",
}
IMPORTED: Final = """
import sys
from aconnect import Client, Portal, Viewers, records
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_each_recipe_is_shown_and_run():
    """Each service is on the page, and is among those that the tests run."""
    page = (DOCS / "services.md").read_text()
    folders = [path.parent.name for path in sorted((DOCS / "services").glob("*/app.py"))]
    assert folders == sorted(NAMES)
    for name in NAMES:
        assert f"```{{literalinclude}} services/{name}/app.py" in page


@pytest.mark.parametrize("name", NAMES)
async def test_each_recipe_can_be_deployed(name):
    """A deployment of a service finds out what it is."""
    directory = DOCS / "services" / name
    project = await load_config(directory).prepare(directory)
    assert project.app_mode == APP_MODES[name]
    assert project.entrypoint in {"app", "app:app"}


def test_no_framework_is_imported():
    """What services use of the library imports no framework."""
    command = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(  # noqa: S603  the text above
        command, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & {*NAMES, "pydantic", "uvicorn", "pandas"} == set()

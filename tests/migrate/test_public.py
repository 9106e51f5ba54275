"""The public names of migrations."""

import re
import subprocess
import sys
from pathlib import Path

from aconnect import migrate

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "migrate.md"


def test_every_name_is_in_the_reference():
    """What can be imported is documented, each name once, and nothing else is."""
    text = REFERENCE.read_text("utf-8")
    documented = re.findall(r"^\.\. auto(?:function|class):: (\w+)", text, re.MULTILINE)
    assert sorted(documented) == sorted(migrate.__all__)


def test_the_import_is_light():
    """Programs without a command line load none of its packages, and no rsconnect-python."""
    code = (
        "import sys, aconnect.migrate; "
        "sys.exit(not sys.modules.keys().isdisjoint({'click', 'rich', 'rsconnect'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603

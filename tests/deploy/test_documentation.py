"""What the documentation says about types of content and configurations is what the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from aconnect.connect.content.content import ContentFields
from aconnect.deploy.config.config import load_config
from aconnect.deploy.project.kinds import KINDS
from aconnect.errors import InvalidArgumentError

DOCS: Final = Path(__file__).parents[2] / "docs"
_CONFIGURATION: Final = re.compile(
    r"^```toml\n(\[tool\.aconnect\.deploy\].*?)^```$", re.MULTILINE | re.DOTALL
)
CONFIGURATIONS: Final = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(_CONFIGURATION.findall(page.read_text(encoding="utf-8")))
]


def first_column(heading: str) -> set[str]:
    """Return the code in the first column of the first table below a heading."""
    page = (DOCS / "deploying.md").read_text(encoding="utf-8")
    _, _, table = page.partition(f"\n## {heading}\n")[2].partition("\n| --- |")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    return {name for row in rows for name in re.findall(r"`(.+?)`", row.split(" | ")[0])}


def test_each_type_is_in_the_table():
    """The table of types has all types, and no other."""
    assert first_column("Types of content") == {kind.name for kind in KINDS}


def test_each_key_is_in_the_table(tmp_path):
    """The table of keys has all that a configuration can have, besides the settings of content."""
    (tmp_path / "pyproject.toml").write_text("[tool.aconnect.deploy]\nno_such_key = 1\n")
    with pytest.raises(InvalidArgumentError) as refused:
        load_config(tmp_path)
    accepted = str(refused.value).partition("it takes ")[2].split(", ")
    assert first_column("Configuration") == set(accepted) - ContentFields.__annotations__.keys()


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configurations_are_accepted(tmp_path, text):
    """Each configuration in the documentation is one that is read."""
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path).name

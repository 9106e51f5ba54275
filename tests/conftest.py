"""What all tests share."""

import sys
from pathlib import Path

import pytest

# Behind everything else, so that an installed aconnect is what gets tested, not the checkout.
sys.path.append(str(Path(__file__).parents[1]))

_SUMMARY = pytest.StashKey[list[str]]()


@pytest.fixture
def summary(pytestconfig: pytest.Config) -> list[str]:
    """Lines to be shown at the end of the run, whether or not output is captured."""
    return pytestconfig.stash.setdefault(_SUMMARY, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash.get(_SUMMARY, []):
        terminalreporter.write_line(line)

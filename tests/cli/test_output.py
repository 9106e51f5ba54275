"""What reaches the terminal."""

import pytest

from aconnect._core.text import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (923_800, "923.8 kB"),
        (2.5e9, "2.5 GB"),
    ],
)
def test_sizes(size, text):
    """Sizes have a readable unit, in powers of 1000."""
    assert size_text(size) == text

"""What the package offers under its own name."""

import subprocess
import sys
from importlib import import_module

import aconnect


def test_every_public_name_is_there():
    """Each name of `__all__` can be had, and nothing else is listed."""
    assert all(getattr(aconnect, name) is not None for name in aconnect.__all__)
    assert dir(aconnect) == sorted(aconnect.__all__)


def test_names_are_the_ones_of_their_homes():
    """A name loaded late is the very object that its module has."""
    for home, names in aconnect._HOMES.items():
        for name in names:
            assert getattr(aconnect, name) is getattr(import_module(f"aconnect.{home}"), name)


def test_importing_the_package_loads_no_http_client():
    """`import aconnect` alone does not pay for what it offers."""
    code = "import sys, aconnect; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603

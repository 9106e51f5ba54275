"""The public names of the package."""

import subprocess
import sys
from importlib import import_module

import aconnect


def test_every_public_name_is_there():
    """Each name of `__all__` exists, and no other is listed."""
    assert all(getattr(aconnect, name) is not None for name in aconnect.__all__)
    assert dir(aconnect) == sorted(aconnect.__all__)


def test_names_are_the_ones_of_their_homes():
    """A name that is loaded late is the object of its module."""
    for home, names in aconnect._HOMES.items():
        for name in names:
            assert getattr(aconnect, name) is getattr(import_module(f"aconnect.{home}"), name)


def test_importing_the_package_loads_no_http_client():
    """`import aconnect` does not import what it loads late."""
    code = "import sys, aconnect; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603

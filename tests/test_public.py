"""The public names of the package."""

import subprocess
import sys
from importlib import import_module

import pytest

import aconnect
import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker
from aconnect import errors
from aconnect._client.operation import REGISTRY


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


@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_operations_document_their_errors(key):
    """The docstring of every operation lists its errors, as classes that exist."""
    function = REGISTRY[key].function
    owner = getattr(import_module(function.__module__), function.__qualname__.partition(".")[0])
    name = function.__name__
    text = getattr(owner, name.lstrip("_"), getattr(owner, name)).__doc__ or ""
    _, _, section = text.partition("Raises:\n")
    names = [line.split(":")[0].strip() for line in section.splitlines()]
    assert {"ApiError", "TransportError", "DecodeError", "InvalidArgumentError"} <= set(names)
    assert all(issubclass(getattr(errors, name), errors.AconnectError) for name in names)

"""Each operation is declared in the module that its name implies."""

from importlib.util import find_spec

import pytest

from aconnect._client.operation import REGISTRY
from aconnect.connect import __name__ as package

KEYS = sorted(key for key in REGISTRY if key.startswith("connect:"))


def module_of(resource: str) -> str:
    """Return the module of a resource, or that of its nearest parent that has one.

    The operations of a package's own resource are in the module with the package's name.
    """
    parts = resource.split(".")
    while parts:
        path = ".".join([package, *parts])
        try:
            spec = find_spec(path)
        except ModuleNotFoundError:  # the parent is a module, not a package
            spec = None
        if spec is not None:
            return path if spec.submodule_search_locations is None else f"{path}.{parts[-1]}"
        parts.pop()
    raise AssertionError(f"no module for {resource}")


@pytest.mark.parametrize("key", KEYS)
def test_operation_is_in_the_module_of_its_name(key):
    """Operation `a.b.c` is declared in `connect/a/b.py`."""
    operation = REGISTRY[key]
    assert operation.function.__module__ == module_of(operation.name.rpartition(".")[0])

"""The simulated operations; operation `a.b.c` of the API is in `routes/a/b.py`.

Importing this package imports all its modules, which registers their operations in `ROUTES`. A new
operation is one decorated function in its module; a new group is one module.
"""

from importlib import import_module
from pkgutil import walk_packages

from aconnect.testing.connect.dialect import ROUTES

__all__ = ["ROUTES"]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)

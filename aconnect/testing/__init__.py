"""A simulated Posit Connect server for tests, demonstrations and benchmarks.

It does not import the client, so that it can check the client independently:

    async with FakeConnect(seed=Seed(visits=1000)) as server:
        client = Client(server.url, api_key=server.api_key)

Public names are imported on first use, because pytest loads this package in every run.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aconnect.testing import faults
    from aconnect.testing.authentik import FakeAuthentik
    from aconnect.testing.clock import VirtualClock
    from aconnect.testing.cloudendure import FakeCloudEndure
    from aconnect.testing.connect.progress import BuildScript
    from aconnect.testing.connect.server import FakeConnect
    from aconnect.testing.connect.state import Seed, State
    from aconnect.testing.limits import ConcurrencyLimit, RateLimit
    from aconnect.testing.looker import FakeLooker
    from aconnect.testing.serving import serve
    from aconnect.testing.wire import Recorded

__all__ = [
    "BuildScript",
    "ConcurrencyLimit",
    "FakeAuthentik",
    "FakeCloudEndure",
    "FakeConnect",
    "FakeLooker",
    "RateLimit",
    "Recorded",
    "Seed",
    "State",
    "VirtualClock",
    "faults",
    "serve",
]

_MODULES = {
    "BuildScript": "connect.progress",
    "ConcurrencyLimit": "limits",
    "FakeAuthentik": "authentik",
    "FakeCloudEndure": "cloudendure",
    "FakeConnect": "connect.server",
    "FakeLooker": "looker",
    "RateLimit": "limits",
    "Recorded": "wire",
    "Seed": "connect.state",
    "State": "connect.state",
    "VirtualClock": "clock",
    "serve": "serving",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name == "faults":
        return import_module("aconnect.testing.faults")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value

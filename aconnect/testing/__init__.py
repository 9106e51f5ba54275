"""A simulated Posit Connect server for tests, demonstrations and benchmarks.

It imports nothing of the client, so that it checks it independently:

    async with FakeConnect(seed=Seed(visits=1000)) as server:
        client = Client(server.url, api_key=server.api_key)

Names are imported on first use, because pytest loads the plugin in this package in every run.
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
    from aconnect.testing.looker import FakeLooker
    from aconnect.testing.serving import serve
    from aconnect.testing.wire import Recorded

__all__ = [
    "BuildScript",
    "FakeAuthentik",
    "FakeCloudEndure",
    "FakeConnect",
    "FakeLooker",
    "Recorded",
    "Seed",
    "State",
    "VirtualClock",
    "faults",
    "serve",
]

_HOMES = {
    "BuildScript": "connect.progress",
    "FakeAuthentik": "authentik",
    "FakeCloudEndure": "cloudendure",
    "FakeConnect": "connect.server",
    "FakeLooker": "looker",
    "Recorded": "wire",
    "Seed": "connect.state",
    "State": "connect.state",
    "VirtualClock": "clock",
    "serve": "serving",
}


def __getattr__(name: str) -> object:
    """Import a public name on its first use."""
    if name == "faults":
        return import_module("aconnect.testing.faults")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found

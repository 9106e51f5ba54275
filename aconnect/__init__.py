"""An asynchronous client for the Posit Connect Server API, for services and bulk work.

::

    from aconnect import Client

    async with Client("https://connect.example.com", api_key=key) as client:
        async for visit in client.instrumentation.visits(from_="2026-01-01T00:00:00Z"):
            ...
"""

from importlib import import_module
from typing import TYPE_CHECKING

from aconnect._version import __version__

if TYPE_CHECKING:
    from aconnect import errors
    from aconnect._client.client import ApiResponse
    from aconnect._client.paged import Page, Paged
    from aconnect._client.polling import PollPolicy
    from aconnect._core.events import (
        AttemptFailed,
        CallFinished,
        CallsHeldBack,
        CallStarted,
        Event,
        PageFetched,
        RetryScheduled,
        TaskProgress,
    )
    from aconnect._core.limits import Limits
    from aconnect._core.message import Response, StreamingResponse, Upload
    from aconnect._core.redaction import Secret
    from aconnect._core.retry import NO_RETRY, RetryPolicy
    from aconnect._transport.options import Connection, Timeout
    from aconnect.connect import Client
    from aconnect.connect.viewers import Viewers

__all__ = [
    "NO_RETRY",
    "ApiResponse",
    "AttemptFailed",
    "CallFinished",
    "CallStarted",
    "CallsHeldBack",
    "Client",
    "Connection",
    "Event",
    "Limits",
    "Page",
    "PageFetched",
    "Paged",
    "PollPolicy",
    "Response",
    "RetryPolicy",
    "RetryScheduled",
    "Secret",
    "StreamingResponse",
    "TaskProgress",
    "Timeout",
    "Upload",
    "Viewers",
    "__version__",
    "errors",
]

# Loaded on first access: `aconnect --help` needs none of it, and the HTTP client alone takes longer
# to import than click.
_HOMES = {
    "_core.events": (
        *("AttemptFailed", "CallFinished", "CallStarted", "CallsHeldBack", "Event"),
        *("PageFetched", "RetryScheduled", "TaskProgress"),
    ),
    "_core.limits": ("Limits",),
    "_core.message": ("Response", "StreamingResponse", "Upload"),
    "_client.paged": ("Page", "Paged"),
    "_client.polling": ("PollPolicy",),
    "_core.redaction": ("Secret",),
    "_core.retry": ("NO_RETRY", "RetryPolicy"),
    "_client.client": ("ApiResponse",),
    "_transport.options": ("Connection", "Timeout"),
    "connect": ("Client",),
    "connect.viewers": ("Viewers",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        if name == "errors":
            return import_module("aconnect.errors")
        raise AttributeError(f"module 'aconnect' has no attribute {name!r}")
    value: object = getattr(import_module(f"aconnect.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

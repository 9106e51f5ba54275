"""An asynchronous client for the Posit Connect Server API, for services and bulk work.

::

    from aconnect import Client

    async with Client("https://connect.example.com", api_key=key) as client:
        async for visit in client.instrumentation.visits(from_="2026-01-01T00:00:00Z"):
            ...
"""

from aconnect import errors
from aconnect._core.events import (
    AttemptFailed,
    CallFinished,
    CallStarted,
    Event,
    PageFetched,
    RetryScheduled,
    TaskProgress,
)
from aconnect._core.limits import Limits
from aconnect._core.message import Answer, Stream, Upload
from aconnect._core.paging import Page, Paged
from aconnect._core.polling import PollPolicy
from aconnect._core.redaction import Secret
from aconnect._core.retry import NO_RETRY, RetryPolicy
from aconnect._transport.client import Detailed
from aconnect._transport.options import Timeout
from aconnect._version import __version__
from aconnect.connect import Client

__all__ = [
    "NO_RETRY",
    "Answer",
    "AttemptFailed",
    "CallFinished",
    "CallStarted",
    "Client",
    "Detailed",
    "Event",
    "Limits",
    "Page",
    "PageFetched",
    "Paged",
    "PollPolicy",
    "RetryPolicy",
    "RetryScheduled",
    "Secret",
    "Stream",
    "TaskProgress",
    "Timeout",
    "Upload",
    "__version__",
    "errors",
]

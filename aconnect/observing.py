"""Ready subscribers for a client's events: the standard log, and OpenTelemetry spans.

::

    client.subscribe(log_events())
    client.subscribe(trace_calls())
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aconnect._core.events import (
    AttemptFailed,
    CallFinished,
    CallsHeldBack,
    CallStarted,
    Event,
    PageFetched,
    RetryScheduled,
    Subscriber,
    TaskProgress,
)
from aconnect._core.text import one_line
from aconnect.errors import MissingExtraError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

__all__ = ["log_events", "trace_calls"]


def log_events(logger: logging.Logger | None = None) -> Subscriber:
    """Return a subscriber that writes to the log, by default to the logger `aconnect`.

    Failures and retries are warnings, the end of a call is debug. No line contains a header, a body
    or a query value that may be secret; the server's text is without control characters and on one
    line.
    """
    log = logger or logging.getLogger("aconnect")

    def subscriber(event: Event) -> None:
        match event:
            case CallStarted():
                log.debug("call %d: %s %s", event.call, event.method, event.target)
            case AttemptFailed():
                log.warning(
                    "call %d: attempt %d of %s failed after %.2f s: %s",
                    *(event.call, event.attempt, event.operation, event.elapsed),
                    one_line(event.failure),
                )
            case RetryScheduled():
                log.warning(
                    "call %d: attempt %d of %s follows in %.2f s",
                    *(event.call, event.attempt, event.operation, event.delay),
                )
            case CallsHeldBack():
                log.warning(
                    "all calls are held back for %.2f s, because the server %s",
                    event.seconds,
                    "asked for it" if event.requested else "accepts none",
                )
            case CallFinished():
                outcome = one_line(event.failure) if event.failure else event.status
                log.debug(
                    "call %d: %s ended with %s after %.2f s",
                    *(event.call, event.operation, outcome, event.elapsed),
                )
            case PageFetched():
                log.debug("%s: page %d, %d rows", event.operation, event.number, event.rows)
            case TaskProgress():
                for line in event.lines:
                    log.info("task %s: %s", event.task, one_line(line))
            case _:
                log.debug("%s", event)

    return subscriber


def trace_calls(tracer: Tracer | None = None) -> Subscriber:
    """Return a subscriber that creates a span for each call; requires the extra `otel`.

    Attempts and retries are events of the span. Names follow the semantic conventions for HTTP
    clients where there are any.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    # Only needed for tracing.
    try:
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            "trace_calls() needs OpenTelemetry: install it with pip install 'aconnect[otel]'"
        ) from error

    chosen = tracer or trace.get_tracer("aconnect")
    spans: dict[int, Span] = {}

    def subscriber(event: Event) -> None:
        match event:
            case CallStarted():
                spans[event.call] = chosen.start_span(
                    event.operation,
                    kind=SpanKind.CLIENT,
                    attributes={
                        "http.request.method": event.method,
                        "url.path": event.target.partition("?")[0],
                    },
                )
            case AttemptFailed() if event.call in spans:
                spans[event.call].add_event(
                    "attempt failed", {"attempt": event.attempt, "failure": event.failure}
                )
            case RetryScheduled() if event.call in spans:
                spans[event.call].add_event(
                    "retry scheduled", {"attempt": event.attempt, "delay": event.delay}
                )
            case CallFinished() if event.call in spans:
                span = spans.pop(event.call)
                span.set_attribute("http.request.resend_count", event.attempts - 1)
                if event.status is not None:
                    span.set_attribute("http.response.status_code", event.status)
                if event.failure is not None:
                    span.set_status(StatusCode.ERROR, event.failure)
                span.end()
            case _:
                pass

    return subscriber

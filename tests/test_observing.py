"""The ready-made subscribers, over a real socket."""

from __future__ import annotations

import logging
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from aconnect import Client, TaskProgress, errors
from aconnect.observing import log_events, trace_calls
from aconnect.testing import FakeConnect, VirtualClock, faults


async def test_the_log_has_failures_but_no_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failed attempt and its retry are warnings; the log has neither the key nor its prefix."""
    caplog.set_level(logging.DEBUG, logger="aconnect")
    async with (
        FakeConnect() as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        client.subscribe(log_events())
        server.script(faults.status(503))
        await client.users.find(prefix="secretive")
        warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 2
        assert "users.find" in warnings[0]
        assert "503" in warnings[0]
        assert server.api_key not in caplog.text
        assert "secretive" not in caplog.text


async def test_a_call_is_a_span_with_its_retries() -> None:
    """A span has the operation's name, the retries as events, and the status."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with (
        FakeConnect() as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        client.subscribe(trace_calls(provider.get_tracer("test")))
        server.script(faults.status(503))
        await client.me()
        with pytest.raises(errors.NotFoundError):
            await client.users.get("nobody")
    good, bad = exporter.get_finished_spans()
    assert good.name == "users.me"
    assert [event.name for event in good.events] == ["attempt failed", "retry scheduled"]
    assert good.attributes is not None
    assert good.attributes["http.request.resend_count"] == 1
    assert bad.status.status_code is StatusCode.ERROR


async def test_a_subscription_can_be_ended() -> None:
    """After `stop()`, no event is reported."""
    events: list[object] = []
    async with (
        FakeConnect() as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        stop = client.subscribe(events.append)
        await client.me()
        assert len(events) == 2
        stop()
        await client.me()
        assert len(events) == 2


async def test_a_server_forges_no_log_record(caplog: pytest.LogCaptureFixture) -> None:
    """A record has one line without control characters, whatever a server sends."""
    hostile = "no\r\nCRITICAL forged\x1b[2J \u202e \x9b31m\u2028"
    caplog.set_level(logging.DEBUG)
    async with (
        FakeConnect() as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        client.subscribe(log_events())
        server.script(faults.status(503, body=hostile))
        server.script(faults.status(400, body=hostile))
        with pytest.raises(errors.BadRequestError):
            await client.me()
        lines = ("\x1b[31mred", "one\ntwo\x85three")
        client.channel.notify(
            lambda: TaskProgress(operation="o", task="t", lines=lines, finished=False)
        )
    messages = [record.getMessage() for record in caplog.records]
    assert "task t: red" in messages
    assert "task t: one two three" in messages
    assert sum("no CRITICAL forged" in message for message in messages) == 3
    assert all(message.isprintable() for message in messages)


def test_tracing_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenTelemetry, the error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'aconnect\[otel\]'") as caught:
        trace_calls()
    assert isinstance(caught.value, ImportError)

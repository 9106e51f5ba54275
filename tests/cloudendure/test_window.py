"""The audit log: single responses, and all entries of a time window."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from aconnect import errors
from aconnect.cloudendure import AuditLog, AuditLogEntry, Client, TooManyAtOnceError
from aconnect.cloudendure.window import events
from aconnect.testing import faults
from aconnect.testing.cloudendure import FakeCloudEndure

PROJECT = "project-1"
START = datetime(2021, 3, 1, tzinfo=UTC)
END = START + timedelta(days=30)

Ends = Literal["[]", "[)", "(]", "()"]


async def test_one_answer(client: Client, server: FakeCloudEndure) -> None:
    """A response has the newest entries, and reports whether there are more."""
    log = await client.projects.audit_log(PROJECT, limit=3)
    assert [entry.description for entry in log.items] == ["Event 10", "Event 9", "Event 8"]
    assert log.has_more_results
    assert server.requests[-1].query == {"limit": ["3"]}
    log = await client.projects.audit_log(
        PROJECT, from_date_time=START, to_date_time="2021-03-01T00:01:00Z"
    )
    assert len(log.items) == 2
    assert not log.has_more_results
    assert log.items[0].timestamp == START + timedelta(minutes=1)
    assert log.items[0].job_id == "job-2"


async def test_csv(client: Client) -> None:
    """CSV is returned as text, as the server sends it."""
    text = await client.projects.audit_log_csv(PROJECT, limit=1)
    assert text.splitlines()[0].startswith("timestamp,username")
    assert len(text.splitlines()) == 2
    async with client.stream(client.projects.audit_log_csv, PROJECT, limit=1) as stream:
        assert b"".join([chunk async for chunk in stream]).decode() == text


@pytest.mark.parametrize("name", ["audit_log", "audit_log_csv"])
async def test_refusals(client: Client, server: FakeCloudEndure, name: str) -> None:
    """An incomplete window or an invalid limit or time is refused before any request."""
    ask = getattr(client.projects, name)
    with pytest.raises(errors.InvalidArgumentError, match="without to_date_time"):
        await ask(PROJECT, from_date_time=START)
    with pytest.raises(errors.InvalidArgumentError, match="without from_date_time"):
        await ask(PROJECT, to_date_time=START)
    for limit in (0, -1):
        with pytest.raises(errors.InvalidArgumentError, match="at least 1"):
            await ask(PROJECT, limit=limit)
    with pytest.raises(errors.InvalidArgumentError, match="time zone"):
        await ask(PROJECT, from_date_time=datetime(2021, 3, 1), to_date_time=END)  # noqa: DTZ001
    with pytest.raises(errors.InvalidArgumentError, match="before it begins"):
        client.projects.audit_log_events(PROJECT, from_date_time=END, to_date_time=START)
    with pytest.raises(errors.InvalidArgumentError, match="RFC 3339"):
        client.projects.audit_log_events(PROJECT, from_date_time="yesterday")
    with pytest.raises(errors.InvalidArgumentError, match="out of range"):
        client.projects.audit_log_events(PROJECT, from_date_time="0001-01-01T00:00:00+14:00")
    assert not server.requests


@pytest.mark.parametrize("ends", ["[]", "[)", "(]", "()"])
async def test_all_of_it(client: Client, server: FakeCloudEndure, ends: Ends) -> None:
    """All entries arrive once, oldest first, for inclusive and exclusive ends of a window."""
    server.state.ends = ends
    for n in range(200):
        server.state.add_event(PROJECT, START + timedelta(seconds=n // 4, days=1))
    window = client.projects.audit_log_events(
        PROJECT, from_date_time=START, to_date_time=START + timedelta(days=1, seconds=49), limit=7
    )
    found = [entry.job_id or "" async for entry in window]
    assert sorted(found) == sorted(row["jobId"] for row in server.state.audit_logs[PROJECT])
    assert found[0] == "job-1"


async def test_until_now(client: Client, server: FakeCloudEndure) -> None:
    """Without an end, the newest entries are included even if the local clock is slow."""
    begin = "2021-03-01t00:00:00z"
    now = datetime.fromtimestamp(client.clock.time(), UTC)
    server.state.add_event(PROJECT, now + timedelta(minutes=10))
    found = [e async for e in client.projects.audit_log_events(PROJECT, from_date_time=begin)]
    assert len(found) == 11


async def test_all_times(client: Client) -> None:
    """A window may have the earliest and the latest time there is."""
    window = client.projects.audit_log_events(
        PROJECT,
        from_date_time=datetime.min.replace(tzinfo=UTC),
        to_date_time=datetime.max.replace(tzinfo=UTC),
        limit=3,
    )
    assert len([entry async for entry in window]) == 10


async def test_a_larger_limit(client: Client, server: FakeCloudEndure) -> None:
    """A limit above the server's default is sent."""
    await client.projects.audit_log(PROJECT, limit=5000)
    assert server.requests[-1].query == {"limit": ["5000"]}


@pytest.mark.parametrize("flag", [{}, {"hasMoreResults": None}])
async def test_a_response_without_a_flag(
    client: Client, server: FakeCloudEndure, flag: dict[str, None]
) -> None:
    """If the server does not say whether there are more entries, a full response may have more."""
    items = [{"timestamp": f"2021-03-01T00:00:0{n}Z"} for n in range(3)]
    for limit, count, more in ((3, 3, True), (4, 3, False), (None, 3, False), (1, 0, False)):
        server.script(
            faults.status(200, body={"items": items[:count], **flag}), on="GET */auditLog"
        )
        log = await client.projects.audit_log(PROJECT, limit=limit)
        assert log.has_more_results is more
    server.script(faults.status(200, body={"items": items, **flag}), on="GET */auditLog")
    window = client.projects.audit_log_events(
        PROJECT, from_date_time=START, to_date_time=END, limit=3
    )
    # The halves come from the simulated server itself.
    assert len([entry async for entry in window]) == 10


async def test_values_that_are_not_text(client: Client, server: FakeCloudEndure) -> None:
    """The old and new values of a change are kept as sent, whatever their type."""
    values = [True, 5, ["a"], {"b": None}, "text", None]
    fields = [{"fieldName": "x", "oldValue": v, "newValue": v} for v in values]
    server.state.audit_logs[PROJECT][-1]["changedFields"] = fields
    log = await client.projects.audit_log(PROJECT, limit=1)
    assert [field.old_value for field in log.items[0].changed_fields] == values
    assert [field.new_value for field in log.items[0].changed_fields] == values


class Log:
    """The log of a server with a limit per response and inclusive or exclusive ends."""

    def __init__(self, times: list[datetime], limit: int, ends: Ends, keep: str) -> None:
        self.entries = [AuditLogEntry(timestamp=t, job_id=str(n)) for n, t in enumerate(times)]
        self.limit, self.ends, self.keep = limit, ends, keep
        self.asked = 0

    def inside(self, from_: datetime, to: datetime) -> list[AuditLogEntry]:
        return [e for e in self.entries if e.timestamp is not None and self._in(e, from_, to)]

    def _in(self, entry: AuditLogEntry, from_: datetime, to: datetime) -> bool:
        time = entry.timestamp
        assert time is not None
        return (time > from_ or (time == from_ and self.ends[0] == "[")) and (
            time < to or (time == to and self.ends[1] == "]")
        )

    async def ask(self, from_: datetime, to: datetime) -> AuditLog:
        self.asked += 1
        found = self.inside(from_, to)
        kept = found[-self.limit :] if self.keep == "newest" else found[: self.limit]
        return AuditLog(items=kept[::-1], has_more_results=len(found) > self.limit)


# Few distinct times, close together and far apart, so that many entries share one.
_TIMES = st.builds(
    lambda seconds, ticks: START + timedelta(seconds=seconds, microseconds=ticks),
    st.one_of(st.integers(0, 5), st.integers(0, 2_000_000)),
    st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 999_999)),
)


@given(
    times=st.lists(_TIMES, max_size=60),
    limit=st.integers(1, 8),
    ends=st.sampled_from(["[]", "[)", "(]", "()"]),
    keep=st.sampled_from(["newest", "oldest"]),
    begin=_TIMES,
    length=st.integers(0, 3_000_000),
)
async def test_nothing_is_lost_or_doubled(
    times: list[datetime], limit: int, ends: Ends, keep: str, begin: datetime, length: int
) -> None:
    """Each entry arrives once and in order, unless one instant has too many entries."""
    log = Log(sorted(times), limit, ends, keep)
    end = begin + timedelta(seconds=length)
    expected = [e for e in log.entries if e.timestamp is not None and begin <= e.timestamp <= end]
    crowd = max([sum(e.timestamp == o.timestamp for o in expected) for e in expected], default=0)
    found: list[AuditLogEntry] = []
    try:
        async for entry in events(log.ask, begin, end, "the log"):
            found.append(entry)  # noqa: PERF401  entries before the error count too
    except TooManyAtOnceError:
        assert crowd > limit
        ids = {entry.job_id for entry in found}
        assert len(ids) == len(found)
        assert ids < {entry.job_id for entry in expected}
    else:
        assert crowd <= limit
        assert sorted(found, key=lambda e: int(e.job_id or 0)) == expected
        assert [e.timestamp for e in found] == [e.timestamp for e in expected]


async def test_too_many_at_once() -> None:
    """Too many entries at one instant raise TooManyAtOnceError, which names the time."""
    log = Log([START] * 5, 4, "[]", "newest")
    with pytest.raises(TooManyAtOnceError, match=r"more than 4 entries .* 2021-03-01T00:00:00Z"):
        async for _ in events(log.ask, START - timedelta(days=1), END, "the log"):
            pass


@pytest.mark.parametrize(("count", "limit"), [(10_000, 100), (1500, 1500), (3000, 1500)])
async def test_cost(count: int, limit: int) -> None:
    """The number of requests grows with the number of entries, not with the window."""
    log = Log([START + timedelta(seconds=n) for n in range(count)], limit, "[]", "newest")
    begin, end = START, START + timedelta(seconds=count)
    assert len([e async for e in events(log.ask, begin, end, "the log")]) == count
    assert log.asked <= 4 * count / limit


async def test_entries_without_a_time() -> None:
    """An entry without a time is yielded once, although margins overlap."""
    log = Log([START + timedelta(seconds=n) for n in range(20)], 9, "[]", "newest")

    async def ask(from_: datetime, to: datetime) -> AuditLog:
        found = await log.ask(from_, to)
        found.items.append(AuditLogEntry(event_name="untimed"))
        return found

    names = [e.event_name async for e in events(ask, START, END, "the log")]
    assert (len(names), names.count("untimed")) == (21, 1)


async def test_a_server_that_always_has_more() -> None:
    """A server that always reports more entries raises TooManyAtOnceError after a few requests."""
    asked = 0

    async def ask(*_: datetime) -> AuditLog:
        nonlocal asked
        asked += 1
        return AuditLog(items=[AuditLogEntry(timestamp=END)], has_more_results=True)

    with pytest.raises(TooManyAtOnceError):
        async for _ in events(ask, START, END, "the log"):
            pass
    assert asked < 100

"""Nothing but typed errors leaves the public API, whatever a server sends.

Every call of `calls.py` is made against every answer of `answers.py`, apart from methods that only
make the request of an operation that is there as well: these meet a part of them. For each pair:

- the call ends, with a value where the answer allows one, or with an `AconnectError` of the
  expected class;
- no credential that the server repeats is shown by the error, its notes, causes and traceback, by
  the log or by an event, and no log record has line breaks or control characters of the server;
- nothing is left behind: no call in flight, no task, no partial file, no request elsewhere.

A failure lists the calls: `connect users.get: ValueError(...)`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest

from aconnect import Event, RetryPolicy, Timeout, errors
from aconnect.observing import log_events
from aconnect.testing import VirtualClock
from tests.hostile.answers import ANSWERS, LIMIT, Answer
from tests.hostile.calls import Call, client_of, every_call
from tests.hostile.server import HostileServer

GUARD = 60
"""In seconds: a call that takes longer hangs. No test waits that long unless it fails."""
AT_ONCE = 32
SHARE = 5
"""Each answer meets every call, except variants of operations, of which it meets one in so many."""
PART = re.compile(r"(?!rows).*\.part$")
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

current: ContextVar[str] = ContextVar("current call", default="no call")
"""The name of the call that a log record belongs to."""


class Records(logging.Handler):
    """Keeps log records together with the names of their calls."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[str, logging.LogRecord]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((current.get(), record))


@contextmanager
def recorded() -> Iterator[Records]:
    """Keep everything that is logged in the block, and nowhere else: pytest would print it all."""
    records, loggers = Records(), [logging.getLogger(name) for name in ("aconnect", "asyncio")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [records], False
        logger.setLevel(logging.DEBUG)
    yield records
    for logger, state in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = state[:2]
        logger.setLevel(state[2])


@pytest.fixture(scope="session")
def calls() -> list[Call]:
    """All calls, made before any event loop runs."""
    return every_call()


def chosen(calls: list[Call], answer: Answer) -> list[Call]:
    """Return the calls that an answer meets."""
    share = list(ANSWERS).index(answer.name) % SHARE
    return [
        call
        for number, call in enumerate(calls)
        if not (call.is_variant and number % SHARE != share)
        and not (answer.skips and re.search(answer.skips, call.name))
    ]


def secrets_in(text: str, call: Call) -> list[str]:
    """Return the call's secrets that a text shows; a half is bad enough."""
    return [secret for secret in call.secrets if secret[:-6] in text]


def shown_by(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the texts that a traceback or a logger shows of an error, and what they are."""
    public = {name: value for name, value in vars(error).items() if name != "body"}
    yield "an attribute", repr(public)
    shown: BaseException | None = error
    while shown is not None:
        kind = type(shown).__name__
        yield f"the text of {kind}", str(shown)
        yield f"the repr of {kind}", f"{shown!r} {shown.args!r}"
        yield f"a note of {kind}", repr(getattr(shown, "__notes__", ()))
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def flaws_of(error: BaseException, call: Call, answer: Answer) -> Iterator[str]:
    """Yield what is wrong with an error that has left a call."""
    if isinstance(error, TimeoutError) and not isinstance(error, errors.AconnectError):
        yield f"still running after {GUARD} seconds"
    elif not isinstance(error, errors.AconnectError) or isinstance(
        error, errors.InvalidArgumentError
    ):
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield f"{error!r:.300} from {last.filename}:{last.lineno}"
    elif answer.is_slow and isinstance(error, errors.UploadSourceError):
        # On a busy machine, what is uploaded can take longer than the short limit of these answers.
        return
    elif not isinstance(error, (*answer.raises, errors.VerificationError)):
        yield f"an unexpected {error!r:.300}"
    for where, text in shown_by(error):
        for secret in secrets_in(text, call):
            yield f"{where} shows {secret}: {text[:1000]!r}"
    if CONTROLS.search(str(error).replace("\n  ", "")):
        yield f"its text has control characters: {str(error)[:300]!r}"


def flaws_of_records(records: Records, by_name: dict[str, Call]) -> Iterator[str]:
    """Yield what is wrong with the log."""
    for name, record in records.records:
        if name not in by_name or record.name.startswith("asyncio"):
            if record.levelno >= logging.WARNING:
                yield f"{name}: {record.name} logged {record.getMessage()[:500]!r}"
            continue
        text = record.getMessage()
        if CONTROLS.search(text):
            yield f"{name}: a log record has control characters: {text[:300]!r}"
        details = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        for secret in secrets_in(text + details, by_name[name]):
            yield f"{name}: a log record shows {secret}: {text[:300]!r}"


def names_in(folder: Path) -> list[str]:
    """Return the names of all files in a folder."""
    return [path.name for path in folder.iterdir()]


async def flaws_of_call(
    call: Call, answer: Answer, server: HostileServer, folder: Path, number: int
) -> list[str]:
    """Make a call, and return what is wrong with its outcome."""
    current.set(call.name)
    # Each answer meets calls with and without subscribers, which take two paths through the client,
    # and with and without a second attempt.
    is_observed, attempts = number % 2 == 0, 2 - number // 2 % 2
    if isinstance(answer.raw, tuple):
        attempts = len(answer.raw)
    client = client_of(
        call,
        server.url,
        clock=VirtualClock(),
        retry=RetryPolicy(attempts=attempts, deadline=10.0, base=2.0),
        # Where only these end a call, they are short; elsewhere they must not.
        timeout=Timeout(connect=5, read=0.05, total=0.1) if answer.is_slow else Timeout(read=20),
        max_body=LIMIT,
    )
    events: list[Event] = []
    if is_observed:
        client.subscribe(events.append)
        client.subscribe(log_events())
    found: list[str] = []
    try:
        async with asyncio.timeout(GUARD), client:
            await call.make(client, folder)
    except BaseException as error:  # noqa: BLE001  whatever leaves is what this is about
        found += flaws_of(error, call, answer)
    else:
        if answer.must_fail(call.name):
            found.append("returned a value")
    if client.in_flight:
        found.append(f"{client.in_flight} calls are still in flight")
    if not answer.is_slow and not server.requests[call.name]:
        found.append("made no request")
    found += [f"{secret} is in {event!r}" for event in events
              for secret in secrets_in(repr(event), call)]  # fmt: skip
    return [f"{call.name}: {flaw}" for flaw in found]


@pytest.mark.filterwarnings("ignore:the server calls:DeprecationWarning")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_every_call_against(calls: list[Call], answer: Answer, tmp_path: Path) -> None:
    """Every call ends with a value that is true or a typed error, without showing a secret."""
    before = asyncio.all_tasks()
    strays: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: strays.append(f"the event loop got {context!r:.500}")
    )
    turn = asyncio.Semaphore(AT_ONCE)
    calls = chosen(calls, answer)

    async def check(number: int, call: Call) -> list[str]:
        async with turn:
            server = welcoming if call.is_welcome else refusing
            return await flaws_of_call(call, answer, server, tmp_path, number)

    with recorded() as records:
        async with (
            HostileServer(answer, welcomes=True) as welcoming,
            HostileServer(answer, welcomes=False) as refusing,
        ):
            outcomes = await asyncio.gather(*(check(*item) for item in enumerate(calls)))
    found = [flaw for outcome in outcomes for flaw in outcome]
    found += flaws_of_records(records, {call.name: call for call in calls})
    for _ in range(3):
        await asyncio.sleep(0)
    found += [f"a task was left behind: {task}" for task in asyncio.all_tasks() - before]
    # A collection keeps its rows, to resume it.
    found += [f"{name} was left behind" for name in names_in(tmp_path) if PART.match(name)]
    assert not [*found, *strays], f"{len(found)} flaws:\n" + "\n".join([*found, *strays][:200])

"""What the commands share: the connection, running coroutines, and how failures are told.

Decides what a user sees of an error: one message and what to do, never a traceback for what the
server or the user did. Mistakes of this program do give one.
"""

from __future__ import annotations

import functools
import re
import signal
import sys
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Concatenate, Final, ParamSpec, TypeVar, cast

import click

if TYPE_CHECKING:
    from aconnect import Client, Event
    from aconnect._client.client import BaseClient
    from aconnect._client.paged import Paged

P = ParamSpec("P")
T = TypeVar("T")

_ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")


class Failure(click.ClickException):
    """What went wrong and what to do."""

    def __init__(self, message: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hints = hints

    def show(self, file: IO[Any] | None = None) -> None:
        """Tell it on standard error."""
        say(f"Error: {self.message}")
        for hint in self.hints:
            say(hint)


class Stopped(Failure):
    """Ctrl-C."""

    exit_code: ClassVar[int] = 128 + signal.SIGINT

    def show(self, file: IO[Any] | None = None) -> None:
        """Tell it on standard error."""
        for line in (self.message, *self.hints):
            say(line)


class Terminated(Stopped):
    """SIGTERM."""

    exit_code: ClassVar[int] = 128 + signal.SIGTERM


def parse_datetime(_: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Read the value of an option: a date, which means midnight UTC, or a time in RFC 3339."""
    if value is None:
        return None
    text = value.strip()
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not in the calendar: {error}") from error
    raise click.BadParameter(
        f"{value!r} is neither a date, such as 2026-01-31 (midnight UTC), nor a time in RFC 3339, "
        "such as 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+01:00",
        param=param,
    )


def clean(text: str) -> str:
    """Take out what would move the cursor or colour the terminal; tabs and line breaks stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def say(text: str) -> None:
    """Tell the user something that is not the result."""
    click.echo(clean(text), err=True)


def echo(text: str) -> None:
    """Write one line of the result."""
    click.echo(clean(text))


async def echo_rows(rows: Paged[Any], client: BaseClient, *, as_json: bool) -> None:
    """Print rows as the server gave them, while they come: a line each, or as one array."""
    last = ""
    async for page in rows.raw().pages():
        for row in page.items:
            text = client.channel.redact(bytes(row).decode())
            if not as_json:
                echo(text)
                continue
            if last:
                echo(f"{last},")
            last = f" {text}" if last else f"[{text}"
    if as_json:
        echo(f"{last or '['}]")


def connecting(command: Callable[Concatenate[Client, P], T]) -> Callable[P, T]:
    """Give a command the options of the connection, and a client as its first argument."""

    @click.option(
        "--server",
        envvar="CONNECT_SERVER",
        show_envvar=True,
        metavar="URL",
        help="The server's address.",
    )
    @click.option(
        "--api-key-file",
        type=click.File("r"),
        metavar="FILE",
        help="Holds the API key; '-' reads it from standard input. By default the key is taken "
        "from CONNECT_API_KEY.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, server: str | None, api_key_file: IO[str] | None, **more: Any) -> T:
        return command(_client(server, api_key_file), *args, **more)  # pyright: ignore[reportCallIssue]

    return wrapped  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def _client(server: str | None, key_file: IO[str] | None) -> Client:
    import os

    from aconnect import Client
    from aconnect.errors import InvalidArgumentError

    if not server:
        raise click.UsageError("no server: set CONNECT_SERVER or pass --server URL")
    key = os.environ.get("CONNECT_API_KEY", "") if key_file is None else key_file.read()
    if not key.strip():
        where = f"{key_file.name} is empty" if key_file is not None else "no API key"
        raise click.UsageError(
            f"{where}: set CONNECT_API_KEY, or pass --api-key-file FILE ('-' reads the key from "
            "standard input)"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            client = Client(server, api_key=key, user_agent="aconnect-cli")
        except InvalidArgumentError as error:
            raise click.UsageError(str(error)) from error
    for warning in caught:
        say(f"Warning: {warning.message}")
    return client


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end; turn errors and Ctrl-C into a `Failure`.

    SIGTERM is treated as Ctrl-C is: the coroutine is cancelled and can tidy up.
    """
    import asyncio

    from aconnect.concurrency import run as run_main
    from aconnect.errors import AconnectError

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        # Not by way of SIGINT, which is ignored by what a script runs in the background.
        with suppress(NotImplementedError, RuntimeError, ValueError):  # as in `serving`
            loop.add_signal_handler(signal.SIGTERM, cast("asyncio.Task[T]", task).cancel)
        return await work()

    try:
        return run_main(main)
    except AconnectError as error:
        tries = len(error.attempts) + 1
        error.attempts = ()  # told already, one by one
        text = f"{error} (tried {tries} times)" if tries > 1 else str(error)
        raise Failure(text, hints=tuple(getattr(error, "__notes__", ()))) from error
    except BrokenPipeError:
        raise  # click's way of ending quietly when nobody reads on is the right one
    except OSError as error:
        raise Failure(str(error), hints=tuple(getattr(error, "__notes__", ()))) from error
    except KeyboardInterrupt as error:
        raise Stopped("Stopped.") from error
    except asyncio.CancelledError as error:
        # Nothing else cancels from outside.
        raise Terminated("Stopped.") from error


def report_retries(client: BaseClient) -> None:
    """Say it when a call has to be tried again, since the user sees nothing happen meanwhile."""
    from aconnect import AttemptFailed, RetryScheduled

    failure = told = ""

    def hear(event: Event) -> None:
        nonlocal failure, told
        if isinstance(event, AttemptFailed):
            failure = event.failure.partition(": ")[2] or event.failure
        elif isinstance(event, RetryScheduled):
            what = "the same" if failure == told else failure
            told = failure
            say(f"{what}; trying again in {event.delay:.1f} s (attempt {event.attempt})")

    client.subscribe(hear)


def size_text(size: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def folder(path: Path) -> Path:
    """Make sure that a folder is there and can be written to, before anything is fetched."""
    import os

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"cannot make the folder {path}: {error.strerror or error}; choose another --out"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise Failure(f"cannot write into the folder {path}; choose another --out")
    return path


def is_terminal(stream: str) -> bool:
    """Tell whether `stdout` or `stderr` is a terminal that can redraw lines."""
    import os

    return bool(getattr(sys, stream).isatty()) and os.environ.get("TERM") != "dumb"

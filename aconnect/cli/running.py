"""How commands run and end: coroutines, signals, and errors as messages and exit codes.

A user sees one message and what to do, never a traceback for something that the server or the user
did. Bugs of this program do show one.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

import click

from aconnect.cli.output import echo_error, key_notes, printable

if TYPE_CHECKING:
    from aconnect import Event
    from aconnect._client.client import BaseClient
    from aconnect.errors import AconnectError

T = TypeVar("T")

_ARGUMENT: Final = re.compile(r"(?<!\S)(\(?)([a-z_]+)=(True)?(?=[\s,;.)]|$)")
# An argument that no option stands for, beside the variable that does.
_UNAVAILABLE: Final = re.compile(r"pass [a-z_]+= or (?=set )")
# What a call is named by in its failure.
_ADDRESS: Final = re.compile(r"^[A-Z]+ \S+: ")
# Fields of the library's settings, which no command has.
_SETTING: Final = re.compile(r" \((Limits|RetryPolicy|Timeout)\.\w+\)")
_OPTIONS: Final = {
    "content_guid": "content",
    "kind": "type",
    "tags": "tag",
    "api_key": "api-key-file",
    "client_secret": "api-key-file",
    "token": "api-key-file",
    "url": "server",
    "ssl": "cacert",
    "insecure_tls": "insecure",
}
"""Options that have another name than the argument of the library."""
_CALLS: Final = {"update(locked=False)": "aconnect content update GUID --locked false"}
"""Commands that do the same as a call."""
_SECTIONS: Final = (
    "Options",
    "Directory options",
    "Rollback and Git options",
    "Content options",
    "Connection options",
)
_ADVICE: Final = {
    "max_body": "the command line accepts no more; use Client.download in a program",
    "proxy": "set HTTPS_PROXY",
    "ssl": "for a private certificate authority, set SSL_CERT_FILE to its certificate",
    "timeout": "the server may be overloaded; try again later",
}
"""What to do if a command has no option for an argument."""


def _option(argument: str) -> str:
    name = _OPTIONS.get(argument, argument).strip("_").replace("_", "-")
    return f"--{name}"


class Failure(click.ClickException):
    """An error message, and hints about what to do."""

    def __init__(self, message: str, *, hints: tuple[str, ...] = ()) -> None:
        # Shown when the command has ended, and its client is unknown.
        super().__init__(printable(message))
        self.hints: tuple[str, ...] = tuple(map(printable, hints))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error."""
        echo_error(f"Error: {self.message}")
        for hint in self.hints:
            echo_error(hint)


class Stopped(Failure):
    """Interrupted with Ctrl-C."""

    exit_code: ClassVar[int] = 128 + signal.SIGINT

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error."""
        for line in (self.message, *self.hints):
            echo_error(line)


class Terminated(Stopped):
    """Ended by SIGTERM."""

    exit_code: ClassVar[int] = 128 + signal.SIGTERM


class Command(click.Command):
    """A command whose arguments the library checks: what it refuses is a usage error."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from aconnect.errors import InvalidArgumentError, MissingExtraError, ResumeError

        try:
            return super().invoke(ctx)
        except InvalidArgumentError as error:
            lines = (self.explained(str(error), error), *_notes(error))
            # Without the context: the options are well-formed, so their list does not help.
            raise click.UsageError(printable("\n".join(lines))) from error
        except (ResumeError, MissingExtraError) as error:
            raise Failure(self.explained(str(error), error), hints=_notes(error)) from error
        except BrokenPipeError:
            raise  # click ends quietly when the reader of a pipe has gone
        except OSError as error:
            reason = error.strerror or str(error)
            if error.filename is None and error.errno is not None:
                reason = f"cannot write the output: {reason}"
            elif error.filename is not None:
                reason = f"{error.filename}: {reason}"
            raise Failure(reason, hints=_notes(error)) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, and those that belong together under a title."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in _SECTIONS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections[self.section_of(parameter)].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def section_of(self, option: click.Option) -> str:
        """Return the title of `_SECTIONS` under which the help lists an option."""
        from aconnect.cli.connection import ConnectionOption

        return "Connection options" if isinstance(option, ConnectionOption) else "Options"

    def with_options(self, message: str) -> str:
        """Replace the names of arguments in a message by the options of this command."""
        context = click.get_current_context(silent=True)
        parameters = self.params if context is None else self.get_params(context)
        options = {name: param for param in parameters for name in param.opts}

        def option(match: re.Match[str]) -> str:
            argument = options.get(match[2])
            if isinstance(argument, click.Argument):
                return f"{match[1]}{argument.human_readable_name}"
            name = _option(match[2])
            if name not in options:
                return match[0]
            is_flag = getattr(options[name], "is_flag", False)
            return f"{match[1]}{name}{' true' if match[3] and not is_flag else ''}"

        for call, equivalent in _CALLS.items():
            message = message.replace(call, equivalent)
        return _UNAVAILABLE.sub("", _ARGUMENT.sub(option, message))

    def explained(self, message: str, error: AconnectError) -> str:
        """Return the message of an error with advice that can be followed on a command line."""
        hint = error.hint
        if hint:
            advice = self.with_options(hint)
            missing = _ARGUMENT.search(advice)
            if missing is not None:
                advice = _ADVICE.get(missing[2], "")
            message = message.replace(f"; {hint}", f"; {advice}" if advice else "")
        return _SETTING.sub("", self.with_options(message))


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end; turn errors and Ctrl-C into a `Failure`.

    It uses uvloop and isal if they are installed. SIGTERM is treated like Ctrl-C: the coroutine is
    cancelled and can clean up.
    """
    import asyncio

    from aconnect._transport.coding import use_isal
    from aconnect.concurrency import run as run_main
    from aconnect.errors import (
        AconnectError,
        AuthenticationError,
        InvalidArgumentError,
        ResumeError,
        TaskFailedError,
    )

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        # Not through SIGINT, which background jobs of a script ignore.
        with suppress(NotImplementedError, RuntimeError, ValueError):  # as in `serving`
            loop.add_signal_handler(signal.SIGTERM, cast("asyncio.Task[T]", task).cancel)
        return await work()

    use_isal()
    try:
        return run_main(main)
    except (InvalidArgumentError, ResumeError):
        raise  # handled by `Command`
    except AconnectError as error:
        attempts = len(error.attempts) + 1
        error.attempts = ()  # reported already, one by one
        # The commands that follow a task print its output.
        message = error.summary if isinstance(error, TaskFailedError) else str(error)
        text = f"{message} (tried {attempts} times)" if attempts > 1 else message
        command = click.get_current_context().command
        if isinstance(command, Command):
            text = command.explained(text, error)
        hints = key_notes(message) if isinstance(error, AuthenticationError) else ()
        raise Failure(text, hints=(*_notes(error), *hints)) from error
    except KeyboardInterrupt as error:
        raise Stopped("Stopped.") from error
    except asyncio.CancelledError as error:
        # Nothing else cancels from outside.
        raise Terminated("Stopped.") from error


def _notes(error: BaseException) -> tuple[str, ...]:
    """Return the notes of an error, such as what is kept or left on the server."""
    notes: tuple[str, ...] = tuple(getattr(error, "__notes__", ()))
    return tuple(map(with_options, notes))


def with_options(message: str) -> str:
    """Replace the names of arguments in a message by the options of the current command."""
    command = click.get_current_context().command
    return command.with_options(message) if isinstance(command, Command) else message


def report_retries(client: BaseClient, label: str = "") -> None:
    """Print why nothing happens: before each retry, and while all calls are held back.

    Each message begins with the label, by which several servers are told apart.
    """
    from aconnect import AttemptFailed, CallsHeldBack, RetryScheduled

    failure = ""
    reported = ("", 0)
    refused: set[int] = set()

    def subscriber(event: Event) -> None:
        nonlocal failure, reported
        match event:
            case AttemptFailed(refused=True):
                # Bulk work may be refused many times; one event for all calls says for how long.
                refused.add(event.call)
            case AttemptFailed():
                failure = with_options(event.failure.partition(": ")[2] or event.failure)
            case RetryScheduled() if event.call in refused:
                refused.discard(event.call)
            case RetryScheduled():
                # Calls that fail together differ only in their addresses.
                known, attempt = reported
                reported = (_ADDRESS.sub("", failure), event.attempt)
                if reported == (known, attempt):
                    return
                reason = "the same" if known == reported[0] else failure
                echo_error(
                    f"{label}{reason}; retrying in {event.delay:.1f} s (attempt {event.attempt})"
                )
            case CallsHeldBack(requested=True):
                echo_error(f"{label}The server asks to wait {event.seconds:.1f} s; waiting")
            case CallsHeldBack():
                echo_error(f"{label}The server accepts no requests; waiting {event.seconds:.1f} s")
            case _:
                pass

    client.subscribe(subscriber)

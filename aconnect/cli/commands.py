"""How commands over the operations of Posit Connect are declared.

A command is a function that gets a client and the values of its options. What it returns decides
how it is declared: a `listing` is many objects, a `record` is one, and an `action` prints itself.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
)
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from aconnect.cli.connection import with_client
from aconnect.cli.running import Command, report_retries, run
from aconnect.cli.table import Column, Fields, echo_record, rows_printer

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect._client.operation import Operation

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_ALL: Final = ""
_LIMIT: Final = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="List at most this many."
)


def run_with(client: Client, work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine with a client, which is closed at its end; report retries."""

    async def main() -> T:
        async with client:
            report_retries(client)
            return await work()

    return run(main)


class OperationCommand(Command):
    """A command with an option for each argument of an operation that is not in its path.

    It declares those of the arguments itself that are in `own`.
    """

    def __init__(
        self, *args: Any, operation: str, own: Collection[str] = (), **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._operation = operation
        self._own = own

    @functools.cached_property
    def options(self) -> list[click.Parameter]:
        """The options; the operation is imported late."""
        from aconnect.cli.parameters import operation_parameters

        parameters = operation_parameters(operation_of(self._operation))
        options = [one for one in parameters if isinstance(one, click.Option)]
        return [one for one in options if one.name not in self._own]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the arguments, these options, and the others."""
        own = super().get_params(ctx)
        arguments = [one for one in own if isinstance(one, click.Argument)]
        return [*arguments, *self.options, *(one for one in own if one not in arguments)]

    def invoke(self, ctx: click.Context) -> Any:
        """Pass on those arguments of the operation that were given."""
        from aconnect.cli.parameters import bind

        names = {one.name for one in self.options}
        _, given = bind(operation_of(self._operation), {k: ctx.params[k] for k in names if k})
        ctx.params = {k: v for k, v in ctx.params.items() if k not in names} | given
        return super().invoke(ctx)


def operation_of(key: str) -> Operation:
    """Return an operation by its key in the registry, such as `connect:content.update`."""
    import_module(f"aconnect.{key.partition(':')[0]}")
    from aconnect._client.operation import REGISTRY

    return REGISTRY[key]


def action(
    group: click.Group, name: str, *, operation: str | None = None
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], click.Command]:
    """Declare a command that prints what it did.

    With an `operation`, such as `connect:content.update`, it also has the options of its arguments,
    and gets the values of those that are given.
    """

    def declare(function: Callable[..., Coroutine[Any, Any, None]]) -> click.Command:
        @functools.wraps(function)
        def command(client: Client, **options: Any) -> None:
            run_with(client, lambda: function(client, **options))

        if operation is None:
            return group.command(name, cls=Command)(with_client(command))
        return group.command(name, cls=OperationCommand, operation=operation)(with_client(command))

    return declare


def listing(
    group: click.Group, name: str, model: str, *columns: Column
) -> Callable[[Callable[..., AsyncIterable[object]]], click.Command]:
    """Declare a command that lists objects of a model, with these columns.

    The columns are in order of importance: a narrow terminal shows the first ones.
    """
    fields = Fields(model)

    def declare(
        function: Callable[..., AsyncIterable[object]],
    ) -> click.Command:
        @with_client
        @_with(_LIMIT, _json_option(fields))
        @functools.wraps(function)
        def command(client: Client, limit: int | None, json: str | None, **options: Any) -> None:
            printer = rows_printer(columns, None if json is None else fields.choose(json))

            async def work() -> None:
                count = 0
                async for item in function(client, **options):
                    printer.add(item)
                    count += 1
                    if count == limit:
                        break
                printer.close()

            run_with(client, work)

        return group.command(name, cls=Command)(command)

    return declare


def record(
    group: click.Group, name: str, model: str, *columns: Column
) -> Callable[[Callable[..., Coroutine[Any, Any, object]]], click.Command]:
    """Declare a command that prints one object of a model, with a line for each column."""
    fields = Fields(model)

    def declare(
        function: Callable[..., Coroutine[Any, Any, object]],
    ) -> click.Command:
        @with_client
        @_with(_json_option(fields))
        @functools.wraps(function)
        def command(client: Client, json: str | None, **options: Any) -> None:
            chosen = None if json is None else fields.choose(json)
            item = run_with(client, lambda: function(client, **options))
            echo_record(item, columns, chosen)

        return group.command(name, cls=Command)(command)

    return declare


def _with(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Add options to a command, after its own."""

    def add(command: F) -> F:
        # What click's decorators have added, the last one first.
        own: list[click.Parameter] = vars(command).pop("__click_params__", [])
        for option in reversed(options):
            option(command)
        vars(command)["__click_params__"] += own
        return command

    return add


def _json_option(fields: Fields) -> Callable[[F], F]:
    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in fields.names if name.startswith(last)]

    return click.option(
        "--json",
        is_flag=False,
        flag_value=_ALL,
        metavar="[FIELDS]",
        shell_complete=complete,
        help="Print JSON: all fields, or these, separated by commas.",
    )


def ask(question: str, option: str, **options: Any) -> str:
    """Ask for a value; where nobody can, return the default, or refuse and name the option."""
    if not sys.stdin.isatty():
        if options.get("default") is not None:
            return str(options["default"])
        raise click.UsageError(f"{question} is missing; pass {option}")
    with _interruptible():
        text: str = click.prompt(question, err=True, **options)
    return text


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; refuse where nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Pass --yes to confirm")
    with _interruptible():
        click.confirm(question, abort=True, err=True)


@contextmanager
def _interruptible() -> Generator[None, None, None]:
    """Let Ctrl-C end a question; while a coroutine runs, it would only be cancelled afterwards."""
    before = signal.getsignal(signal.SIGINT)
    if callable(before):  # not where Ctrl-C is ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""`aconnect call`: every declared operation of every service, from the registry."""

from __future__ import annotations

import difflib
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from aconnect.cli.connection import OPTIONS, Settings, client_of, connection_options
from aconnect.cli.output import (
    echo,
    echo_bytes,
    echo_error,
    echo_json,
    echo_rows,
    is_terminal,
)
from aconnect.cli.running import Command, report_retries, run
from aconnect.cli.table import echo_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aconnect._client.client import ApiResponse, BaseClient
    from aconnect._client.operation import Operation

_WORDS: Final = re.compile(r"[a-z0-9]+")


class Operations(click.Group):
    """A group whose commands are the operations of the service."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the operations."""
        return sorted(_operations(_service(ctx)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of an operation."""
        operation = _operations(_service(ctx)).get(cmd_name)
        return None if operation is None else operation_command(operation)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of an operation, or suggest similar ones."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-"):
            names = self.list_commands(ctx)
            if name not in names:
                similar = " or ".join(_similar(name, names))
                hint = f"did you mean {similar}? " if similar else ""
                raise click.UsageError(
                    f"{_service(ctx)} has no operation {name!r}; {hint}aconnect call --list shows "
                    "all of them",
                    ctx,
                )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: `--list` shows them."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of operations, and options."""
        from aconnect.cli.docstrings import summary
        from aconnect.cli.parameters import public_function_of

        return [
            CompletionItem(name, help=summary(public_function_of(operation)))
            for name, operation in sorted(_operations(_service(ctx)).items())
            if name.startswith(incomplete)
        ] + click.Command.shell_complete(self, ctx, incomplete)


class OperationCommand(Command):
    """The command of an operation."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage on one line; click breaks it within long names."""
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write(f"Usage: {ctx.command_path} {pieces}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the documented arguments, then the options."""
        from aconnect.cli.parameters import PathArgument

        rows = [
            (parameter.make_metavar(ctx), parameter.doc)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, PathArgument) and parameter.doc is not None
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


@click.command(
    cls=Operations, invoke_without_command=True, subcommand_metavar="OPERATION [ARGUMENTS]..."
)
@click.option("--list", "list_", is_flag=True, help="List the operations instead.")
@click.pass_context
def call(context: click.Context, list_: bool) -> None:
    """Call an operation and print the response as JSON.

    OPERATION is a name such as users.get; aconnect call OPERATION --help lists its arguments. The
    parameters of its path follow in order, all others as --name VALUE, with the names of the Python
    signature. A list is an option that is repeated, or a JSON array; --null NAME sends null. @FILE
    is the content of a file, @- that of standard input, which keeps secrets out of the list of
    processes; @@ stands for @ at the start of a string. Items are printed one per line while they
    arrive, or, with --json, as one array.

    \b
    aconnect call users.get 820f092f-d564-4ab5-819a-0f4d2f03d11e
    aconnect call content.get 7d59c5c7-c4a7-4950-acc3-3943b7192bc4 --json
    aconnect call content.search --owner @me --tag finance
    aconnect call groups.create --name staff
    aconnect call content.bundles.upload GUID --body @bundle.tar.gz
    aconnect call content.bundles.download GUID ID --output bundle.tar.gz
    aconnect --service looker call roles.search --name 'Ana%'
    """  # noqa: D301  click's mark for lines that are not wrapped
    if list_:
        _list(_operations(_service(context)))
        context.exit()
    if context.invoked_subcommand is None:
        raise click.UsageError("name an operation; aconnect call --list shows them")


def operation_command(operation: Operation) -> click.Command:
    """Return the command that calls an operation."""
    from aconnect.cli.docstrings import description
    from aconnect.cli.parameters import operation_parameters, public_function_of

    @connection_options
    def callback(
        settings: Settings, /, as_json: bool, output: Path | None = None, **values: Any
    ) -> None:
        client = client_of(settings, operation.service)
        run(lambda: _call(client, operation, values, as_json=as_json, output=output))

    parameters = operation_parameters(operation)
    if _is_file(operation):
        parameters.append(
            click.Option(
                ["--output"],
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Write the file atomically, instead of writing it to standard output.",
            )
        )
    parameters.append(
        click.Option(
            ["as_json", "--json"], is_flag=True, help="Print one JSON document, as received."
        )
    )
    parameters.extend(OPTIONS)
    request = [f"{operation.method} {operation.template}"]
    if operation.since is not None:
        request.append(f"since {operation.since}")
    if operation.until is not None:
        request.append(f"until {operation.until}")
    if operation.role is not None:
        request.append(f"role: {operation.role}")
    return OperationCommand(
        operation.name,
        callback=callback,
        params=parameters,
        help=f"{description(public_function_of(operation))}\n\n{'; '.join(request)}",
        # Options may also be written with underscores, as in Python.
        context_settings={"token_normalize_func": _with_hyphens},
    )


def _with_hyphens(name: str) -> str:
    return name.replace("_", "-")


def _service(context: click.Context) -> str:
    service: str = context.find_root().params.get("service") or "connect"
    return service


def _operations(service: str) -> dict[str, Operation]:
    import_module(f"aconnect.{service}")
    from aconnect._client.operation import REGISTRY

    return {found.name: found for found in REGISTRY.values() if found.service == service}


def _list(operations: Mapping[str, Operation]) -> None:
    """List operations: on a terminal as a table, elsewhere as tab-separated lines."""
    from aconnect.cli.docstrings import summary
    from aconnect.cli.parameters import public_function_of

    rows = [
        (
            name,
            f"{operation.method} {operation.template}",
            summary(public_function_of(operation)),
        )
        for name, operation in sorted(operations.items())
    ]
    if is_terminal("stdout"):
        echo_table(("Operation", "Summary"), [(name, text) for name, _, text in rows])
    else:
        for row in rows:
            echo("\t".join(row))


def _similar(name: str, names: list[str]) -> list[str]:
    """Return the operations that may be meant: by their words in any order, or their spelling."""
    words = _words(name)
    same = [each for each in names if _words(each) == words]
    close = difflib.get_close_matches(name, names, n=3)
    last = name.rpartition(".")[2]
    ending = [each for each in names if each.rpartition(".")[2] == last]
    return list(dict.fromkeys(same or close or ending))[:3]


def _words(name: str) -> set[str]:
    return {word.removesuffix("s") for word in _WORDS.findall(name.lower())}


def _is_file(operation: Operation) -> bool:
    return operation.signature.response_type is bytes


async def _call(
    client: BaseClient,
    operation: Operation,
    values: Mapping[str, Any],
    *,
    as_json: bool,
    output: Path | None,
) -> None:
    from aconnect.cli.parameters import bind, method_of

    scope, arguments = bind(operation, values)
    async with client:
        report_retries(client)
        method = method_of(client, operation, scope)
        try:
            if operation.style is not None:
                await echo_rows(method(**arguments), as_json=as_json)
            elif _is_file(operation):
                await _write_file(client, method, arguments, output)
            else:
                _echo_response(await client.with_response(method, **arguments), as_json=as_json)
        except TypeError as error:
            if operation.name not in str(error):
                raise
            raise click.UsageError(str(error)) from error


async def _write_file(
    client: BaseClient,
    method: Callable[..., Any],
    arguments: Mapping[str, Any],
    output: Path | None,
) -> None:
    """Write a response to a file or to standard output, piece by piece."""
    if output is not None:
        await client.download(output, method, **arguments)
        echo_error(f"wrote {output}")
    elif sys.stdout.isatty():
        # Whether it is text is known only at its end.
        echo_bytes(await method(**arguments))
    else:
        async with client.stream(method, **arguments) as response:
            async for chunk in response:
                echo_bytes(chunk)


def _echo_response(response: ApiResponse[Any], *, as_json: bool) -> None:
    """Print a response as received, or its value: as JSON, or as it is if it is a text."""
    import msgspec

    from aconnect._client.signature import FromResponse
    from aconnect._core.redaction import Secret
    from aconnect._core.text import clean_json

    value, body = response.value, response.body.decode("utf-8", "replace")
    if isinstance(value, Secret):
        # The new credential of this client, which the server returns only once.
        click.echo(clean_json(body))
    elif as_json:
        echo_json(body)
    elif isinstance(value, str):
        echo(value)
    elif value is not None:
        if isinstance(value, FromResponse):
            # A task, whose token may contain credentials.
            value = {"task_id": getattr(value, "id", None)}
        echo_json(msgspec.json.format(msgspec.json.encode(value).decode(), indent=2))

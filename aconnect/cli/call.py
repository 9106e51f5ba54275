"""`aconnect call`: every declared operation of every service, from the registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from aconnect.cli.options import decode_text
from aconnect.cli.output import echo, echo_bytes, echo_json, echo_rows, hide_credentials
from aconnect.cli.running import Command, accept_options, report_retries, run

if TYPE_CHECKING:
    from aconnect._client.client import BaseClient
    from aconnect._client.operation import Operation
    from aconnect._client.resource import Resource

SERVICES: Final = ("connect", "looker", "authentik", "cloudendure")


def _complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    service = context.find_root().params.get("service") or SERVICES[0]
    return [CompletionItem(name) for name in _operations(service) if name.startswith(incomplete)]


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("name", metavar="[OPERATION]", required=False, shell_complete=_complete)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, as received.")
@click.option("--list", "list_", is_flag=True, help="List the operations instead.")
@click.pass_context
def call(
    context: click.Context,
    name: str | None,
    arguments: tuple[str, ...],
    as_json: bool,
    list_: bool,
) -> None:
    """Call an operation and print the response as JSON.

    OPERATION is a name such as users.get. The parameters of its path follow in order, all others as
    --name VALUE, with the names of the Python signature; a value that is not a string is written as
    JSON, and an option that is repeated is a list. --null NAME sends null. @FILE is the content of
    a file, @- that of standard input, which keeps secrets out of the list of processes; @@ stands
    for @ at the start of a string. Items are printed one per line while they arrive, or, with
    --json, as one array.

    \b
    aconnect call users.get 820f092f-d564-4ab5-819a-0f4d2f03d11e
    aconnect call content.get 7d59c5c7-c4a7-4950-acc3-3943b7192bc4 --json
    aconnect call content.bundles.find GUID
    aconnect call groups.create --name staff
    aconnect call content.bundles.upload GUID --body @bundle.tar.gz
    aconnect --service looker call roles.search --name 'Ana%'
    """  # noqa: D301  click's mark for lines that are not wrapped
    service: str = context.find_root().params["service"]
    operations = _operations(service)
    if list_:
        for key, operation in sorted(operations.items()):
            echo(f"{key}\t{operation.method} {operation.template}")
        return
    if name is None:
        raise click.UsageError("name an operation; aconnect call --list shows them")
    if name not in operations:
        raise click.UsageError(
            f"{service} has no operation {name!r}; aconnect call --list shows them"
        )
    operation = operations[name]
    accept_options((*operation.signature.arguments, *(operation.signature.fields or ())))
    scope, kwargs = _bind(operation, arguments)
    client: BaseClient = import_module(f"aconnect.{service}").Client()
    hide_credentials(client)
    run(lambda: _call(client, operation, scope, kwargs, as_json=as_json))


def _operations(service: str) -> dict[str, Operation]:
    import_module(f"aconnect.{service}")
    from aconnect._client.operation import REGISTRY

    return {found.name: found for found in REGISTRY.values() if found.service == service}


def _bind(operation: Operation, words: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Parse the words after the name of an operation into its scope and its arguments."""
    names = [name for name, *_ in operation.signature.path]
    path: dict[str, str] = {}
    options: dict[str, list[Any]] = {}
    remaining = iter(words)
    for word in remaining:
        if word.startswith("--"):
            name, value = _option(operation, word, remaining)
            options.setdefault(name, []).append(value)
        elif len(path) < len(names):
            path[names[len(path)]] = word
        else:
            raise click.UsageError(
                f"{operation.name} takes {' '.join(names).upper() or 'nothing'} in order and "
                f"everything else as --name VALUE; unexpected {word!r}"
            )
    if len(path) < len(names):
        raise click.UsageError(f"{operation.name} needs {' '.join(names[len(path) :]).upper()}")
    own = operation.signature.arguments
    scope = {name: value for name, value in path.items() if name not in own}
    arguments = {name: value for name, value in path.items() if name in own}
    many = {name: values if len(values) > 1 else values[0] for name, values in options.items()}
    return scope, {**arguments, **many}


def _option(operation: Operation, word: str, remaining: Iterator[str]) -> tuple[str, Any]:
    """Parse `--name=VALUE`, `--name VALUE` or `--null NAME`."""
    name, equals, text = word[2:].partition("=")
    value = text if equals else next(remaining, None)
    if value is None:
        raise click.UsageError(f"{word} needs a value")
    null = name == "null"
    name = (value if null else name).replace("-", "_")
    # Python's keywords have an underscore at the end in the signature.
    name = f"{name}_" if f"{name}_" in operation.signature.arguments else name
    return name, None if null else _value(operation, name, value)


def _value(operation: Operation, name: str, text: str) -> Any:
    """Parse a value: a string if the signature takes one, otherwise JSON; perhaps from a file."""
    import msgspec

    from aconnect._client.signature import accepts_text

    if name == "body" and operation.upload is not None:
        if not text.startswith("@") or text == "@-":
            raise click.UsageError(f"--body must be a file: write @FILE, not {text!r}")
        return operation.upload(Path(text[1:]))
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        text = _read(text[1:])
    if accepts_text(operation.function, name):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(
            f"--{name} of {operation.name} must be JSON, not {text!r}: {error}"
        ) from error


def _read(name: str) -> str:
    """Read a file or standard input, without the last line break."""
    try:
        with click.open_file(name, "rb") as file:
            text = decode_text(file.read(), repr(name))
    except OSError as error:
        raise click.UsageError(
            f"cannot read {name!r}: {error.strerror or error}; for a string that begins with @, "
            f"write @@{name}"
        ) from error
    return text.removesuffix("\n")


async def _call(
    client: BaseClient,
    operation: Operation,
    scope: dict[str, str],
    arguments: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    owner = import_module(operation.function.__module__)
    group: type[Resource] = getattr(owner, operation.function.__qualname__.partition(".")[0])
    async with client:
        report_retries(client)
        method = getattr(group(client, scope), operation.function.__name__)
        try:
            if operation.style is not None:
                await echo_rows(method(**arguments), as_json=as_json)
            elif as_json:
                response = await client.with_response(method, **arguments)
                if operation.signature.response_type is bytes:
                    echo_bytes(response.body)
                else:
                    echo_json(response.body.decode("utf-8", "replace"))
            else:
                _echo_value(await method(**arguments))
        except TypeError as error:
            if operation.name not in str(error):
                raise
            raise click.UsageError(str(error)) from error


def _echo_value(value: Any) -> None:
    """Print a result as JSON, or as it is if it is a text or a file."""
    import msgspec

    if value is None:
        return
    if isinstance(value, bytes):
        echo_bytes(value)
        return
    if isinstance(value, str):
        echo(value)
        return
    token = getattr(value, "token", None)
    text = token if isinstance(token, str) else msgspec.json.encode(value).decode()
    echo_json(msgspec.json.format(text, indent=2))

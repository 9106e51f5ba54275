"""`aconnect call`: any declared operation of any service, from the registry."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from aconnect.cli.common import echo, echo_rows, report_retries, run

if TYPE_CHECKING:
    from aconnect._client.client import BaseClient
    from aconnect._client.endpoint import Resource
    from aconnect._client.operation import Operation
    from aconnect._core.message import Upload

SERVICES: Final = ("connect", "looker", "authentik", "cloudendure")


def _complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    service = context.find_root().params.get("service") or SERVICES[0]
    return [CompletionItem(name) for name in _operations(service) if name.startswith(incomplete)]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("operation", required=False, shell_complete=_complete)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, as the server gave it.")
@click.option("--list", "list_", is_flag=True, help="List the operations instead.")
@click.pass_context
def call(
    context: click.Context,
    operation: str | None,
    arguments: tuple[str, ...],
    as_json: bool,
    list_: bool,
) -> None:
    """Make one call and print its answer as JSON.

    OPERATION is a name such as users.get. What its path needs follows in order, everything else as
    --name VALUE, with the names of the Python signature; a value that is no text is written as
    JSON, and an option given several times is a list. --null NAME sends null. @FILE stands for what
    a file holds, @- for standard input, which keeps secrets out of the list of processes; @@ begins
    a text with @. Rows are printed one to a line, as they come; with --json they are one array.

    \b
    aconnect call users.get 820f092f-d564-4ab5-819a-0f4d2f03d11e
    aconnect call content.get 7d59c5c7-c4a7-4950-acc3-3943b7192bc4 --json
    aconnect call content.bundles.find GUID
    aconnect call groups.create --name staff
    aconnect call content.bundles.upload GUID --body @bundle.tar.gz
    aconnect --service looker call roles.search --name 'Ana%'
    """  # noqa: D301  click's mark for lines that stay as they are
    service: str = context.find_root().params["service"]
    known = _operations(service)
    if list_:
        for name, declared in sorted(known.items()):
            echo(f"{name}\t{declared.method} {declared.template}")
        return
    if operation is None:
        raise click.UsageError("name an operation; aconnect call --list shows them")
    if operation not in known:
        raise click.UsageError(
            f"{service} has no operation {operation!r}; aconnect call --list shows them"
        )
    declared = known[operation]
    scope, args, kwargs = _sorted_out(declared, arguments)
    run(lambda: _make(_client(service), declared, scope, {**args, **kwargs}, as_json=as_json))


def _operations(service: str) -> dict[str, Operation]:
    import_module(f"aconnect.{service}")
    from aconnect._client.operation import REGISTRY

    return {found.name: found for found in REGISTRY.values() if found.service == service}


def _client(service: str) -> BaseClient:
    from aconnect.errors import InvalidArgumentError

    try:
        client: BaseClient = import_module(f"aconnect.{service}").Client()
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error
    return client


def _sorted_out(
    declared: Operation, arguments: Sequence[str]
) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
    """Tell what belongs to the scope, the path and the rest."""
    places = [name for name, *_ in declared.signature.path]
    given: dict[str, str] = {}
    rest: dict[str, list[Any]] = {}
    words = iter(arguments)
    for word in words:
        if word.startswith("--"):
            name, mark, given_value = word[2:].partition("=")
            value = given_value if mark else next(words, None)
            if value is None:
                raise click.UsageError(f"{word} needs a value")
            null = name == "null"
            name = (value if null else name).replace("-", "_")
            # Python's own words have an underscore at the end in the signature.
            name = f"{name}_" if f"{name}_" in declared.signature.arguments else name
            rest.setdefault(name, []).append(None if null else _value(declared, name, value))
        elif len(given) < len(places):
            given[places[len(given)]] = word
        else:
            raise click.UsageError(
                f"{declared.name} takes {' '.join(places).upper() or 'nothing'} in order and "
                f"everything else as --name VALUE, so {word!r} is too much"
            )
    if len(given) < len(places):
        raise click.UsageError(f"{declared.name} needs {' '.join(places[len(given) :]).upper()}")
    own = set(declared.signature.arguments)
    scope = {name: value for name, value in given.items() if name not in own}
    args = {name: value for name, value in given.items() if name in own}
    return scope, args, {name: got if len(got) > 1 else got[0] for name, got in rest.items()}


def _value(declared: Operation, name: str, text: str) -> Any:
    """Read a value: as text where the signature takes text, otherwise as JSON; perhaps a file."""
    import msgspec

    from aconnect._client.signature import accepts_text

    if name == "body" and declared.upload is not None:
        return _upload(declared.upload, text)
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        text = _read(text[1:])
    if accepts_text(declared.function, name):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(
            f"--{name} {text!r} is not JSON, which {declared.name} needs here: {error}"
        ) from error


def _upload(make: Callable[[Path], Upload], text: str) -> Upload:
    """Describe the file that is to be sent."""
    from aconnect.errors import InvalidArgumentError

    if not text.startswith("@") or text == "@-":
        raise click.UsageError(f"--body is a file here: write it as @FILE, not {text!r}")
    try:
        return make(Path(text[1:]))
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error


def _read(name: str) -> str:
    """Give the text that a file or standard input holds, without the last line break."""
    try:
        with click.open_file(name, encoding="utf-8") as file:
            text: str = file.read()
    except OSError as error:
        raise click.UsageError(
            f"cannot read {name!r}: {error.strerror or error}; a text that begins with @ is "
            f"written with two: @@{name}"
        ) from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name!r} holds no UTF-8 text") from error
    return text.removesuffix("\n")


async def _make(
    client: BaseClient,
    declared: Operation,
    scope: dict[str, str],
    given: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    owner = import_module(declared.function.__module__)
    group: type[Resource] = getattr(owner, declared.function.__qualname__.partition(".")[0])
    async with client:
        report_retries(client)
        method = getattr(group(client, scope), declared.function.__name__)
        try:
            if declared.style is not None:
                await echo_rows(method(**given), client, as_json=as_json)
            elif as_json:
                _show_body((await client.with_response(method, **given)).body, client)
            else:
                _show(await method(**given), client)
        except TypeError as error:
            if declared.name not in str(error):
                raise
            raise click.UsageError(str(error)) from error


def _show_body(body: bytes, client: BaseClient) -> None:
    """Print an answer as it came, but for what the client signs in with."""
    try:
        echo(client.channel.redact(body.decode()))
    except UnicodeDecodeError:
        sys.stdout.buffer.write(body)


def _show(value: Any, client: BaseClient) -> None:
    """Print an answer; what the client signs in with is hidden even there."""
    import msgspec

    if value is None:
        return
    if isinstance(value, bytes):
        sys.stdout.buffer.write(value)
        return
    if isinstance(value, str):
        echo(client.channel.redact(value))
        return
    token = getattr(value, "token", None)
    text = token if isinstance(token, str) else msgspec.json.encode(value).decode()
    echo(client.channel.redact(msgspec.json.format(text, indent=2)))

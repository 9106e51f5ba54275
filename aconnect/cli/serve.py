"""`aconnect serve`: the simulated servers.

Decides what the simulated server of each service is created with, and what is printed to use it.
"""

from __future__ import annotations

import errno
import os
import shlex
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click
from click.core import ParameterSource

from aconnect.cli.connection import SERVICES
from aconnect.cli.options import echo_warnings
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, Failure, run

if TYPE_CHECKING:
    from aconnect.testing.base import FakeServer

_Server: TypeAlias = "tuple[FakeServer[Any], Callable[[], None]]"
"""A simulated server, and a function that prints how to use it once it accepts requests."""

_COUNT: Final = click.IntRange(min=0)

_OPTIONS: Final = {
    "looker": ("host", "port", "latency", "users", "groups"),
    "authentik": ("host", "port", "latency"),
    "cloudendure": ("host", "port", "latency"),
}
"""The options of the simulated servers that do not have all of them."""

_ADDRESS_ERRORS: Final = {
    errno.EADDRINUSE: "choose another --port, or --port 0 for any free one",
    errno.EACCES: "choose a --port above 1023, or --port 0 for any free one",
    errno.EADDRNOTAVAIL: "choose a --host that is an address of this machine",
}


def _version(_: click.Context, param: click.Parameter, value: str) -> str:
    from aconnect.testing.connect.versions import parse_version

    try:
        parse_version(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=param) from error
    return value


def _builds(_: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    outcomes = tuple(word.strip() for word in value.split(","))
    choice = click.Choice(("ok", "fail", "hang"))
    return tuple(choice.convert(outcome, param, None) for outcome in outcomes)


@click.command(cls=Command)
@click.option(
    "--service",
    type=click.Choice(list(SERVICES)),
    help="The service to simulate; Posit Connect by default. Also aconnect --service NAME serve.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=3939,
    show_default=True,
    help="0 for any free port.",
)
@click.option(
    "--latency",
    type=click.FloatRange(0, 3600),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="The time by which each response is delayed.",
)
@click.option(
    "--server-version",
    default="2026.06.0",
    show_default=True,
    callback=_version,
    help="The version of Connect to simulate.",
)
@click.option(
    "--nodes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="The number of nodes in its cluster.",
)
@click.option("--visits", type=_COUNT, default=10_000, show_default=True)
@click.option("--audit-logs", type=_COUNT, default=2_000, show_default=True)
@click.option("--shiny-usage", type=_COUNT, default=1_000, show_default=True)
@click.option("--hits", type=_COUNT, default=1_000, show_default=True)
@click.option(
    "--users", type=_COUNT, default=20, show_default=True, help="In Connect, there are at least 3."
)
@click.option("--groups", type=_COUNT, default=5, show_default=True)
@click.option("--content", type=_COUNT, default=10, show_default=True)
@click.option("--jobs", type=_COUNT, default=10, show_default=True)
@click.option("--processes", type=_COUNT, default=4, show_default=True)
@click.option(
    "--seconds-per-line",
    type=click.FloatRange(0, 3600),
    default=0.5,
    show_default=True,
    help="The time that a build takes per line of its log.",
)
@click.option(
    "--builds",
    default="ok",
    show_default=True,
    metavar="OUTCOMES",
    callback=_builds,
    help="How builds end, one after the other, and then from the beginning: ok, fail or hang. "
    "With ok,ok,fail every third fails.",
)
@click.pass_context
def serve(
    context: click.Context,
    /,
    service: str | None,
    host: str,
    port: int,
    latency: float,
    **options: Any,
) -> None:
    """Run a simulated server until Ctrl-C.

    It keeps everything in memory, and prints the environment variables to use it. Its keys are
    publicly known, so leave --host at this machine.

    All options but --service, --host, --port, --latency, --users and --groups are for Posit
    Connect; Looker has --users and --groups too.
    """
    name: str = service or context.find_root().params.get("service") or "connect"
    _refuse_options(context, name)
    with echo_warnings():
        try:
            server, ready = _SERVERS[name](options, host=host, port=port, latency=latency)
        except ValueError as error:
            raise click.UsageError(str(error), context) from error
        run(lambda: _serve(server, ready, host, port))


def _refuse_options(context: click.Context, service: str) -> None:
    """Refuse the options that the simulated server of a service does not have."""
    for param in context.command.params:
        name = param.name or ""
        having = [other for other in SERVICES if name in _OPTIONS.get(other, {name})]
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given and name != "service" and service not in having:
            known = ", ".join(f"--{option}" for option in _OPTIONS[service])
            raise click.UsageError(
                f"{param.opts[0]} is for {' and '.join(having)} only; with --service {service}, "
                f"the options are {known}",
                context,
            )


async def _serve(server: FakeServer[Any], ready: Callable[[], None], host: str, port: int) -> None:
    from aconnect.testing import serve as serve_until_signal

    try:
        await serve_until_signal(server, ready=lambda _: ready())
    except OSError as error:
        if isinstance(error, socket.gaierror):
            reason, advice = error.strerror, _ADDRESS_ERRORS[errno.EADDRNOTAVAIL]
        elif error.errno in _ADDRESS_ERRORS:
            # asyncio's own text repeats the address.
            reason, advice = os.strerror(error.errno), _ADDRESS_ERRORS[error.errno]
        else:
            raise
        raise Failure(f"cannot listen on {host}, port {port}: {reason}; {advice}") from error


def _connect(options: dict[str, Any], **common: Any) -> _Server:
    from aconnect.testing import BuildScript, FakeConnect, Seed
    from aconnect.testing.connect.running import run_content

    seconds, version = options.pop("seconds_per_line"), options.pop("server_version")
    nodes, builds = options.pop("nodes"), options.pop("builds")
    server = FakeConnect(
        Seed(**options), version=version, nodes=nodes, builds=builds, record=False, **common
    )
    server.state.build_script = BuildScript(seconds_per_line=seconds)
    content = run_content(server.state, "admin", "viewer")

    def ready() -> None:
        settings = {"CONNECT_SERVER": server.url, "CONNECT_API_KEY": server.api_key}
        if content is not None:
            settings["CONNECT_CONTENT_GUID"] = content.guid
            settings["CONNECT_CONTENT_SESSION_TOKEN"] = content.content_session_token
        _print_settings(
            "Posit Connect",
            settings,
            "aconnect content list",
            "aconnect collect visits",
            "aconnect deploy DIRECTORY",
        )
        keys = {name: server.api_key_for(name) for name in ("publisher", "viewer")}
        _print_section("Keys of other users", *(f"{name}: {key}" for name, key in keys.items()))
        if content is not None:
            _print_section(
                f"In Python, as the running content {content.name}",
                f'await client.with_user_session_token("{content.user_session_token}")',
                f'await client.oauth.get_content_credentials(audience="{content.service_account}")',
            )
            _print_section(
                "The header that it receives with requests of the viewer",
                f"Posit-Connect-User-Session-Token: {content.user_session_token}",
            )

    return server, ready


def _looker(options: dict[str, Any], **common: Any) -> _Server:
    from aconnect.testing import FakeLooker

    server = FakeLooker(users=options["users"], groups=options["groups"], record=False, **common)

    def ready() -> None:
        settings = {
            "LOOKERSDK_BASE_URL": server.url,
            "LOOKERSDK_CLIENT_ID": server.client_id,
            "LOOKERSDK_CLIENT_SECRET": server.client_secret,
        }
        _print_settings("Looker", settings, "aconnect --service looker call roles.search")

    return server, ready


def _authentik(_: dict[str, Any], **common: Any) -> _Server:
    from aconnect.testing import FakeAuthentik

    server = FakeAuthentik(record=False, **common)

    def ready() -> None:
        settings = {"AUTHENTIK_URL": server.url, "AUTHENTIK_TOKEN": server.token}
        _print_settings("authentik", settings, "aconnect --service authentik call endpoints.find")
        _print_section("A token that may only read", server.reader_token)

    return server, ready


def _cloudendure(_: dict[str, Any], **common: Any) -> _Server:
    from aconnect.testing import FakeCloudEndure

    server = FakeCloudEndure(record=False, **common)

    def ready() -> None:
        settings = {
            "CLOUDENDURE_BASE_URL": server.url,
            "CLOUDENDURE_USER_API_TOKEN": server.user_api_token,
        }
        _print_settings("CloudEndure", settings, "aconnect --service cloudendure call users.me")

    return server, ready


_SERVERS: Final[dict[str, Callable[..., _Server]]] = {
    "connect": _connect,
    "looker": _looker,
    "authentik": _authentik,
    "cloudendure": _cloudendure,
}


def _print_settings(service: str, settings: dict[str, str], *commands: str) -> None:
    """Print the settings as lines for a shell, and commands to try."""
    for name, value in settings.items():
        echo(f"export {name}={shlex.quote(value)}")
    _print_section(
        f"Simulating {service} until Ctrl-C. In another terminal, set the above and try", *commands
    )


def _print_section(title: str, *lines: str) -> None:
    echo_error(f"{title}:")
    for line in lines:
        echo_error(f"  {line}")

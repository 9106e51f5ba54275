"""The options of the connection, which every command has, and the client that they describe."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import click
import msgspec
from msgspec import Struct

from aconnect.cli.options import echo_warnings, read_secret
from aconnect.cli.output import echo_error, hide_credentials, note_key

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect._client.client import BaseClient
    from aconnect.cli.profiles import Profile

T = TypeVar("T")


class Service(NamedTuple):
    """How the client of a service is created."""

    address: str
    """The argument for the address."""
    address_variable: str
    secret: str
    """The argument for the key."""
    secret_variable: str
    is_public: bool = False
    """Whether the service has a public address, which is the default."""


SERVICES: Final = {
    "connect": Service("url", "CONNECT_SERVER", "api_key", "CONNECT_API_KEY"),
    "looker": Service("base_url", "LOOKERSDK_BASE_URL", "client_secret", "LOOKERSDK_CLIENT_SECRET"),
    "authentik": Service("base_url", "AUTHENTIK_URL", "token", "AUTHENTIK_TOKEN"),
    "cloudendure": Service(
        "base_url",
        "CLOUDENDURE_BASE_URL",
        "user_api_token",
        "CLOUDENDURE_USER_API_TOKEN",
        is_public=True,
    ),
}


class ConnectionOption(click.Option):
    """An option of the connection; the help of a command lists these together."""


class Settings(Struct, frozen=True, kw_only=True):
    """The values of the options of the connection."""

    profile: str | None = None
    server: str | None = None
    api_key_file: Any = None
    proxy: str | None = None
    cacert: str | None = None
    insecure: bool = False


OPTIONS: Final = (
    ConnectionOption(
        ["--profile"],
        metavar="NAME",
        help="A profile of `aconnect login`; by default ACONNECT_PROFILE, or the default profile "
        "if there is no CONNECT_SERVER.",
    ),
    ConnectionOption(
        ["--server"],
        metavar="URL",
        help="The address of the server; by default CONNECT_SERVER.",
    ),
    ConnectionOption(
        ["--api-key-file"],
        type=click.File("rb"),
        metavar="FILE",
        help="A file with the API key; '-' for standard input. By default the key is read from "
        "CONNECT_API_KEY.",
    ),
    ConnectionOption(
        ["--proxy"],
        metavar="URL",
        help="An HTTP proxy; '' for none. By default HTTPS_PROXY, ALL_PROXY and NO_PROXY are read.",
    ),
    ConnectionOption(
        ["--cacert"],
        envvar="CONNECT_CA_CERTIFICATE",
        show_envvar=True,
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Trust the certificates of this PEM file instead of the system's.",
    ),
    ConnectionOption(
        ["--insecure"],
        envvar="CONNECT_INSECURE",
        show_envvar=True,
        is_flag=True,
        help="Do not verify the server's certificate: anyone in between can read the key.",
    ),
)
"""The options of the connection."""


def connection_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add the options of the connection to a command, which gets their values as `Settings`."""
    return _with_settings(command, OPTIONS)


def network_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add only the options that say how to reach a server, not those for the server and the key."""
    names = {"proxy", "cacert", "insecure"}
    return _with_settings(command, [option for option in OPTIONS if option.name in names])


def _with_settings(command: Callable[..., T], options: Sequence[click.Option]) -> Callable[..., T]:
    @functools.wraps(command)
    def wrapped(*args: Any, **values: Any) -> T:
        settings = Settings(**{option.name: values.pop(option.name) for option in options})
        return command(settings, *args, **values)

    # As click's decorators do, which add the last option first.
    vars(wrapped).setdefault("__click_params__", []).extend(reversed(options))
    return wrapped


def with_client(command: Callable[..., T]) -> Callable[..., T]:
    """Add the options of the connection to a command, which gets a client of Posit Connect."""

    @connection_options
    @functools.wraps(command)
    def wrapped(settings: Settings, *args: Any, **values: Any) -> T:
        return command(client_of(settings), *args, **values)

    return wrapped


def client_of(settings: Settings, service: str = "connect") -> BaseClient:
    """Create the client of a service that the options describe."""
    return _client(settings, service, _profile(settings, service))


def server_of(settings: Settings, name: str) -> Client:
    """Create the client of the server that an argument names: by a profile, or by its address.

    For commands with several servers. The key of an address is that of the profile for it, or
    CONNECT_API_KEY if CONNECT_SERVER is this address.
    """
    from aconnect.cli import profiles
    from aconnect.connect._base.address import server_root

    if profiles.NAME.fullmatch(name):
        profile = _profile(msgspec.structs.replace(settings, profile=name), "connect")
        return cast("Client", _client(settings, "connect", profile))
    root, kind = server_root(name), SERVICES["connect"]
    known = [one for one in map(profiles.find, profiles.names()) if one is not None]
    there = [one for one in known if one.service == "connect" and _root(one.server) == root]
    if len(there) > 1:
        choice = ", ".join(one.name for one in there)
        raise click.UsageError(f"several profiles are for {name}; name one of them: {choice}")
    if not there and _root(os.environ.get(kind.address_variable, "")) != root:
        raise click.UsageError(
            f"no key for {name}: {kind.secret_variable} is only sent to the server of "
            f"{kind.address_variable}; save a profile with `aconnect login NAME --server {name}`, "
            "and pass its name"
        )
    named = msgspec.structs.replace(settings, server=name)
    return cast("Client", _client(named, "connect", there[0] if there else None))


def _client(settings: Settings, service: str, profile: Profile | None) -> BaseClient:
    if settings.api_key_file is not None:
        note_key(f"The key was read from {getattr(settings.api_key_file, 'name', '<stdin>')}.")
    elif profile is not None:
        note_key(
            f"The key is that of profile {profile.name!r}, {profile.where}; replace it with: "
            f"aconnect login {profile.name} --server {profile.server}",
            profile.server,
        )
    return create_client(service, _arguments(settings, service, profile))


def names_server(settings: Settings) -> bool:
    """Return True if a server is named: by an option, a profile, or the environment with a key."""
    kind = SERVICES["connect"]
    if settings.server or _profile(settings, "connect") is not None:
        return True
    variables = (kind.address_variable, kind.secret_variable)
    return all(os.environ.get(name, "").strip() for name in variables)


def create_client(service: str, arguments: dict[str, Any]) -> BaseClient:
    """Create the client of a service; no secret of it is printed from now on."""
    with echo_warnings():
        client: BaseClient = import_module(f"aconnect.{service}").Client(
            **arguments, user_agent="aconnect-cli"
        )
    hide_credentials(client)
    return client


def _arguments(settings: Settings, service: str, profile: Profile | None) -> dict[str, Any]:
    """Return the arguments of the client."""
    kind = SERVICES[service]
    key = None if settings.api_key_file is None else read_key(settings.api_key_file)
    if profile is None:
        _check_settings(settings, kind)
        return {
            kind.address: settings.server,
            kind.secret: key,
            **connection_arguments(settings, None),
        }
    if settings.server is not None and _are_different(settings.server, profile.server):
        raise click.UsageError(
            f"--server and --profile name two servers; profile {profile.name!r} is for "
            f"{profile.server}"
        )
    if key is None:
        key = profile.key()
    if key is None:
        elsewhere = os.environ.get(kind.address_variable) or profile.server
        if _are_different(elsewhere, profile.server) or not os.environ.get(kind.secret_variable):
            raise click.UsageError(
                f"profile {profile.name!r} does not say where its key is: set api_key_file, "
                f"api_key_env or keyring in it, or pass --api-key-file"
            )
    more = {} if profile.client_id is None else {"client_id": profile.client_id}
    return {
        kind.address: profile.server,
        kind.secret: key,
        **more,
        **connection_arguments(settings, profile),
    }


def _profile(settings: Settings, service: str) -> Profile | None:
    """Return the chosen profile, or the default one where nothing else names a server."""
    from aconnect.cli import profiles

    root = click.get_current_context().find_root().params.get("profile")
    name = settings.profile or root or os.environ.get(profiles.PROFILE_VARIABLE) or None
    if name is None and (settings.server or os.environ.get(SERVICES[service].address_variable)):
        return None
    chosen = profiles.default_name() if name is None else name
    if chosen is None:
        return None
    profile = profiles.load(chosen)
    if profile.service == service:
        return profile
    if name is None:
        return None
    raise click.UsageError(
        f"profile {name!r} is for {profile.service}, and this command for {service}"
    )


def _check_settings(settings: Settings, kind: Service) -> None:
    """Check that the client will find an address and its key; say how to pass them."""
    login = ", or run `aconnect login`, which saves a profile"
    hint = login if kind is SERVICES["connect"] else ""
    address = os.environ.get(kind.address_variable, "").strip()
    if settings.server is None and not (address or kind.is_public):
        raise click.UsageError(
            f"no server: pass --server URL or --profile NAME, or set {kind.address_variable}{hint}"
        )
    if settings.api_key_file is not None:
        return
    has_key = bool(os.environ.get(kind.secret_variable, "").strip())
    # A service with a public address also has user names and passwords.
    if not (has_key or kind.is_public):
        raise click.UsageError(
            f"no {kind.secret.replace('_', ' ').replace('api', 'API')}: pass --api-key-file FILE "
            f"or --profile NAME, or set {kind.secret_variable}{hint}"
        )
    if has_key and address and settings.server and _are_different(settings.server, address):
        raise click.UsageError(
            f"no key for {settings.server}: {kind.secret_variable} is that of "
            f"{kind.address_variable}, {address}, and is not sent to another server; pass "
            "--api-key-file FILE, or set both variables"
        )


def _are_different(one: str, other: str) -> bool:
    """Return True if two addresses are those of two servers, however they are written."""
    roots = _root(one), _root(other)
    return None not in roots and roots[0] != roots[1]


def _root(address: str) -> str | None:
    """Return the address of a server in one form; None of what is refused where it is used."""
    from aconnect.connect._base.address import server_root
    from aconnect.errors import InvalidArgumentError

    try:
        return server_root(address)
    except InvalidArgumentError:
        return None


def connection_arguments(settings: Settings, profile: Profile | None) -> dict[str, Any]:
    """Return the arguments of a client that say how to reach the server."""
    from aconnect._client.certificates import trusting

    proxy = settings.proxy if settings.proxy is not None else profile and profile.proxy
    cacert = settings.cacert or (profile and profile.cacert)
    insecure = settings.insecure or bool(profile and profile.insecure)
    if insecure:
        echo_error("Warning: the server's certificate is not verified")
    return {
        "proxy": proxy or None,
        # A proxy that was named, or excluded, is not looked for in the environment.
        "trust_env": proxy is None,
        "ssl": trusting(Path(cacert).expanduser()) if cacert and not insecure else None,
        "insecure_tls": insecure or None,
    }


def read_key(file: IO[bytes]) -> str:
    """Return the key that `--api-key-file` names."""
    # Standard input has no name where it is not a file.
    name = getattr(file, "name", "<stdin>")
    try:
        return read_secret(file.read(), name)
    except OSError as error:
        raise click.UsageError(f"cannot read {name}: {error.strerror or error}") from error

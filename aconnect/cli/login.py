"""`aconnect login` and `aconnect logout`: profiles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from aconnect.cli.commands import ask, run_with
from aconnect.cli.connection import (
    Settings,
    connection_arguments,
    connection_options,
    create_client,
    read_key,
)
from aconnect.cli.options import read_secret
from aconnect.cli.output import echo_error
from aconnect.cli.running import Command

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.cli.profiles import Profile


@click.command(cls=Command)
@click.argument("name", required=False)
@click.option(
    "--api-key-env",
    metavar="VARIABLE",
    help="Read the key from this environment variable, now and whenever the profile is used.",
)
@click.option(
    "--store",
    type=click.Choice(["keyring", "file"]),
    help="Where a key that was typed is saved: in the keyring of the operating system, which is "
    "the default where there is one, or in a file that only you can read.",
)
@click.option("--default", is_flag=True, help="Use this profile where nothing else is named.")
@connection_options
def login(
    settings: Settings, name: str | None, api_key_env: str | None, store: str | None, default: bool
) -> None:
    """Save a server as the profile NAME, after checking the key.

    The key is asked for; or it stays in the file of --api-key-file or in a variable, and the
    profile says where. The configuration never contains a key. The first profile becomes the
    default. Without NAME or --profile, the profile has the name `default`.

    \b
    aconnect login prod --server https://connect.example.com
    aconnect content list --profile prod
    """  # noqa: D301  click's mark for lines that are not wrapped
    import msgspec

    from aconnect.cli import profiles

    name = _name(name, settings.profile)
    if not profiles.NAME.fullmatch(name):
        raise click.UsageError(
            f"a profile has a name of letters, digits, '_' and '-', not {name!r}"
        )
    default_server = os.environ.get("CONNECT_SERVER") or None
    server = settings.server or ask("Server", "--server URL", default=default_server)
    key, profile = _key(settings, name, server, api_key_env, store)
    arguments = {"url": server, "api_key": key, **connection_arguments(settings, None)}
    client = cast("Client", create_client("connect", arguments))
    me = run_with(client, client.me)
    profile = msgspec.structs.replace(profile, server=client.url)
    before = profiles.find(name)
    # Nothing is saved before the server has accepted the key.
    if profile.keyring:
        profile.store(key)
    elif profile.api_key_file == profiles.own_key_file(name):
        profiles.write_key(name, key)
    profiles.save(profile, default=default)
    if before is not None and not before.is_stored_like(profile):
        before.forget()
    echo_error(f"Signed in to {client.url} as {me.username} ({me.user_role})")
    echo_error(f"Saved profile {name!r} in {profiles.config_path()}; the key is {profile.where}")


@click.command(cls=Command)
@click.argument("name", required=False)
def logout(name: str | None) -> None:
    """Remove the profile NAME and its saved key.

    A key in a file of your own or in a variable is kept, and all keys stay valid on the server.
    """
    from aconnect.cli import profiles

    name = _name(name)
    profiles.load(name).forget()
    profiles.remove(name)
    echo_error(f"Removed profile {name!r} from {profiles.config_path()}")


def _name(argument: str | None, option: str | None = None) -> str:
    """Return the name of the profile: NAME, or that of `--profile`."""
    option = option or click.get_current_context().find_root().params.get("profile")
    if argument is not None and option is not None and argument != option:
        raise click.UsageError(f"NAME and --profile name two profiles: {argument} and {option}")
    return next((name for name in (argument, option) if name is not None), "default")


def _key(
    settings: Settings, name: str, server: str, variable: str | None, store: str | None
) -> tuple[str, Profile]:
    """Return the key and the profile, which says where the key is."""
    from aconnect.cli import profiles

    file = settings.api_key_file
    if file is not None and variable is not None:
        raise click.UsageError("pass either --api-key-file or --api-key-env")
    path = getattr(file, "name", None)
    is_kept = file is not None and isinstance(path, str) and Path(path).is_file()
    if store is not None and (is_kept or variable is not None):
        raise click.UsageError(
            "--store is for a key that is typed or read from standard input; this one stays where "
            "it is"
        )
    if variable is not None:
        key = read_secret(os.environ.get(variable, "").encode(), variable)
    elif file is not None:
        key = read_key(file)
    else:
        typed = ask("API key", "--api-key-file FILE, or - for standard input", hide_input=True)
        key = read_secret(typed.encode(), "the prompt")
    is_typed = variable is None and not is_kept
    in_keyring = is_typed and (store == "keyring" or (store is None and profiles.has_keyring()))
    in_file = profiles.own_key_file(name) if is_typed and not in_keyring else None
    cacert = None if settings.cacert is None else str(Path(settings.cacert).absolute())
    return key, profiles.Profile(
        name=name,
        server=server,
        api_key_env=variable,
        api_key_file=str(Path(path).absolute()) if is_kept and path else in_file,
        keyring=in_keyring,
        proxy=settings.proxy or None,
        cacert=cacert,
        insecure=settings.insecure,
    )

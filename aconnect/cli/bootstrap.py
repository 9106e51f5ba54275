"""`aconnect bootstrap`: the first administrator of a new server."""

from __future__ import annotations

import os
from typing import IO

import click

from aconnect.cli.options import echo_warnings
from aconnect.cli.output import echo
from aconnect.cli.running import Command, run


@click.command(cls=Command)
@click.argument("url")
@click.option(
    "--secret-file",
    type=click.File("rb"),
    metavar="FILE",
    help="A file with the server's Bootstrap.SecretKey as Base64 text; '-' for standard input. By "
    "default it is read from CONNECT_BOOTSTRAP_SECRETKEY.",
)
def bootstrap(url: str, secret_file: IO[bytes] | None) -> None:
    """Create the first administrator of a new server and print its API key.

    This works once, on a server without users whose configuration has Bootstrap.Enabled and
    Bootstrap.SecretKey. Store the key: the server returns it only once.

    \b
    aconnect bootstrap https://connect.example.com --secret-file secret.txt > key.txt
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect.connect import bootstrap as create
    from aconnect.connect.provisioning import SECRET_VARIABLE, decode_secret

    if secret_file is not None:
        # Standard input has no name where it is not a file.
        text, where = secret_file.read(), getattr(secret_file, "name", "<stdin>")
    else:
        text, where = os.fsencode(os.environ.get(SECRET_VARIABLE, "")), SECRET_VARIABLE
    secret = decode_secret(text, where)
    with echo_warnings():
        key = run(lambda: create(url, secret, user_agent="aconnect-cli"))
    echo(key)

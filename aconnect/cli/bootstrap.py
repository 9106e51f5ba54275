"""`aconnect bootstrap`: the first administrator of a new server."""

from __future__ import annotations

import os
import warnings
from typing import IO

import click

from aconnect.cli.common import echo, run, say


@click.command()
@click.argument("url")
@click.option(
    "--secret-file",
    type=click.File("rb"),
    metavar="FILE",
    help="Holds the server's Bootstrap.SecretKey as Base64 text; '-' reads it from standard "
    "input. By default it is taken from CONNECT_BOOTSTRAP_SECRETKEY.",
)
def bootstrap(url: str, secret_file: IO[bytes] | None) -> None:
    """Create the first administrator of the server at URL and print its API key.

    This works once, on a server without users whose configuration has Bootstrap.Enabled and
    Bootstrap.SecretKey. Keep the key: the server does not tell it again.

    \b
    aconnect bootstrap https://connect.example.com --secret-file secret.txt > key.txt
    """  # noqa: D301  click's mark for lines that stay as they are
    from aconnect.connect import bootstrap as create
    from aconnect.connect._base.address import api_root
    from aconnect.connect.provisioning import SECRET_VARIABLE, bootstrap_token, decode_secret
    from aconnect.errors import InvalidArgumentError

    if secret_file is not None:
        # Standard input has no name where it is not a file.
        text, where = secret_file.read(), getattr(secret_file, "name", "<stdin>")
    else:
        text, where = os.environ.get(SECRET_VARIABLE, "").encode(), SECRET_VARIABLE
    if not text.strip():
        raise click.UsageError(
            f"no bootstrap secret: {where} is empty; pass --secret-file FILE or set "
            f"{SECRET_VARIABLE}"
        )
    try:
        api_root(url)
        secret = decode_secret(text, where)
        bootstrap_token(secret, 0)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        key = run(lambda: create(url, secret, user_agent="aconnect-cli"))
    for warning in caught:
        say(f"Warning: {warning.message}")
    echo(key)

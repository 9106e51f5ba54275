"""The group of all commands."""

from __future__ import annotations

import click

from aconnect._version import __version__
from aconnect.cli.bootstrap import bootstrap
from aconnect.cli.call import SERVICES, call
from aconnect.cli.collect import collect
from aconnect.cli.content import content
from aconnect.cli.demo import demo
from aconnect.cli.deploy import deploy
from aconnect.cli.serve import serve
from aconnect.cli.tasks import tasks


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--service",
    type=click.Choice(SERVICES),
    default=SERVICES[0],
    help="The service for `call` and `serve`; all other commands are for Posit Connect.",
)
@click.version_option(__version__, prog_name="aconnect")
def app(service: str) -> None:
    """Collect from and deploy to Posit Connect.

    The server and the key are read from CONNECT_SERVER and CONNECT_API_KEY. There is no option for
    the key itself, because other users of the machine can see the options of a running command;
    --api-key-file reads it from a file or from standard input.

    Results go to standard output, everything else to standard error. The exit code is 0 for
    success, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.

    Try it without a server of your own: aconnect demo
    """


for _command in (demo, serve, collect, deploy, content, tasks, bootstrap, call):
    app.add_command(_command)

"""The group of all commands."""

from __future__ import annotations

from typing import Final

import click

from aconnect._version import __version__
from aconnect.cli.batch import build, deploy_all, redeploy
from aconnect.cli.bootstrap import bootstrap
from aconnect.cli.call import call
from aconnect.cli.collect import collect
from aconnect.cli.connection import SERVICES
from aconnect.cli.content import content
from aconnect.cli.demo import demo
from aconnect.cli.deploy import deploy
from aconnect.cli.groups import groups
from aconnect.cli.jobs import jobs
from aconnect.cli.login import login, logout
from aconnect.cli.migrate import migrate
from aconnect.cli.report import report
from aconnect.cli.serve import serve
from aconnect.cli.server import server, whoami
from aconnect.cli.tags import tags
from aconnect.cli.tasks import tasks
from aconnect.cli.users import users

_SECTIONS: Final = {
    "Connection": (login, logout, whoami, server),
    "Daily": (content, users, groups, jobs, tags, tasks),
    "Bulk": (collect, report, deploy, deploy_all, redeploy, build, migrate, call),
    "Setup and trial": (bootstrap, demo, serve),
}


_ANY_SERVICE: Final = ("call", "serve")


class App(click.Group):
    """The top group; its help lists the commands by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for title, commands in _SECTIONS.items():
            with formatter.section(f"{title} commands"):
                formatter.write_dl(
                    [(command.name or "", command.get_short_help_str(100)) for command in commands]
                )


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--service",
    type=click.Choice(list(SERVICES)),
    default="connect",
    help="The service for `call` and `serve`; all other commands are for Posit Connect.",
)
@click.option("--profile", metavar="NAME", help="The profile for the command.")
@click.version_option(__version__, prog_name="aconnect")
@click.pass_context
def app(context: click.Context, service: str, profile: str | None) -> None:  # noqa: ARG001  read later
    """Work with Posit Connect: daily tasks, bulk collection, deployment.

    The server and the key are those of a profile, which `aconnect login` saves, or are read from
    CONNECT_SERVER and CONNECT_API_KEY. There is no option for the key itself, because other users
    of the machine can see the options of a running command; --api-key-file reads it from a file or
    from standard input.

    Results go to standard output, everything else to standard error. Lists are tables on a
    terminal and tab-separated in a pipe; --json prints JSON. The exit code is 0 for success, 1 for
    a failure, 2 for wrong usage, 130 after Ctrl-C.

    Try it without a server of your own: aconnect demo
    """
    command = context.invoked_subcommand
    if service == "connect":
        return
    if command in app.commands and command not in _ANY_SERVICE:
        raise click.UsageError(
            f"{command} is for Posit Connect; --service {service} is for call and serve"
        )
    # Messages then name commands that can be repeated.
    context.info_name = f"{context.info_name} --service {service}"


for _commands in _SECTIONS.values():
    for _command in _commands:
        app.add_command(_command)

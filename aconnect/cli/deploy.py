"""`aconnect deploy`: a directory, an older bundle or a Git repository becomes running content.

Decides which options belong together. What is done and printed is in `deploying`;
the plan of `--dry-run` is in `dry_run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click
from click.core import ParameterSource

from aconnect.cli.commands import OperationCommand
from aconnect.cli.connection import ConnectionOption, Settings, client_of, connection_options

if TYPE_CHECKING:
    from aconnect import Client

_CONTENT: Final = frozenset({"name", "guid", "as_json", "verify"})
_MODES: Final = {
    "rollback": _CONTENT | {"directory", "configuration", "to"},
    "git": _CONTENT | {"branch", "subdirectory", "env", "env_file", "tag"},
}
"""Options that do something else than deploying a directory, and the options that they allow."""
_TITLES: Final = {
    "Directory options": {
        *("kind", "entrypoint", "include", "exclude"),
        *("python", "requirements", "configuration", "max_size"),
    },
    "Rollback and Git options": {*_MODES, "to", "branch", "subdirectory"},
}
"""Titles of the help, and the options below them."""
_NEEDS: Final = {"to": "rollback", "branch": "git", "subdirectory": "git"}


class _Deploy(OperationCommand):
    """The command, with an option for each setting of content."""

    def section_of(self, option: click.Option) -> str:
        """Keep together what belongs together, and begin with what is used most."""
        if option in self.options:
            return "Content options"
        titles = (title for title, names in _TITLES.items() if option.name in names)
        return next(titles, super().section_of(option))

    def invoke(self, ctx: click.Context) -> Any:
        """Refuse options that contradict each other."""
        given = {
            parameter.name or "": _label(parameter, ctx.params.get(parameter.name or ""))
            for parameter in self.get_params(ctx)
            if ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
            and not isinstance(parameter, ConnectionOption)
        }
        if {"name", "guid"} <= given.keys():
            raise click.UsageError(
                "pass either --name or --guid; aconnect content update renames content", ctx
            )
        for name, needed in _NEEDS.items():
            if name in given and needed not in given:
                raise click.UsageError(f"{given[name]} needs --{needed}", ctx)
        for mode in (mode for mode in _MODES if mode in given):
            settings = {one.name for one in self.options} if mode == "git" else set[str]()
            wrong = given.keys() - _MODES[mode] - settings - {mode}
            if wrong:
                other = given[min(wrong, key=list(given).index)]
                raise click.UsageError(f"{given[mode]} cannot be combined with {other}", ctx)
        return super().invoke(ctx)


def _label(parameter: click.Parameter, value: object) -> str:
    """Return what the user has written for a parameter."""
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.get_current_context()).strip("[]")
    is_off = value is False and parameter.secondary_opts
    return parameter.secondary_opts[0] if is_off else parameter.opts[0]


def _complete_types(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from aconnect.deploy.project.kinds import KINDS

    return sorted(kind.name for kind in KINDS if kind.name.startswith(incomplete))


@click.command(cls=_Deploy, operation="connect:content.create", own=("name",))
@click.argument(
    "directory",
    required=False,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option(
    "--name",
    help="The name of your content, which is created if necessary: 3 to 64 letters, digits, '.' "
    "(on newer servers), '_' and '-'. By default made from the name of the directory.",
)
@click.option("--guid", help="The GUID of existing content.")
@click.option(
    "--env",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Set an environment variable of the content. NAME alone takes its value from the "
    "environment of this command, which keeps it out of the process list. Can be repeated.",
)
@click.option(
    "--env-file",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Set variables to those of a file with lines of NAME=VALUE. Can be repeated.",
)
@click.option(
    "--tag",
    multiple=True,
    metavar="PATH",
    help="Add a tag, such as Department/Finance, which is created if you may. Can be repeated.",
)
@click.option(
    "--activate/--draft",
    default=None,
    help="--draft leaves a draft that only collaborators see, since Connect 2025.06; by default it "
    "is activated.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="--no-verify activates the bundle without checking that the content responds.",
)
@click.option("--dry-run", is_flag=True, help="Only list what would be done; needs no server.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.option(
    "--type",
    "kind",
    metavar="TYPE",
    shell_complete=_complete_types,
    help="The type of the content, such as fastapi; detected by default.",
)
@click.option(
    "--entrypoint", metavar="NAME", help="The entry point, such as app:app or report.qmd."
)
@click.option(
    "--include",
    multiple=True,
    metavar="PATTERN",
    help="Send files that are left out otherwise, such as .env; as in .gitignore, but what may be "
    "secret is not sent by wildcards alone. Can be repeated.",
)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave out files. Can be repeated."
)
@click.option(
    "--python", metavar="FILE", help="The interpreter that the content needs; by default this one."
)
@click.option(
    "--requirements", metavar="FILE", help="The file in DIRECTORY that lists the Python packages."
)
@click.option(
    "--configuration",
    metavar="NAME",
    help="The configuration of Posit Publisher, if the directory has several.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="The maximum total size of the files, 4 GiB by default.",
)
@click.option("--rollback", is_flag=True, help="Deploy the bundle before the active one again.")
@click.option("--to", metavar="BUNDLE", help="With --rollback, deploy the bundle with this id.")
@click.option(
    "--git",
    metavar="URL",
    help="Let the server deploy a Git repository with a manifest.json instead of a directory.",
)
@click.option(
    "--branch",
    help="With --git, the branch; by default that of the content, or the server's default.",
)
@click.option("--subdirectory", metavar="PATH", help="With --git, the folder of the manifest.json.")
@connection_options
def deploy(
    connection: Settings,
    directory: Path | None,
    dry_run: bool,
    rollback: bool,
    git: str | None,
    **options: Any,
) -> None:
    """Deploy a directory and follow its build.

    DIRECTORY, by default the current one, is an application, a document or a site; with a
    manifest.json at its top, only the files that the manifest lists are sent. The
    configuration in pyproject.toml ([tool.aconnect.deploy]) and that of Posit Publisher are used;
    options of the command override them.

    The bundle is built as a draft and activated when it responds. If the command is repeated after
    a failure, it continues where it ended.

    What is done and the log of the build go to standard error, the address of the content to
    standard output.
    """
    from aconnect.cli.deploying import Order, deploy_directory, deploy_repository, roll_back
    from aconnect.cli.dry_run import show_plan

    folder, order = directory or Path(), Order.of(options)
    if dry_run:
        show_plan(connection, folder, order)
        return
    client = cast("Client", client_of(connection))
    if rollback:
        roll_back(client, folder, order)
    elif git is not None:
        deploy_repository(client, git, order)
    else:
        deploy_directory(client, folder, order)

"""`aconnect migrate`: the group of its commands, which are in modules of their own."""

from __future__ import annotations

import click

from aconnect.cli.migrate_diff import diff, snapshot
from aconnect.cli.migrate_map import map_
from aconnect.cli.migrate_plan import plan
from aconnect.cli.migrate_run import run_plan
from aconnect.cli.migrate_undo import undo


@click.group()
def migrate() -> None:
    """Compare two servers, and migrate content from one to the other."""


for _command in (map_, plan, run_plan, undo, diff, snapshot):
    migrate.add_command(_command)

"""The command line: `aconnect`.

Decides how the process ends; the commands are in `app`. Everything but click is imported by the
command that needs it, so that `aconnect --help` is fast.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 wrong usage, 130 after Ctrl-C."""
    try:
        import click
    except ImportError:
        sys.exit("The command line needs click and rich; install them: pip install 'aconnect[cli]'")
    from aconnect.cli.app import app

    try:
        sys.exit(app.main(prog_name="aconnect", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)

"""The command line: `aconnect`.

Decides how the process ends; the commands are in `app`. Everything but click is imported by the
command that needs it, so that `aconnect --help` is fast.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 wrong usage, 130 after Ctrl-C."""
    try:
        import click
    except ImportError:
        sys.exit("The command line needs click and rich; install them: pip install 'aconnect[cli]'")
    from aconnect.cli.app import app
    from aconnect.cli.output import prepare_streams

    prepare_streams()
    try:
        try:
            code = app.main(prog_name="aconnect", standalone_mode=False)
        finally:
            # What is still buffered would otherwise fail when the interpreter ends.
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except OSError as error:
        code = _output_failed(error)
    sys.exit(code)


def _output_failed(error: OSError) -> int:
    """Report that standard output cannot be written, such as on a full disk."""
    # The interpreter flushes it once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"Error: cannot write the output: {error.strerror or error}\n")
    return 1

"""How commands end: the library's arguments as options, and errors as exit codes."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from aconnect.cli.running import Command, Failure, run
from aconnect.errors import (
    BodyTooLargeError,
    CertificateError,
    ConnectionLostError,
    InvalidArgumentError,
    ReadTimeoutError,
    ResumeError,
)

COMMAND = Command(
    "try",
    params=[
        click.Option(["--name"]),
        click.Option(["--guid"]),
        click.Option(["--from", "from_"]),
        click.Option(["--restart"], is_flag=True),
        click.Option(["--content"]),
        click.Option(["--server"]),
        click.Option(["--api-key-file"]),
    ],
)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("pass name= or guid=", "pass --name or --guid"),
        ("leave from_= out", "leave --from out"),
        ("pass restart=True to replace it", "pass --restart to replace it"),
        ("leave content_guid= out", "leave --content out"),
        ("start again with restart=True", "start again with --restart"),
        (
            "no API key: pass api_key= or set CONNECT_API_KEY",
            "no API key: pass --api-key-file or set CONNECT_API_KEY",
        ),
        ("pass url= (such as 'https://x')", "pass --server (such as 'https://x')"),
        ("pass title= instead", "pass title= instead"),
        ("GET https://x/__api__/v1/content?name=a&guid=b: refused", None),
        ("name='a' was not found", None),
        ("check the proxy (url=), and", "check the proxy (--server), and"),
        ("look it up with find_by(name=...)", None),
    ],
)
def test_arguments_become_options(message, shown):
    """Arguments in a message become options of the command, but nothing else is changed."""
    assert COMMAND.with_options(message) == (shown or message)


def with_hint(error, hint):
    error.hint = hint
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionLostError("check it (url=)"), "check it (--server)"),
        (ConnectionLostError("not in time (Timeout.connect); check"), "not in time; check"),
        (
            with_hint(BodyTooLargeError("too large"), "raise max_body= if you expect that"),
            "too large; the command line accepts no more; use Client.download in a program",
        ),
        (
            with_hint(CertificateError("no"), "set SSL_CERT_FILE, or pass ssl="),
            "no; set SSL_CERT_FILE, or pass --cacert",
        ),
        (
            with_hint(ReadTimeoutError("late"), "raise timeout= (Timeout.read)"),
            "late; the server may be overloaded; try again later",
        ),
        (with_hint(ConnectionLostError("lost"), "pass nothing_like_it="), "lost"),
        (with_hint(ConnectionLostError("lost"), "do something"), "lost; do something"),
        (OSError("disk full"), "disk full"),
    ],
)
def test_advice(error, text):
    """An error of any class gives advice that can be followed on a command line."""

    async def fail():
        raise error

    options = ["--server", "--cacert"]
    command = Command(
        "try",
        callback=lambda: run(fail),
        params=[click.Option([name], expose_value=False) for name in options],
    )
    result = CliRunner().invoke(command, [])
    assert (result.exit_code, result.stderr) == (1, f"Error: {text}\n")


def test_advice_without_an_option():
    """Where a command lacks the option, the advice is another one."""

    async def fail():
        raise with_hint(CertificateError("no"), "set SSL_CERT_FILE, or pass ssl=")

    result = CliRunner().invoke(Command("try", callback=lambda: run(fail)), [])
    assert result.stderr.startswith("Error: no; for a private certificate authority, set SSL_CERT")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InvalidArgumentError("pass name="), 2, "Error: pass --name"),
        (ResumeError("start again with restart=True"), 1, "Error: start again with --restart"),
        (Failure("the build failed", hints=("look at the log",)), 1, "look at the log"),
    ],
)
def test_errors_become_exit_codes(error, code, text):
    """An invalid argument is a usage error; any other failure exits with 1."""

    def fail():
        raise error

    command = Command(
        "try",
        callback=fail,
        params=[
            click.Option(["--name"], expose_value=False),
            click.Option(["--restart"], is_flag=True, expose_value=False),
        ],
    )
    result = CliRunner().invoke(command, [])
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [(InvalidArgumentError, 2), (ResumeError, 1), (ConnectionLostError, 1), (OSError, 1)],
)
def test_notes_are_printed(error, code):
    """The notes of any error, such as what is left on the server, follow its message."""

    async def fail():
        raised = error("the \x1b[31mfile\x07 changed")
        raised.add_note("Not undone: content \x1b[31mx was created.")
        raise raised

    command = Command("try", callback=lambda: run(fail))
    result = CliRunner().invoke(command, [])
    assert (result.exit_code, result.stdout) == (code, "")
    _, _, shown = result.stderr.partition("Error: ")
    assert shown == "the file changed\nNot undone: content x was created.\n"


@pytest.mark.parametrize("installed", [True, False])
def test_isal(installed):
    """Commands decode with isal where it is installed; the library leaves that setting alone."""
    if installed:
        pytest.importorskip("isal")
    code = (
        "import sys; sys.modules.update({} if sys.argv[1] == 'True' else {'isal': None}); "
        "import asyncio, aconnect; from aiohttp.compression_utils import ZLibBackend as used; "
        "library = used.name; from aconnect.cli.running import run; "
        "run(lambda: asyncio.sleep(0)); print(library, used.name)"
    )
    command = [sys.executable, "-c", code, str(installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own code
    assert done.stdout.split() == ["zlib", "isal.isal_zlib" if installed else "zlib"]

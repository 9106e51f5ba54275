"""Wrong usage: exit code 2, and a message with what would be right."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from aconnect import __version__
from aconnect.cli.app import app

GUID = "0b1c9e5a-7b1f-4c36-9e1e-2f6a4d3c8b7a"
SETTINGS = {"CONNECT_SERVER": "https://connect.example.com", "CONNECT_API_KEY": "k"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("collect visits --from tomorrow", "2026-01-31T12:00:00Z"),
        ("collect visits --from 2026-02-30", "day is out of range"),
        ("collect visits --from 2026-01-01T00:00:00", "RFC 3339"),
        ("collect visits --from 2026-02-01 --to 2026-01-01", "is empty"),
        ("collect visits --format xml", "'jsonl', 'jsonl.gz'"),
        ("collect clicks", "choose one of visits, shiny_usage"),
        ("collect vists", "did you mean 'visits'?"),
        ("collect", "pass the datasets"),
        (f"collect audit-logs --content {GUID}", "leave --content out"),
        (f"collect visits users --content {GUID}", "leave --content out"),
        ("collect content users --from -3d", "is what the server has now"),
        ("collect visits --settle 5", "such as 60s"),
        ("collect visits --in-flight 0", "1<=x<=256"),
        ("collect visits --max-rate 0", "x>0"),
        ("collect visits --since-last --to today", "leave --to out"),
        ("collect visits --out a.csv --format jsonl", "'a.csv' is csv, not jsonl"),
        ("collect visits --out a.parquet", "name the folder"),
        ("collect visits --out a.json", "ends in .jsonl"),
        ("collect visits hits --out a.jsonl", "has the rows of one dataset"),
        ("collect visits --format postgres", "postgresql://host/database"),
        ("collect visits --out - --format csv", "'-' is jsonl, not csv"),
        ("collect visits --out - --since-last", "remembers no last run"),
        ("collect visits --out - --json", "both write to standard output"),
        ("collect visits --follow --json", "no report to print"),
        ("collect visits --follow --to today", "leave --to out"),
        ("collect visits users --follow", "follow events"),
        ("collect visits --servers absent.toml", "cannot read absent.toml"),
        ("collect visits --servers absent.toml --server https://a", "--server is for one"),
        ("collect visits --servers absent.toml --follow", "run one process for each"),
        ("collect visits --api-key secret", "No such option"),
        ("collect visits --server connect", "not a web address"),
        ("collect visits --api-key-file absent", "absent"),
        ("collect visits --api-key-file /dev/null", "/dev/null is empty"),
        ("deploy . --name a", "3 to 64"),
        ("deploy . --name abc --guid 00000000-0000-0000-0000-000000000000", "either --name"),
        ("collect visits --content my-app", "aconnect content get my-app --json guid"),
        ("deploy absent --name abc", "does not exist"),
        ("tasks follow", "ID"),
        ("bootstrap", "URL"),
        ("bootstrap https://connect.example.com", "CONNECT_BOOTSTRAP_SECRETKEY"),
        ("bootstrap https://connect.example.com --secret-file absent", "absent"),
        ("bootstrap https://connect.example.com --secret-file /dev/null", "/dev/null is empty"),
        ("bootstrap https://connect.example.com --secret-file -", "<stdin> is empty"),
        ("bogus", "No such command"),
        ("--service looker content list", "is for Posit Connect"),
        ("--service authentik login", "is for Posit Connect"),
        ("--service looker bogus", "No such command"),
        ("--service authentik call endpoints.get", "authentik call endpoints.get -"),
        ("--service authentik call users.find --server https://a", "pass --api-key-file FILE"),
        ("--service looker call users.me --server https://a", "no client secret"),
        ("content list --json nme", "no field 'nme' (did you mean name?). The"),
    ],
)
def test_wrong_usage(command, words):
    """Each mistake is named, with what would be right."""
    result = CliRunner().invoke(app, command.split(), env=SETTINGS)
    assert (result.exit_code, words in result.stderr) == (2, True), result.output
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("service", "variables"),
    [
        ("looker", ("LOOKERSDK_BASE_URL", "LOOKERSDK_CLIENT_SECRET")),
        ("authentik", ("AUTHENTIK_URL", "AUTHENTIK_TOKEN")),
    ],
)
def test_no_settings_of_other_services(service, variables):
    """Without the address or the key of another service, its variable and the option are named."""
    address, secret = variables
    command = ["--service", service, "call", "users.me" if service == "looker" else "users.find"]
    for given, missing, option in (
        ({address: ""}, address, "--server"),
        ({address: "https://a.example.com", secret: ""}, secret, "--api-key-file"),
    ):
        result = CliRunner().invoke(app, command, env={"LOOKERSDK_CLIENT_ID": "a", **given})
        assert result.exit_code == 2
        assert missing in result.stderr
        assert option in result.stderr


@pytest.mark.parametrize("missing", SETTINGS)
def test_no_settings(missing):
    """Without server or key, the variable and the option are named."""
    result = CliRunner().invoke(app, ["content", "list"], env={**SETTINGS, missing: ""})
    assert result.exit_code == 2
    assert missing in result.stderr
    assert "pass --" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "",
        "bootstrap",
        "collect",
        "content",
        "content list",
        "demo",
        "deploy",
        "serve",
        "tasks",
        "tasks follow",
    ],
)
def test_help(command):
    """Every command has a help text."""
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5


def test_help_explains_the_missing_option():
    """The help explains why there is no option for the key."""
    result = CliRunner().invoke(app, ["--help"])
    assert "no option for the key" in " ".join(result.stdout.split())


def test_version():
    """`--version` prints the version of the library."""
    assert __version__ in CliRunner().invoke(app, ["--version"]).stdout


def test_late_imports():
    """The commands are listed without importing their dependencies."""
    code = (
        "import sys, aconnect; before = set(sys.modules); import aconnect.cli.app; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new & {'rich', 'uvloop'}), 'aconnect.collect' in sys.modules, "
        "'aconnect.testing' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["[]", "False", "False"]


def test_without_click():
    """Without click, the command prints how to install it."""
    code = "import sys; sys.modules['click'] = None; from aconnect.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "pip install 'aconnect[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_bugs_are_not_hidden(monkeypatch):
    """A bug of the program itself shows its traceback."""

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("aconnect.cli.commands.run", broken)
    result = CliRunner().invoke(app, ["content", "list"], env=SETTINGS)
    assert isinstance(result.exception, ZeroDivisionError)


def test_interrupted_early(monkeypatch):
    """Ctrl-C before a command runs also exits with 130."""
    from aconnect.cli import main

    def interrupted(*_, **__):
        raise click.Abort

    monkeypatch.setattr(app, "main", interrupted)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130


def test_no_option_accepts_a_secret():
    """No command has an option for a key or a password, which other users could see."""

    def options(command: click.Command) -> Iterator[str]:
        for param in command.params:
            yield from param.opts
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            yield from options(inner)

    found = {name for name in options(app) if re.search("key|secret|password|token", name)}
    assert found == {"--api-key-file", "--api-key-env", "--secret-file"}


def test_summaries_are_whole():
    """The help of groups cuts no summary off."""
    for group in (app, *(each for each in app.commands.values() if isinstance(each, click.Group))):
        with click.Context(group, info_name="aconnect", terminal_width=80) as context:
            assert "..." not in group.get_help(context).partition("ommands:")[2], group.name

"""`aconnect serve`: what it prints is sufficient to use it, and wrong usage is explained."""

import re
import shlex
import signal
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest
from click.testing import CliRunner

from aconnect import Client, authentik, cloudendure, looker
from aconnect.cli.app import app
from tests.cli.conftest import MANIFEST, ROOT


@asynccontextmanager
async def serving(shell, *arguments, lines):
    """Run a server, and yield the settings that it prints and its messages; end it with Ctrl-C."""
    process = await shell.start(*arguments, "--port", "0")
    assert process.stdout is not None
    assert process.stderr is not None
    out = [(await process.stdout.readline()).decode() for _ in range(lines)]
    settings = {}
    for line in out:
        export, assignment = shlex.split(line)
        assert export == "export"
        name, _, settings[name] = assignment.partition("=")
    messages: list[str] = []
    try:
        yield settings, messages
    finally:
        process.send_signal(signal.SIGINT)
        more, err = await process.communicate()
        messages += err.decode().splitlines()
        assert more == b""
        assert process.returncode == 0, err


async def test_a_key_for_each_role(shell):
    """The keys of a publisher and a viewer are printed beside that of the administrator."""
    roles = {}
    async with serving(shell, "serve", lines=4) as (settings, messages):
        pass
    keys = [settings["CONNECT_API_KEY"]]
    begin = messages.index("Keys of other users:")
    keys += [line.partition(": ")[2] for line in messages[begin + 1 : begin + 3]]
    async with serving(shell, "serve", lines=4) as (settings, _):
        for key in keys:
            async with Client(settings["CONNECT_SERVER"], key) as client:
                me = await client.me()
                roles[me.username] = me.user_role
    assert roles == {"admin": "administrator", "publisher": "publisher", "viewer": "viewer"}


async def test_tokens_of_content(shell, monkeypatch):
    """The printed lines of Python act as the viewer and as the content, the same in each run."""
    async with serving(shell, "serve", lines=4) as (first, messages):
        pass
    code = [line.strip() for line in messages if line.startswith("  await ")]
    assert len(code) == 2
    token, audience = (line.split('"')[1] for line in code)
    assert f"  Posit-Connect-User-Session-Token: {token}" in messages
    async with serving(shell, "serve", lines=4) as (settings, _):
        assert settings | {"CONNECT_SERVER": ""} == first | {"CONNECT_SERVER": ""}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        async with Client() as client:
            async with await client.with_user_session_token(token) as viewer:
                assert (await viewer.me()).username == "viewer"
                guid = settings["CONNECT_CONTENT_GUID"]
                assert (await viewer.content.get(guid)).guid == guid
            credentials = await client.oauth.get_content_credentials(audience=audience)
            assert credentials is not None
            assert credentials.access_token


async def test_the_documented_output(shell):
    """The settings that the documentation shows are those that are printed."""
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^export (\w+)=(.+)$", page, re.MULTILINE))
    async with serving(shell, "serve", lines=4) as (settings, _):
        documented["CONNECT_SERVER"] = settings["CONNECT_SERVER"]
        assert settings == documented


@pytest.mark.parametrize("arguments", [("--server-version", "2024.07.0"), ("--content", "0")])
async def test_no_tokens(shell, arguments):
    """Without content, or before the version that introduced tokens, none are printed."""
    async with serving(shell, "serve", *arguments, lines=2) as (settings, messages):
        pass
    assert settings.keys() == {"CONNECT_SERVER", "CONNECT_API_KEY"}
    assert not [line for line in messages if "Session" in line or "await" in line]


SERVICES = {
    "looker": ("LOOKERSDK_BASE_URL", "LOOKERSDK_CLIENT_ID", "LOOKERSDK_CLIENT_SECRET"),
    "authentik": ("AUTHENTIK_URL", "AUTHENTIK_TOKEN"),
    "cloudendure": ("CLOUDENDURE_BASE_URL", "CLOUDENDURE_USER_API_TOKEN"),
}
CALLS = {
    looker: lambda client: client.roles.all(),
    authentik: lambda client: client.endpoints.find(),
    cloudendure: lambda client: client.users.me(),
}


@pytest.mark.parametrize("before", [True, False], ids=["aconnect --service", "serve --service"])
@pytest.mark.parametrize("module", CALLS, ids=lambda module: module.__name__)
async def test_other_services(shell, monkeypatch, module, before):
    """The other services are served in the same way; the command that is printed to try works."""
    service = module.__name__.rpartition(".")[2]
    option = ("--service", service)
    command = (*option, "serve") if before else ("serve", *option)
    async with serving(shell, *command, lines=len(SERVICES[service])) as (settings, messages):
        assert tuple(settings) == SERVICES[service]
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        async with module.Client() as client:
            await CALLS[module](client)
        shell.settings = settings
        async with serving(shell, *command, lines=len(settings)) as (_, printed):
            pass
        (line,) = [line for line in printed if line.startswith("  aconnect ")]
        process = await shell.start(*shlex.split(line)[1:])
        out, err = await process.communicate()
        assert process.returncode == 0, err
        assert out
    assert messages[0].startswith("Simulating ")


@pytest.mark.parametrize("service", ["connect", "looker"])
async def test_latency(shell, service):
    """`--latency` delays the responses of any service."""
    lines = 4 if service == "connect" else len(SERVICES[service])
    options = ("--service", service, "--latency", "60")
    async with serving(shell, "serve", *options, lines=lines) as (settings, _):
        url = next(iter(settings.values()))
        timeout = aiohttp.ClientTimeout(total=0.05)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with pytest.raises(TimeoutError):
                await session.get(url)


async def test_the_nearer_service(shell):
    """`serve --service` takes precedence over `aconnect --service`."""
    command = ("--service", "looker", "serve", "--service", "authentik")
    async with serving(shell, *command, lines=2) as (settings, _):
        assert "AUTHENTIK_TOKEN" in settings


async def test_builds(shell):
    """Builds end as `--builds` says, for a program that deploys."""
    # A draft is built, and built again to activate it.
    options = ("--builds", "fail,ok,ok,hang", "--seconds-per-line", "0")
    (shell.folder / "manifest.json").write_text(MANIFEST)
    async with serving(shell, "serve", *options, lines=4) as (settings, _):
        shell.settings = settings
        failed = await shell("deploy", str(shell.folder), "--name", "site")
        assert failed.exit_code == 1
        assert "ERROR: the simulated server fails this build on request" in failed.stderr
        done = await shell("deploy", str(shell.folder), "--name", "site")
        assert done.exit_code == 0, done.output
        async with aiohttp.ClientSession() as session:
            key = {"Authorization": f"Key {settings['CONNECT_API_KEY']}"}
            address = done.stdout.splitlines()[-1]
            async with session.get(address, headers=key) as page:
                assert page.status == 200
        process = await shell.start("deploy", ".", "--name", "site")
        assert process.stderr is not None
        while b"Launching" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert process.returncode == 130


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", "80000", "0<=x<=65535"),
        ("--port", "-1", "0<=x<=65535"),
        ("--nodes", "0", "x>=1"),
        ("--visits", "-5", "x>=0"),
        ("--audit-logs", "-1", "x>=0"),
        ("--shiny-usage", "-1", "x>=0"),
        ("--hits", "-1", "x>=0"),
        ("--users", "-1", "x>=0"),
        ("--groups", "-1", "x>=0"),
        ("--content", "-1", "x>=0"),
        ("--jobs", "-1", "x>=0"),
        ("--processes", "-1", "x>=0"),
        ("--seconds-per-line", "-1", "0<=x<=3600"),
        ("--seconds-per-line", "inf", "0<=x<=3600"),
        ("--seconds-per-line", "nan", "must be at least 0"),
        ("--server-version", "banana", "use a form such as '2026.03.0'"),
        ("--builds", "ok,no", "'ok', 'fail', 'hang'"),
        ("--builds", "", "'ok', 'fail', 'hang'"),
        ("--service", "gitlab", "'connect', 'looker', 'authentik', 'cloudendure'"),
    ],
)
def test_values_out_of_range(option, value, message):
    """A value out of its range is wrong usage, and the message says what is possible."""
    result = CliRunner().invoke(app, ["serve", option, value])
    assert result.exit_code == 2, result.output
    assert message in result.stderr


@pytest.mark.parametrize("kind", ["--visits", "--audit-logs", "--shiny-usage"])
def test_a_demonstration_out_of_range(kind):
    """`demo` refuses negative numbers of rows, too."""
    result = CliRunner().invoke(app, ["demo", kind, "-5"])
    assert (result.exit_code, "x>=0" in result.stderr) == (2, True)


CONNECT_ONLY = {
    "--server-version": "2026.06.0",
    "--nodes": "1",
    "--visits": "5",
    "--audit-logs": "5",
    "--shiny-usage": "5",
    "--hits": "5",
    "--content": "5",
    "--jobs": "5",
    "--processes": "5",
    "--seconds-per-line": "0.5",
    "--builds": "ok",
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("option", CONNECT_ONLY)
def test_options_of_connect(option, service):
    """An option for Connect is refused with another service, even if it has its default value."""
    arguments = ["serve", "--service", service, option, CONNECT_ONLY[option]]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert f"{option} is for connect only; with --service {service}, " in result.stderr


@pytest.mark.parametrize("service", ["authentik", "cloudendure"])
@pytest.mark.parametrize("option", ["--users", "--groups"])
def test_options_of_connect_and_looker(option, service):
    """The numbers of users and groups are for Connect and Looker."""
    result = CliRunner().invoke(app, ["--service", service, "serve", option, "5"])
    assert result.exit_code == 2
    assert f"{option} is for connect and looker only" in result.stderr


async def test_users_of_looker(shell, monkeypatch):
    """The simulated Looker has the requested numbers of users and groups."""
    options = ("--service", "looker", "--users", "7", "--groups", "3")
    async with serving(shell, "serve", *options, lines=3) as (settings, _):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        async with looker.Client() as client:
            role = (await client.roles.all())[-1]
            assert role.id is not None
            # Ids are numbered: four sets, then the groups and the users.
            groups = await client.roles.set_groups(role.id, ["5", "6", "7"])
            users = await client.roles.set_users(role.id, [str(n) for n in range(8, 15)])
    assert (len(groups), len(users)) == (3, 7)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_port_in_use(shell, host):
    """A port that is in use is an error that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip("this machine has no such address")
        taken.listen()
        port = taken.getsockname()[1]
        process = await shell.start("serve", "--host", host, "--port", str(port))
        out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    message = err.decode()
    assert f"cannot listen on {host}, port {port}: Address already in use" in message
    assert "--port 0 for any free one" in message
    assert "Traceback" not in message


async def test_an_address_of_another_machine(shell):
    """An address that is not this machine's is an error that says what to do."""
    process = await shell.start("serve", "--port", "0", "--host", "192.0.2.1")
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"cannot listen on 192.0.2.1" in err
    assert b"choose a --host that is an address of this machine" in err


async def test_no_warning_on_this_machine(shell):
    """A server that only this machine can reach does not warn."""
    async with serving(shell, "serve", "--host", "localhost", lines=4) as (_, messages):
        pass
    assert "Warning" not in "\n".join(messages)

"""Profiles, and the other ways to name a server."""

import asyncio
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import keyring
import keyring.backend
import keyring.backends.fail
import pytest
import trustme

from aconnect.testing import FakeConnect


@pytest.fixture(autouse=True)
def config(shell, tmp_path):
    """The configuration of the test."""
    path = tmp_path / "config" / "config.toml"
    shell.settings["ACONNECT_CONFIG"] = str(path)
    return path


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.passwords = {}

    def get_password(self, service, username):
        return self.passwords.get((service, username))

    def set_password(self, service, username, password):
        self.passwords[service, username] = password

    def delete_password(self, service, username):
        if self.passwords.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError


@pytest.fixture
def memory():
    """A keyring that works."""
    before, memory = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def alone(shell):
    """Leave no server in the environment."""
    url, key = shell.settings["CONNECT_SERVER"], shell.settings["CONNECT_API_KEY"]
    shell.settings.update(CONNECT_SERVER="", CONNECT_API_KEY="")
    return url, key


@pytest.mark.parametrize("store", ["file", "keyring", "a file of the user", "env"])
async def test_login(shell, config, memory, tmp_path, store):
    """A profile says where its key is; the configuration never contains it."""
    url, key = alone(shell)
    own = tmp_path / "own.key"
    own.write_text(f"{key}\n")
    shell.settings["PROD_KEY"] = key
    options = {
        "file": ("--api-key-file", "-", "--store", "file"),
        "keyring": ("--api-key-file", "-"),
        "a file of the user": ("--api-key-file", str(own)),
        "env": ("--api-key-env", "PROD_KEY"),
    }
    done = await shell("login", "prod", "--server", url, *options[store], text=f"{key}\n")
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert "as admin (administrator)" in done.stderr
    assert key not in config.read_text()
    for arguments in (
        ("whoami",),
        ("whoami", "--profile", "prod"),
        ("--profile", "prod", "whoami"),
    ):
        assert f"Server\t{url}" in (await shell(*arguments)).stdout
    called = await shell("call", "users.me")
    assert json.loads(called.stdout)["username"] == "admin"
    kept = config.parent / "prod.key"
    assert kept.exists() is (store == "file")
    if store == "file":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    gone = await shell("logout", "prod")
    assert gone.exit_code == 0
    assert (kept.exists(), memory.passwords, own.exists()) == (False, {}, True)
    assert (await shell("whoami")).exit_code == 2


async def test_a_key_that_is_refused(shell, config, memory):
    """Nothing is saved if the server refuses the key."""
    url, _ = alone(shell)
    result = await shell("login", "--server", url, "--api-key-file", "-", text="wrong-key-01234")
    assert (result.exit_code, "401" in result.stderr) == (1, True)
    assert not config.exists()
    assert memory.passwords == {}


@pytest.mark.parametrize("missing", ["--server", "--api-key-file"])
async def test_nobody_to_ask(shell, config, missing):
    """Where nobody can type, a login names the option to pass."""
    alone(shell)
    given = () if missing == "--server" else ("--server", "https://connect.example.com")
    result = await shell("login", *given)
    assert (result.exit_code, missing in result.stderr) == (2, True)
    assert not config.exists()


async def test_what_is_in_the_file_stays(shell, config):
    """A new profile changes neither the comments nor the other profiles of the configuration."""
    url, key = alone(shell)
    config.parent.mkdir()
    before = '# mine\ndefault = "old"\n\n[profiles.old]\nserver = "https://old"  # slow\n'
    config.write_text(before)
    shell.settings["KEY"] = key
    await shell("login", "new", "--server", url, "--api-key-env", "KEY")
    assert config.read_text().startswith(before)
    assert f"Server\t{url}" in (await shell("whoami", "--profile", "new")).stdout
    await shell("login", "new", "--server", url, "--api-key-env", "KEY", "--default")
    assert 'default = "new"' in config.read_text()
    await shell("logout", "new")
    assert config.read_text().rstrip() == before.replace('default = "old"\n', "").rstrip()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_the_environment_names_another_server(shell, config, mark):
    """CONNECT_SERVER comes before the default profile, and a profile that is named before both."""
    url = shell.settings["CONNECT_SERVER"]
    async with FakeConnect() as other:
        config.parent.mkdir()
        config.write_text(
            f'{mark}default = "other"\n[profiles.other]\nserver = "{other.url}"\n'
            'api_key_env = "OTHER_KEY"\n',
            encoding="utf-8",
        )
        shell.settings["OTHER_KEY"] = other.api_key
        assert f"Server\t{url}" in (await shell("whoami")).stdout
        named = await shell("whoami", "--profile", "other")
        assert f"Server\t{other.url}" in named.stdout
        shell.settings["ACONNECT_PROFILE"] = "other"
        assert f"Server\t{other.url}" in (await shell("whoami")).stdout


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("[profiles.p]\nserver = 'https://a'\napi_key = 'KEY'", (), "never read from"),
        ("[profiles.p]\nserver = 'https://a'", (), "api_key_file"),
        ("[profiles.p]\nserver = 1", (), "Expected `str`"),
        ("profiles.p = 1", (), "not a table"),
        ("[profiles.p]\nsever = 'https://a'", (), "sever"),
        ("[profiles.q]\nserver = 'https://a'", (), "it has q"),
        ("profiles = 1", (), "profiles is not a table"),
        ("default = 1", (), "default is not the name"),
        ("[profiles]\np = 1", (), "write [profiles.p]"),
        ("[profiles.p]\nserver = 'https://a'\nservice = 'x'", (), "service"),
        ("[profiles.p", (), "not valid TOML"),
        ("\xff", (), "not UTF-8"),
        ("[profiles.p]\nserver = 'https://a'\napi_key_env = 'ABSENT'", (), "ABSENT"),
        ("[profiles.p]\nserver = 'https://a'\napi_key_file = 'absent'", (), "absent"),
        ("[profiles.p]\nserver = 'https://a'\nkeyring = true", (), "no key"),
        ("[profiles.p]\nserver = 'https://a'\nservice = 'looker'", (), "is for looker"),
        ("[profiles.p]\nserver = 'https://a'", ("--server", "https://b"), "two servers"),
    ],
)
async def test_bad_configuration(server, shell, config, text, arguments, words):
    """A mistake in the configuration is wrong usage, is named, and no key is sent or shown."""
    config.parent.mkdir()
    config.write_bytes(text.replace("KEY", server.api_key).encode("latin-1"))
    result = await shell("whoami", "--profile", "p", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert server.requests == []


async def test_a_key_never_goes_to_another_server(server, shell, config):
    """The key of CONNECT_SERVER is not sent to the server of a profile that has none."""
    async with FakeConnect() as other:
        config.parent.mkdir()
        config.write_text(f'[profiles.p]\nserver = "{other.url}"\n')
        result = await shell("whoami", "--profile", "p")
        assert (result.exit_code, other.requests) == (2, [])
        config.write_text(f'[profiles.p]\nserver = "{server.url}"\n')
        assert (await shell("whoami", "--profile", "p")).exit_code == 0


@pytest.mark.usefixtures("memory")
async def test_an_unwritable_configuration(shell, config):
    """A configuration that cannot be written is a message."""
    url, key = alone(shell)
    config.parent.write_text("")
    result = await shell(
        "login", "--server", url, "--api-key-file", "-", "--store", "file", text=key
    )
    assert result.exit_code == 1
    assert "cannot write" in result.stderr


async def test_where_a_refused_key_is(shell, config, tmp_path):
    """If the server refuses a key, the message says where it came from."""
    url, _ = alone(shell)
    path = tmp_path / "wrong.key"
    path.write_text("wrong-key-01234")
    config.parent.mkdir()
    config.write_text(f'[profiles.p]\nserver = "{url}"\napi_key_file = "{path}"\n')
    named = await shell("whoami", "--profile", "p")
    assert f"aconnect login p --server {url}" in named.stderr
    given = await shell("whoami", "--server", url, "--api-key-file", str(path))
    assert f"The key was read from {path}" in given.stderr
    assert "01234" not in named.stderr + given.stderr


@pytest.mark.parametrize("name", ["a b", "../x", "", "a.b"])
async def test_names_of_profiles(shell, name):
    """The name of a profile is the name of a key file, so it has no path in it."""
    result = await shell("login", name, "--server", "https://a", "--api-key-env", "A")
    assert (result.exit_code, "letters, digits" in result.stderr) == (2, True)


@pytest.fixture
async def secure():
    """A server whose certificate only its own authority vouches for."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(_return_user, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield SimpleNamespace(url=f"https://127.0.0.1:{port}", authority=authority)


async def _return_user(reader, writer):
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"username": "ana"}'
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
    writer.close()


async def test_certificates(shell, secure, tmp_path):
    """`--cacert` trusts the authority of a file, and `--insecure` anyone, with a warning."""
    path = tmp_path / "ca.pem"
    secure.authority.cert_pem.write_to_path(path)
    shell.settings["CONNECT_SERVER"] = secure.url
    # In processes of their own: uvloop closes TLS connections after the end of its loop.
    code, _, err = await shell.run("whoami")
    assert (code, b"--cacert" in err, b"ssl=" in err) == (1, True, False)
    assert (await shell.run("whoami", "--cacert", str(path)))[0] == 0
    code, _, err = await shell.run("whoami", "--insecure")
    assert (code, b"not verified" in err) == (0, True)
    shell.settings["CONNECT_CA_CERTIFICATE"] = str(path)
    assert (await shell.run("whoami"))[0] == 0
    path.write_text("no certificate")
    assert (await shell.run("whoami"))[0] == 2


@pytest.mark.parametrize("way", ["option", "environment", "profile"])
async def test_proxies(server, shell, config, way):
    """A proxy is an option, is read from the environment, or belongs to a profile."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    arguments: tuple[str, ...] = ()
    if way == "option":
        arguments = ("--proxy", address)
    elif way == "environment":
        shell.settings.update(http_proxy=address, NO_PROXY="", no_proxy="")
    else:
        config.parent.mkdir()
        config.write_text(f'[profiles.p]\nserver = "{server.url}"\nproxy = "{address}"\n')
        arguments = ("--profile", "p")
    result = await shell("whoami", *arguments)
    assert (result.exit_code, server.requests) == (1, [])
    assert str(port) in result.stderr
    if way == "environment":
        assert (await shell("whoami", "--proxy", "")).exit_code == 0
        shell.settings.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        assert (await shell("whoami")).exit_code == 0


def test_no_keyring_package():
    """Without the package keyring, a login says how to install it, and files still work."""
    code = (
        "import sys; sys.modules['keyring'] = None\n"
        "from aconnect.cli import profiles\n"
        "assert not profiles.has_keyring()\n"
        "p = profiles.Profile(name='p', server='https://a', keyring=True)\n"
        "p.key()"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert "pip install 'aconnect[keyring]'" in done.stderr


async def test_the_first_administrator_through_a_proxy(shell, tmp_path):
    """Creating the first administrator has the options of the network too."""
    secret = tmp_path / "secret"
    secret.write_text("QUJD" * 20)
    arguments = ("--secret-file", str(secret), "--proxy", "http://127.0.0.1:9")
    result = await shell("bootstrap", shell.server.url, *arguments)
    assert (result.exit_code, shell.server.requests) == (1, [])
    assert "the proxy http://127.0.0.1:9" in result.stderr


async def test_other_spellings_of_an_address(server, shell, config):
    """A profile has the root of the server, and other spellings of it are the same server."""
    key = shell.settings["CONNECT_API_KEY"]
    pasted = f"{server.url}/connect/#/content"
    assert (
        await shell("login", "p", "--server", pasted, "--api-key-file", "-", text=key)
    ).exit_code == 0
    assert f'server = "{server.url}"' in config.read_text()
    for address in (pasted, f"{server.url}/"):
        assert (await shell("whoami", "--profile", "p", "--server", address)).exit_code == 0
        shell.settings["CONNECT_SERVER"] = address
        assert (await shell("whoami", "--server", server.url)).exit_code == 0
    config.write_text(f'[profiles.p]\nserver = "{server.url}"\n')
    assert (await shell("whoami", "--profile", "p")).exit_code == 0


async def test_the_key_of_a_variable_never_goes_to_another_server(shell, tmp_path):
    """CONNECT_API_KEY is the key of CONNECT_SERVER, and is not sent to that of `--server`."""
    path = tmp_path / "key"
    async with FakeConnect() as other:
        path.write_text(other.api_key)
        result = await shell("whoami", "--server", other.url)
        assert (result.exit_code, other.requests) == (2, [])
        assert "--api-key-file" in result.stderr
        given = await shell("whoami", "--server", other.url, "--api-key-file", str(path))
        assert given.exit_code == 0
        shell.settings["CONNECT_SERVER"] = ""
        assert (await shell("whoami", "--server", other.url)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("login",), "default"),
        (("login", "--profile", "p"), "p"),
        (("--profile", "p", "login"), "p"),
        (("login", "p", "--profile", "p"), "p"),
        (("login", "p", "--profile", "q"), None),
    ],
)
async def test_the_name_of_a_login(shell, config, arguments, name):
    """NAME and `--profile` name the profile that is saved; CONNECT_SERVER is the server."""
    key = shell.settings["CONNECT_API_KEY"]
    result = await shell(*arguments, "--api-key-file", "-", text=key)
    assert (result.exit_code == 0) is (name is not None)
    assert config.exists() is (name is not None)
    if name is not None:
        assert f"[profiles.{name}]" in config.read_text()
        assert (await shell("--profile", name, "logout")).exit_code == 0


async def test_a_login_again(shell, config, memory):
    """If the key of a profile is saved elsewhere, the former one is deleted."""
    url, key = alone(shell)
    command = ("login", "p", "--server", url, "--api-key-file", "-")
    await shell(*command, text=key)
    assert memory.passwords
    await shell(*command, "--store", "file", text=key)
    assert (memory.passwords, (config.parent / "p.key").exists()) == ({}, True)
    await shell(*command, text=key)
    assert (len(memory.passwords), (config.parent / "p.key").exists()) == (1, False)
    assert (await shell("whoami", "--profile", "p")).exit_code == 0


async def test_logout_without_a_keyring(shell, config):
    """A profile is removed even if the keyring fails, with a warning."""
    url, _ = alone(shell)
    config.parent.mkdir()
    config.write_text(f'[profiles.p]\nserver = "{url}"\nkeyring = true\n')
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        result = await shell("logout", "p")
    finally:
        keyring.set_keyring(before)
    assert (result.exit_code, "may still be in the keyring" in result.stderr) == (0, True)
    assert "profiles.p" not in config.read_text()


async def test_the_file_of_the_configuration(shell, config, tmp_path):
    """Only the user can read the configuration, and a link to it stays one."""
    real = tmp_path / "dotfiles.toml"
    real.write_text("# mine\n")
    config.parent.mkdir()
    config.symlink_to(real)
    key = shell.settings["CONNECT_API_KEY"]
    await shell("login", "--api-key-file", "-", "--proxy", "", "--store", "file", text=key)
    assert config.is_symlink()
    assert real.read_text().startswith("# mine\n")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


async def test_several_logins_at_once(config, monkeypatch):
    """Logins at the same time do not lose each other's profiles."""
    from aconnect.cli import profiles

    monkeypatch.setenv("ACONNECT_CONFIG", str(config))
    names = [f"p{number}" for number in range(8)]
    made = [profiles.Profile(name=name, server="https://a") for name in names]
    await asyncio.gather(
        *(asyncio.to_thread(profiles.save, profile, default=False) for profile in made)
    )
    assert all(f"[profiles.{name}]" in config.read_text() for name in names)

"""`aconnect migrate map`: a first mapping file of two servers."""

import pytest

from aconnect.migrate.mapping.file import load_mapping
from aconnect.testing import FakeConnect, Seed


@pytest.fixture
async def other():
    """The destination."""
    async with FakeConnect(Seed()) as running:
        yield running


@pytest.fixture
def names(shell, other, tmp_path):
    """The options for both servers, which profiles name."""
    path = tmp_path / "config.toml"
    path.write_text(
        f'[profiles.old]\nserver = "{shell.server.url}"\napi_key_env = "OLD_KEY"\n'
        f'[profiles.new]\nserver = "{other.url}"\napi_key_env = "NEW_KEY"\n'
    )
    shell.settings = {
        "ACONNECT_CONFIG": str(path),
        "OLD_KEY": shell.server.api_key,
        "NEW_KEY": other.api_key,
    }
    return ("migrate", "map", "--from", "old", "--to", "new")


async def test_a_first_file(shell, names, tmp_path):
    """The file is written, loads, and the command says what to do with it."""
    path = tmp_path / "mapping.toml"
    result = await shell(*names, "-o", str(path))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert f"Wrote {path}. Check the guesses" in result.stderr
    assert load_mapping(path).users
    assert shell.server.url in path.read_text()


async def test_an_existing_file_is_kept(shell, names, other, tmp_path):
    """A file that exists is kept, and no server is asked, unless --overwrite is passed."""
    path = tmp_path / "mapping.toml"
    path.write_text("mine")
    result = await shell(*names, "-o", str(path))
    assert result.exit_code == 2
    assert f"{path} exists, and may have been edited" in result.stderr
    assert "--overwrite" in result.stderr
    assert path.read_text() == "mine"
    assert not other.requests
    result = await shell(*names, "-o", str(path), "--overwrite")
    assert result.exit_code == 0, result.output
    assert load_mapping(path).users


async def test_a_server_that_refuses_the_key(shell, names, tmp_path):
    """The error is that of the server, and no file is left."""
    shell.settings["NEW_KEY"] = "wrong"
    path = tmp_path / "mapping.toml"
    result = await shell(*names, "-o", str(path))
    assert result.exit_code == 1
    assert "API key" in result.stderr
    assert not path.exists()

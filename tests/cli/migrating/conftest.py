"""Two servers with a profile each: what is migrated is on the first, the second is empty."""

from collections.abc import AsyncIterator, Callable

import pytest

from aconnect.testing import BuildScript, FakeConnect, Seed

SECRETS = ("value-of-token", "repository-password")
"""What is secret on the source and in the files beside the plan, besides the keys."""

PLAN = ("migrate", "plan", "--from", "old", "--to", "new")


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(content=3)) as running:
        yield running


@pytest.fixture
async def other() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(content=0)) as running:
        # Its end is seen with the first poll, because commands really wait between polls.
        running.state.build_script = BuildScript(lines=("built",))
        yield running


@pytest.fixture(autouse=True)
def profiles(server, other, shell, tmp_path, monkeypatch):
    """The profiles `old` and `new`, in the current folder."""
    monkeypatch.chdir(tmp_path)
    lines = [
        f'[profiles.{name}]\nserver = "{one.url}"\napi_key_env = "{name.upper()}_KEY"\n'
        for name, one in (("old", server), ("new", other))
    ]
    (tmp_path / "config.toml").write_text("".join(lines))
    shell.settings = {
        "ACONNECT_CONFIG": str(tmp_path / "config.toml"),
        "OLD_KEY": server.api_key_for("admin"),
        "NEW_KEY": other.api_key_for("admin"),
        "CONNECT_SERVER": "",
        "CONNECT_API_KEY": "",
    }


@pytest.fixture
def change(server) -> Callable[..., str]:
    """Change a content item of the source, and return its guid."""

    def apply(number: int = 0, **fields: object) -> str:
        guid: str = list(server.state.content)[number]
        server.state.content[guid].update(fields)
        return guid

    return apply


@pytest.fixture
def mine(server):
    """All content belongs to the owner of the key, so that bundles can be downloaded."""
    admin = server.state.known_user("admin")["guid"]
    for row in server.state.content.values():
        row["owner_guid"] = admin


@pytest.fixture
async def planned(shell, mine):
    """A plan in `plan.json` that can be run."""
    del mine
    result = await shell(*PLAN)
    assert result.exit_code == 0, result.output
    return shell.folder / "plan.json"

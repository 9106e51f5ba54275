"""A server with every series, and a simulated crash."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aconnect import Client
from aconnect.export import Collected, parts
from aconnect.testing import FakeConnect, Seed, VirtualClock


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    seed = Seed(visits=530, shiny_usage=530, audit_logs=530, hits=530, old_rows=0)
    async with FakeConnect(seed) as running:
        yield running


@pytest.fixture
async def client(server: FakeConnect) -> AsyncIterator[Client]:
    async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as opened:
        yield opened


@pytest.fixture
def saves_each_page(monkeypatch):
    monkeypatch.setattr(parts, "SAVE_EVERY", 0.0)


class Crashes:
    """A callback that copies the files after every page, as a crash would leave them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.states: list[Path] = []

    def __call__(self, done: Collected) -> None:
        folder = self.place / f"crash{len(self.states)}"
        folder.mkdir()
        for path in done.path.parent.glob(f"{done.path.name}.part*"):
            shutil.copy(path, folder)
        self.states.append(folder)


@pytest.fixture
def crashes(tmp_path: Path) -> Crashes:
    return Crashes(tmp_path)

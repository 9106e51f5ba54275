"""A small site to deploy, and a server to deploy it to."""

import json

import pytest

from aconnect import Client
from aconnect.testing import FakeConnect, VirtualClock


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("hello")
    manifest = {"version": 1, "metadata": {"appmode": "static"}, "files": {"index.html": {}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
async def server():
    async with FakeConnect() as running:
        yield running


@pytest.fixture
async def client(server):
    async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as opened:
        yield opened

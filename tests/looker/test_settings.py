"""The environment variables of Looker's own SDK are read as it reads them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from aconnect import Timeout, errors
from aconnect.looker import Client
from aconnect.testing.looker import FakeLooker

URL = "https://looker.example.com"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variables but those of a test."""
    for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "VERIFY_SSL", "TIMEOUT"):
        monkeypatch.delenv(f"LOOKERSDK_{name}", raising=False)


def options(**connection: Any) -> Any:
    """Return the options of a client."""
    return Client(URL, "i", "s", **connection)._pipeline.options


@pytest.mark.parametrize("quoted", ['"{}"', "'{}'", ' "{}" ', "{}", '{}"'])
async def test_quotes_are_stripped(
    server: FakeLooker, monkeypatch: pytest.MonkeyPatch, quoted: str
) -> None:
    """Quotes around a value, as files of variables have them, are not part of it."""
    monkeypatch.setenv("LOOKERSDK_BASE_URL", quoted.format(server.url))
    monkeypatch.setenv("LOOKERSDK_CLIENT_ID", quoted.format(server.client_id))
    monkeypatch.setenv("LOOKERSDK_CLIENT_SECRET", quoted.format(server.client_secret))
    monkeypatch.setenv("LOOKERSDK_VERIFY_SSL", quoted.format("true"))
    monkeypatch.setenv("LOOKERSDK_TIMEOUT", quoted.format("60"))
    async with Client() as client:
        assert await client.permissions.all()


@pytest.mark.parametrize("empty", ["", '""', "''", " "])
def test_empty_values(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    """An empty value, quoted or not, is the same as none."""
    monkeypatch.setenv("LOOKERSDK_VERIFY_SSL", empty)
    monkeypatch.setenv("LOOKERSDK_TIMEOUT", empty)
    assert (options().insecure_tls, options().timeout) == (False, Timeout())
    monkeypatch.setenv("LOOKERSDK_CLIENT_ID", empty)
    with pytest.raises(errors.InvalidArgumentError, match="set LOOKERSDK_CLIENT_ID"):
        Client(URL)
    monkeypatch.setenv("LOOKERSDK_BASE_URL", empty)
    with pytest.raises(errors.InvalidArgumentError, match="set LOOKERSDK_BASE_URL"):
        Client(None, "i", "s")


@pytest.mark.parametrize(
    ("text", "verified"),
    [(text, True) for text in ("true", "True", "t", "YES", "y", "1")]
    + [(text, False) for text in ("false", "False", "f", "no", "N", "0", "'false'")],
)
def test_verify_ssl(monkeypatch: pytest.MonkeyPatch, text: str, *, verified: bool) -> None:
    """LOOKERSDK_VERIFY_SSL applies, unless the client is told otherwise."""
    monkeypatch.setenv("LOOKERSDK_VERIFY_SSL", text)
    assert options().insecure_tls is not verified
    assert options(insecure_tls=False).insecure_tls is False
    assert options(ssl=ssl.create_default_context()).insecure_tls is False


def test_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """LOOKERSDK_TIMEOUT limits connecting and each wait for data, unless one is passed."""
    monkeypatch.setenv("LOOKERSDK_TIMEOUT", "90")
    assert options().timeout == Timeout(connect=90, read=90)
    assert options(timeout=5).timeout == Timeout(total=5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("VERIFY_SSL", "maybe"), ("TIMEOUT", "2m"), ("TIMEOUT", "0"), ("TIMEOUT", "nan")],
)
def test_invalid_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that means nothing is refused with the name of the variable."""
    monkeypatch.setenv(f"LOOKERSDK_{name}", value)
    with pytest.raises(errors.InvalidArgumentError, match=f"LOOKERSDK_{name} is '{value}'"):
        options()


def test_no_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A looker.ini in the current folder is not read: its credentials are not named anywhere."""
    (tmp_path / "looker.ini").write_text(
        f"[Looker]\nbase_url={URL}\nclient_id=i\nclient_secret=s\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InvalidArgumentError, match="LOOKERSDK_CLIENT_ID"):
        Client()

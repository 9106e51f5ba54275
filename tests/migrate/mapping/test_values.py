"""Values of environment variables: where they come from, and that they are shown nowhere."""

import pickle
import traceback

import pytest

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.model import ValueSource
from aconnect.migrate.mapping.values import read_values
from tests.migrate.mapping.invented import GUID, OTHER

SECRETS = {"secret-of-url", "secret-of-token", "secret-of-item"}

MAPPING = f"""\
[env]
API_URL = {{ file = "secrets.env" }}
TOKEN = {{ environ = "MIGRATE_TOKEN" }}
UNSET = {{ environ = "MIGRATE_UNSET" }}
ABSENT = {{ file = "secrets.env" }}
NOWHERE = {{ file = "absent.env" }}
BROKEN = {{ file = "broken.env" }}
[content-env."{GUID}"]
TOKEN = {{ file = "secrets.env" }}
"""


@pytest.fixture
def mapping(tmp_path):
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "secrets.env").write_text(
        "# secret-of-url\nexport API_URL='secret-of-url'\nTOKEN=secret-of-item\n"
    )
    (tmp_path / "broken.env").write_text("A=1\nsecret-of-token\n")
    return load_mapping(tmp_path / "mapping.toml")


ENVIRON = {"MIGRATE_TOKEN": "secret-of-token", "OTHER": "x"}


async def test_where_values_come_from(mapping):
    """A file or the environment; the source of an item comes before that of all content."""
    values = await read_values(mapping, ENVIRON)
    assert values.get(OTHER, ["API_URL", "TOKEN"]) == {
        "API_URL": "secret-of-url",
        "TOKEN": "secret-of-token",
    }
    assert values.get(GUID, ["TOKEN", "API_URL"]) == {
        "TOKEN": "secret-of-item",
        "API_URL": "secret-of-url",
    }
    assert values.get(GUID, []) == {}


async def test_the_environment_of_the_process(mapping, monkeypatch):
    """It is read when the values are, not when the mapping is."""
    monkeypatch.setenv("MIGRATE_TOKEN", "late")
    values = await read_values(mapping)
    assert values.get(OTHER, ["TOKEN"]) == {"TOKEN": "late"}


async def test_missing_values(mapping, tmp_path):
    """Each variable without a value is named with the source that should have it."""
    values = await read_values(mapping, ENVIRON)
    names = ["TOKEN", "UNSET", "ABSENT", "NOWHERE", "BROKEN", "UNKNOWN"]
    missing = values.missing(OTHER, names)
    assert missing == {
        "UNSET": "the variable MIGRATE_UNSET of this process is not set",
        "ABSENT": f"the file {tmp_path / 'secrets.env'} does not contain it",
        "NOWHERE": f"cannot read {tmp_path / 'absent.env'}: No such file or directory",
        "BROKEN": f"{tmp_path / 'broken.env'}: line 2 is not NAME=VALUE; a value may be in single "
        "or double quotes, and has only one line",
        "UNKNOWN": "the mapping file has no source for it in [env]",
    }
    with pytest.raises(InvalidArgumentError) as caught:
        values.get(OTHER, names)
    assert all(f"{name}: {why}" in str(caught.value) for name, why in missing.items())


async def test_values_are_shown_nowhere(mapping, caplog):
    """No representation, message, traceback or log has a value."""
    caplog.set_level("DEBUG")
    values = await read_values(mapping, ENVIRON)
    shown = [repr(values), str(values), repr(mapping), str(values.missing(OTHER, ["BROKEN"]))]
    with pytest.raises(InvalidArgumentError) as caught:
        values.get(GUID, ["API_URL", "TOKEN", "BROKEN", "UNSET"])
    shown += traceback.format_exception(caught.value)
    text = "\n".join((*shown, caplog.text))
    assert not [secret for secret in SECRETS if secret in text]


async def test_values_cannot_be_written(mapping):
    """They are in memory only, and go nowhere by accident."""
    with pytest.raises(TypeError, match="values of environment variables"):
        pickle.dumps(await read_values(mapping, ENVIRON))


@pytest.mark.parametrize("given", [{}, {"file": "a", "environ": "B"}])
def test_a_source_is_one_of_two(given):
    """A source in code is checked like one in a file."""
    with pytest.raises(InvalidArgumentError, match="file= or environ="):
        ValueSource(**given)

"""Mapping files: what they can say, in TOML and CSV, and what is refused."""

import codecs

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.model import Mapping, ValueSource
from tests.migrate.mapping.invented import GUID, OTHER

SECRET = "hunter2"

EVERYTHING = f"""\
[match]
users = ["external_id", "email"]
groups = []
[users]
"alice" = "alice.smith"
"bob" = "guid:{OTHER}"
"carol" = ""
[groups]
"analysts" = "team-analysts"
[owners]
fallback = "svc-migration"
[integrations]
"Databricks prod" = "Databricks"
[environments]
"ghcr.io/acme/r:4.3" = "ghcr.io/acme/r:4.4"
[content]
"{GUID.upper()}" = "{OTHER}"
[env]
API_URL = {{ file = "secrets.env" }}
TOKEN = {{ environ = "MIGRATE_TOKEN" }}
[content-env."{{{GUID}}}"]
TOKEN = {{ file = "/run/other.env" }}
"""

TABLE = """\
kind,source,target
user,alice,alice.smith
user,"smith, bob",""
group,analysts,team-analysts
owner,fallback,svc-migration
integration,Databricks prod,Databricks
environment,ghcr.io/acme/r:4.3,ghcr.io/acme/r:4.4

env,API_URL,file:secrets.env
env,TOKEN,environ:MIGRATE_TOKEN
"""


def load(folder, text, name="mapping.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def test_everything_that_a_file_can_say(tmp_path):
    """Every table is read; paths are relative to the file, and GUIDs have any spelling."""
    assert load(tmp_path, EVERYTHING) == Mapping(
        match_users=("external_id", "email"),
        match_groups=(),
        users={"alice": "alice.smith", "bob": f"guid:{OTHER}", "carol": ""},
        groups={"analysts": "team-analysts"},
        owner_fallback="svc-migration",
        integrations={"Databricks prod": "Databricks"},
        environments={"ghcr.io/acme/r:4.3": "ghcr.io/acme/r:4.4"},
        content={GUID: OTHER},
        env={
            "API_URL": ValueSource(file=str(tmp_path / "secrets.env")),
            "TOKEN": ValueSource(environ="MIGRATE_TOKEN"),
        },
        content_env={GUID: {"TOKEN": ValueSource(file="/run/other.env")}},
    )


@pytest.mark.parametrize("mark", ["", codecs.BOM_UTF8.decode()])
def test_an_empty_file(tmp_path, mark):
    """A file that says nothing leaves everything to guesses."""
    assert load(tmp_path, mark) == Mapping()


def test_csv(tmp_path):
    """A table of three columns says the same, such as one exported from a spreadsheet."""
    text = "\ufeff" + TABLE.replace("\n", "\r\n")
    found = load(tmp_path, text, "mapping.csv")
    assert found == Mapping(
        users={"alice": "alice.smith", "smith, bob": ""},
        groups={"analysts": "team-analysts"},
        owner_fallback="svc-migration",
        integrations={"Databricks prod": "Databricks"},
        environments={"ghcr.io/acme/r:4.3": "ghcr.io/acme/r:4.4"},
        env={
            "API_URL": ValueSource(file=str(tmp_path / "secrets.env")),
            "TOKEN": ValueSource(environ="MIGRATE_TOKEN"),
        },
    )


def test_a_spreadsheet(tmp_path):
    """Semicolons, capitals and rows without text, as spreadsheets write them, change nothing."""
    text = "\ufeffKind;Source; Target\r\nuser;alice;alice.smith \r\n;;\r\ngroup;a, b;c\r\n"
    found = load(tmp_path, text, "mapping.CSV")
    assert found == Mapping(users={"alice": "alice.smith"}, groups={"a, b": "c"})


TEXTS = st.dictionaries(st.text(), st.text(), max_size=2)
SOURCES = st.dictionaries(
    st.text(), st.builds(ValueSource, environ=st.text()) | st.builds(ValueSource, file=st.text())
)


@given(
    st.builds(
        Mapping,
        users=TEXTS,
        owner_fallback=st.none() | st.text(),
        env=SOURCES,
        content_env=st.dictionaries(st.text(), SOURCES, max_size=2),
    )
)
def test_mappings_are_plain_data(mapping):
    """A plan has the mapping in its file, and gets it back from there."""
    plain = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(mapping)))
    assert msgspec.convert(plain, Mapping) == mapping


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[user]\na = 'b'", "the file has no key 'user'; did you mean 'users'?"),
        ("[match]\nuser = []", "[match] has no key 'user'; did you mean 'users'?"),
        ("[owners]\nfalback = 'a'", "did you mean 'fallback'?"),
        ("[match]\nusers = ['mail']", "match.users cannot be 'mail'; it takes username, email"),
        ("[match]\ngroups = ['gid']", "match.groups cannot be 'gid'; it takes name"),
        ("[match]\nusers = 'email'", "match.users must be an array of texts, not text"),
        ("[users]\na = 1", "users.a must be text, not a whole number; write it in quotes"),
        ("[users]\nalice.smith = 'a'", "users.alice must be text, not a table; write names that"),
        ("[users]\na = 'b'\na = 'c'", "is not valid TOML"),
        ("users = 'a'", "users must be a table, not text"),
        (f"[content]\n'{GUID}' = ''", "[content] takes GUIDs of content, and '' is none"),
        (f"[content]\nsales = '{GUID}'", "'sales' is none"),
        (f"[content]\n'{GUID}' = '{GUID}'\n'{OTHER}' = '{GUID}'", "to two items"),
        ("[content-env.sales]\nA = {environ = 'A'}", "[content-env] takes GUIDs"),
    ],
)
def test_what_a_file_cannot_say(tmp_path, text, words):
    """What is wrong is named, with what was probably meant."""
    with pytest.raises(InvalidArgumentError) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert str(tmp_path / "mapping.toml") in str(caught.value)


@pytest.mark.parametrize("table", ["env", f"content-env.'{GUID}'"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (f"'{SECRET}'", "values are never in the mapping file"),
        (f"['{SECRET}']", "values are never in the mapping file"),
        (f"{{ value = '{SECRET}' }}", "has no key 'value'; it takes environ, file"),
        (f"{{ file = ['{SECRET}'] }}", "file must be text"),
        ("{ file = 'a', environ = 'B' }", "needs either file or environ"),
        ("{ file = '' }", "needs either file or environ"),
        ("{}", "needs either file or environ"),
    ],
)
def test_values_are_refused(tmp_path, table, value, words):
    """A value in the file is refused, and not shown."""
    with pytest.raises(InvalidArgumentError) as caught:
        load(tmp_path, f"[{table}]\nTOKEN = {value}")
    assert words in str(caught.value)
    assert "TOKEN" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the first line must be kind,source,target"),
        ("kind;source,target\n", "the first line must be kind,source,target"),
        ("kind,source,target\nuser,a\n", "line 2 has 2 columns instead of 3"),
        ("kind,source,target\nusers,a,b\n", "line 2: the kind must be one of user, group"),
        ("kind,source,target\nuser,a,b\nuser,a,c\n", "line 3: the user 'a' is in the file twice"),
        ("kind,source,target\nowner,fallbak,c\n", "did you mean 'fallback'?"),
        ('kind,source,target\nuser,"a,b\n', "is not valid CSV"),
        (f"kind,source,target\nenv,TOKEN,{SECRET}\n", "values are never in the mapping file"),
        (f"kind,source,target\nenv,TOKEN,value:{SECRET}\n", "values are never in the mapping"),
        ("kind,source,target\nenv,TOKEN,file:\n", "needs either file or environ"),
    ],
)
def test_what_a_table_cannot_say(tmp_path, text, words):
    """The line of a mistake is named, and no value is shown."""
    with pytest.raises(InvalidArgumentError) as caught:
        load(tmp_path, text, "mapping.CSV")
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.toml", "absent.csv", "folder.toml", "folder.csv"])
def test_files_that_cannot_be_read(tmp_path, name):
    """It is a mistake of the caller, and the file is named."""
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    with pytest.raises(InvalidArgumentError, match="cannot read .*" + name):
        load_mapping(tmp_path / name)


@pytest.mark.parametrize("name", ["mapping.toml", "mapping.csv"])
def test_files_of_another_encoding(tmp_path, name):
    """Windows writes UTF-16 in places; what to do is said, and nothing of the file."""
    (tmp_path / name).write_text(SECRET, encoding="utf-16")
    with pytest.raises(InvalidArgumentError, match="UTF-16 text; save it as UTF-8") as caught:
        load_mapping(tmp_path / name)
    assert caught.value.__cause__ is None

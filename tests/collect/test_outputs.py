"""Outputs: what a path or an address means, and how files are named."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aconnect import Client
from aconnect.collect.datasets import DATASETS, collection_of, dataset_name, dataset_named
from aconnect.collect.outputs import Output, file_name
from aconnect.collect.sinks.lines import JsonLines
from aconnect.errors import FileError, InvalidArgumentError

DAY = datetime(2026, 1, 1, tzinfo=UTC)
GUID = "0b1c9e5a-7b1f-4c36-9e1e-2f6a4d3c8b7a"


@pytest.fixture
def client():
    """A client that makes no request."""
    return Client("https://connect.example.com", api_key="k")


@pytest.mark.parametrize(
    ("from_", "to", "content", "name"),
    [
        (None, None, (), "visits.csv"),
        (DAY, DAY.replace(month=2), (), "visits-2026-01-01--2026-02-01.csv"),
        (DAY.replace(hour=7), None, (), "visits-from-2026-01-01T070000Z.csv"),
        (None, DAY.replace(microsecond=5), (), "visits-until-2026-01-01T000000.000005Z.csv"),
        (None, None, ("b", "a"), "visits-content-c8687a08.csv"),
        (None, None, ("a", "b", "a"), "visits-content-c8687a08.csv"),
        (None, None, (GUID,), "visits-content-db4a8779.csv"),
        (None, None, (f"{{{GUID.upper()}}}", GUID), "visits-content-db4a8779.csv"),
        (DAY.astimezone(timezone(timedelta(hours=9))), None, (), "visits-from-2026-01-01.csv"),
    ],
)
def test_file_names(from_, to, content, name):
    """The name of a file depends on its content only, so it is the same in every run."""
    assert file_name("visits", from_, to, content, "csv") == name


@pytest.mark.parametrize(
    ("place", "given", "format_", "is_folder"),
    [
        ("usage", None, "jsonl", True),
        ("usage", "parquet", "parquet", True),
        ("usage/", "csv.gz", "csv.gz", True),
        ("2026.01", None, "jsonl", True),
        ("a.jsonl", None, "jsonl", False),
        ("a.JSONL.gz", "jsonl.gz", "jsonl.gz", False),
        ("a.csv.zst", None, "csv.zst", False),
        ("a.duckdb", None, "duckdb", False),
        ("a.duckdb/", None, "jsonl", True),
        ("-", None, "jsonl", False),
        ("s3://bucket/usage", None, "parquet", True),
        ("postgresql://user:secret@host/name", None, "postgres", False),
        ("postgres://host/name", "postgres", "postgres", False),
    ],
)
def test_places(place, given, format_, is_folder):
    """An ending or an address decides the format; anything else is a folder."""
    output = Output.parse(place, given)
    assert (output.format, output.is_folder) == (format_, is_folder)
    assert "secret" not in repr(output)


@pytest.mark.parametrize(
    ("place", "given", "words"),
    [
        ("a.csv", "jsonl", "'a.csv' is csv, not jsonl"),
        ("a.jsonl.gz", "jsonl", "is jsonl.gz, not jsonl"),
        ("a.parquet", None, "Parquet is a folder"),
        ("a.json", None, "ends in .jsonl"),
        ("usage", "postgres", "postgresql://host/database, not 'usage'"),
        ("usage", "xml", "no format 'xml'; choose one of jsonl"),
        ("s3://bucket/usage", "csv", "is parquet, not csv"),
        ("postgresql://user:secret@host/name", "csv", "the address postgresql:.* is postgres"),
    ],
)
def test_contradictions(place, given, words):
    """A place that cannot have a format is refused, without a password."""
    with pytest.raises(InvalidArgumentError, match=words) as caught:
        Output.parse(place, given)
    assert "secret" not in str(caught.value)


def test_a_folder_whose_name_looks_like_a_file(tmp_path):
    """A folder that exists is one, whatever its name."""
    (tmp_path / "a.csv").mkdir()
    assert Output.parse(str(tmp_path / "a.csv")).is_folder


@pytest.mark.parametrize("name", DATASETS)
def test_sinks(tmp_path, name):
    """A sink is that of a dataset in the folder, which is created; snapshots have no window."""
    output = Output.parse(str(tmp_path / "new"))
    dataset = dataset_named(name)
    window = "" if dataset.is_snapshot else "-from-2026-01-01"
    for since_last, file in ((False, f"{name}{window}.jsonl"), (True, f"{name}.jsonl")):
        sink = output.sink(dataset, from_=DAY, since_last=since_last)
        assert isinstance(sink, JsonLines)
        assert sink.path == tmp_path / "new" / file
    assert (tmp_path / "new").is_dir()


def test_a_folder_that_cannot_be_created(tmp_path):
    """A folder that cannot be created is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"cannot create the folder .*; choose another path"):
        Output.parse(str(tmp_path / "file" / "below")).sink(dataset_named("visits"))


def test_below():
    """Only a folder or an object store has room for several servers."""
    assert Output.parse("usage/").below("server=a").place == "usage/server=a"
    assert Output.parse("s3://b/usage").below("server=a").place == "s3://b/usage/server=a"
    for place in ("-", "a.csv", "a.duckdb", "postgresql://host/name"):
        with pytest.raises(InvalidArgumentError, match="need a folder"):
            Output.parse(place).below("server=a")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vists", r"no dataset 'vists' \(did you mean 'visits'\?\); choose one of visits, shiny"),
        ("audit", "did you mean 'audit_logs'"),
        ("x", "no dataset 'x'; choose one of visits, shiny_usage, hits, audit_logs, content"),
        (None, "no dataset None"),
    ],
)
def test_unknown_datasets(name, words):
    """For a dataset that does not exist, all are listed and the nearest is suggested."""
    for function in (dataset_name, dataset_named):
        with pytest.raises(InvalidArgumentError, match=words):
            function(name)


@pytest.mark.parametrize("name", DATASETS)
def test_registry(client, name):
    """Each name means the dataset of this name, with hyphens or underscores."""
    collection = collection_of(client, name.replace("_", "-"), since_last=True, content_guid=None)
    assert collection.dataset is dataset_named(name)
    assert collection.dataset.name == name


@pytest.mark.parametrize("name", DATASETS)
def test_filter_by_content(client, name):
    """Usage can be filtered by content; the error for anything else names the dataset."""
    if name in {"visits", "shiny_usage", "hits"}:
        assert collection_of(client, name, content_guid=[GUID]).dataset.name == name
    else:
        with pytest.raises(InvalidArgumentError, match=f"{name} cannot be filtered by content"):
            collection_of(client, name, content_guid=[GUID])

"""Rows become Arrow batches of one schema, and no value costs a row."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import Raw

from aconnect._core.model import Model, Row
from aconnect.collect.batch import Batch, decode_rows
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.audit_logs import AUDIT_LOGS
from aconnect.collect.datasets.hits import HITS
from aconnect.collect.datasets.shiny_usage import SHINY_USAGE
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.oddities import Oddities
from aconnect.connect import ContentItem, Job, Package, Permission, User

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")

from aconnect.collect.columns import columns_for, replace_nul  # noqa: E402  needs pyarrow

EVENTS = [VISITS, SHINY_USAGE, HITS, AUDIT_LOGS]
SNAPSHOTS = [
    Dataset(name=kind.__name__.lower(), row_type=kind)
    for kind in (ContentItem, User, Job, Package, Permission)
]
DATASETS = EVENTS + SNAPSHOTS
every_dataset = pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
TIME = "2025-03-02T10:00:00Z"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.builds(
    lambda time, digits, zone: f"{time.isoformat()}{'.' if digits else ''}{digits}{zone}",
    st.datetimes(datetime(2, 1, 3), datetime(9999, 12, 29)).map(  # noqa: DTZ001
        lambda time: time.replace(microsecond=0)
    ),
    st.text("0123456789", max_size=6),
    st.sampled_from(["Z", "+00:00", "-05:30", "+14:00", "z"]),
)
LIKELY = st.sampled_from([1, "1", True, "true", TIME, 2**40, [], ["a"], {}, {"path": "/"}])


def raw(*rows: Any) -> list[Raw]:
    return [Raw(row if isinstance(row, bytes) else json.dumps(row).encode()) for row in rows]


def batch_of(dataset, *rows):
    """The batch of rows, and the oddities in it."""
    oddities = Oddities()
    batch = columns_for(dataset).record_batch(raw(*rows), oddities)
    batch.validate(full=True)
    assert batch.schema == columns_for(dataset).schema
    assert len(batch) == len(rows)
    return batch, oddities.counts


def rows_of(row_type):
    """Rows with any values, of the types that are expected and of others."""
    names = [field.encode_name for field in msgspec.structs.fields(row_type)]
    values = JSON | LIKELY | TIMES
    return st.lists(
        st.dictionaries(st.sampled_from(names), values, max_size=8)
        | st.fixed_dictionaries({}, optional={name: st.just("x") for name in names})
        | st.dictionaries(st.sampled_from(names) | TEXT, values, max_size=8)
        | JSON,
        max_size=4,
    )


@every_dataset
@given(data=st.data())
def test_any_values(dataset, data):
    """Whatever JSON a server sends, the number of rows and the schema stay the same."""
    rows = data.draw(rows_of(dataset.row_type))
    batch_of(dataset, *rows)


def valid(hint, *, name=""):
    """Values that match an annotation as JSON."""
    text = str(hint)
    if name == "data_version":
        return st.integers(-(2**31), 2**31 - 1)
    if "an id" in text:
        return st.integers() | TEXT
    if "datetime" in text:
        return TIMES
    if "HitData" in text:
        return st.dictionaries(st.sampled_from(["path", "query", "user_agent"]), TEXT)
    if "list[str]" in text:
        return st.lists(TEXT, max_size=3)
    if "list" in text or "Owner" in text or "dict" in text:
        return st.none()
    if "JobStatus" in text:
        return st.integers(-5, 5)
    if "int" in text:
        return st.integers(-(2**63), 2**63 - 1)
    if "float" in text:
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.booleans() if "bool" in text else TEXT


def expected(value):
    """The value in Arrow of a decoded one."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Row):
        return {field: getattr(value, field) for field in value.__struct_fields__}
    return value.value if isinstance(value, Enum) else value


@every_dataset
@given(data=st.data())
def test_valid_values(dataset, data):
    """A valid value is that of the decoded row, whether or not others beside it are valid."""
    fields = msgspec.structs.fields(dataset.row_type)
    values = {field.encode_name: st.none() | valid(field.type, name=field.name) for field in fields}
    rows = data.draw(
        st.lists(st.fixed_dictionaries({}, optional=values), min_size=1, max_size=4), label="rows"
    )
    good = raw(*rows)
    # A row that nobody expected sends all of them the slow way.
    bad = [Raw(b'{"new": 1}')] if data.draw(st.booleans()) else []
    oddities = Oddities()
    batch = columns_for(dataset).record_batch(good + bad, oddities)
    for index, decoded in enumerate(decode_rows(good, dataset)):
        for field in fields:
            if rows[index].get(field.encode_name) is None:
                assert batch.column(field.encode_name)[index].as_py() is None
            else:
                value = batch.column(field.encode_name)[index].as_py()
                assert value == expected(getattr(decoded, field.name))
    assert not oddities.counts


@given(st.lists(TIMES | st.none(), min_size=1, max_size=5), st.text("0123456789", max_size=3))
def test_nanoseconds(times, digits):
    """Times are cut to microseconds, before 1970 as well, and do not depend on their neighbours."""
    texts = [
        time and f"{time[:19]}.{(time[20:].rstrip('Z+-:z') + '000000')[:6]}{digits}Z"
        for time in times
    ]
    texts = [text if text and text[20:26].isdigit() else None for text in texts]
    batch, counts = batch_of(VISITS, *({"time": text} for text in texts))
    assert batch.column("time").to_pylist() == [
        text and datetime.fromisoformat(text) for text in texts
    ]
    assert not counts


@pytest.mark.parametrize(
    ("value", "stored", "reason"),
    [
        pytest.param("0001-01-01T00:00:00Z", None, "never set (the year 1)", id="year 1"),
        pytest.param("9999-12-31T00:00:00Z", "9999-12-31T00:00:00+00:00", None, id="year 9999"),
        pytest.param("1600-01-01T00:00:00Z", "1600-01-01T00:00:00+00:00", None, id="year 1600"),
        pytest.param("9999-12-31T23:59:59-05:00", None, "out of range", id="year 10000"),
        pytest.param(
            "2025-03-02T10:00:00.123456789Z",
            "2025-03-02T10:00:00.123456+00:00",
            None,
            id="9 digits",
        ),
        pytest.param(
            "2025-03-02T10:00:00.9999999999Z",
            "2025-03-02T10:00:00.999999+00:00",
            None,
            id="10 digits",
        ),
        pytest.param(
            "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999+00:00", None, id="1969"
        ),
        pytest.param(
            "2025-03-02T10:00:00",
            "2025-03-02T10:00:00+00:00",
            "no time zone, taken as UTC",
            id="no zone",
        ),
        pytest.param("2025-03-02T10:00:00+02:00", "2025-03-02T08:00:00+00:00", None, id="zone"),
        pytest.param("2025-03-02T10:00:00Z07:00", None, "not a time", id="Z07:00"),
        pytest.param("2016-12-31T23:59:60Z", None, "not a time", id="leap second"),
        pytest.param("", None, "not a time", id="empty"),
        pytest.param(1740909600, None, "not a time", id="number"),
        pytest.param({}, None, "not a time", id="object"),
    ],
)
def test_times(value, stored, reason):
    """A surprising time is null or what it can mean, and counted; its row and others are kept."""
    rows = [{"id": "a", "time": TIME}, {"id": "b", "time": value}, {"id": "c", "time": None}]
    batch, counts = batch_of(VISITS, *rows)
    assert batch.column("time").to_pylist() == [
        datetime.fromisoformat(TIME),
        stored and datetime.fromisoformat(stored),
        None,
    ]
    assert batch.column("id").to_pylist() == ["a", "b", "c"]
    assert counts == ({f"time: {reason}": 1} if reason else {})


@pytest.mark.parametrize(
    ("row", "field", "stored", "reason"),
    [
        pytest.param(b'{"id":1}', "id", "1", None, id="numeric id"),
        pytest.param(b'{"id":%d}' % 2**70, "id", str(2**70), None, id="large id"),
        pytest.param(b'{"id":1.5}', "id", None, "not an id", id="fraction as id"),
        pytest.param(b'{"id":[]}', "id", None, "not an id", id="list as id"),
        pytest.param(b'{"path":5}', "path", None, "not text", id="number as text"),
        pytest.param(b'{"path":"a","path":"b"}', "path", "b", None, id="a key twice"),
        pytest.param(b'{"data_version":"3"}', "data_version", 3, None, id="number in quotes"),
        pytest.param(
            b'{"data_version":"x"}', "data_version", None, "not an integer", id="text as number"
        ),
        pytest.param(
            b'{"data_version":3000000000}', "data_version", None, "out of range", id="int64"
        ),
        pytest.param(
            b'{"data_version":%d}' % 2**70, "data_version", None, "out of range", id="int70"
        ),
        pytest.param(
            b'{"data_version":1e999}', "data_version", None, "not an integer", id="infinite"
        ),
        pytest.param(
            b'{"path":"a\xff"}', "path", "a\ufffd", "invalid text, replaced", id="not UTF-8"
        ),
        pytest.param(b'{"path":"\\ud83d\\ude00"}', "path", "\U0001f600", None, id="surrogates"),
        pytest.param(b'{"path":"\\u0000"}', "path", "\0", None, id="U+0000"),
    ],
)
def test_values(row, field, stored, reason):
    """A surprising value is converted, or null and counted; its row and others are kept."""
    batch, counts = batch_of(VISITS, {"time": TIME, "path": "/"}, row)
    assert batch.column(field)[1].as_py() == stored
    assert batch.column("path")[0].as_py() == "/"
    assert counts == ({f"{field}: {reason}": 1} if reason else {})


@pytest.mark.parametrize("text", [rb"a\ud800", rb"\udc00b", rb"\ud800\ud800", rb"\ud83dx"])
def test_lone_surrogates(text):
    """Half of a surrogate pair, which is no text, is replaced and counted."""
    batch, counts = batch_of(VISITS, {"path": "/"}, b'{"path":"%b","id":"1"}' % text)
    path = batch.column("path")[1].as_py()
    assert set(path) <= set("abx\ufffd")
    assert "\ufffd" in path
    assert batch.column("id")[1].as_py() == "1"
    assert sum(counts.values()) == 1


@pytest.mark.parametrize(
    ("row", "extra"),
    [(b"1", "1"), (b"[1]", "[1]"), (b"null", None), (b'"a"', '"a"')],
)
def test_rows_that_are_no_objects(row, extra):
    """What is no object is a row of nulls, whose JSON is kept."""
    batch, counts = batch_of(VISITS, {"path": "/"}, row)
    assert batch.column("extra").to_pylist() == [None, extra]
    assert batch.column("path").to_pylist() == ["/", None]
    assert counts == {"row: not an object": 1}


def test_unknown_fields():
    """Fields that the library does not know yet are kept as JSON, nested ones under their path."""
    rows = [
        {"id": 1, "timestamp": TIME, "new": {"a": [1, "ä"]}, "data": {"path": "/", "ip": "::1"}},
        {"id": 2, "data": None},
    ]
    batch, counts = batch_of(HITS, *rows)
    assert batch.column("id").to_pylist() == ["1", "2"]
    assert batch.column("data")[0]["path"].as_py() == "/"
    assert batch.column("data")[1].as_py() is None
    extra, none = batch.column("extra").to_pylist()
    assert json.loads(extra) == {"new": {"a": [1, "ä"]}, "data": {"ip": "::1"}}
    assert none is None
    assert not counts


def test_nested_values():
    """A nested value that does not match costs neither its row nor the values beside it."""
    rows = [{"data": {"path": 5, "query": "a=1"}}, {"id": "2", "data": 7}, {"data": {"path": "/"}}]
    batch, counts = batch_of(HITS, *rows)
    paths = [data and (data["path"], data["query"]) for data in batch.column("data").to_pylist()]
    assert paths == [(None, "a=1"), None, ("/", None)]
    assert batch.column("id").to_pylist() == [None, "2", None]
    assert counts == {"data.path: not text": 1, "data: not an object": 1}


def test_schema_of_events():
    """Times are in UTC and microseconds, ids text, nested rows structs; `extra` is last."""
    utc = pa.timestamp("us", tz="UTC")
    assert columns_for(HITS).schema == pa.schema(
        {
            "id": pa.string(),
            "user_guid": pa.string(),
            "content_guid": pa.string(),
            "timestamp": utc,
            "data": pa.struct(
                dict.fromkeys(
                    ["path", "query", "user_agent", "sec_fetch_dest", "sec_fetch_site"],
                    pa.string(),
                )
            ),
            "extra": pa.string(),
        }
    )
    assert columns_for(VISITS).schema.field("data_version").type == pa.int32()


def test_schema_of_snapshots():
    """Models nested in a model are JSON text, lists of text lists, enums text or integers."""
    schema = columns_for(Dataset(name="content", row_type=ContentItem)).schema
    types = {name: str(schema.field(name).type) for name in ("owner", "tags", "access_type")}
    assert types == dict.fromkeys(types, "string")
    schema = columns_for(Dataset(name="users", row_type=User)).schema
    assert schema.field("privileges").type == pa.list_(pa.string())
    assert schema.field("preferences").type == pa.string()
    schema = columns_for(Dataset(name="jobs", row_type=Job)).schema
    assert schema.field("status").type == pa.int64()


def test_json_text():
    """Nested JSON is kept as received; text in it that is not UTF-8 is replaced and counted."""

    class Thing(Model, kw_only=True):
        parts: dict[str, Any] | None = None
        mixed: int | list[int] | None = None

    dataset = Dataset(name="things", row_type=Thing)
    rows = [b'{"parts": {"a":  [1]}}', b'{"parts":"\xff","mixed":[2]}', b'{"parts":null}']
    batch, counts = batch_of(dataset, *rows)
    assert batch.column("parts").to_pylist() == ['{"a":  [1]}', '"\ufffd"', None]
    assert batch.column("mixed").to_pylist() == [None, "[2]", None]
    assert counts == {"parts: invalid text, replaced": 1}


def test_flat():
    """In flat batches nested rows are columns of their own, and lists JSON text."""
    columns = columns_for(HITS)
    batch, _ = batch_of(HITS, {"id": 1, "data": {"path": "/a"}}, {"id": 2, "data": None})
    flat = columns.flat(batch)
    flat.validate(full=True)
    assert flat.schema == columns.flat_schema
    assert flat.column("data.path").to_pylist() == ["/a", None]
    assert flat.column("data.query").null_count == 2
    dataset = Dataset(name="users", row_type=User)
    batch, _ = batch_of(dataset, {"privileges": ["a", "ä"]}, {"privileges": []}, {})
    texts = columns_for(dataset).flat(batch).column("privileges").to_pylist()
    assert texts == ['["a","ä"]', "[]", None]


@given(st.lists(st.none() | st.text("ab\0ä", max_size=4), max_size=6), st.data())
def test_replace_nul(paths, data):
    """U+0000 is replaced and counted once for each value; a slice is treated like a whole batch."""
    batch, _ = batch_of(VISITS, *({"path": path, "data_version": 3} for path in paths))
    start = data.draw(st.integers(0, len(paths)))
    oddities = Oddities()
    replaced = replace_nul(batch.slice(start), oddities)
    assert replaced.schema == batch.schema
    assert replaced.column("path").to_pylist() == [
        path and path.replace("\0", "\ufffd") for path in paths[start:]
    ]
    count = sum("\0" in (path or "") for path in paths[start:])
    assert oddities.counts == ({"path: contains U+0000, replaced": count} if count else {})


@every_dataset
def test_no_rows(dataset):
    """A page without rows is a batch without rows, of the same schema."""
    batch, counts = batch_of(dataset)
    assert len(columns_for(dataset).flat(batch)) == 0
    assert not counts


def test_batch_to_arrow():
    """A batch counts what did not fit with the oddities that it was given."""
    oddities = Oddities()
    batch: Batch[Any] = Batch(VISITS, raw({"time": "now"}), oddities=oddities)
    assert batch.to_arrow().column("time").null_count == 1
    assert oddities.counts == {"time: not a time": 1}
    assert Batch(VISITS, raw({"time": "now"})).to_arrow().num_rows == 1


def test_memory():
    """Batches are allocated in the pool of the system, and the default pool stays what it was."""
    before = pa.default_memory_pool().bytes_allocated()
    batch, _ = batch_of(VISITS, *[{"time": TIME, "path": "x" * 100}] * 500)
    assert batch.nbytes > 50_000
    assert pa.default_memory_pool().bytes_allocated() - before < 10_000


def test_without_pyarrow():
    """Without pyarrow, the error says what to install."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from aconnect.collect.batch import Batch\n"
        "from aconnect.collect.datasets.visits import VISITS\n"
        "Batch(VISITS, []).to_arrow()"
    )
    result = subprocess.run(  # noqa: S603  our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "MissingExtraError" in result.stderr
    assert "pip install 'aconnect[arrow]'" in result.stderr

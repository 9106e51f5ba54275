"""Responses with invalid values lose as little as possible; all others raise a clear error."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect import errors
from aconnect._client.bound import Bound, ChannelOwner, binder_for
from aconnect._core import decoding
from aconnect._core.decoding import decode
from aconnect._core.message import Response
from aconnect._core.model import Model
from aconnect.connect import (
    ApiKey,
    BootstrapSuccess,
    Bundle,
    ContentItem,
    ContentVisit,
    Job,
    LogEntries,
    OAuthCredentials,
    ServerSettings,
    ServerVersion,
    ServiceToken,
    Tag,
    TaskStatus,
    User,
)
from aconnect.connect._base.paging import Keyset
from tests.ids import stable_id

NO_DATE = "2006-01-02T15:04:05Z07:00"
RECORDINGS = Path(__file__).parents[2] / ".." / "shared" / "recordings"


def response(body, content_type="application/json"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=200, headers={"Content-Type": content_type}, body=body)


def read(body, kind, content_type="application/json"):
    return decode(response(body, content_type), kind, "GET /v1/x")


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001
    st.text("0123456789", max_size=9),
    st.sampled_from(["Z", "+00:00", "-05:30", "+14:00"]),
)
def test_times(when, digits, offset):
    """A time with up to 9 fractional digits is aware, and exact to the microsecond."""
    text = when.strftime("%4Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{digits}" if digits else "")
    got = read({"created_time": text + offset}, User).created_time
    minutes = {"Z": 0, "+00:00": 0, "-05:30": -330, "+14:00": 840}[offset]
    assert got.utcoffset() == timedelta(minutes=minutes)
    exact = when.replace(microsecond=0) + timedelta(seconds=int(digits or 0) / 10 ** len(digits))
    assert abs(got.replace(tzinfo=None) - exact) <= timedelta(microseconds=1)


@pytest.mark.parametrize("name", ["created_time", "last_deployed_time"])
def test_zero_time_of_go(name):
    """A time that was never set is None, as on servers that send null for it."""
    at, never = "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"
    row = {"created_time": at, "last_deployed_time": at, name: never, "bundle_id": 7}
    item = read(row, ContentItem)
    assert getattr(item, name) is None
    assert [item.created_time, item.last_deployed_time].count(None) == 1
    assert item.bundle_id == "7"
    assert read({"active_time": never}, ServiceToken).active_time is None


@pytest.mark.parametrize("offset", ["Z", "+02:00", "-02:00"])
def test_zero_time_of_a_row(offset):
    """In rows, Go's zero time stays a time that can be compared and printed."""
    got = read({"time": f"0001-01-01T00:00:00{offset}"}, ContentVisit).time
    assert got.replace(tzinfo=UTC) == datetime(1, 1, 1, tzinfo=UTC)
    assert str(got).startswith("0001-01-01")


@pytest.mark.parametrize("wrong", [NO_DATE, "", "yesterday", {}], ids=stable_id)
def test_no_date(wrong, caplog):
    """An invalid time is omitted and logged; the other values are kept."""
    row = {"id": "7", "created_time": wrong, "size": 5}
    good = {"id": "8", "created_time": "2026-01-01T00:00:00Z"}
    bundles = read([good, row, good], list[Bundle])
    assert [b.id for b in bundles] == ["8", "7", "8"]
    assert [b.created_time is None for b in bundles] == [False, True, False]
    assert bundles[1].size == 5
    (record,) = [r for r in caplog.records if r.name == "aconnect"]
    assert record.levelname == "WARNING"
    assert "created_time" in record.getMessage()


def test_no_date_in_a_page(caplog):
    """The same for the rows of a page; its paging part is still read."""
    page = {"results": [{"time": NO_DATE, "path": "/a"}], "paging": {"cursors": {"next": "c"}}}
    got = read(page, Keyset().response_type(ContentVisit))
    assert (got.results[0].time, got.results[0].path) == (None, "/a")
    assert got.paging.cursors.next == "c"
    assert "invalid value" in caplog.text


def test_no_dates_in_an_inner_list():
    """Invalid values deep inside a response are omitted; the rest keeps its order."""
    entries = [{"data": str(i), "timestamp": NO_DATE if i % 2 else None} for i in range(20)]
    got = read({"entries": entries}, LogEntries)
    assert [entry.data for entry in got.entries] == [str(i) for i in range(20)]


@pytest.mark.parametrize("wrong", [None, 5, True, {}, [], ["x"]], ids=stable_id)
def test_invalid_lines_of_a_log(wrong, caplog):
    """An item that does not match is left out of the list and logged; the others are kept."""
    status = {"finished": False, "code": 0, "error": "", "output": ["a", wrong, "b"]}
    assert read(status, TaskStatus).output == ["a", "b"]
    assert "output" in caplog.text
    if wrong != {}:
        entries = [{"data": "a"}, wrong, {"data": "b"}]
        assert [entry.data for entry in read({"entries": entries}, LogEntries).entries] == [
            "a",
            "b",
        ]


def test_many_misfits_take_linear_time(monkeypatch):
    """A long log without a single valid time is not decoded again for each of its lines."""
    converted = 0
    convert = msgspec.convert

    def counting(data, *args, **kwargs):
        nonlocal converted
        converted += len(data["entries"]) if isinstance(data, dict) and "entries" in data else 1
        return convert(data, *args, **kwargs)

    monkeypatch.setattr(msgspec, "convert", counting)
    entries = [{"data": str(i), "timestamp": NO_DATE} for i in range(300)]
    assert len(read({"entries": entries}, LogEntries).entries) == 300
    assert converted <= 300 * 10


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"created_time": ""}, list[User]),
        ({"username": None}, list[User]),
        ({"guid": []}, list[ContentItem]),
        ({"time": ""}, list[ContentVisit]),
    ],
    ids=stable_id,
)
def test_the_fields_of_a_model_are_looked_up_once(monkeypatch, row, kind):
    """However many rows have an invalid value, the fields of their model are looked up once."""
    fields = Mock(side_effect=msgspec.structs.fields)
    monkeypatch.setattr(msgspec.structs, "fields", fields)
    decoding._fields_of.cache_clear()
    assert len(read([row] * 500, kind)) == 500
    assert fields.call_count == 1


def test_too_many_misfits_are_given_up(monkeypatch):
    """A response that hardly matches at all costs a bounded number of conversions."""
    convert = Mock(side_effect=msgspec.convert)
    monkeypatch.setattr(decoding, "_MAX_FAILED", 1000)
    monkeypatch.setattr(msgspec, "convert", convert)
    # One for the list, and two for each row.
    assert len(read([{"created_time": ""}] * 400, list[User])) == 400
    for row in [b'{"created_time":""}', b'{"username":null}', b'{"privileges":{}}']:
        convert.reset_mock()
        with pytest.raises(errors.DecodeError, match=r"^GET /v1/x .* too much does not match"):
            read(b"[" + b",".join([row] * 5000) + b"]", list[User])
        assert convert.call_count <= 1500


@pytest.mark.parametrize("kind", [list[User], list[dict[str, object]], object], ids=str)
@pytest.mark.parametrize("part", [b"{}", b"[]", b"[[[[[[[[]]]]]]]]", b'{"a":{}}'])
def test_a_bomb_of_objects(monkeypatch, kind, part):
    """A few bytes per object are refused before they become many times as much memory."""
    body = b"[" + b",".join([part] * (1_500_000 // len(part))) + b"]"
    monkeypatch.setattr(msgspec, "convert", None)
    with pytest.raises(errors.BodyTooLargeError, match=r"^GET /v1/x .* objects and arrays in "):
        read(body, kind)


def test_large_lists_are_decoded():
    """Lists of ordinary objects may be as long as they like, and short ones as dense."""
    hit = {"id": 1, "timestamp": "2026-01-01T00:00:00Z", "data": {"path": "/" + "x" * 60}}
    assert len(read([hit] * 60_000, list[dict[str, object]])) == 60_000
    assert len(read(b"[" + b"{}," * 100_000 + b"{}]", list[dict[str, int]])) == 100_001
    assert read({"username": "{[" * 300_000}, User).username == "{[" * 300_000


def test_log_is_not_flooded(caplog):
    """A thousand rows with the same invalid value are logged in a few lines."""
    rows = [{"time": NO_DATE}] * 1000
    assert len(read(rows, list[ContentVisit])) == 1000
    assert 1 <= len(caplog.records) <= 20


def test_values_are_not_logged(caplog):
    """The log names the position of an invalid value, not the value, which may be private."""
    read({"username": "u", "created_time": "s3cret"}, User)
    assert "created_time" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([{"guid": "a"}, 5], list[User]),
        ([None], list[User]),
        (5, User),
        ("x", User),
        ([], User),
        ({"results": 5}, Keyset().response_type(User)),
        ({}, Keyset().response_type(User)),
        ({}, list[User]),
    ],
    ids=stable_id,
)
def test_another_shape(body, kind):
    """A response or a row of another shape raises an error instead of becoming an empty object."""
    with pytest.raises(
        errors.DecodeError, match="GET /v1/x returned JSON that does not match"
    ) as caught:
        read(body, kind)
    assert caught.value.body == json.dumps(body).encode()


PAGE = b"<!DOCTYPE html><title>Sign in</title>"
BROKEN = [
    (PAGE, "text/html", "HTML page.*login page or a proxy"),
    (b"\n  <html>", "application/json", "HTML page"),
    (b"", "application/json", "empty"),
    (b" \n", "application/json", "empty"),
    (b'{"guid": "a', "application/json", "damaged or truncated.*11 bytes"),
    (b'[{"guid"', "application/json", ""),
    (b'{"guid": "\xff\xfe"}', "application/json", "damaged"),
    (b'{"created_time": "x", "unknown": "\xff"}', "application/json", "damaged"),
    (b"Bad gateway", "text/plain; charset=utf-8", "text/plain, starting with 'Bad gateway'"),
    (b"hello", "", "no content type"),
    (b"{" + b'"a":[' * 100_000, "application/json", ""),
    (b"\xef\xbb\xbf", "application/json", ""),
]


@pytest.mark.parametrize(("body", "kind", "said"), BROKEN, ids=lambda v: repr(v)[:30])
@pytest.mark.parametrize("model", [User, list[User], Keyset().response_type(User)], ids=str)
def test_no_json(body, kind, said, model):
    """A body that is not JSON raises an error that names the call and describes the body."""
    with pytest.raises(
        errors.DecodeError, match=f"(?s)^GET /v1/x.*{said if model is User else ''}"
    ) as caught:
        read(body, model, kind)
    assert len(str(caught.value)) < 500
    assert caught.value.body == body


def recorded(pattern):
    found = sorted(RECORDINGS.glob(pattern))
    return found or [pytest.param(None, marks=pytest.mark.skip("no recordings here"))]


@pytest.mark.parametrize("path", recorded("describe-content-*.json"), ids=str)
def test_recorded_content(path):
    """A recorded content item is decoded without losing a value."""
    lossless(read(path.read_bytes(), ContentItem), json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", recorded("list-content.json"), ids=str)
def test_recorded_list(path, caplog):
    """A recorded list of content is decoded without losing a value."""
    raw = json.loads(path.read_bytes())
    for item, data in zip(read(raw, list[ContentItem]), raw, strict=True):
        lossless(item, data)
    assert not caplog.records


@pytest.mark.parametrize("path", recorded("me.json"), ids=str)
def test_recorded_user(path):
    """A recorded user has its times, role, preferences and privileges."""
    raw = json.loads(path.read_bytes())
    raw.pop("password", None)
    user = read(raw, User)
    lossless(user, raw)
    assert user.created_time.year == 2023


@pytest.mark.parametrize("path", recorded("server_settings.json"), ids=str)
def test_recorded_settings(path):
    """Recorded server settings contain the version, despite its unusual format."""
    settings = read(path.read_bytes(), ServerSettings)
    assert settings.server_version == ServerVersion.parse("2023.11.0")
    assert settings.hostname


def lossless(value, raw):
    """Check that every field that was sent has its value, times to the microsecond."""
    shown = {f.encode_name: getattr(value, f.name) for f in msgspec.structs.fields(value)}
    for name, sent in raw.items():
        assert name in shown, f"{type(value).__name__} has no field {name}"
        if isinstance(shown[name], datetime):
            assert shown[name].strftime("%Y-%m-%dT%H:%M:%S") == sent[:19]
        else:
            assert shown[name] == sent


class Leaf(Bound, kw_only=True):
    """An object that makes calls."""

    name: str = ""


class Tree(Bound, kw_only=True):
    """An object that makes calls and contains others, including its own type."""

    leaf: Leaf | None = None
    leaves: list[Leaf] | None = None
    trees: list["Tree"] = []


class Garden(Model, kw_only=True):
    """An object that makes no calls but contains one that does."""

    tree: Tree | None = None


@pytest.mark.parametrize(
    ("kind", "body", "leaves"),
    [
        (
            Garden,
            {"tree": {"leaf": {}, "leaves": [{}, {}]}},
            lambda v: [v.tree.leaf, *v.tree.leaves],
        ),
        (list[Tree], [{"leaf": {}}, {}], lambda v: [v[0], v[1], v[0].leaf]),
        (Tree | None, {"leaves": [{}]}, lambda v: [v, *v.leaves]),
        (list[Leaf], [{}, {}], list),
    ],
    ids=stable_id,
)
def test_parts_are_tied_as_well(kind, body, leaves):
    """Objects inside a response can make calls like the response itself."""
    bind = binder_for(kind)
    assert bind is not None
    value = read(body, kind)
    bind(value, (cast("ChannelOwner", "the client"), {"guid": "g"}))
    assert [part.origin for part in leaves(value)] == [("the client", {"guid": "g"})] * len(
        leaves(value)
    )


@pytest.mark.parametrize("kind", [Model, list[Model], str, dict[str, int], ContentVisit])
def test_unbound_objects_are_not_traversed(kind):
    """Responses without bound objects are not traversed."""
    assert binder_for(kind) is None


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ({"entries": None}, LogEntries, LogEntries()),
        ({"guid": "g", "username": None}, User, User(guid="g")),
        ({"key": "k", "id": None, "status": None}, Job, Job(key="k")),
        (None, list[str], []),
        (None, list[Tag], []),
    ],
)
def test_null(body, kind, expected, caplog):
    """A null is an empty array or a missing field, without a message."""
    assert read(body, kind) == expected
    assert not caplog.records


@pytest.mark.parametrize(
    "body", [b"S3CRET-KEY", b'{"key": "S3CRET-KEY"', b'["S3CRET-KEY"]', b"\xff"]
)
@pytest.mark.parametrize("kind", [ApiKey, BootstrapSuccess, OAuthCredentials, ServiceToken])
def test_an_error_does_not_keep_a_secret_response(kind, body):
    """If a response with a credential cannot be decoded, the error does not repeat it."""
    with pytest.raises(errors.DecodeError) as caught:
        read(body, kind, "text/plain")
    assert b"S3CRET" not in pickle.dumps(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_half_of_a_character(caplog):
    """Text that a server has cut within a character is read, and the loss is logged."""
    tag = read(rb'{"name":"cut \ud83d, \ud83d\ude00, \\ud83d"}', Tag)
    assert tag.name == "cut \ufffd, \U0001f600, \\ud83d"
    assert "half of a character" in caplog.text

"""Models accept the responses of any server version without losing values."""

import copy
import json
import pickle
import types
import typing  # noqa: F401  for annotations that are text
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from inspect import getmembers, isclass
from itertools import product
from typing import ClassVar, Optional, cast  # noqa: F401  as above

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import inspect as mi
from rich.pretty import pretty_repr

import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker.session
from aconnect import errors
from aconnect._client.bound import ChannelOwner
from aconnect._core.decoding import decode, encode
from aconnect._core.message import Response
from aconnect._core.model import Id, Model, OpenEnum, OpenIntEnum, Row
from aconnect.connect import Bundle, ContentItem, ContentVisit, Group, Job, TaskStatus, User
from aconnect.connect.content.content import AccessType
from aconnect.connect.content.jobs import JobStatus, LogEntry

MODELS = [
    kind
    for _, kind in getmembers(aconnect.connect, isclass)
    if issubclass(kind, Model | Row) and kind.__module__.startswith("aconnect")
]
OTHER_MODELS = [
    kind
    for service in (aconnect.authentik, aconnect.cloudendure, aconnect.looker)
    for _, kind in getmembers(service, isclass)
    if issubclass(kind, Model | Row)
]
DECISIVE = {
    kind: [field.encode_name for field in msgspec.structs.fields(kind) if field.required]
    for kind in MODELS
}
"""The fields of each model that decide what the client does next."""
every_model = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ZONES = st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def response(body):
    return Response(status=200, headers={"Content-Type": "application/json"}, body=body)


def read(body, kind):
    return decode(response(body if isinstance(body, bytes) else encode(body)), kind, "GET /x")


def values(info):
    """Generate the values that a type of msgspec may have."""
    plain = {
        mi.NoneType: st.none(),
        mi.BoolType: st.booleans(),
        mi.IntType: st.integers(-(2**63), 2**63 - 1),
        mi.FloatType: st.floats(allow_nan=False, allow_infinity=False),
        mi.StrType: TEXT,
        mi.DateTimeType: TIMES,
        mi.AnyType: JSON,
        mi.CustomType: TEXT,
    }
    match info:
        case mi.UnionType(types=types):
            return st.one_of(*(values(each) for each in types))
        case mi.ListType(item_type=item):
            return st.lists(values(item), max_size=3)
        case mi.DictType(value_type=value):
            return st.dictionaries(TEXT, values(value), max_size=3)
        case mi.EnumType(cls=cls):
            unknown = TEXT if issubclass(cls, str) else st.integers(-(2**31), 2**31)
            return st.sampled_from(cls) | unknown.map(cls)
        case mi.StructType(cls=cls):
            return structs(cls)
    return plain[type(info)]


@cache
def structs(cls):
    """Return a strategy for a model; cached, because models can contain their own type."""
    info = mi.type_info(cls)
    assert isinstance(info, mi.StructType)
    return st.deferred(lambda: st.builds(cls, **{f.name: values(f.type) for f in info.fields}))


def instances(kind):
    return values(mi.type_info(kind))


def complete(kind, fields=None):
    """Return a response with these fields, and null for the decisive ones, or False."""
    decisive = {name: False if name == "finished" else None for name in DECISIVE[kind]}
    return {**decisive, **(fields or {})}


def test_all_models_found():
    """Every model is tested below."""
    assert len(MODELS) > 25
    assert {User, Bundle, ContentItem, ContentVisit, Job} <= set(MODELS)


@every_model
def test_missing_and_unknown_fields(kind):
    """A model can be decoded without any field that decides nothing, and with unknown fields."""
    empty = read(complete(kind), kind)
    assert read(complete(kind, {"field_from_2030": [{}], "another": None}), kind) == empty


@every_model
def test_round_trip(kind):
    """A model that is encoded again decodes to an equal one."""

    @given(instances(kind))
    def law(value):
        assert read(encode(value), kind) == value

    law()


@every_model
def test_null_everywhere(kind):
    """Null in any field affects that field only."""
    fields = msgspec.structs.fields(kind)
    value = read({f.encode_name: None for f in fields} | complete(kind), kind)
    empty = kind(**complete(kind))
    for f in fields:
        assert getattr(value, f.name) in (None, getattr(empty, f.name))


@every_model
def test_another_type_anywhere(kind):
    """A value of another type in a field that decides nothing affects that field only."""
    wrongs = [{}, [], [None], True, 1.5, -1, "x", {"a": {"b": 1}}]
    for field, wrong in product(msgspec.structs.fields(kind), wrongs):
        if field.required:
            continue
        others = complete(kind, {"guid": "the-guid", "name": "the-name"})
        value = read({**others, field.encode_name: wrong}, kind)
        for name, expected in others.items():
            if name in kind.__struct_fields__ and name != field.encode_name:
                assert getattr(value, name) == expected


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *product(["finished", "code"], ["yes", 1.0, 1.5, {}, [], ""]),
        *product(["finished", "error"], [{}, {"message": "failed"}, ["failed"], 1, 0]),
        ("code", True),
        ("code", False),
        ("error", True),
        ("error", False),
        ("finished", None),
    ],
)
def test_decisive_fields(name, wrong):
    """A field that decides whether a task has ended and failed must be there and match."""
    status = {"id": "t", "finished": True, "code": 0, "error": "", "output": [], "last": 0}
    assert read(status, TaskStatus).finished
    with pytest.raises(errors.DecodeError, match=name):
        read({**status, name: wrong}, TaskStatus)
    with pytest.raises(errors.DecodeError, match=name):
        read({key: value for key, value in status.items() if key != name}, TaskStatus)


@every_model
def test_lean_rows(kind):
    """Rows of high-volume responses are immutable and not tracked by the garbage collector."""
    assert kind.__struct_config__.frozen is issubclass(kind, Row)
    assert kind.__struct_config__.gc is not issubclass(kind, Row)


@pytest.mark.parametrize(("wire", "expected"), [(92, "92"), ("92", "92"), (2**70, str(2**70)),
                         ("7d59c5c7", "7d59c5c7"), ("", ""), (-1, "-1")])  # fmt: skip
def test_ids(wire, expected):
    """An id is a string, however a version encodes it."""
    item = read({"id": wire, "bundle_id": wire}, ContentItem)
    assert (item.id, item.bundle_id) == (expected, expected)
    assert type(item.id) is str
    assert read({"id": wire}, Bundle).id == expected
    if not isinstance(wire, int) or wire < 2**63:
        assert read({"bundle_id": wire}, ContentVisit).bundle_id == expected


@pytest.mark.parametrize("wire", [True, False, 1.5, [], {}], ids=repr)
def test_no_ids(wire, caplog):
    """A value that cannot be an id is omitted and logged."""
    item = read({"guid": "g", "id": wire}, ContentItem)
    assert (item.guid, item.id) == ("g", None)
    assert "invalid value" in caplog.text


class Named(Model, kw_only=True):
    """One id in the base class, one in the class itself."""

    id: Id | None = None


class NamedTwice(Named, kw_only=True):
    """A subclass has the ids of both classes."""

    other_id: Id = ""


def test_ids_below_others():
    """The ids of a base class are converted as well."""
    value = read({"id": 1, "other_id": 2}, NamedTwice)
    assert (value.id, value.other_id) == ("1", "2")


@pytest.mark.parametrize(
    ("wire", "microseconds"),
    [
        ("2026-01-01T23:59:59.9999999Z", 999_999),
        ("2026-01-01T23:59:59.123456789Z", 123_456),
        ("2026-01-01T23:59:59.1Z", 100_000),
        ("2026-01-01T23:59:59+00:00", 0),
    ],
)
def test_times_of_a_log(wire, microseconds):
    """Nanoseconds are cut and not rounded, so that no line gets a later time than the next one."""
    expected = datetime(2026, 1, 1, 23, 59, 59, microseconds, tzinfo=UTC)
    entry = read({"timestamp": wire, "data": "x"}, LogEntry)
    assert entry.timestamp == expected
    assert entry.to_dict()["timestamp"] == expected


@pytest.mark.parametrize("wire", [None, "", "soon", "0001-01-01T00:00:00Z", 5])
def test_no_time_of_a_log(wire):
    """A line without a valid time is kept."""
    entry = read({"timestamp": wire, "data": "x"}, LogEntry)
    assert (entry.timestamp, entry.data) == (None, "x")


@pytest.mark.parametrize("wire", [7, "7"])
def test_ids_of_rows(wire):
    """The ids of a row are text wherever they are shown, also if the server sent numbers."""
    visit = read({"id": wire, "bundle_id": wire, "content_guid": "g"}, ContentVisit)
    assert (visit.id, visit.bundle_id, visit.rendering_id) == ("7", "7", None)
    for text in (repr(visit), str(visit), pretty_repr(visit)):
        assert "wire" not in text
        assert "id='7'" in text
        assert "bundle_id='7'" in text
    assert visit.to_dict()["id"] == "7"
    assert msgspec.structs.asdict(visit)["content_guid"] == "g"
    assert read(encode(visit), ContentVisit) == visit
    assert json.loads(encode(visit))["id"] == wire


@pytest.mark.parametrize("kind", [*MODELS, *OTHER_MODELS], ids=lambda kind: kind.__qualname__)
def test_a_dict_has_the_names_of_the_attributes(kind):
    """`to_dict` returns plain values by attribute; ids are text, and times `datetime`."""

    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(name, str) and plain(one) for name, one in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return type(value) in {str, int, float, bool, type(None), datetime}

    @given(instances(kind))
    def law(value):
        data = value.to_dict()
        assert list(data) == list(kind.__struct_fields__)
        assert plain(data)
        for name, one in data.items():
            own = getattr(value, name)
            assert one == own or isinstance(own, msgspec.Struct | list | dict)
            assert name != "id" or one is None or type(one) is str or f"{kind.__name__}.id" in FIXED

    law()


@given(TEXT)
def test_open_enum(text):
    """An undeclared enum value is kept, equals its text, and can be sent."""
    value = read({"access_type": text}, ContentItem).access_type
    assert isinstance(value, AccessType)
    assert value == text
    assert f"{value}" == value.value == text
    assert hash(value) == hash(text)
    assert encode(value) == encode(text)
    assert value == AccessType(text)
    assert len(AccessType) == 3
    for way in (copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))):  # noqa: S301
        assert way(value) == value
    assert text in repr(value) or repr(text)[1:-1] in repr(value)


@given(st.integers(-(2**31), 2**31))
def test_open_int_enum(number):
    """The same for integer enums."""
    value = read({"status": number}, Job).status
    assert isinstance(value, JobStatus)
    assert value == number
    assert encode(value) == str(number).encode()
    assert len(JobStatus) == 4


@pytest.mark.parametrize("wrong", [None, 1.5, [], b"x"], ids=repr)
@pytest.mark.parametrize("kind", [AccessType, JobStatus])
def test_enums_of_other_types(kind, wrong):
    """An open enum accepts only strings, or only integers."""
    assert issubclass(kind, OpenEnum | OpenIntEnum)
    with pytest.raises(ValueError, match=kind.__name__):
        kind(wrong)


def test_bound_without_client():
    """A model that was created by the caller raises a clear error if it is asked to make a call."""
    with pytest.raises(RuntimeError, match="Group did not come from a client"):
        Group(guid="x").client  # noqa: B018  the property raises


def test_to_dict():
    """`to_dict` returns plain values with datetime objects, without the client."""
    item = ContentItem(guid="g", created_time=datetime(2026, 1, 1, tzinfo=UTC))
    item.bind(cast("ChannelOwner", "client"), {"guid": "g"})
    data = item.to_dict()
    assert data["created_time"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert data["guid"] == "g"
    assert "client" not in repr(data)


@every_model
def test_copies(kind):
    """A copy of a model equals it."""
    value = kind(**complete(kind))
    for way in (copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))):  # noqa: S301
        assert way(value) == value


# These ids are strings or numbers on every version.
FIXED = {"OAuthTemplate.id", "OAuthTemplateSection.id"}
IDS = ("id", "app_id", "bundle_id", "content_id", "job_id", "pid", "rendering_id", "variant_id")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, field.encode_name)
        for kind in MODELS
        for field in msgspec.structs.fields(kind)
        if field.encode_name in IDS and f"{kind.__name__}.{field.encode_name}" not in FIXED
    ],
)
@pytest.mark.parametrize("value", [7, "7"])
def test_an_id_is_text_in_every_model(kind, name, value, caplog):
    """An id is a string even if it is sent as a number, in every model."""
    assert getattr(read(complete(kind, {name: value}), kind), name) == "7"
    assert not caplog.records


dt = datetime
When = Optional[dt]  # noqa: UP045  another spelling of the same type
Never = "dt | None"
Ids = list[Id]


def model(annotation):
    """Return a model with one field, of which the annotation is text."""
    names = {"__annotations__": {"x": annotation}, "x": None, "__module__": __name__}
    return types.new_class("Made", (Model,), {"kw_only": True}, lambda space: space.update(names))


@pytest.mark.parametrize(
    "annotation",
    ["dt | None", "None | dt", "When", "'dt | None'", "Never", "Optional[datetime]"],
)
def test_times_in_any_spelling(annotation):
    """A time that was never set is None, however the type of its field is written."""
    assert read({"x": "0001-01-01T00:00:00Z"}, model(annotation)).x is None


@pytest.mark.parametrize("annotation", ["list[Id]", "Ids | None", "Optional[Ids]", "'list[Id]'"])
def test_lists_of_ids_in_any_spelling(annotation):
    """Ids in a list are text, however the type of the field is written."""
    assert read({"x": [1, "2"]}, model(annotation)).x == ["1", "2"]
    assert model(annotation)(x=[1, "2"]).x == ["1", "2"]


@pytest.mark.parametrize("annotation", ["ClassVar[dt]", "typing.ClassVar[dt | None]", "ClassVar"])
def test_class_variables_are_no_fields(annotation):
    """A class variable is left alone, however its type is written, and whatever is in it."""
    assert model(annotation).x is None
    assert model("ClassVar[Later]").x is None
    assert msgspec.structs.fields(model(annotation)) == ()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (aconnect.connect.ApiKey, "key"),
        (aconnect.connect.AWSCredentials, "secret_access_key"),
        (aconnect.connect.AWSCredentials, "session_token"),
        (aconnect.connect.BootstrapSuccess, "api_key"),
        (aconnect.connect.OAuthCredentials, "access_token"),
        (aconnect.connect.ServiceToken, "key"),
        (aconnect.cloudendure.ApiToken, "api_token"),
        (aconnect.cloudendure.Project, "agent_installation_token"),
        (aconnect.cloudendure.User, "api_token"),
        (aconnect.looker.session.AccessToken, "access_token"),
        (aconnect.looker.session.AccessToken, "refresh_token"),
    ],
)
def test_a_secret_is_not_printed(kind, name):
    """A credential in a field is not shown by any way of printing its object."""
    it = kind(**{name: "S3CRET"})
    for shown in (repr(it), str(it), f"{[it]}", pretty_repr(it)):
        assert "S3CRET" not in shown
        assert f"{name}='***'" in shown
    assert getattr(pickle.loads(pickle.dumps(it)), name) == "S3CRET"  # noqa: S301

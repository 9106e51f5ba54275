"""The JSON form of models, and what frameworks find in them."""

import json
import math
from datetime import UTC, datetime

import jsonschema_rs
import msgspec
import pydantic_core
import pytest
from hypothesis import given
from pydantic import BaseModel, TypeAdapter, ValidationError

import aconnect.cloudendure
from aconnect._core.model import Confidential
from aconnect._core.url import rfc3339
from aconnect.connect import ApiKey, ContentItem, ContentVisit, ShinyUsage, Tag, User
from tests.core.test_model import MODELS, OTHER_MODELS, instances

SECRET = "S3CRET"
every_model = pytest.mark.parametrize(
    "kind", [*MODELS, *OTHER_MODELS], ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}"
)


def is_json(value):
    if type(value) is dict:
        return all(type(name) is str and is_json(one) for name, one in value.items())
    if type(value) is list:
        return all(map(is_json, value))
    return type(value) in {str, int, bool, type(None)} or (
        type(value) is float and math.isfinite(value)
    )


def as_text(value):
    """Return plain values with their times as the library writes them into requests."""
    if isinstance(value, dict):
        return {name: as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return rfc3339("time", value) if isinstance(value, datetime) else value


@every_model
def test_the_json_form(kind):
    """`to_dict(json=True)` is `to_dict()` with its times as text, and JSON takes all of it."""

    @given(instances(kind))
    def law(value):
        form = value.to_dict(json=True)
        assert form == as_text(value.to_dict())
        assert is_json(form)
        assert json.loads(json.dumps(form, allow_nan=False)) == form

    law()


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"NaN", b"Infinity"])
def test_numbers_that_json_does_not_have(number):
    """No such number comes from a server, so that the JSON form never has one."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(number, type=float)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(b"x", "eA=="), ({1: (2, 3)}, {"1": [2, 3]}), ([User(guid="u")], [User(guid="u").to_dict()])],
)
def test_values_of_other_types(given, expected):
    """What a user stores in a field of any type becomes JSON as well."""
    form = User(guid="u", preferences={"it": given}).to_dict(json=True)
    assert json.loads(json.dumps(form))["preferences"] == {"it": expected}


@every_model
def test_pydantic_sends_the_json_form(kind):
    """Pydantic serializes a model as its JSON form, as its own JSON schema says, without warnings.

    So does whatever calls `vars`.
    """
    adapter = TypeAdapter(kind)
    schemas = [adapter.json_schema(mode=mode) for mode in ("serialization", "validation")]
    validator = jsonschema_rs.validator_for(schemas[0])
    assert set(definition(schemas[0])["properties"]) == set(kind.__struct_fields__)
    assert set(definition(schemas[0])["required"]) == set(kind.__struct_fields__)
    assert definition(schemas[0]) == definition(schemas[1])

    @given(instances(kind))
    def law(value):
        form = vars(value)
        assert form == value.to_dict(json=True) or has_secrets(value)
        assert adapter.dump_python(value, mode="json") == form
        assert json.loads(adapter.dump_json(value)) == form
        assert json.loads(pydantic_core.to_json({"any": [value]})) == {"any": [form]}
        assert adapter.validate_python(value) is value
        validator.validate(form)

    law()


def definition(schema):
    """Return the schema of the model itself."""
    return schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def has_secrets(value):
    if isinstance(value, Confidential):
        return True
    if isinstance(value, msgspec.Struct):
        return any(has_secrets(getattr(value, name)) for name in value.__struct_fields__)
    return isinstance(value, list) and any(map(has_secrets, value))


def secrets():
    """Return an object of each class with secrets, and one that has such an object inside."""
    made = [
        kind(**dict.fromkeys(kind._hidden, SECRET))
        for kind in [*MODELS, *OTHER_MODELS]
        if issubclass(kind, Confidential)
    ]
    inside = aconnect.cloudendure.UsersList(items=[aconnect.cloudendure.User(api_token=SECRET)])
    return [*made, inside]


@pytest.mark.parametrize("value", secrets(), ids=lambda value: type(value).__qualname__)
def test_secrets_are_not_sent(value):
    """A framework that gets a credential by mistake sends stars; `to_dict` has the value."""
    for sent in (
        json.dumps(vars(value)),
        TypeAdapter(type(value)).dump_json(value).decode(),
        str(TypeAdapter(type(value)).dump_python(value)),
        pydantic_core.to_json([value]).decode(),
    ):
        assert SECRET not in sent
        assert "***" in sent
    assert SECRET in json.dumps(value.to_dict(json=True))
    assert SECRET in str(value.to_dict())


class Report(BaseModel):
    """A model of a user of the library."""

    owner: User
    items: list[ContentItem] = []
    visit: ContentVisit | None = None


def test_inside_a_model_of_pydantic():
    """Our objects can be fields of pydantic's models, are kept as they are, and are named."""
    user, item = (
        User(guid="u"),
        ContentItem(guid="g", created_time=datetime(2026, 1, 1, tzinfo=UTC)),
    )
    report = Report(owner=user, items=[item])
    assert report.owner is user
    assert report.model_dump()["items"] == [item.to_dict()]
    assert report.model_dump(mode="json")["items"] == [item.to_dict(json=True)]
    assert json.loads(report.model_dump_json())["owner"] == user.to_dict(json=True)
    assert json.loads(report.model_dump_json(exclude_none=True))["owner"] == {
        "username": "",
        "guid": "u",
    }
    chosen = report.model_dump(include={"items": {0: {"guid", "name"}}, "owner": {"guid"}})
    assert chosen == {"items": [{"guid": "g", "name": ""}], "owner": {"guid": "u"}}
    schema = Report.model_json_schema()
    assert {"User", "ContentItem", "ContentVisit", "Tag", "ContentOwner"} < set(schema["$defs"])
    tag = schema["$defs"]["Tag"]["properties"]
    assert tag["id"]["type"] == "string"
    assert tag["created_time"]["anyOf"][0] == {"type": "string", "format": "date-time"}


class Change(BaseModel):
    """A model that has objects of the same class in several places, one of them in another."""

    item: ContentItem
    tag: Tag
    before: User
    after: User | None = None
    reports: dict[str, list[Report]] = {}


def test_a_class_in_several_places():
    """Objects of one class can be in several fields, beside and inside one another."""
    tag, user = Tag(id="1"), User(guid="u")
    item = ContentItem(included_tags=[tag])
    change = Change(
        item=item, tag=tag, before=user, after=user, reports={"a": [Report(owner=user)]}
    )
    assert (change.tag, change.after, change.reports["a"][0].owner) == (tag, user, user)
    sent = json.loads(change.model_dump_json())
    assert sent["item"] == item.to_dict(json=True)
    assert sent["tag"] == sent["item"]["included_tags"][0] == tag.to_dict(json=True)
    assert sent["before"] == sent["after"] == sent["reports"]["a"][0]["owner"]
    jsonschema_rs.validator_for(Change.model_json_schema()).validate(sent)


def test_a_union_of_models():
    """A list of several types keeps each object, and sends it as it is."""
    rows: list[ContentVisit | ShinyUsage] = [
        ShinyUsage(content_guid="a"),
        ContentVisit(content_guid="b"),
    ]
    adapter = TypeAdapter(list[ContentVisit | ShinyUsage])
    assert [type(row) for row in adapter.validate_python(rows)] == [ShinyUsage, ContentVisit]
    assert json.loads(adapter.dump_json(rows)) == [row.to_dict(json=True) for row in rows]


@pytest.mark.parametrize("wrong", [{"guid": "u"}, "u", None, Tag(id="1")], ids=repr)
def test_pydantic_makes_no_models(wrong):
    """Models come from a server: nothing else is taken for one."""
    with pytest.raises(ValidationError, match="User"):
        Report(owner=wrong)


@every_model
def test_models_are_no_collections(kind):
    """A model is no list and no mapping, which other libraries would take apart."""
    assert not hasattr(kind, "__iter__")
    assert not hasattr(kind, "__getitem__")
    assert not hasattr(kind, "__len__")


def test_the_form_cannot_change_the_object():
    """What `vars` returns is a copy: an attribute is changed by assignment."""
    key = ApiKey(id="1", name="a")
    vars(key)["name"] = "b"
    assert key.name == "a"
    with pytest.raises(AttributeError):
        key.unknown = 1  # type: ignore[attr-defined]

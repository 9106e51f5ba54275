"""A declaration is its signature: what callers may pass, what is sent, and what is returned."""

# mypy: disable-error-code="empty-body"

import inspect
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Required, TypedDict, Unpack, cast
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET, Struct, UnsetType

import aconnect.connect  # noqa: F401  declares the operations
from aconnect import errors
from aconnect._client.bound import Bound
from aconnect._client.endpoint import endpoint, operation_of, paged
from aconnect._client.operation import REGISTRY, Operation
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource
from aconnect._client.signature import FromResponse
from aconnect._core.message import Request, Response, Upload
from aconnect.connect._base.paging import Keyset
from aconnect.connect.content.bundles import archive_upload
from tests.ids import stable_id


class Fields(TypedDict, total=False):
    """Fields of a thing."""

    name: Required[str]
    title: str | None
    size: int
    labels: list[str] | None
    owner_guid: str


class Patch(Struct, kw_only=True):
    """A body."""

    name: str | UnsetType | None = UNSET
    size: int | UnsetType = UNSET


class Thing(Bound, kw_only=True):
    """A model."""

    name: str = ""


class Note(str, FromResponse):
    """A text with its content type."""

    __slots__ = ()
    response_type = str

    @classmethod
    def from_response(cls, value, response, *_, optional):
        assert not optional
        return cls(f"{value} ({response.content_type})")


class Run(FromResponse):
    """A task that may have been started."""

    response_type = Patch

    @classmethod
    def from_response(cls, value, *_, optional):
        assert optional
        return None if value.name is UNSET else value.name


class Things(Resource, name="things"):
    """A group of operations."""

    service = "test"

    @endpoint("GET", "/v1/things/{guid}/parts/{part}", rename={"max_lines": "maxLines"})
    async def get(
        self, guid: str, part: str, *, max_lines: int | None = None, from_: datetime | None = None
    ) -> Thing:
        """Get."""
        ...

    @endpoint("POST", "/v1/things")
    async def create(self, **fields: Unpack[Fields]) -> Thing: ...

    @endpoint("PATCH", "/v1/things/{guid}")
    async def patch(self, guid: str, body: Patch) -> Thing: ...

    @endpoint("PUT", "/v1/things/{guid}")
    async def put(self, guid: str, **fields: Unpack[Fields]) -> None: ...

    @endpoint("POST", "/v1/things/{guid}/file")
    async def send(self, guid: str, body: Upload) -> None: ...

    @endpoint("GET", "/v1/things/{guid}/files/{path}", multi_segment=("path",))
    async def file(self, guid: str, path: str) -> bytes: ...

    @endpoint("POST", "/v1/claim", authorization="Ticket {ticket}")
    async def claim(self, ticket: str, *, kind: str | None = None) -> None: ...

    @endpoint("PUT", "/v1/things/{guid}/labels")
    async def label(self, guid: str, body: list[str]) -> None: ...

    @endpoint("GET", "/v1/pick")
    async def pick(self, *, names: Sequence[str] | None = None) -> None: ...

    @endpoint("GET", "/v1/note")
    async def note(self) -> Note: ...

    @endpoint("POST", "/v1/run")
    async def run(self) -> Run | None: ...

    @endpoint("GET", "/v1/log")
    async def log(self) -> str: ...

    @endpoint("GET", "/v1/defaults/{guid}", query={"always": "1"})
    async def default(
        self, guid: str, *, include: Sequence[str] | None = ("a", "b"), size: int | None = None
    ) -> Thing: ...

    @endpoint("GET", "/v1/defaults")
    async def defaults(self, *, size: int | None = 5) -> Thing: ...

    @endpoint("GET", "/v1/maybe")
    async def maybe(self) -> Thing | None: ...

    @endpoint("GET", "/v1/many")
    async def many(self) -> list[Thing]: ...

    @paged("/v1/things", by=Keyset(), separators={"guid": "|"})
    def find(
        self, *, guid: str | Sequence[str] | None = None, asc: bool | None = None
    ) -> Paged[Thing]:
        """Find."""
        ...


class Below(Resource, name="things.below", scope=("guid",)):
    """A resource below one thing."""

    service = "test"

    @endpoint("GET", "/v1/things/{guid}/below/{id}")
    async def get(self, id: str) -> Thing: ...  # noqa: A002  the vendor's noun


# Other tests use the whole registry.
for declared_here in [key for key in REGISTRY if key.startswith("test:")]:
    del REGISTRY[declared_here]


class FakeClient:
    """A client that is its own channel: records requests and returns a canned body."""

    api_root = "http://x"
    redact = staticmethod(lambda text, _=(): text)
    channel = property(lambda self: self)

    def __init__(self, body: object = None, content_type: str = "application/json") -> None:
        self.requests: list[Request] = []
        body = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        self.response = Response(status=200, headers={"Content-Type": content_type}, body=body)

    async def send(self, request, options=None):
        self.requests.append(request)
        return self.response


@pytest.fixture
def client():
    return FakeClient({"name": "x"})


@pytest.fixture
def things(client):
    return Things(client)


async def sent(client, call):
    await call
    (request,) = client.requests
    return request


async def test_path_query_and_rename(client, things):
    """Arguments fill the path, quoted; all others are the query, with the API's names."""
    when = datetime(2026, 1, 1, tzinfo=UTC)
    request = await sent(client, things.get("a/b", part="ü", max_lines=3, from_=when))
    assert request.method == "GET"
    assert request.target == (
        "/v1/things/a%2Fb/parts/%C3%BC?maxLines=3&from=2026-01-01T00%3A00%3A00Z"
    )
    assert request.idempotent
    assert request.body is None


async def test_nothing_optional(client, things):
    """Without optional arguments, there is no query."""
    request = await sent(client, things.get("a", "b"))
    assert request.target == "/v1/things/a/parts/b"


@pytest.mark.parametrize("value", [None, UNSET])
async def test_left_out_of_the_query(client, things, value):
    """None and UNSET omit a query parameter."""
    request = await sent(client, things.get("a", "b", max_lines=value))
    assert request.target == "/v1/things/a/parts/b"


@pytest.mark.parametrize(
    ("call", "query"),
    [
        (lambda things: things.default("g"), "include=a%2Cb&always=1"),
        (lambda things: things.default(guid="g"), "include=a%2Cb&always=1"),
        (lambda things: things.default("g", include=UNSET), "include=a%2Cb&always=1"),
        (lambda things: things.default("g", size=2), "include=a%2Cb&size=2&always=1"),
        (lambda things: things.default("g", include=["c"]), "include=c&always=1"),
        (lambda things: things.default("g", include=None), "always=1"),
        (lambda things: things.defaults(), "size=5"),
        (lambda things: things.defaults(size=None), ""),
    ],
)
async def test_declared_default(client, things, call, query):
    """The default of an argument is sent if it is left out, in every way of calling."""
    request = await sent(client, call(things))
    assert request.target.partition("?")[2] == query


@pytest.mark.parametrize("value", ["", ".", "..", None, UNSET, ["a"]], ids=stable_id)
async def test_path_values_checked(client, things, value):
    """A path argument that would change the path is refused by its name, and nothing is sent."""
    with pytest.raises(errors.InvalidArgumentError, match="guid"):
        await things.get(value, "b")
    assert not client.requests


async def test_naive_time_refused(client, things):
    """A time without a time zone is refused by the argument's name, without the underscore."""
    with pytest.raises(errors.InvalidArgumentError, match=r"^from="):
        await things.get("a", "b", from_=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(errors.InvalidArgumentError, match=r"^from="):
        await things.get("a", "b", from_="2026-01-01")
    assert not client.requests


async def test_fields(client, things):
    """Fields are sent as JSON; None as null; UNSET is omitted."""
    request = await sent(client, things.create(name="n", title=None, size=UNSET))
    assert json.loads(request.body) == {"name": "n", "title": None}
    assert request.headers["Content-Type"] == "application/json"
    assert not request.idempotent


@pytest.mark.parametrize(
    ("patch", "body"),
    [(Patch(), {}), (Patch(name=None), {"name": None}), (Patch(name="a", size=0), None)],
)
async def test_struct_body(client, things, patch, body):
    """A body object is sent without its UNSET fields, and None as null."""
    request = await sent(client, things.patch("g", patch))
    assert json.loads(request.body) == ({"name": "a", "size": 0} if body is None else body)


@pytest.mark.parametrize("value", [object(), {1: object()}], ids=stable_id)
async def test_body_other_than_json(client, things, value):
    """A body that cannot be encoded is refused by the operation's name."""
    with pytest.raises(errors.InvalidArgumentError, match=r"things\.patch"):
        await things.patch("g", value)
    assert not client.requests


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_numbers_that_json_lacks(client, things, number):
    """NaN and infinity are refused by the names of their fields, however deep; not sent as null."""
    for fields, path in [
        ({"size": number}, "size"),
        ({"title": {"a": [None, {"b": number}]}}, r"title\.a\[\]\.b"),
    ]:
        with pytest.raises(errors.InvalidArgumentError, match=rf"things\.create .*{path} is"):
            await things.create(name="n", **fields)
    with pytest.raises(errors.InvalidArgumentError, match=r"things\.patch .*size is"):
        await things.patch("g", Patch(name=None, size=number))
    assert not client.requests
    request = await sent(client, things.create(name="null", title=None, size=1.5))
    assert json.loads(request.body) == {"name": "null", "title": None, "size": 1.5}


async def test_text_instead_of_a_list(client, things):
    """Text is refused as a list in a body, and is one value of a list in a query."""
    with pytest.raises(errors.InvalidArgumentError, match=r"labels='ab' must be a list"):
        await things.create(name="n", labels="ab")
    with pytest.raises(errors.InvalidArgumentError, match=r"body='ab' must be a list"):
        await things.label("g", "ab")
    assert not client.requests
    await things.create(name="n", labels=["ab"])
    await things.label("g", ["ab"])
    await things.pick(names="ab")
    created, labelled, picked = client.requests
    assert json.loads(created.body) == {"name": "n", "labels": ["ab"]}
    assert json.loads(labelled.body) == ["ab"]
    assert picked.target == "/v1/pick?names=ab"


async def test_guids(client, things):
    """A GUID is sent in the spelling of servers, in a path and in a body; other text unchanged."""
    uuid = UUID("0123456789abcdef0123456789abcdef")
    spellings = [uuid, str(uuid).upper(), uuid.hex, f"{{{uuid}}}", f" {uuid}"]
    for guid in [*spellings, "A B"]:
        await things.put(guid, name="n", owner_guid=guid)
    *same, other = client.requests
    assert {request.target for request in same} == {f"/v1/things/{uuid}"}
    assert {request.body for request in same} == {same[0].body}
    assert json.loads(same[0].body) == {"name": "n", "owner_guid": str(uuid)}
    assert other.target == "/v1/things/A%20B"
    assert json.loads(other.body) == {"name": "n", "owner_guid": "A B"}


async def test_upload_is_a_transfer(client, things):
    """An archive is passed on unchanged, without a limit on the total time."""
    upload = archive_upload(b"x")
    request = await sent(client, things.send("g", upload))
    assert request.body is upload


async def called(operation, *args, **kwargs):
    outcome = operation(*args, **kwargs)
    return await outcome if inspect.iscoroutine(outcome) else outcome


WRONG = [
    ("get", ("a",), {}, "part"),
    ("get", (), {}, "guid"),
    ("get", ("a", "b"), {"colour": 1}, "colour"),
    ("get", ("a", "b"), {"guid": "c"}, "guid"),
    ("get", ("a", "b", "c"), {}, "positional"),
    ("get", ("a", "b", 3), {}, "positional"),
    ("create", (), {"title": "t"}, "name"),
    ("create", (), {"name": "n", "colour": 1}, "colour"),
    ("create", ("n",), {}, "positional"),
    ("put", ("g",), {"name": "n", "guid": "h"}, "guid"),
    ("put", ("g",), {}, "name"),
    ("patch", ("g",), {}, "body"),
    ("find", ("x",), {}, "positional"),
    ("find", (), {"colour": 1}, "colour"),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "said"), WRONG, ids=stable_id)
async def test_wrong_arguments(client, things, name, args, kwargs, said):
    """Wrong arguments raise a TypeError with the operation's name."""
    with pytest.raises(TypeError, match=said) as caught:
        await called(getattr(things, name), *args, **kwargs)
    assert not client.requests
    assert f"things.{name}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kwargs", "said"),
    [("get", {"guid": "a", "part": "b", "max_line": 1}, "max_lines"),
     ("create", {"name": "n", "tilte": "x"}, "title"), ("find", {"guidd": "x"}, "guid")],
)  # fmt: skip
async def test_misspelt_argument(things, name, kwargs, said):
    """A misspelt argument is reported with the right one."""
    with pytest.raises(TypeError, match=said) as caught:
        await called(getattr(things, name), **kwargs)
    assert f" {said}" in str(caught.value)


async def test_argument_like_no_other(things):
    """An argument that resembles no other is reported with all accepted ones."""
    with pytest.raises(TypeError, match="'colour'; it accepts asc, guid") as caught:
        await called(things.find, colour="red")
    assert "did you mean" not in str(caught.value)


def test_types_kept():
    """Tools see the declared signature and docstring, and that it is a coroutine function."""
    signature = inspect.signature(Things.get)
    assert list(signature.parameters) == ["self", "guid", "part", "max_lines", "from_"]
    assert signature.parameters["max_lines"].kind is inspect.Parameter.KEYWORD_ONLY
    assert inspect.iscoroutinefunction(Things.get)
    assert not inspect.iscoroutinefunction(Things.find)
    assert Things.get.__qualname__ == "Things.get"
    assert Things.get.__doc__ is not None
    assert Things.get.__doc__.startswith("Get.\n\nRaises:\n")


async def test_scope_fills_the_path(client):
    """The scope of a resource fills the path arguments that its signatures omit."""
    below = Below(client, {"guid": "g/1"})
    request = await sent(client, below.get("7"))
    assert request.target == "/v1/things/g%2F1/below/7"


async def test_results_remember_the_path(client):
    """The result is bound to the client and the path arguments of its call."""
    thing = await Below(client, {"guid": "g"}).get("7")
    assert thing.origin == (client, {"guid": "g", "id": "7"})


@pytest.mark.parametrize(
    ("name", "body", "kind", "expected"),
    [
        ("log", b"a\xff\n", "text/plain; charset=utf-8", "a\ufffd\n"),
        ("maybe", b"", "", None),
        ("maybe", b"null", "application/json", None),
        ("many", b"[]", "application/json", []),
    ],
)
async def test_kinds_of_answers(name, body, kind, expected):
    """Text, empty responses, null and arrays are returned as such."""
    assert await getattr(Things(FakeClient(body, kind)), name)() == expected


async def test_rows_of_a_list_are_bound():
    """Every item of an array is bound to the client, and so is an optional object."""
    client = FakeClient([{"name": "a"}, {"name": "b"}])
    assert [t.origin[0] for t in await Things(client).many()] == [client] * 2
    client = FakeClient({"name": "a"})
    thing = await Things(client).maybe()
    assert thing is not None
    assert thing.origin[0] is client


def test_operation_of(things):
    """An operation is found from a bound method, and from nothing else."""
    declared, owner = operation_of(things.get)
    assert isinstance(declared, Operation)
    assert (declared.name, owner) == ("things.get", things)
    for wrong in (Things.get, print, None, things, things.get.__func__):
        with pytest.raises(errors.InvalidArgumentError, match=r"without calling it"):
            operation_of(cast("Callable[..., Any]", wrong))


def test_registry():
    """Every operation has a unique name and a unique method and path."""
    declared = {k: v for k, v in REGISTRY.items() if k.startswith("connect:")}
    assert len(declared) > 50
    assert all(key == f"{each.service}:{each.name}" for key, each in declared.items())
    assert all(
        each.method.isupper() and each.template.startswith("/") for each in declared.values()
    )
    assert len({id(each) for each in declared.values()}) == len(declared)


def test_declared_twice(monkeypatch):
    """Two operations with the same name are refused, even in one module."""
    monkeypatch.setitem(REGISTRY, "test:twice.get", Operation(Things.get, "GET", "/v1/x"))
    with pytest.raises(RuntimeError, match=r"test:twice\.get is declared twice"):

        class Twice(Resource, name="twice"):
            service = "test"

            @endpoint("GET", "/v2/things")
            async def get(self) -> Thing: ...


@pytest.mark.parametrize("key", sorted(k for k in REGISTRY if k.startswith("connect:")))
def test_every_declaration_compiles(key):
    """Every declaration compiles."""
    declared = REGISTRY[key]
    signature = declared.signature
    if signature.response_type is not type(None):
        msgspec.inspect.type_info(signature.response_type)  # raises if msgspec does not support it
    assert signature.required <= {*signature.arguments, *(signature.fields or ())}
    if declared.style is not None:
        assert not set(signature.query.values()) & set(declared.style.controls)


@pytest.mark.parametrize(
    ("path", "quoted"),
    [("a.R", "a.R"), ("data/a b.csv", "data/a%20b.csv"), ("a/ä/%2F", "a/%C3%A4/%252F")],
)
async def test_deep_paths(client, things, path, quoted):
    """A multi-segment path keeps its slashes; everything else is quoted."""
    request = await sent(client, things.file("g", path))
    assert request.target == f"/v1/things/g/files/{quoted}"


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "../x", "a/./b", "a/.."])
async def test_deep_paths_stay_where_they_are(client, things, path):
    """A multi-segment path that would leave its place is refused before anything is sent."""
    with pytest.raises(errors.InvalidArgumentError, match="another resource"):
        await things.file("g", path)
    assert not client.requests


async def test_an_authorization_of_its_own(client, things):
    """An argument becomes the Authorization header and nothing else."""
    request = await sent(client, things.claim("t-1", kind="x"))
    assert request.headers == {"Authorization": "Ticket t-1"}
    assert request.target == "/v1/claim?kind=x"
    assert "t-1" not in repr(request)
    with pytest.raises(errors.InvalidArgumentError):
        await things.claim("t-1\r\nX: y")


async def test_plain_answers_made_into_more():
    """A response that is not JSON can become an object."""
    note = await Things(FakeClient(b"text", "text/plain")).note()
    assert isinstance(note, Note)
    assert note == "text (text/plain)"


@pytest.mark.parametrize(("body", "value"), [({"name": "x"}, "x"), ({"size": 1}, None)])
async def test_optional_tasks(body, value):
    """A `FromResponse` class is passed whether None is allowed."""
    assert await Things(FakeClient(body)).run() == value

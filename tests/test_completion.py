"""What completion and the console show of public objects: their own names, and no inner ones."""

import inspect
import re
from typing import Any, Final

import msgspec
import pytest

import aconnect
import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker
from aconnect import ApiResponse, Page, Response, StreamingResponse, Upload
from aconnect._client.bound import Bound
from aconnect._client.client import BaseClient
from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource, ResourceBelow
from aconnect._core.model import Model, Row
from aconnect.connect import ContentTask, Task, TaskStatus

SERVICES: Final = (aconnect.authentik, aconnect.cloudendure, aconnect.connect, aconnect.looker)
# By kind of object: what it has besides the names that its own class declares.
SHARED: Final[dict[type, set[str]]] = {
    BaseClient: {
        *("aclose", "api_root", "download", "in_flight", "max_in_flight", "polling", "request"),
        *("stream", "subscribe", "with_options", "with_response"),
    },
    Resource: {"client"},
    Bound: {"client", "to_dict"},
    Model: {"to_dict"},
    Row: {"to_dict"},
}
# These classes are not a service's own, or mix both; all that they have is listed.
OTHERS: Final[list[tuple[object, set[str]]]] = [
    (LazySequence(lambda: None), {"first", "take", "total"}),
    (Page([], 1, None, None), {"items", "number", "token", "total", "warnings"}),
    (Response(status=200, headers={}),
     {"attempts", "body", "content_type", "headers", "set_cookies", "status", "url"}),
    (StreamingResponse(status=200, headers={}, chunks=None),
     {"attempts", "chunks", "content_type", "headers", "size", "status"}),
    (ApiResponse(1, 200, {}, 1, b""),
     {"attempts", "body", "headers", "set_cookies", "status", "value"}),
    (Upload(b"x", size=1, content_type="text/plain", headers={}),
     {"content_type", "headers", "progress", "size", "source"}),
]  # fmt: skip
INNER: Final = re.compile(r"\b_[a-z]\w*|\bwire|object at 0x|aconnect\._")


def clients() -> list[BaseClient]:
    """Return a client of each service; none makes a request."""
    return [
        aconnect.Client("http://localhost:3939", api_key="k" * 32),
        aconnect.authentik.Client("http://localhost:9000", token="t"),
        aconnect.cloudendure.Client(base_url="http://localhost:80", user_api_token="t"),
        aconnect.looker.Client("http://localhost:19999", client_id="i", client_secret="s"),
    ]


def scope_of(kind: type[Resource]) -> dict[str, str]:
    return dict.fromkeys(kind.scope_names, "f9c4f6ff-8d2e-44a8-88bb-0b5b2f4ee96b")


def example(kind: type[Model | Row]) -> Any:
    """Return a model with the values that it cannot do without."""
    required = {f.name: None for f in msgspec.structs.fields(kind) if f.required}
    return kind(**required)


def classes(base: type | tuple[type, ...]) -> list[type]:
    return [
        kind
        for service in SERVICES
        for _, kind in inspect.getmembers(service, inspect.isclass)
        if issubclass(kind, base)
    ]


def objects() -> list[object]:
    """Return one object of each public class of the services."""
    made: list[object] = list(clients())
    for client in clients():
        service = client.__module__.rpartition(".")[0]
        made += [
            kind(client, scope_of(kind))
            for kind in classes(Resource)
            if kind.__module__.startswith(f"{service}.")
        ]
    return made + [example(kind) for kind in classes((Model, Row))]


def public(item: object) -> set[str]:
    return {name for name in dir(item) if not name.startswith("_")}


def own(item: object) -> set[str]:
    """Return the names that a service's own classes declare for users."""
    names: set[str] = set()
    for kind in type(item).__mro__:
        home = kind.__module__
        if re.search(r"\._|\.base$|^msgspec|^builtins", home):
            continue
        for name, value in vars(kind).items():
            is_called = inspect.isroutine(value) and not isinstance(value, classmethod)
            if is_called or isinstance(value, property | ResourceBelow):
                names.add(name)
    return names | set(getattr(item, "__struct_fields__", ()))


@pytest.mark.parametrize("item", objects(), ids=lambda item: type(item).__qualname__)
def test_completion_offers_no_inner_names(item: object) -> None:
    """`dir()` has what a service declares, and what all of its kind have, and no more."""
    shared = next(names for kind, names in SHARED.items() if isinstance(item, kind))
    assert public(item) <= own(item) | shared
    assert {name for name in own(item) if not name.startswith("_")} <= public(item)


@pytest.mark.parametrize(("item", "names"), OTHERS, ids=lambda value: type(value).__name__)
def test_completion_of_other_objects(item: object, names: set[str]) -> None:
    """Pages, responses and uploads offer what is listed."""
    assert public(item) == names


def test_completion_of_paged_and_tasks() -> None:
    """What the library itself needs of queries and tasks is not offered."""
    client = clients()[0]
    assert isinstance(client, aconnect.Client)
    paged = client.users.find()
    assert isinstance(paged, Paged)
    offered = {"first", "page_size", "pages", "prefetch", "raw", "take", "total"}
    assert public(paged) == public(paged.raw()) == offered
    assert public(paged.take(1)) == {"first", "take", "total"}
    offered = {
        *("client", "from_token", "id", "output", "result", "scope", "status", "token", "wait"),
    }
    assert public(client.tasks.handle("x")) == public(ContentTask(client, "x")) == offered


@pytest.mark.parametrize(
    "item", [*objects(), *(item for item, _ in OTHERS)], ids=lambda item: type(item).__qualname__
)
def test_no_object_shows_inner_names(item: object) -> None:
    """The console shows no private name, no private module and no address of an object."""
    assert not INNER.search(repr(item))
    assert repr(item) == str(item)


def test_representations() -> None:
    """Objects that are no models are shown by what they stand for."""
    client = clients()[0]
    assert isinstance(client, aconnect.Client)
    shown = "<aconnect.connect.client.Client http://localhost:3939/__api__>"
    task: Task[TaskStatus] = client.tasks.handle("x")
    examples: list[tuple[object, str]] = [
        (client, shown),
        (client.users, f"<Users at {shown}>"),
        (aconnect.Client.users, "<resource Users>"),
        (client.users.get, f"<bound method Users.get of <Users at {shown}>>"),
        (client.users.find_one, f"<bound method Users.find_one of <Users at {shown}>>"),
        (client.users.find(), "<Paged users.find>"),
        (client.users.find().take(1), "<LazySequence>"),
        (client.content.handle("g"), "ContentItem(guid='g')"),
        (task, "<Task x>"),
        (
            Upload(b"x", size=1, content_type="text/plain", headers={}),
            "<Upload 1 bytes of text/plain>",
        ),
    ]
    for item, text in examples:
        assert repr(item) == text

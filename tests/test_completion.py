"""What completion and the console show of public objects: their own names, and no inner ones."""

import copy
import inspect
import pickle
import pydoc
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any, Final, Literal, get_args, get_origin
from unittest.mock import create_autospec

import msgspec
import pytest
from msgspec import UNSET

import aconnect
import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker
from aconnect import ApiResponse, Page, Response, StreamingResponse, Upload
from aconnect._client.bound import Bound
from aconnect._client.client import BaseClient
from aconnect._client.lazy import LazySequence
from aconnect._client.operation import REGISTRY
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource, ResourceBelow
from aconnect._core.model import Model, OpenEnum, Row
from aconnect.connect import ContentTask, Task, TaskStatus

SERVICES: Final = (aconnect.authentik, aconnect.cloudendure, aconnect.connect, aconnect.looker)
# By kind of object: what it has besides the names that its own class declares.
SHARED: Final[dict[type, set[str]]] = {
    BaseClient: {
        *("aclose", "api_root", "download", "in_flight", "max_in_flight", "polling", "refusals"),
        *("request", "seconds_held_back", "stream", "subscribe", "with_options", "with_response"),
    },
    Resource: {"client"},
    Bound: {"client", "to_dict"},
    Model: {"to_dict"},
    Row: {"to_dict"},
}


async def nothing() -> AsyncGenerator[bytes, None]:
    """Yield nothing."""
    for number in range(0):
        yield bytes(number)


# These classes are not a service's own, or mix both; all that they have is listed.
OTHERS: Final[list[tuple[object, set[str]]]] = [
    (LazySequence(nothing), {"first", "take", "total"}),
    (Page([], 1, None, None), {"items", "number", "token", "total", "warnings"}),
    (Response(status=200, headers={}),
     {"attempts", "body", "content_type", "headers", "json", "set_cookies", "status", "url"}),
    (StreamingResponse(status=200, headers={}, chunks=nothing()),
     {"attempts", "chunks", "content_type", "headers", "size", "status", "url"}),
    (ApiResponse(1, 200, {}, 1, b""),
     {"attempts", "body", "headers", "set_cookies", "status", "value"}),
    (Upload(b"x", size=1, content_type="text/plain", headers={}),
     {"content_type", "headers", "is_used_up", "md5", "prefix", "progress", "reopenable", "size",
      "source", "suffix", "was_opened"}),
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
            if inspect.isfunction(value) or isinstance(value, property | ResourceBelow):
                names.add(name)
        names -= set(vars(kind).get("_inner", ()))
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
    offered = {
        *("chunks", "first", "page_size", "pages", "prefetch", "raw", "take", "total", "where"),
    }
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


FIELDS: Final = {
    key: operation
    for key, operation in REGISTRY.items()
    # Tests may declare operations of their own.
    if operation.function.__module__.startswith("aconnect.")
    and "Unpack" in str(operation.function.__annotations__)
}


def methods() -> dict[str, Any]:
    """Return every public function and method of the services, by name."""
    found: dict[str, Any] = {}
    for service in SERVICES:
        for _, value in inspect.getmembers(service):
            if inspect.isfunction(value):
                found[f"{service.__name__}.{value.__qualname__}"] = value
            elif inspect.isclass(value) and value.__module__.startswith("aconnect"):
                for name, method in inspect.getmembers(value, inspect.isfunction):
                    if not name.startswith("_") or name == "__init__":
                        found[f"{service.__name__}.{value.__name__}.{name}"] = method
    return found


def test_signatures_show_every_field() -> None:
    """No signature of a public function hides the names of its fields behind `**fields`."""
    hidden = {
        name
        for name, method in methods().items()
        for parameter in inspect.signature(method).parameters.values()
        if parameter.kind is parameter.VAR_KEYWORD and "Unpack" in str(parameter.annotation)
    }
    assert not hidden


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_signatures_of_operations(key: str) -> None:
    """A signature has the fields of the body, and requires those that a call requires."""
    operation = FIELDS[key]
    home = import_module(operation.function.__module__)
    owner = getattr(home, operation.function.__qualname__.partition(".")[0])
    shown = inspect.signature(getattr(owner, operation.function.__name__))
    compiled = operation.signature
    names = list(shown.parameters)[1:]
    assert set(names) == {*compiled.arguments, *(compiled.fields or ())}
    assert names[: len(compiled.arguments)] == list(compiled.arguments)
    assert {
        name for name in names if shown.parameters[name].default is inspect.Parameter.empty
    } == compiled.required
    assert inspect.iscoroutinefunction(getattr(owner, operation.function.__name__))


async def test_a_signature_is_an_ordinary_one() -> None:
    """What tools do with signatures works: binding, changing, comparing, copying, printing."""
    item = aconnect.Client("http://localhost:3939", api_key="k" * 32).content.handle("g")
    shown = inspect.signature(item.update)
    assert str(shown.parameters["access_type"]) == "access_type: 'AccessTypeName' = UNSET"
    assert shown.bind(title="x").kwargs == {"title": "x"}
    with pytest.raises(TypeError, match="titel"):
        shown.bind(titel="x")
    assert shown.replace(return_annotation=int).return_annotation is int
    assert shown == inspect.signature(item.update) != inspect.signature(item.delete)
    assert pickle.loads(pickle.dumps(shown)) == shown  # noqa: S301
    assert hash(copy.copy(shown)) == hash(shown)
    # Newer versions of Python write each parameter on a line of its own.
    text = " ".join(pydoc.plain(pydoc.render_doc(item.update)).split())
    assert "*, title: 'str | None' = UNSET, " in text
    mock = create_autospec(item.update)
    with pytest.raises(TypeError, match="titel"):
        await mock(titel="x")


def test_a_default_that_is_shown_can_be_passed() -> None:
    """`UNSET`, which signatures show for optional fields, is the same as leaving them out."""
    shown = inspect.signature(aconnect.Client)
    unset = {name: UNSET for name, one in shown.parameters.items() if one.default is UNSET}
    assert len(unset) > 10
    make: Any = aconnect.Client
    assert make("http://localhost:3939", "k" * 32, **unset).api_root
    query: Any = aconnect.connect.content_query
    assert query(text="a", owner=UNSET, exclude={"tag": UNSET}) == "a"


def test_importing_computes_no_signatures() -> None:
    """The signatures are computed when they are looked at, and not by every import."""
    code = """if True:
        import inspect, sys
        import aconnect.connect
        computed, lazy = 0, 0
        for kind in vars(aconnect.connect).values():
            for method in vars(kind).values() if inspect.isclass(kind) else ():
                signature = getattr(method, "__dict__", {}).get("__signature__")
                if type(signature).__name__ == "_LazySignature":
                    lazy += 1
                    try:
                        inspect.Signature._parameters.__get__(signature)
                        computed += 1
                    except AttributeError:
                        pass
        sys.exit(0 if lazy > 40 and not computed else f"{computed} of {lazy} are computed")
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)  # noqa: S603
    assert done.returncode == 0, done.stderr


def test_arguments_offer_names() -> None:
    """An argument with known values offers them as text; members of the enum are text as well."""
    enums = {
        f"{service.__name__}.{name}"
        for service in SERVICES
        for name, kind in inspect.getmembers(service, inspect.isclass)
        if issubclass(kind, OpenEnum)
    }
    typed = {
        f"{name}({parameter})"
        for name, method in methods().items()
        for parameter in inspect.signature(method).parameters.values()
        for word in re.findall(r"\w+", str(parameter.annotation))
        if f"{'.'.join(name.split('.')[:2])}.{word}" in enums
    }
    assert enums > {"aconnect.connect.AccessType", "aconnect.cloudendure.Role"}
    assert not typed


NAMES: Final = {
    f"{service.__name__}.{name}": (value, getattr(service, name.removesuffix("Name")))
    for service in SERVICES
    for name, value in vars(service).items()
    if name.endswith("Name")
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_of_the_enum(name: str) -> None:
    """The values that editors offer for an argument are the members of its enum; others may be."""
    alias, enum = NAMES[name]
    (literal,) = (part for part in get_args(alias) if get_origin(part) is Literal)
    assert str in get_args(alias)
    assert set(get_args(literal)) == {member.value for member in enum}

"""Every public coroutine as a call that can be made without a server that knows its arguments.

Declared operations, the methods that derive from each `find`, and the methods of bound objects are
found by themselves. What else waits for a server is in `OTHERS`: to add one, add one line.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

import aconnect.authentik
import aconnect.cloudendure
import aconnect.connect
import aconnect.looker
from aconnect import PollPolicy, collect
from aconnect._client.bound import Bound
from aconnect._client.operation import REGISTRY
from aconnect.concurrency import amap, results
from aconnect.connect import ContentItem, Group, Tag, Task
from aconnect.connect.provisioning import bootstrap
from aconnect.deploy import deploy
from aconnect.errors import InvalidArgumentError, NotFoundError
from tests.authentik.scenario import ENDPOINT
from tests.calls import BUNDLE, OPERATIONS, SETTINGS
from tests.hostile.server import ARGUMENT, CALL_HEADER, KEY, SESSION
from tests.scenarios import Scene

_DAY = datetime(2026, 1, 1, tzinfo=UTC)
GUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
POLLING = PollPolicy(timeout=20, patience=5, grace=5)


@dataclass(frozen=True)
class Call:
    """One public coroutine with valid arguments."""

    name: str
    """Service and name; answers and exceptions to the rules select calls by it."""
    service: str
    make: Callable[[Any, Path], Awaitable[object]]
    """Takes the client, and a folder for files."""
    is_welcome: bool = True
    """Whether a sign-in succeeds first; otherwise the sign-in gets the hostile answer."""

    is_variant: bool = False
    """Whether it makes the requests of an operation that is a call of its own."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: only what the client knows can be redacted."""
        if self.name == "connect bootstrap":
            return (ARGUMENT,)
        if self.is_welcome and self.service in {"looker", "cloudendure"}:
            return (KEY, ARGUMENT, SESSION)
        return (KEY, ARGUMENT)


def client_of(call: Call, url: str, **options: Any) -> Any:
    """Create the client of a call; its name is in a header, for the server."""
    options["headers"] = {CALL_HEADER: quote(call.name)}
    match call.service:
        case "connect":
            return aconnect.connect.Client(url, KEY, polling=POLLING, **options)
        case "looker":
            return aconnect.looker.Client(url, "the-id", KEY, **options)
        case "authentik":
            return aconnect.authentik.Client(url, KEY, **options)
        case _:
            return aconnect.cloudendure.Client(base_url=url, user_api_token=KEY, **options)


SECRETS: dict[str, dict[str, dict[str, Any]]] = {
    "connect": {
        "users.create": {"password": ARGUMENT},
        "content.environment_variables.patch": {"body": [{"name": "A", "value": ARGUMENT}]},
        "content.environment_variables.put": {"body": [{"name": "A", "value": ARGUMENT}]},
        "content.repository.put": {"repository": f"https://user:{ARGUMENT}@example.com/it.git"},
        "oauth.integrations.update": {"config": {"client_secret": ARGUMENT}},
    },
    "cloudendure": {"users.set_password": {"new_password": ARGUMENT, "token": ARGUMENT}},
}
"""Secret arguments, which the server could repeat."""


async def _scenes() -> dict[str, Scene[Any, Any]]:
    """Set up a scene of each service on its simulated server, for the arguments of operations."""
    scenes = {}
    for service, setting in SETTINGS.items():
        declared = next(REGISTRY[key] for key in OPERATIONS if REGISTRY[key].service == service)
        async with setting.server(declared) as server, setting.client(server) as client:
            scene = scenes[service] = setting.scenario(server, client)
            await scene.set_up()
            for name, values in SECRETS.get(service, {}).items():
                scene.bodies[name] = {**scene.bodies.get(name, {}), **values}
    return scenes


def _operations(scenes: dict[str, Scene[Any, Any]]) -> list[Call]:
    """Return a call of every declared operation, and of what derives from each `find`."""
    found = []
    for key in OPERATIONS:
        declared = REGISTRY[key]
        name, service, scene = (
            declared.function.__name__,
            declared.service,
            scenes[declared.service],
        )
        group = declared.name.rpartition(".")[0]
        # Where there is no `find`, they derive from `search`.
        is_find = name == "find" or (
            name == "search" and not hasattr(scene.arguments(key)[0], "find")
        )
        derived = ("find_one", "find_by", "count") if is_find else ()
        for method in (name, *derived):
            if not hasattr(scene.arguments(key)[0], method):
                continue

            def make(
                client: Any, _: Path, scene: Any = scene, key: str = key, method: str = method
            ) -> Any:
                other: Scene[Any, Any] = Scene(None, client)
                other.ids, other.bodies = scene.ids, scene.bodies
                resource, given = other.arguments(key)
                return getattr(resource, method)(**given)

            title = declared.name if method == name else f"{group}.{method}"
            found.append(
                Call(
                    f"{service} {title}",
                    service,
                    make,
                    is_welcome=not declared.anonymous,
                    is_variant=method != name,
                )
            )
    return found


def _bound(base: type[Bound] = Bound) -> list[type[Bound]]:
    return [base, *(other for derived in base.__subclasses__() for other in _bound(derived))]


ARGUMENTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "Bundle.download": lambda folder: {"path": folder / "bundle"},
    "Job.download": lambda folder: {"path": folder / "log"},
    "Group.ensure_member": lambda _: {"user": GUID},
    "ContentItem.deploy": lambda _: {"bundle": "1"},
    "Permission.update": lambda _: {"role": "viewer"},
    # Without one, content that has none is refused, whatever else the server sends.
    "ContentItem.ensure_permission": lambda _: {"principal": Group(guid=GUID), "role": "viewer"},
    "Endpoint.update": lambda _: ENDPOINT,
    "ConnectionToken.update": lambda _: {"provider": 1, "endpoint": GUID},
}
"""The arguments of methods of bound objects that need some."""

FIELDS = {"temp_ticket": GUID, "principal_type": "user"}
_IDS = re.compile(r"(^|_)(guid|id|key|pk)$|^(language|version|image_name)$")


def _object(type_: type[Bound], client: Any) -> Any:
    """Create a bound object with all its ids, as if it came from the server."""
    names = [field.name for field in msgspec.structs.fields(type_)]
    values = {name: GUID for name in names if _IDS.search(name)}
    values |= {name: value for name, value in FIELDS.items() if name in names}
    scope = dict.fromkeys(("guid", "id", "group_guid", "user_guid", "key"), GUID)
    return type_(**values).bind(client, scope)


def _methods() -> list[Call]:
    """Return a call of every method that bound objects have."""
    found = []
    for type_ in _bound():
        service = type_.__module__.split(".")[1]
        if service == "collect":
            continue  # rows of files: a group with its members is no other group
        for name, function in inspect.getmembers(type_, inspect.isroutine):
            is_stream = inspect.isasyncgenfunction(function)
            if name.startswith("_") or not (inspect.iscoroutinefunction(function) or is_stream):
                continue
            title = f"{type_.__name__}.{name}"
            if f"{service} {title}" in OTHERS:
                continue

            def make(
                client: Any, folder: Path, type_: Any = type_, name: str = name, title: str = title
            ) -> Awaitable[object]:
                arguments = ARGUMENTS[title](folder) if title in ARGUMENTS else {}
                made = getattr(_object(type_, client), name)(**arguments)
                return made if inspect.isawaitable(made) else drained(made)

            is_variant = name not in {"follow", "wait"}
            found.append(Call(f"{service} {title}", service, make, is_variant=is_variant))
    return found


async def drained(items: Any) -> list[Any]:
    """Read an iterator to its end."""
    async with aclosing(items):
        return [item async for item in items]


async def _streamed(client: Any, call: Any, *args: Any) -> list[Any]:
    async with client.stream(call, *args) as stream:
        return [chunk async for chunk in stream]


def _task(client: Any) -> Task[Any]:
    return client.tasks.handle("t")  # type: ignore[no-any-return]


def _item(client: Any) -> Any:
    return _object(ContentItem, client)


async def _deployed(client: Any, _: Path) -> object:
    return await (await client.content.deploy(GUID, bundle_id="1"))


async def _deployed_again(client: Any, _: Path) -> object:
    try:
        return await _item(client).deploy()
    except InvalidArgumentError as error:
        # The response has no active bundle.
        return str(error)


async def _restarted(client: Any, _: Path) -> object:
    try:
        return await _item(client).restart()
    except InvalidArgumentError as error:
        # The response does not say that it is an app.
        return str(error)


async def _vanity(client: Any, _: Path) -> object:
    try:
        return await client.content.from_address(f"{client.url}/sales/")
    except NotFoundError as error:
        # No content in the response has this address.
        if error.method:
            raise
        return str(error)


async def _deploy(client: Any, folder: Path) -> object:
    folder = folder / "project"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"metadata": {"appmode": "static"}, "files": {}}')
    return await (await deploy(client, folder, name="hostile-content"))


async def _upload(client: Any, folder: Path) -> object:
    # Larger than what the buffers of both ends hold, so that a server can stop reading it.
    with (folder / "bundle.tar.gz").open("wb") as file:
        file.write(BUNDLE)
        file.truncate(6 << 20)
    return await _item(client).bundles.create(folder / "bundle.tar.gz")


async def _role(client: Any, _: Path) -> object:
    change = await client.ensure_role(
        "R", permission_set="P", permissions=["a"], model_set="M", models=["m"], users=["1"]
    )
    return await change.apply()


async def _sudo(client: Any, _: Path) -> object:
    async with client.login_user("1") as other:
        return await other.permissions.all()


async def _bootstrap(client: Any, _: Path) -> object:
    options = client._pipeline.options
    return await bootstrap(
        client.url,
        b"k" * 32,
        headers=options.headers,
        clock=options.clock,
        retry=options.retry,
        timeout=options.timeout,
        max_body=options.max_body,
    )


Make = Callable[[Any, Path], Any]

OTHERS: dict[str, Make] = {
    "connect me": lambda c, _: c.me(),
    "connect version": lambda c, _: c.version(),
    "connect request": lambda c, _: c.request("GET", "/v1/user"),
    "connect request of a write": lambda c, _: c.request("POST", "/v1/groups", json={"name": "x"}),
    "connect with_response": lambda c, _: c.with_response(c.users.me),
    "connect stream": lambda c, _: _streamed(c, c.users.me),
    "connect stream of a file": lambda c, _: _streamed(c, _item(c).bundles.download, "1"),
    "connect download": lambda c, f: c.download(f / "x", _item(c).bundles.download, "1"),
    "connect ContentItem.restart": _restarted,
    "connect ping": lambda c, _: c.ping(),
    "connect fetch": lambda c, _: c.fetch(GUID, "health", headers={"X-Token": ARGUMENT}),
    "connect fetch of a write": lambda c, _: c.fetch(GUID, "/x", method="POST", json={"a": 1}),
    "connect content.from_address": lambda c, _: c.content.from_address(f"{c.url}/content/{GUID}"),
    "connect content.from_address of a vanity URL": _vanity,
    "connect bundles.prune": lambda c, _: _item(c).bundles.prune(keep=1),
    "connect ensure_deleted": lambda c, _: c.ensure_deleted(c.content.delete, GUID),
    "connect with_user_session_token": lambda c, _: c.with_user_session_token(ARGUMENT, GUID),
    "connect find().pages": lambda c, _: drained(c.instrumentation.visits().pages()),
    "connect find().raw": lambda c, _: drained(c.instrumentation.visits().raw().pages()),
    "connect find().prefetch": lambda c, _: drained(aiter(c.users.find().prefetch(2))),
    "connect find().page_size": lambda c, _: drained(aiter(c.users.find().page_size(5))),
    "connect find().first": lambda c, _: c.audit_logs.find().first(),
    "connect find().total": lambda c, _: c.users.find().total(),
    "connect tags.get_by_path": lambda c, _: c.tags.get_by_path("a/b"),
    "connect tags.ensure_tag_path": lambda c, _: c.tags.ensure_tag_path("a/b"),
    "connect tags.tree": lambda c, _: c.tags.tree(),
    "connect users.ensure": lambda c, _: c.users.ensure(username="x", first_name="y"),
    "connect groups.ensure": lambda c, _: c.groups.ensure(name="x", members=[GUID]),
    "connect content.ensure": lambda c, _: c.content.ensure(name="x-y", title="z"),
    "connect content.access": lambda c, _: c.content.access(expand_groups=True),
    "connect vanities.swap": lambda c, _: c.vanities.swap(GUID, GUID.replace("0f", "1f")),
    "connect associations.add": lambda c, _: _item(c).oauth.associations.add(GUID),
    "connect associations.remove": lambda c, _: _item(c).oauth.associations.remove(GUID),
    "connect tags.descendants": lambda c, _: _object(Tag, c).descendant_tags.find(),
    "connect Task.result": lambda c, _: _task(c).result(),
    "connect Task.wait": lambda c, _: _task(c).wait(),
    "connect Task.status": lambda c, _: _task(c).status(),
    "connect Task.output": lambda c, _: drained(_task(c).output()),
    "connect Task.result from a token": lambda c, _: Task.from_token(c, _task(c).token).result(),
    "connect task of a deployment": _deployed,
    "connect deployment of the active bundle": _deployed_again,
    "connect results": lambda c, _: drained(aiter(results([_task(c), _task(c)]))),
    "connect outcomes": lambda c, _: drained(aiter(results([_task(c)], errors="collect"))),
    "connect amap": lambda c, _: drained(aiter(amap(c.content.get, [GUID] * 5, limit=2))),
    "connect bundles.create": _upload,
    "connect bundles.active": lambda c, _: _item(c).bundles.active(),
    "connect deploy": _deploy,
    "connect collect": lambda c, f: collect.visits(c).to_jsonl(f / "rows.jsonl"),
    "connect collect to CSV": lambda c, f: collect.audit_logs(c).to_csv(f / "rows.csv"),
    "connect collect in a window": lambda c, _: drained(aiter(collect.audit_logs(c, from_=_DAY))),
    "connect environment_variables": lambda c, _: _item(c).environment_variables.find(),
    "connect environment_variables.create": lambda c, _: _item(c).environment_variables.create(
        "A", ARGUMENT
    ),
    "connect environment_variables.update": lambda c, _: _item(c).environment_variables.update(
        {"A": ARGUMENT}
    ),
    "connect environment_variables.delete of one": lambda c, _: _item(
        c
    ).environment_variables.delete("A"),
    "connect environment_variables.clear": lambda c, _: _item(c).environment_variables.clear(),
    "connect oauth.get_credentials": lambda c, _: c.oauth.get_credentials(ARGUMENT),
    "connect oauth.get_aws_credentials": lambda c, _: c.oauth.get_aws_credentials(ARGUMENT),
    "connect bootstrap": _bootstrap,
    "looker sign-in": lambda c, _: c.permissions.all(),
    "looker ensure_role": _role,
    "looker me": lambda c, _: c.me(),
    "looker login_user": _sudo,
    "looker role.users.add": lambda c, _: c.roles.handle("1").users.add("2"),
    "looker role.users.remove": lambda c, _: c.roles.handle("1").users.remove("2"),
    "looker role.groups.add": lambda c, _: c.roles.handle("1").groups.add("2"),
    "looker role.groups.remove": lambda c, _: c.roles.handle("1").groups.remove("2"),
    "looker user.roles.add": lambda c, _: c.users.handle("1").roles.add("2"),
    "looker user.roles.remove": lambda c, _: c.users.handle("1").roles.remove("2"),
    "looker group.users.add": lambda c, _: c.groups.handle("1").users.add("2"),
    "cloudendure sign-in": lambda c, _: c.users.me(),
    "cloudendure replace_api_token": lambda c, _: c.users.replace_api_token(),
    "cloudendure projects.audit_log_events": lambda c, _: drained(
        c.projects.audit_log_events("p", from_date_time=_DAY, to_date_time=_DAY)
    ),
    "cloudendure projects.assign_users of public": lambda c, _: c.projects.assign_users(
        {"p": ["u"]}
    ),
    "authentik request": lambda c, _: c.request("GET", "/rac/endpoints/"),
}


def _others() -> list[Call]:
    return [
        Call(name, name.split()[0], make, is_welcome=not name.endswith("sign-in"))
        for name, make in OTHERS.items()
    ]


@functools.cache
def every_call() -> list[Call]:
    """Return all calls, each with its own name."""
    found = [*_operations(asyncio.run(_scenes())), *_methods(), *_others()]
    assert len({call.name for call in found}) == len(found), "two calls have one name"
    return found

"""A contract and declarations that agree with it, for tests to plant differences in."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict, Unpack

from aconnect._client.operation import Operation
from aconnect._client.paged import Paged
from aconnect._client.signature import FromResponse, Naming, as_written
from aconnect._core.message import Upload
from aconnect._core.model import Id, Model, OpenEnum
from tests.contracts.compare import differences
from tests.contracts.declared import declared
from tests.contracts.table import Table

JSON = "application/json"
FIRST = "POST /things/{guid}"

Spec = dict[str, Any]


class State(OpenEnum):
    """An enum as models have them."""

    ON = "on"
    OFF = "off"


class Part(Model, kw_only=True):
    """A model that holds the one that holds it."""

    size: float | None = None
    whole: "Thing | None" = None  # noqa: UP037  defined below


class Thing(Model, kw_only=True):
    """A model with every kind of field."""

    id: Id = ""
    count: int | None = None
    at: datetime | None = None
    state: State | None = None
    parts: list[Part] = []
    notes: dict[str, str] | None = None
    anything: dict[str, Any] | None = None


class Draft(TypedDict, total=False):
    """A body."""

    name: Required[str]
    note: str | None


class Title(TypedDict):
    """A body with a name of several words."""

    full_title: str


class Handle(FromResponse):
    """A return type that makes itself from an answer."""

    response_type = Part

    @classmethod
    def from_response(cls, *_: Any, **__: Any) -> Handle:
        """Make one."""
        return cls()


class Things:
    """Stands for a resource, without entering the registry."""

    async def change(
        self,
        guid: str,
        *,
        sort: str | Sequence[str] | None = None,
        since: datetime | str | None = None,
        **fields: Unpack[Draft],
    ) -> Thing:
        """Have every kind of argument."""
        raise AssertionError

    async def rename(self, thing_id: str, *, sort_by: list[str], **fields: Unpack[Title]) -> None:
        """Have names of several words."""

    async def remove(self, guid: str) -> None:
        """Have no answer."""

    async def seek(self, guid: str) -> Thing | None:
        """Have an answer or none."""

    async def start(self, guid: str) -> Handle:
        """Start something."""
        raise AssertionError

    async def send(self, guid: str, body: Upload) -> list[str]:
        """Upload."""
        raise AssertionError

    async def fetch(self, guid: str) -> bytes:
        """Download."""
        raise AssertionError

    def find(self) -> Paged[Thing]:
        """Answer in pages."""
        raise AssertionError


def answering(kind: str, media: str = JSON) -> Spec:
    return {"200": {media: kind}}


CONTRACT: Spec = {
    "operations": {
        FIRST: {
            "path": {"guid!": "string:uuid"},
            "query": {"sort": "string(name,date)", "since": "string:date-time"},
            "body": {JSON: "#NewThing"},
            "answers": {**answering("#AnyThing"), "404": {}},
        }
    },
    "schemas": {
        "NewThing": {"name!": "string", "note": "string?"},
        "AnyThing": {
            "id": "integer",
            "count": "integer?",
            "at": "string:date-time?",
            "state": "string(on,off)",
            "parts": "[#AnyPart]",
            "notes": "{string}",
            "anything": "object?",
        },
        "AnyPart": {"size": "number", "whole": "#AnyThing"},
    },
}


def edition(spec: Spec, name: str = "1") -> Table:
    return Table(json.dumps({"service": "test", "edition": name, **spec}))


def changed(steps: tuple[str, ...], value: Any) -> Spec:
    """Copy the contract with one place changed, or, with None, taken out."""
    spec = copy.deepcopy(CONTRACT)
    place = spec
    for step in steps[:-1]:
        place = place[step]
    place.pop(steps[-1], None)
    if value is not None:
        place[steps[-1]] = value
    return spec


def told(
    *specs: Spec,
    function: Callable[..., Any] = Things.change,
    method: str = "POST",
    template: str = "/things/{guid}",
    naming: Naming = as_written,
    **options: Any,
) -> list[str]:
    """Compare a declaration with the editions, and give each difference as one text."""
    endpoint = Operation(function, method, template, **options)
    endpoint.naming = naming
    tables = [edition(spec, str(number)) for number, spec in enumerate(specs, 1)]
    found = differences(declared(endpoint), tables)
    return [
        f"{one.subject.removeprefix('Things.')} {','.join(one.editions)} {one.what}"
        for one in found
    ]


def single(facts: Spec, operation: str) -> Spec:
    return {"operations": {operation: facts}, "schemas": CONTRACT["schemas"]}

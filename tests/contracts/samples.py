"""A contract and declarations that agree with it, in which tests plant differences."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict, Unpack

from aconnect._client.operation import Method, Operation
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


Sort = Literal["name", "date"] | str


class State(OpenEnum):
    """An enum of a model."""

    ON = "on"
    OFF = "off"


class Part(Model, kw_only=True):
    """A model that contains the one that contains it."""

    size: float | None = None
    whole: "Thing | None" = None  # noqa: UP037  defined below


class Thing(Model, kw_only=True):
    """A model with every type of field."""

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
    colour: Literal["red", "green"] | str
    sizes: Sequence[Literal["small", "large"] | str]


class Title(TypedDict):
    """A body with a name of several words."""

    full_title: str


class Handle(FromResponse):
    """A return type that creates itself from a response."""

    response_type = Part

    @classmethod
    def from_response(cls, *_: Any, **__: Any) -> Handle:
        """Create a handle."""
        return cls()


class Things:
    """A resource that is not in the registry."""

    async def change(
        self,
        guid: str,
        *,
        sort: Sort | Sequence[Sort] | None = None,
        since: datetime | str | None = None,
        **fields: Unpack[Draft],
    ) -> Thing:
        """Take every type of argument."""
        raise AssertionError

    async def rename(self, thing_id: str, *, sort_by: list[str], **fields: Unpack[Title]) -> None:
        """Take names of several words."""

    async def remove(self, guid: str) -> None:
        """Expect no response body."""

    async def seek(self, guid: str) -> Thing | None:
        """Expect a response body or none."""

    async def start(self, guid: str) -> Handle:
        """Return a handle."""
        raise AssertionError

    async def send(self, guid: str, body: Upload) -> list[str]:
        """Upload."""
        raise AssertionError

    async def fetch(self, guid: str) -> bytes:
        """Download."""
        raise AssertionError

    def find(self) -> Paged[Thing]:
        """Return pages."""
        raise AssertionError


def responding(kind: str, media: str = JSON) -> Spec:
    return {"200": {media: kind}}


CONTRACT: Spec = {
    "operations": {
        FIRST: {
            "path": {"guid!": "string:uuid"},
            "query": {"sort": "string(name,date)", "since": "string:date-time"},
            "body": {JSON: "#NewThing"},
            "responses": {**responding("#AnyThing"), "404": {}},
        }
    },
    "schemas": {
        "NewThing": {
            "name!": "string",
            "note": "string?",
            "colour": "string(red,green)",
            "sizes": "[string(small,large)]",
        },
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
    """Copy the contract with one entry changed, or, with None, removed."""
    spec = copy.deepcopy(CONTRACT)
    entry = spec
    for step in steps[:-1]:
        entry = entry[step]
    entry.pop(steps[-1], None)
    if value is not None:
        entry[steps[-1]] = value
    return spec


def compared(
    *specs: Spec,
    function: Callable[..., Any] = Things.change,
    method: Method = "POST",
    template: str = "/things/{guid}",
    naming: Naming = as_written,
    **options: Any,
) -> list[str]:
    """Compare a declaration with the editions, and return each difference as one text."""
    operation = Operation(function, method, template, **options)
    operation.naming = naming
    tables = [edition(spec, str(number)) for number, spec in enumerate(specs, 1)]
    result = differences(declared(operation), tables)
    return [
        f"{found.subject.removeprefix('Things.')} {','.join(found.editions)} {found.what}"
        for found in result
    ]


def single(facts: Spec, operation: str) -> Spec:
    return {"operations": {operation: facts}, "schemas": CONTRACT["schemas"]}

"""Looker's errors: their class and message."""

from __future__ import annotations

from typing import Any

import pytest

from aconnect import NO_RETRY, errors
from aconnect.looker import Client
from aconnect.testing import faults
from aconnect.testing.looker import FakeLooker


async def test_validation_names_the_fields(client: Client) -> None:
    """A 422 names each invalid field and its problem, in the message and in the payload."""
    with pytest.raises(errors.UnprocessableError) as caught:
        await client.roles.create(name=" ", model_set_id="0")
    message = str(caught.value)
    for part in ("Validation Failed", "name must not be empty", "model_set_id 0 does not exist"):
        assert part in message
    details: Any = caught.value.payload["errors"]
    assert [detail["field"] for detail in details] == ["name", "permission_set_id", "model_set_id"]
    assert caught.value.code == "missing_field"


async def test_an_unknown_id(client: Client) -> None:
    """Users and groups of a role must exist; the error names the list and the id."""
    (role, *_) = await client.roles.search(built_in=False)
    with pytest.raises(errors.UnprocessableError, match="group_ids 0 does not exist"):
        await client.roles.set_groups(role.id, ["0"])
    with pytest.raises(errors.UnprocessableError, match="user_ids 0 does not exist"):
        await client.roles.set_users(role.id, ["0"])


async def test_conflict(client: Client) -> None:
    """A name that is already in use raises ConflictError."""
    with pytest.raises(errors.ConflictError, match="Sales already exists"):
        await client.model_sets.create(name="Sales")


async def test_built_in_objects(client: Client) -> None:
    """Changing a built-in object raises MethodNotAllowedError."""
    (role,) = await client.roles.search(built_in=True)
    assert role.permission_set_id is not None
    assert role.model_set_id is not None
    for call in (
        client.roles.update(role.id, name="Other"),
        client.roles.delete(role.id),
        client.permission_sets.update(role.permission_set_id, name="Other"),
        client.model_sets.delete(role.model_set_id),
    ):
        with pytest.raises(errors.MethodNotAllowedError, match="cannot be modified"):
            await call


async def test_bad_request_and_not_found(client: Client) -> None:
    """A malformed request raises BadRequestError; a missing object raises NotFoundError."""
    with pytest.raises(errors.BadRequestError, match="all_access must be true or false"):
        await client.request("GET", "/model_sets/search", params={"all_access": "maybe"})
    with pytest.raises(errors.NotFoundError, match="Not found"):
        await client.roles.get("0")
    with pytest.raises(errors.NotFoundError):
        await client.roles.delete("0")


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (
            faults.status(403, body={"message": "No.", "documentation_url": "x"}),
            errors.PermissionDeniedError,
            "administrators may",
        ),
        (
            faults.status(429, body={"message": "Slow.", "documentation_url": "x"}),
            errors.RateLimitedError,
            "Slow",
        ),
        (faults.status(404, body="gone"), errors.NotFoundError, "LOOKERSDK_BASE_URL"),
        (
            faults.status(422, body={"message": "M", "documentation_url": "x", "errors": [7, {}]}),
            errors.UnprocessableError,
            "422: M",
        ),
    ],
)
async def test_other_errors(
    server: FakeLooker, fault: faults.Fault, kind: type[errors.ApiError], message: str
) -> None:
    """Each status has its error class; unexpected details are ignored."""
    server.script(fault, on="GET /permissions")
    async with Client(server.url, server.client_id, server.client_secret, retry=NO_RETRY) as client:
        with pytest.raises(kind, match=message):
            await client.permissions.all()


async def test_a_404_that_is_not_lookers(client: Client, server: FakeLooker) -> None:
    """After a lost response only Looker's own 404 means that the object is deleted."""
    first = await client.model_sets.create(name="First")
    second = await client.model_sets.create(name="Second")
    server.script(faults.status(502), faults.status(404, body="404 page not found"), on="DELETE *")
    with pytest.raises(errors.NotFoundError, match="404 page not found"):
        await client.model_sets.delete(first.id)
    assert first.id in server.state.model_sets
    server.script(faults.after(faults.reset()), on="DELETE *")
    await client.model_sets.delete(second.id)
    assert second.id not in server.state.model_sets

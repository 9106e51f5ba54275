"""Bound objects: missing ids and parents, and reloading."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aconnect import Client, errors
from aconnect.connect import (
    ApiKey,
    Bundle,
    ContentItem,
    EnvironmentPermission,
    GroupMember,
    Job,
    OAuthIntegration,
    Permission,
    RemoteGroup,
    RemoteUser,
    Repository,
    Tag,
    User,
    Vanity,
    Variant,
    audit_query,
)
from aconnect.testing import FakeConnect

PARENTLESS: list[tuple[Any, Callable[[Any], Awaitable[Any]]]] = [
    (ApiKey(id="1"), lambda it: it.delete()),
    (Bundle(id="1"), lambda it: it.delete()),
    (Bundle(id="1"), lambda it: it.deploy()),
    (EnvironmentPermission(guid="g"), lambda it: it.delete()),
    (GroupMember(guid="g"), lambda it: it.delete()),
    (Job(key="k"), lambda it: it.refresh()),
    (Permission(id="1", principal_guid="g"), lambda it: it.update("viewer")),
    (Permission(id="1"), lambda it: it.delete()),
    (Repository(), lambda it: it.delete()),
    (Vanity(path="/a/"), lambda it: it.delete()),
    (Variant(variant_key="k"), lambda it: it.render()),
]
NAMELESS: list[tuple[Any, Callable[[Any], Any]]] = [
    (User(), lambda it: it.content.find()),
    (User(), lambda it: it.groups.find()),
    (User(), lambda it: it.keys.find()),
    (Tag(), lambda it: it.child_tags.find()),
    (Tag(), lambda it: it.descendant_tags.find()),
    (Bundle(content_guid="g"), lambda it: it.deploy()),
    (Variant(content_guid="g"), lambda it: it.render()),
    (ContentItem(), lambda it: it.variants.find()),
    (ContentItem(guid="g"), lambda it: it.deploy(Bundle())),
    (ContentItem(guid="g"), lambda it: it.build("")),
    (ContentItem(guid="g"), lambda it: it.render("")),
    (ContentItem(guid="g"), lambda it: it.tags.add(Tag())),
    (ContentItem(guid="g"), lambda it: it.oauth.associations.update([OAuthIntegration()])),
    (RemoteUser(), lambda it: it.create()),
    (RemoteGroup(), lambda it: it.create()),
]


@pytest.mark.parametrize(("it", "act"), [*PARENTLESS, *NAMELESS])
async def test_incomplete_exchanges(it: Any, act: Callable[[Any], Any]) -> None:
    """An object without its id or its parent raises an error before anything is sent."""
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        it.bind(client, {})
        with pytest.raises(errors.InvalidArgumentError, match=r"belong|real value"):
            await act(it)
        assert not server.requests


@pytest.mark.parametrize(
    "find",
    [
        lambda c: c.content.find(owner_guid=User().guid),
        lambda c: c.content.find(name=""),
        lambda c: c.tags.find(parent_id=""),
        lambda c: c.instrumentation.visits(content_guid=ContentItem().guid),
        lambda c: c.instrumentation.visits(content_guid=[]),
        lambda c: c.instrumentation.shiny_usage(content_guid=[ContentItem().guid]),
        lambda c: c.metrics.hits.find(content_guid=()),
        lambda c: c.users.find(user_role=[]),
        lambda c: c.users.find(account_status=iter([])),
        lambda c: c.queue.find(queue_names=[]),
        lambda _: audit_query(user_guid=""),
        lambda _: audit_query(action=""),
    ],
)
async def test_a_filter_by_nothing(find: Callable[[Client], Any]) -> None:
    """An empty filter is refused, because it would match everything."""
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        with pytest.raises(errors.InvalidArgumentError, match=r"would match (every|no)thing"):
            find(client)
        assert not server.requests


async def test_vanity_urls_of_all_content() -> None:
    """A vanity URL without a content GUID raises a clear error."""
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        server.state.vanities["any"] = {"path": "/a/", "content_guid": ""}
        (vanity,) = await client.vanities.find()
        with pytest.raises(
            errors.InvalidArgumentError, match="Vanity does not say what it belongs"
        ):
            await vanity.delete()


REFRESHED: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "user": lambda c: c.me(),
    "group": lambda c: c.groups.create(name="group"),
    "tag": lambda c: c.tags.create(name="tag"),
    "bundle": lambda c: _first(c, lambda item: item.bundles.find_one()),
    "permission": lambda c: _first(c, _permit),
}


async def _first(client: Client, get: Callable[[ContentItem], Awaitable[Any]]) -> Any:
    return await get((await client.content.find())[0])


async def _permit(item: ContentItem) -> Permission:
    group = await item.client.groups.find_one()
    return await item.permissions.create(group, role="viewer")


@pytest.mark.parametrize("get", REFRESHED.values(), ids=REFRESHED)
async def test_refresh(get: Callable[[Client], Awaitable[Any]]) -> None:
    """`refresh` returns a new object, with one GET request."""
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        it = await get(client)
        server.requests.clear()
        again = await it.refresh()
        assert again is not it
        assert again == it
        assert [request.method for request in server.requests] == ["GET"]

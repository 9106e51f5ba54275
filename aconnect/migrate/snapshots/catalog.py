"""What the lists of a server say: the names behind its ids, and what it has besides content.

Decides what is asked of every server once, and what may be missing: an older server lacks some
lists, and some keys may not read others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from aconnect.concurrency import amap
from aconnect.connect import Client, Environment, Group, OAuthIntegration, Tag, User
from aconnect.connect.environments import EnvironmentInstallations
from aconnect.connect.server_settings import Installation
from aconnect.connect.tag_tree import TagTree
from aconnect.errors import EndpointMissingError, PermissionDeniedError
from aconnect.migrate.snapshots.model import (
    EnvironmentSnapshot,
    GroupSnapshot,
    IntegrationSnapshot,
    Runtimes,
    TagPath,
    UserSnapshot,
)

T = TypeVar("T")


class Catalog(Struct, kw_only=True, frozen=True):
    """What the lists of one server say; everything is by guid or id."""

    url: str
    version: str | None
    me: UserSnapshot
    is_off_host: bool
    users: dict[str, UserSnapshot]
    groups: dict[str, GroupSnapshot]
    tags: dict[str, TagPath]
    vanities: dict[str, str] | None
    """Paths by the guid of the content; None if the key may not list them."""
    environments: dict[str, EnvironmentSnapshot] | None
    integrations: dict[str, IntegrationSnapshot] | None
    runtimes: Runtimes

    def user(self, guid: str | None) -> str:
        """Return the username of a user; the guid of one who is not listed."""
        found = self.users.get(guid or "")
        return (guid or "") if found is None else found.username

    def group(self, guid: str) -> str:
        """Return the name of a group; the guid of one that is not listed."""
        found = self.groups.get(guid)
        return guid if found is None else found.name

    def environment(self, guid: str) -> str | None:
        """Return the name of the image of an execution environment, or its title."""
        found = (self.environments or {}).get(guid)
        return None if found is None else found.name or found.title

    def knows(self, key: str) -> bool:
        """Return True if a list has this guid or id."""
        lists = (self.users, self.groups, self.tags, self.environments or {})
        return any(key in one for one in lists)


async def read_catalog(client: Client) -> Catalog:
    """Read the lists of a server at once.

    Raises:
        AconnectError: A list could not be read, for another reason than that the server does not
            have it or the key may not read it.
    """
    settings = client.server_settings
    lists: list[Any] = await together(
        client.version,
        settings.get,
        client.me,
        client.users.find,
        client.groups.find,
        client.tags.find,
        _if_there(client.vanities.find),
        _if_there(client.environments.find),
        _if_there(client.oauth.integrations.find),
        _if_there(settings.r),
        _if_there(settings.python),
        _if_there(settings.quarto),
        _if_there(settings.nodejs),
    )
    version, general, me, users, groups, tags, vanities, environments, integrations = lists[:9]
    names = {user.guid: user.username for user in users}
    return Catalog(
        url=client.url,
        version=None if version is None else str(version),
        me=user_snapshot(me),
        is_off_host=(general.execution_type or "native").lower() != "native",
        users={user.guid: user_snapshot(user) for user in users},
        groups={group.guid: _group(group, names) for group in groups},
        tags=tag_paths(tags),
        vanities=None if vanities is None else {v.content_guid or "": v.path for v in vanities},
        environments=_by_guid(environments, environment_snapshot),
        integrations=_by_guid(integrations, integration_snapshot),
        runtimes=Runtimes(
            **{
                name: None if found is None else _versions(found.installations)
                for name, found in zip(Runtimes.__struct_fields__, lists[9:], strict=True)
            }
        ),
    )


def plain(value: str | None) -> str | None:
    """Return the text of an enum."""
    return None if value is None else str(value)


async def together(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Make calls at the same time, and return what they return; the first failure ends them."""

    async def result(call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    return await amap(result, calls, limit=len(calls))


def _if_there(call: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T | None]]:
    """Make a call return None if the server does not have it, or the key may not make it."""

    async def result() -> T | None:
        try:
            return await call()
        except (EndpointMissingError, PermissionDeniedError):
            return None

    return result


def _by_guid(items: Iterable[Any] | None, describe: Callable[[Any], T]) -> dict[str, T] | None:
    return None if items is None else {item.guid: describe(item) for item in items}


def user_snapshot(user: User) -> UserSnapshot:
    """Describe a user."""
    return UserSnapshot(
        guid=user.guid,
        username=user.username,
        email=user.email or None,
        first_name=user.first_name or None,
        last_name=user.last_name or None,
        role=plain(user.user_role),
        external_id=user.external_id or None,
        locked=user.locked or False,
        confirmed=user.confirmed is not False,
    )


def _group(group: Group, users: dict[str, str]) -> GroupSnapshot:
    owner = group.owner_guid
    return GroupSnapshot(
        guid=group.guid, name=group.name, owner=None if not owner else users.get(owner, owner)
    )


def tag_paths(tags: Iterable[Tag]) -> dict[str, TagPath]:
    """Return the paths of tags by their ids; a parent that is not listed is left out."""
    return {node.tag.id: node.path for node in TagTree(tags)}


def environment_snapshot(environment: Environment) -> EnvironmentSnapshot:
    """Describe an execution environment."""

    def versions(found: EnvironmentInstallations | None) -> tuple[str, ...]:
        return tuple(one.version for one in found.installations) if found else ()

    return EnvironmentSnapshot(
        guid=environment.guid,
        name=environment.name,
        title=environment.title or None,
        r=versions(environment.r),
        python=versions(environment.python),
        quarto=versions(environment.quarto),
        nodejs=versions(environment.nodejs),
    )


def integration_snapshot(integration: OAuthIntegration) -> IntegrationSnapshot:
    """Describe an OAuth integration, without its configuration."""
    return IntegrationSnapshot(
        plain(integration.template) or "",
        plain(integration.auth_type) or "",
        integration.name or "",
    )


def _versions(installations: Iterable[Installation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.version for one in installations if one.version))

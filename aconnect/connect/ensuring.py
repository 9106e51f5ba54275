"""Ensuring that users, groups and content exist: found by name, otherwise created once.

Decides how users and groups are created, which depends on the authentication provider: directly, or
from the ticket of a search (codes 119 and 120). And it decides what is never changed in passing:
passwords, locks, the role of administrators, and members of a group that are not named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar, cast

from aconnect._client.once import create_once, is_uncertain
from aconnect._client.paged import Paged
from aconnect._core.arguments import is_guid, no_text
from aconnect.concurrency import amap
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.resource import own_guid, required
from aconnect.connect.client import Client
from aconnect.connect.content.content import ContentItem
from aconnect.connect.environments import Environment
from aconnect.connect.groups import Group, RemoteGroup
from aconnect.connect.users import RemoteUser, User, UserRole
from aconnect.errors import AconnectError, ApiError, DecodeError, InvalidArgumentError

T = TypeVar("T", User, Group)
C = TypeVar("C", User, Group, ContentItem, Environment)
T_co = TypeVar("T_co", covariant=True)
Find = Callable[[], Awaitable[C | None]]
Way = tuple[Callable[[], Awaitable[T]], Find[T]]
"""How something is created, and how it is looked up."""

_OTHER_WAY: Final = frozenset({ApiErrorCode.PULL_ON_PUSH_AUTH, ApiErrorCode.PUSH_ON_PULL_AUTH})
_TAKEN: Final = frozenset(
    {
        ApiErrorCode.DUPLICATE_NAME,
        ApiErrorCode.DUPLICATE_USER_NAME,
        ApiErrorCode.DUPLICATE_GROUP_NAME,
        ApiErrorCode.DUPLICATE_ENVIRONMENT_NAME,
    }
)
_SEARCHED: Final = 500
"""The most results that a search of the authentication provider returns."""
_USER_FIELDS: Final = ("email", "first_name", "last_name", "user_role")
"""What of a user is updated; the rest is for the creation only."""


async def ensure_user(client: Client, username: str, fields: Mapping[str, Any]) -> User:
    """Return the user with this name and these fields; see `Users.ensure`."""
    users = client.users
    required("username", username)

    async def find() -> User | None:
        return await users.find_by(username=username)

    user = await find()
    if user is None:
        try:
            user = await create_user(client, username, fields, find)
        except ApiError as error:
            await _say_spelling(error, users.find(prefix=username), "username", username)
            raise
    given = fields.get("external_id")
    if given and user.external_id and given != user.external_id:
        raise InvalidArgumentError(
            f"user {username!r} has the external id {user.external_id!r}, not {given!r}, so it is "
            "somebody else"
        )
    wanted = {name: fields[name] for name in _USER_FIELDS if fields.get(name) is not None}
    if wanted.get("email", "").casefold() == (user.email or "").casefold():
        # Servers may change the case of addresses.
        wanted.pop("email", None)
    changed = differing(user, wanted)
    if "user_role" in changed and user.user_role == UserRole.ADMINISTRATOR:
        raise InvalidArgumentError(
            f"user {username!r} is an administrator, and ensure() does not lower that role to "
            f"{changed['user_role']!r}; call update(user_role=...) if you want that"
        )
    if not changed:
        return user
    with _completing(f"user {username!r}"):
        return await user.update(**cast("Any", changed))


async def ensure_group(
    client: Client, name: str, members: Iterable[User | str], fields: Mapping[str, Any]
) -> Group:
    """Return the group with this name, these members and these fields; see `Groups.ensure`."""
    groups = client.groups
    required("name", name)
    guids = dict.fromkeys(map(own_guid, no_text("members", members)))

    async def find() -> Group | None:
        return await groups.find_by(name=name)

    group = await find()
    if group is None:
        new = {key: value for key, value in fields.items() if key != "owner_guid"}
        try:
            group = await create_group(client, name, find, new)
        except ApiError as error:
            await _say_spelling(error, groups.find(prefix=name), "name", name)
            raise
    wanted = {key: value for key, value in fields.items() if key in {"gid", "owner_guid"}}
    with _completing(f"group {name!r}"):
        if guids:
            there = {member.guid async for member in group.members.find()}
            missing, add = [guid for guid in guids if guid not in there], group.ensure_member
            await amap(lambda guid: repeated(client, lambda: add(guid)), missing)
            if missing:
                group = await group.refresh()
        # Last: a former owner may not add members.
        changed = differing(group, wanted)
        if "gid" in changed:
            return await groups.update(group.guid, **cast("Any", changed))
        if changed:
            # Older servers have only this.
            return await groups.modify(group.guid, **cast("Any", changed))
    return group


async def ensure_content(client: Client, name: str, settings: Mapping[str, Any]) -> ContentItem:
    """Return the content with this name and these settings; see `Content.ensure`."""
    item = await own_content(client, name) or await create_content(client, name, settings)
    changed = differing(item, settings)
    if not changed:
        return item
    with _completing(f"content {name!r}"):
        return await item.update(**cast("Any", changed))


async def own_content(client: Client, name: str) -> ContentItem | None:
    """Return the content of the key's owner with this name, or None."""
    # Without a name, the server would list all content of the owner.
    required("name", name)
    me = await client.me()
    if not is_guid(me.guid):
        raise DecodeError(
            f"{client.url} returned no guid for the owner of the key, so their content cannot be "
            "found; check that the address is Connect's, or pass guid="
        )
    return await client.content.find_one(name=name, owner_guid=me.guid)


async def create_content(client: Client, name: str, settings: Mapping[str, Any]) -> ContentItem:
    """Create content of the key's owner, once."""
    fields = cast("Any", settings)
    return await once(
        client,
        f"content {name!r}",
        lambda: client.content.create(name=name, **fields),
        lambda: own_content(client, name),
    )


def differing(item: object, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wanted values that an object does not have."""
    return {name: value for name, value in wanted.items() if getattr(item, name) != value}


async def create_user(
    client: Client,
    username: str,
    fields: Mapping[str, Any],
    find: Find[User],
    *,
    by_ticket: bool = False,
    look_up: bool = False,
) -> User:
    """Create a user with any authentication provider.

    Args:
        client: The client of the server.
        username: The exact name.
        fields: Arguments of `users.create`; a ticket says nothing of them.
        find: Looks up what a request has created whose response was lost.
        by_ticket: Whether it is known that the provider is searched.
        look_up: Whether it may have been created before, and is looked up first.

    Raises:
        InvalidArgumentError: The provider has no such user.
        AconnectError: The server has refused it, or could not be reached.
    """
    users = client.users

    async def remote() -> RemoteUser | None:
        found = users.remote(prefix=username, limit=_SEARCHED)
        return await found.where(lambda user: user.username == username).first()

    directly = (lambda: users.create(username=username, **cast("Any", fields)), find)
    ticket = _by_ticket(f"user {username!r}", remote, users.get)
    ways = (ticket, directly) if by_ticket else (directly, ticket)
    return await _create(client, f"user {username!r}", ways, look_up)


async def create_group(
    client: Client,
    name: str,
    find: Find[Group],
    fields: Mapping[str, Any] | None = None,
    *,
    by_ticket: bool = False,
    look_up: bool = False,
) -> Group:
    """Create a group with any authentication provider, as `create_user` does."""
    groups = client.groups

    async def remote() -> RemoteGroup | None:
        found = groups.remote(prefix=name, limit=_SEARCHED)
        return await found.where(lambda group: group.name == name).first()

    directly = (lambda: groups.create(name=name, **cast("Any", fields or {})), find)
    ticket = _by_ticket(f"group {name!r}", remote, groups.get)
    ways = (ticket, directly) if by_ticket else (directly, ticket)
    return await _create(client, f"group {name!r}", ways, look_up)


class _Remote(Protocol[T_co]):
    """A user or group as the authentication provider knows it; with a guid, the server does too."""

    @property
    def guid(self) -> str | None: ...

    async def create(self) -> T_co: ...


def _by_ticket(
    what: str,
    remote: Callable[[], Awaitable[_Remote[T] | None]],
    get: Callable[[str], Awaitable[T]],
) -> Way[T]:
    """Return how a user or a group is created from the ticket of a search."""

    async def create() -> T:
        found = await remote()
        if found is None:
            raise InvalidArgumentError(
                f"the authentication provider of the server has no {what}, spelled exactly so"
            )
        return await (get(found.guid) if found.guid else found.create())

    async def find() -> T | None:
        found = await remote()
        return await get(found.guid) if found is not None and found.guid else None

    return create, find


async def _create(client: Client, what: str, ways: tuple[Way[T], Way[T]], look_up: bool) -> T:
    """Create a user or a group in the way that the server takes."""
    if look_up and (there := await ways[0][1]()) is not None:
        return there
    try:
        return await once(client, what, *ways[0])
    except ApiError as error:
        if error.code not in _OTHER_WAY:
            raise
    return await once(client, what, *ways[1])


async def once(client: Client, what: str, create: Callable[[], Awaitable[C]], find: Find[C]) -> C:
    """Create an object once, although a response may be lost, or somebody else may create it."""
    is_unclear = False

    async def attempt() -> C:
        nonlocal is_unclear
        try:
            made = await create()
        except AconnectError as error:
            is_unclear = is_unclear or is_uncertain(error)
            raise
        is_unclear = is_unclear or not made.guid
        return made

    try:
        return await create_once(
            client.clock,
            attempt,
            find,
            is_complete=lambda made: bool(made.guid),
            is_taken=lambda error: isinstance(error, ApiError) and error.code in _TAKEN,
        )
    except AconnectError as error:
        if is_unclear:
            error.add_note(f"{what} may exist now; a repeated call looks it up first")
        raise


async def repeated(client: Client, call: Callable[[], Awaitable[Any]]) -> None:
    """Repeat after a lost response what can be done twice, because the result is the same."""

    async def unknown() -> None:
        return None

    await create_once(client.clock, call, unknown, is_complete=lambda _: True)


@contextmanager
def _completing(what: str) -> Generator[None]:
    """Say in an error that the object exists, but may not be complete."""
    try:
        yield
    except AconnectError as error:
        error.add_note(f"{what} exists, but may not have all that was given; repeat the call")
        raise


async def _say_spelling(error: ApiError, items: Paged[Any], field: str, name: str) -> None:
    """Say in an error which existing name differs only in case, if that is the reason for it."""
    if error.code not in _TAKEN:
        return
    async for item in items:
        if getattr(item, field).casefold() == name.casefold():
            error.add_note(f"there is {getattr(item, field)!r}; write the name like this")
            return

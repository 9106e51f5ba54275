"""Making changes: each by itself, and many at once in an order in which they can be made.

Decides what is done after a lost response: what may have been created is looked up before it is
created again. A user who is found must have the same e-mail address or id of the provider, and a
group must be empty and belong to the owner of the key; otherwise somebody else has created it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from itertools import groupby
from typing import Any, Final, cast

from aconnect._client.lazy import LazySequence
from aconnect.concurrency import Outcome, Progress, amap
from aconnect.connect import (
    ApiErrorCode,
    Client,
    Environment,
    EnvironmentPermissions,
    Group,
    User,
)
from aconnect.connect.ensuring import create_group, create_user, once, repeated
from aconnect.errors import (
    AconnectError,
    AuthenticationError,
    CertificateError,
    ClientClosedError,
    ConflictError,
    InvalidArgumentError,
    ProxyRefusedError,
)
from aconnect.migrate.people.model import Change, in_order
from aconnect.migrate.snapshots.model import PrincipalKind

ChangeOutcome = Outcome[Change, str]
"""What became of a change; `value` is the guid of what was created, or None."""

_IN_FLIGHT: Final = 16
_FATAL: Final = (AuthenticationError, CertificateError, ClientClosedError, ProxyRefusedError)
"""What makes all other changes fail as well."""


class Applier:
    """Makes changes of one server, one at a time; it remembers what it has created."""

    def __init__(self, client: Client) -> None:
        self.client: Client = client
        self._guids: dict[tuple[PrincipalKind | str, str], str] = {}

    async def apply(self, change: Change, *, look_up: bool = False) -> str | None:
        """Make a change; return the guid of what was created, or None.

        Args:
            change: The change; those that it depends on must have been made.
            look_up: Whether an earlier process may have made it, so that what it creates is looked
                up first. All other changes can be made twice anyway.

        Raises:
            InvalidArgumentError: The change is not possible, or depends on what does not exist.
            AconnectError: The server has refused it, or could not be reached.
        """
        if change.obstacle:
            raise InvalidArgumentError(f"not possible: {change.obstacle}")
        noun = change.kind.partition("-")[2]
        match change.kind:
            case "create-user":
                guid = (await self._create_user(change, look_up)).guid
            case "create-group":
                guid = (await self._create_group(change, look_up)).guid
            case "create-environment":
                guid = (await self._create_environment(change, look_up)).guid
            case _:
                await self._change(change)
                return None
        self._guids[noun, change.name] = guid
        return guid

    async def _change(self, change: Change) -> None:
        """Make a change that creates nothing but a relation."""
        client = self.client
        match change.kind:
            case "update-user":
                guid = await self._guid("user", change.name, change.guid)
                await client.users.update(guid, **cast("Any", change.after))
            case "lock-user" | "unlock-user":
                guid = await self._guid("user", change.name, change.guid)
                await client.users.lock(guid, locked=change.kind == "lock-user")
            case "add-member":
                await self._add_member(change)
            case "remove-member":
                group, user = await self._pair("group", change)
                await client.ensure_deleted(client.groups.handle(group).members.delete, user)
            case "change-owner":
                group, user = await self._pair("group", change)
                await client.groups.modify(group, owner_guid=user)
            case "delete-group":
                await client.ensure_deleted(client.groups.delete, change.guid)
            case _:
                await self._allow(change)

    async def _pair(self, noun: str, change: Change) -> tuple[str, str]:
        """Return the guids of what is changed, and of the one it is given to or taken from."""
        return (
            await self._guid(noun, change.name, change.guid),
            await self._guid(change.member_kind, change.member, change.member_guid),
        )

    async def _guid(self, noun: str, name: str, guid: str) -> str:
        """Return a guid that is given, or that of what was created after the comparison."""
        guid = guid or self._guids.get((noun, name), "")
        if guid:
            return guid
        found: User | Group | Environment | None
        match noun:
            case "user":
                found = await self.client.users.find_by(username=name)
            case "group":
                found = await self.client.groups.find_by(name=name)
            case _:
                found = await self.client.environments.find_by(name=name)
        if found is None:
            raise InvalidArgumentError(f"there is no {noun} {name!r} on {self.client.url}")
        self._guids[noun, name] = found.guid
        return found.guid

    async def _create_user(self, change: Change, look_up: bool) -> User:
        users, name, fields = self.client.users, change.name, change.after

        async def find() -> User | None:
            found = await users.find_by(username=name)
            return found if found is not None and _is_same_person(found, fields) else None

        user = await create_user(
            self.client, name, fields, find, by_ticket=change.by_ticket, look_up=look_up
        )
        role = fields.get("user_role")
        if role is not None and user.user_role is not None and user.user_role != role:
            # A ticket says nothing of the role.
            await repeated(self.client, lambda: users.update(user.guid, user_role=role))
        return user

    async def _create_group(self, change: Change, look_up: bool) -> Group:
        groups, name = self.client.groups, change.name

        async def find() -> Group | None:
            found = await groups.find_by(name=name)
            if found is None or found.member_count:
                return None
            return found if found.owner_guid == (await self.client.me()).guid else None

        return await create_group(
            self.client, name, find, by_ticket=change.by_ticket, look_up=look_up
        )

    async def _create_environment(self, change: Change, look_up: bool) -> Environment:
        environments, name, fields = self.client.environments, change.name, change.after

        async def find() -> Environment | None:
            found = await environments.find_by(name=name)
            texts = {key: value for key, value in fields.items() if isinstance(value, str)}
            is_ours = all(getattr(found, key, None) == value for key, value in texts.items())
            return found if is_ours else None

        if look_up:
            existing = await find()
            if existing is not None:
                return existing
        return await once(
            self.client,
            f"environment {name!r}",
            lambda: environments.create(name=name, **cast("Any", fields)),
            find,
        )

    async def _add_member(self, change: Change) -> None:
        group, user = await self._pair("group", change)
        await repeated(self.client, lambda: self.client.groups.handle(group).ensure_member(user))

    async def _allow(self, change: Change) -> None:
        environment, guid = await self._pair("environment", change)
        permissions = EnvironmentPermissions(self.client, {"guid": environment})

        async def allow() -> None:
            try:
                if change.member_kind == "user":
                    await permissions.create(user_guid=guid)
                else:
                    await permissions.create(group_guid=guid)
            except ConflictError as error:
                if error.code != ApiErrorCode.DUPLICATE_ENVIRONMENT_PERMISSION:
                    raise

        await repeated(self.client, allow)


def _is_same_person(found: User, fields: dict[str, Any]) -> bool:
    """Return True if the provider's id or the e-mail address says so."""
    given = fields.get("external_id")
    if given and found.external_id:
        return bool(given == found.external_id)
    email = fields.get("email")
    return bool(email and found.email and email.casefold() == found.email.casefold())


def apply_changes(
    client: Client,
    changes: Iterable[Change],
    *,
    limit: int = _IN_FLIGHT,
    progress: Progress | None = None,
) -> LazySequence[ChangeOutcome]:
    """Make changes: `await` it for a list of the outcomes, or use `async for` as they end.

    A change that fails does not end the others. Changes that cannot be made fail without a
    request; those that are held back for want of an argument have no outcome.

    Args:
        client: The client of the server that they were compared with.
        changes: The changes, in any order.
        limit: How many are made at once.
        progress: Called with the number of completed changes, and of all.
    """
    todo = in_order([change for change in changes if change.needs is None])

    async def outcomes() -> AsyncGenerator[ChangeOutcome, None]:
        applier, done = Applier(client), 0
        fatal: AconnectError | None = None

        async def apply(change: Change) -> str | None:
            nonlocal fatal
            if fatal is not None:
                raise fatal
            try:
                return await applier.apply(change)
            except _FATAL as error:
                fatal = error
                raise

        for _, stage in groupby(todo, key=lambda change: change.stage):
            ended = amap(apply, stage, limit=limit, ordered=False, errors="collect")
            async with aclosing(aiter(ended)) as stream:
                async for outcome in stream:
                    done += 1
                    if progress is not None:
                        progress(done, len(todo))
                    yield cast("ChangeOutcome", outcome)

    return LazySequence(outcomes)

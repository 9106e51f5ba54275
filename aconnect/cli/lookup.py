"""Objects as people name them on the command line: by GUID, by name, or by a pasted address."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from aconnect.cli.running import Failure
from aconnect.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aconnect import Client
    from aconnect.cli.rows import TagRow
    from aconnect.connect import ContentItem, Group, Job, User


def guid_in(text: str) -> str | None:
    """Return a GUID, also from the address of content or of its page in the dashboard."""
    from aconnect.connect.content.addresses import GUID

    found = GUID.fullmatch(text) or ("/" in text and GUID.search(text)) or None
    return found[0] if found else None


async def find_content(client: Client, text: str) -> ContentItem:
    """Return the content with a GUID, a name or an address.

    Raises:
        Failure: There is none with this name, or more than one.
        AconnectError: There is none with this GUID or address, or it is one of another server.
    """
    text = _given(text, "ITEM").strip()
    if text.lower().startswith(("http://", "https://")):
        return await client.content.from_address(text)
    if guid := guid_in(text):
        return await client.content.get(guid)
    found = await client.content.find(name=text, include=["owner", "tags", "vanity_url"])
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(
            f"no content that the key can see has the name {text!r}",
            hints=(f"Search in titles with: aconnect content list --query {shlex.quote(text)}",),
        )
    owners = (
        f"  {item.guid}  owned by {item.owner.username if item.owner else item.owner_guid}"
        for item in found
    )
    raise Failure(
        f"{len(found)} content items have the name {text!r}; pass the GUID of one",
        hints=tuple(owners),
    )


def _given(text: str, what: str) -> str:
    """Refuse an empty text, such as that of a variable which is not set."""
    if not text.strip():
        raise click.UsageError(f"{what} is empty; pass what names it")
    return text


async def find_user(client: Client, text: str) -> User:
    """Return the user with a GUID or a username; `@me` is the owner of the key.

    Raises:
        Failure: There is none with this username.
    """
    if _given(text, "USER") == "@me":
        return await client.me()
    if guid := guid_in(text):
        return await client.users.get(guid)
    user = await client.users.find_by(username=text)
    if user is None:
        raise Failure(
            f"no user has the username {text!r}",
            hints=(f"Search in all names with: aconnect users list --query {shlex.quote(text)}",),
        )
    return user


async def find_group(client: Client, text: str) -> Group:
    """Return the group with a GUID or a name.

    Raises:
        Failure: There is none with this name.
    """
    if guid := guid_in(_given(text, "GROUP")):
        return await client.groups.get(guid)
    group = await client.groups.find_by(name=text)
    if group is None:
        raise Failure(f"no group has the name {text!r}", hints=("List them: aconnect groups list",))
    return group


async def find_tag(client: Client, text: str) -> TagRow:
    """Return the tag with a name, or with a path such as `Department/Finance`.

    Raises:
        Failure: There is none with this name, or more than one.
    """
    from aconnect.cli.rows import tag_rows

    _given(text, "TAG")
    rows = await tag_rows(client)
    found = [row for row in rows if row.path == text] or [row for row in rows if row.name == text]
    if len(found) == 1:
        return found[0]
    if found:
        same = tuple(f"  {row.path}" for row in found)
        raise Failure(f"{len(found)} tags have the name {text!r}; pass the path of one", hints=same)
    raise Failure(
        f"no tag has the name or path {text!r}",
        hints=("A path is one such as Department/Finance; list them: aconnect tags list",),
    )


async def find_job(item: ContentItem, key: str | None) -> Job:
    """Return a job of content by its key; without a key, the newest one.

    Raises:
        Failure: The content has no job, or none with this key.
    """
    if key is not None:
        try:
            return await item.jobs.get(_given(key, "JOB"))
        except NotFoundError as error:
            raise Failure(
                f"{item.name} has no job {key!r}",
                hints=(f"List them: aconnect jobs list {item.guid}",),
            ) from error
    jobs: Sequence[Job] = await item.jobs.find()
    if not jobs:
        raise Failure(f"{item.name} has no jobs: it has not run or been built yet")
    return max(jobs, key=lambda job: job.start_time.timestamp() if job.start_time else 0.0)

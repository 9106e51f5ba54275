"""The content that a deployment is for: found or created, with its settings, variables and tags.

Decides what is changed before the first build, and what is refused before anything is changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from msgspec import Struct

from aconnect.connect import Client, ContentItem, Tag
from aconnect.connect.content.content import ContentFields
from aconnect.connect.content.environment_variables import Variables
from aconnect.connect.ensuring import create_content, differing, own_content
from aconnect.deploy.steps import OnStep, Step
from aconnect.errors import ApiError, InvalidArgumentError

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{3,64}")
_UNKNOWN: Final = {None, "", "unknown"}


class Target(Struct, frozen=True):
    """The content that is deployed to."""

    item: ContentItem
    is_new: bool
    """Whether it was created for this deployment."""


def check_name(name: str) -> None:
    """Raise if this cannot be the name of content."""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} cannot be the name of content; it takes 3 to 64 letters, digits, "
            "'.', '_' and '-'"
        )


def check_target(name: str | None, guid: str | None) -> None:
    """Raise unless a name or a guid says which content is meant."""
    if name is None and guid is None:
        raise InvalidArgumentError("pass name= or guid=")
    if name is not None:
        check_name(name)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise TypeError for a setting that content does not have, as a Python call does."""
    unknown = settings.keys() - ContentFields.__optional_keys__
    if unknown:
        raise TypeError(f"content has no settings named {', '.join(sorted(unknown))}")


async def existing(client: Client, name: str | None, guid: str | None) -> ContentItem | None:
    """Return the content with this guid, or the key owner's content with this name; or None.

    Raises:
        InvalidArgumentError: The content with the guid has another name.
    """
    check_target(name, guid)
    if guid is not None:
        item = await client.content.get(guid)
        if name is not None and item.name != name:
            raise InvalidArgumentError(
                f"content {guid} is named {item.name!r}, not {name!r}; pass only the one you mean"
            )
        return item
    assert name is not None  # noqa: S101  one of the two is given
    return await own_content(client, name)


async def find_or_create(
    client: Client,
    name: str | None,
    guid: str | None,
    settings: Mapping[str, Any],
    on_step: OnStep,
) -> Target:
    """Return the content, and create it if there is none with this name."""
    item = await existing(client, name, guid)
    if item is not None:
        on_step(Step("found", f"content {item.guid}"))
        return Target(item, is_new=False)
    assert name is not None  # noqa: S101  a guid that does not exist raises
    item = await create_content(client, name, settings)
    on_step(Step("created", f"content {item.guid}"))
    return Target(item, is_new=True)


def check_deployable(item: ContentItem, app_mode: str | None) -> None:
    """Raise if this content cannot take a deployment, or one of this type."""
    if item.locked:
        message = f" ({item.locked_message})" if item.locked_message else ""
        raise InvalidArgumentError(
            f"content {item.guid} is locked{message}, so it takes no deployments; unlock it first: "
            "update(locked=False)"
        )
    current = item.app_mode
    if item.bundle_id is not None and not {current, app_mode} & _UNKNOWN and current != app_mode:
        raise InvalidArgumentError(
            f"content {item.guid} is {current}, but this is {app_mode}; the type of content "
            "cannot change, so choose another name"
        )


async def configure(
    item: ContentItem,
    settings: Mapping[str, Any],
    env: Variables[str | None] | None,
    tags: Sequence[Tag],
    on_step: OnStep,
) -> ContentItem:
    """Set what differs, the environment variables, and the tags; return the updated item."""
    changed = differing(item, settings)
    if changed:
        item = await item.update(**cast("ContentFields", changed))
        # Servers ignore the fields that they do not know.
        ignored = differing(item, changed)
        names = (f"{n} (not confirmed by the server)" if n in ignored else n for n in changed)
        on_step(Step("settings", ", ".join(names)))
    if env is not None:
        values = dict(cast("Any", env))
        if values:
            await item.environment_variables.update(values)
            on_step(Step("environment", ", ".join(values)))
    if tags:
        there = {tag.id for tag in await item.tags.find()}
        for tag in tags:
            if tag.id not in there:
                await item.tags.add(tag)
        on_step(Step("tags", ", ".join(tag.name for tag in tags)))
    return item


async def find_tags(client: Client, paths: Sequence[str | Sequence[str]]) -> list[Tag]:
    """Return the tags at these paths, such as "Department/Finance"; create what is missing.

    Raises:
        InvalidArgumentError: A path is a category, which content cannot have.
        PermissionDeniedError: A tag is missing, and only administrators can create it.
    """
    if isinstance(paths, str):
        raise InvalidArgumentError(f"tags={paths!r} is text; pass a list of paths")
    for path in paths:
        if len(path.split("/") if isinstance(path, str) else path) < 2:
            raise InvalidArgumentError(
                f"the tag {path!r} is a category, which content cannot have; write it as "
                "'Category/Tag'"
            )
    tags: list[Tag] = []
    for path in paths:
        try:
            tags.append(await client.tags.ensure_tag_path(path))
        except ApiError as error:
            if error.method == "POST":
                error.add_note(f"the tag {path!r} does not exist yet; administrators can create it")
            raise
    return tags

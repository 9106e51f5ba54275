"""From a directory to running content: find or create it, upload, build, verify, activate.

Decides which content a bundle is for, and in which order the server is changed. What a bundle
contains is decided in `project` and `archive`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aconnect._core.arguments import is_guid
from aconnect.connect import Client, ContentItem, Task
from aconnect.deploy.archive import DEFAULT_MAX_SIZE, pack
from aconnect.errors import DecodeError, InvalidArgumentError

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{3,64}")


async def deploy(
    client: Client,
    directory: str | Path,
    *,
    name: str | None = None,
    guid: str | None = None,
    title: str | None = None,
    max_size: int = DEFAULT_MAX_SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> Task[ContentItem]:
    """Upload a directory as a new bundle, start its deployment, and return the task to follow.

    It is deployed to the content with this `guid`, or else to the key owner's content with this
    `name`, which is created if it does not exist. The directory is checked before anything is sent;
    a later error has a note about what is on the server.

    Args:
        client: The client of the server.
        directory: A folder with a `manifest.json`; see `pack`.
        name: 3 to 64 of `A-Z a-z 0-9 . _ -`; `.` on newer servers only. Together with `guid`, the
        content must have this name.
        guid: The guid of existing content.
        title: The title that users see; updated if the content has another.
        max_size: The maximum total size of the files, in bytes.
        progress: Called with the bytes sent so far and the total; a retry restarts the count.

    Raises:
        InvalidArgumentError: The name, the directory or its manifest is invalid; no request was
        made.
        FileError: A listed file cannot be read, or the temporary archive cannot be written.
        AconnectError: The upload or the start of the deployment failed; notes say what was created.
    """
    if name is None and guid is None:
        raise InvalidArgumentError("pass name= or guid=")
    if name is not None:
        check_name(name)
    async with pack(directory, max_size=max_size) as archive:
        item, made = await _content(client, name, guid, title)
        left = f"content {item.guid} was created" if made else ""
        try:
            if title is not None and item.title != title:
                item = await item.update(title=title)
            counted = _counted(progress, archive.size)
            bundle = await item.bundles.create(archive.path, progress=counted)
            left = f"{left} and" if made else f"content {item.guid}"
            left = f"{left} has bundle {bundle.id}, perhaps not active"
            return await item.deploy(bundle)
        except Exception as error:
            if left:
                error.add_note(f"Not undone: {left}. Deploying again uses that content.")
            raise


def check_name(name: str) -> None:
    """Raise if this cannot be the name of content."""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} cannot be the name of content; it takes 3 to 64 letters, digits, "
            "'.', '_' and '-'"
        )


async def _content(
    client: Client, name: str | None, guid: str | None, title: str | None
) -> tuple[ContentItem, bool]:
    """Return the content, and whether it was created."""
    if guid is not None:
        item = await client.content.get(guid)
        if name is not None and item.name != name:
            raise InvalidArgumentError(
                f"content {guid} is named {item.name!r}, not {name!r}; pass only the one you mean"
            )
        return item, False
    assert name is not None  # noqa: S101  checked above
    me = await client.me()
    if not is_guid(me.guid):
        raise DecodeError(
            f"{client.url} returned no guid for the owner of the key, so their content cannot be "
            "found; check that the address is Connect's, or pass guid="
        )
    found = await client.content.find_one(name=name, owner_guid=me.guid)
    if found is not None:
        return found, False
    if title is None:
        return await client.content.create(name=name), True
    return await client.content.create(name=name, title=title), True


def _counted(
    progress: Callable[[int, int], None] | None, size: int
) -> Callable[[int], None] | None:
    """Add up the chunks of an upload."""
    if progress is None:
        return None
    sent = 0

    def add(piece: int) -> None:
        nonlocal sent
        # Everything has been sent already: this is another attempt.
        sent = piece if sent >= size else min(sent + piece, size)
        progress(sent, size)

    return add

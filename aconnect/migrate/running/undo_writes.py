"""How each kind of write is taken back.

Everything here can be repeated: after an interruption, it is done again for the writes that are not
yet recorded as taken back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from aconnect.connect import Client, ContentItem, User
from aconnect.connect._base.resource import none_if_missing
from aconnect.deploy.deployment import redeploy
from aconnect.errors import NotFoundError
from aconnect.migrate.running.journal import Ledger, Write, WriteKind


class Undo(Struct, frozen=True):
    """What is needed to take writes back."""

    source: Client
    destination: Client
    ledger: Ledger
    force: frozenset[str]
    """The guids of content that is deleted although it has changed."""

    @property
    def me_guid(self) -> str:
        """The guid of the key's owner on the destination."""
        return self.ledger.header.destination_me

    @property
    def source_me(self) -> User:
        """The key's owner on the source."""
        return User(guid=self.ledger.header.source_me)


_Done = Awaitable[str | None]
"""What was left, and why; None if nothing was."""


async def undo_target(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    """Take back a write on the destination, and return what was left.

    `item` is the content of the write; None if it is not there any more.
    """
    function = _ON_TARGET.get(write.kind)
    return None if function is None else await function(undo, write, item)


async def undo_source(undo: Undo, write: Write) -> str | None:
    """Take back a write on the source, and return what was left."""
    item = await none_if_missing(undo.source.content.get(write.before["guid"], include=None))
    if item is None:
        return None
    if write.kind == "grant":
        await withdraw(item, undo.source_me, write)
    elif item.locked:
        await item.update(locked=False, locked_message=write.before.get("locked_message") or "")
    return None


async def withdraw(item: ContentItem, me: User, grant: Write) -> None:
    """Withdraw a grant on the source: put back the role that was there before, if any."""
    role, permission = grant.before.get("role"), grant.result.get("id")
    try:
        if role is not None:
            await item.ensure_permission(me, role)
        elif permission:
            await item.permissions.delete(permission)
        elif (found := await item.permissions.find_one(me)) is not None:
            # The response of the grant was not received, or was damaged.
            await found.delete()
    except NotFoundError:
        # The content or the permission was deleted meanwhile.
        return


async def _content(_: Undo, __: Write, item: ContentItem | None) -> str | None:
    if item is not None:
        await item.delete()
    return None


async def _vanity(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    """Give the path back to its former holder, and its former path to the content."""
    path: str = write.before["path"]
    holder, own = write.before.get("holder"), write.before.get("own")
    if item is not None:
        current = await item.vanity.find_one()
        if current is None or current.path != path:
            return f"the vanity URL {path} is not its own any more, and was left as it is"
        if own is not None:
            await item.vanity.put(path=own)
        else:
            await item.vanity.delete()
    if holder is None:
        return None
    former = await none_if_missing(undo.destination.content.get(holder, include=None))
    if former is None:
        return f"{holder}, which had the vanity URL {path}, does not exist any more"
    await former.vanity.put(path=path)
    return None


async def _lock(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    if item is not None and _is_adopted(undo, write):
        await item.update(locked=False)
    return None


async def _fields(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    """Put back the fields of content that was updated."""
    if item is None or not _is_adopted(undo, write):
        return None
    fields: dict[str, Any] = {
        name: value for name, value in write.before.items() if name not in _NO_FIELDS
    }
    if fields:
        await item.update(**fields)
    return None


_NO_FIELDS: Final = frozenset({"guid", "bundle_id", "new_owner"})


async def _settings(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    """Put back the settings of content that was updated, and its bundle: it is built again."""
    await _fields(undo, write, item)
    bundle_id = write.before.get("bundle_id")
    if item is None or bundle_id is None or item.bundle_id == bundle_id:
        return None
    await (await redeploy(item, str(bundle_id)))
    for sent in undo.ledger.writes(write.number, "bundle"):
        if "id" in sent.result and not sent.result.get("kept"):
            await none_if_missing(item.bundles.delete(sent.result["id"]))
    return None


async def _permission(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    if item is None or not _is_adopted(undo, write):
        return None
    found = await item.permissions.find_one(principal_guid=write.before["guid"])
    role = write.before.get("role")
    if found is None:
        return None
    if role is None:
        await none_if_missing(found.delete())
    elif found.role != role:
        await found.update(role)
    return None


async def _item_tag(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    if item is not None and _is_adopted(undo, write) and not write.before.get("had"):
        await none_if_missing(item.tags.delete(write.key))
    return None


async def _integrations(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    if item is not None and _is_adopted(undo, write):
        await item.oauth.associations.update(list(write.before.get("guids", ())))
    return None


async def _variables(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    if item is None or not _is_adopted(undo, write):
        return None
    names = ", ".join(write.before["names"])
    return f"the former values of {names} cannot be put back: servers do not return them"


async def _thumbnail(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    if item is None or not _is_adopted(undo, write):
        return None
    return "the former thumbnail cannot be put back"


async def _new_tag(undo: Undo, write: Write, _: ContentItem | None) -> str | None:
    """Delete a tag that has no children and that no content has."""
    tag_id = write.result.get("id")
    if tag_id is None:
        return None
    tags = undo.destination.tags
    tag = await none_if_missing(tags.get(tag_id))
    if tag is None:
        return None
    is_used = await tags.content(tag_id).first() is not None
    if is_used or await tags.find(parent_id=tag_id).first() is not None:
        return f"the tag {write.key!r} is kept, because it is in use"
    await none_if_missing(tag.delete())
    return None


async def _people(_: Undo, write: Write, __: ContentItem | None) -> str | None:
    return f"{write.before['text']} stays: servers cannot delete users, and others may use the rest"


def _is_adopted(undo: Undo, write: Write) -> bool:
    """Return True if the content was there before the run; other content is deleted as a whole."""
    return not undo.ledger.writes(write.number, "content")


_ON_TARGET: Final[dict[WriteKind, Callable[[Undo, Write, ContentItem | None], _Done]]] = {
    "content": _content,
    "final": _fields,
    "integrations": _integrations,
    "lock": _lock,
    "new-tag": _new_tag,
    "people": _people,
    "permission": _permission,
    "settings": _settings,
    "tag": _item_tag,
    "thumbnail": _thumbnail,
    "vanity": _vanity,
    "variables": _variables,
}
"""By the kind of the write; what is not here goes with the content, or needs nothing."""

"""How each kind of write is taken back.

Content that the run created is deleted with everything that belongs to it; of content that was
there before, each write is taken back by itself. Everything here can be repeated: after an
interruption, it is done again for the writes that are not yet recorded as taken back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from aconnect.connect import Client, ContentItem, Tag, User
from aconnect.connect._base.resource import none_if_missing
from aconnect.deploy.deployment import redeploy
from aconnect.deploy.sending import bundles_of
from aconnect.errors import ConflictError
from aconnect.migrate.running.journal import Ledger, Write, WriteKind
from aconnect.migrate.running.steps.creating import is_same, values_of
from aconnect.migrate.running.steps.source import withdraw
from aconnect.migrate.snapshots.model import BundleSnapshot


class Undo(Struct, frozen=True):
    """What is needed to take writes back."""

    source: Client
    destination: Client
    ledger: Ledger
    force: frozenset[str]
    """The guids of content that is taken back although it has changed."""

    @property
    def me_guid(self) -> str:
        """The guid of the key's owner on the destination."""
        return self.ledger.header.destination_me

    def is_adopted(self, number: int) -> bool:
        """Return True if the content was there before the run."""
        return not self.ledger.writes(number, "content")


_Done = Awaitable[str | None]
"""What was left, and why; None if nothing was."""


async def undo_target(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    """Take back a write on the destination, and return what was left.

    `item` is the content of the write; None if it is not there any more.
    """
    if write.kind == "vanity":
        return await _vanity(undo, write, item)
    if item is None:
        return None
    if not undo.is_adopted(write.number):
        if write.kind == "content":
            await item.delete()
        return None
    function = _ON_ADOPTED.get(write.kind)
    return None if function is None else await function(undo, write, item)


async def undo_source(undo: Undo, write: Write) -> str | None:
    """Take back a write on the source, and return what was left."""
    item = await none_if_missing(undo.source.content.get(write.before["guid"], include=None))
    if item is None:
        return None
    if write.kind == "grant":
        await withdraw(item, User(guid=undo.ledger.header.source_me), write)
    elif item.locked:
        if (item.locked_message or "") != write.before["message"]:
            return f"{item.guid} on the source was locked again since the run, and stays locked"
        await item.update(locked=False, locked_message=write.before.get("locked_message") or "")
    return None


async def undo_tag(undo: Undo, write: Write) -> str | None:
    """Delete a tag that the run has created; return why it is kept if it is in use."""
    tags = undo.destination.tags
    tag = await _created_tag(undo, write)
    if tag is None:
        return None
    is_used = await tags.content(tag.id).first() is not None
    if is_used or await tags.find(parent_id=tag.id).first() is not None:
        return f"the tag {write.key!r} is kept, because it is in use"
    await none_if_missing(tag.delete())
    return None


async def _created_tag(undo: Undo, write: Write) -> Tag | None:
    """Return the tag of a write; None if there is none."""
    tags = undo.destination.tags
    if "id" in write.result:
        return await none_if_missing(tags.get(write.result["id"]))
    # The response was lost: it is the tag with this path.
    tag: Tag | None = None
    for name in write.before["path"]:
        parent = None if tag is None else tag.id
        found = [one for one in await tags.find(name=name) if (one.parent_id or None) == parent]
        if not found:
            return None
        tag = found[0]
    return tag


async def _vanity(undo: Undo, write: Write, item: ContentItem | None) -> str | None:
    """Give the path back to its former holder, and its former path to the content."""
    path: str = write.before["path"]
    holder, own = write.before.get("holder"), write.before.get("own")
    notes: list[str] = []
    if item is not None and own != path:
        current = await item.vanity.find_one()
        if current is not None and current.path == path:
            notes += await _leave(item, own)
        elif current is not None and current.path != own:
            notes.append(f"its vanity URL is {current.path} since the run, and stays so")
    if holder is not None:
        notes += await _give_back(undo, holder, path)
    return "; ".join(notes) or None


async def _leave(item: ContentItem, own: str | None) -> list[str]:
    """Give content its former path instead of the one that it has, or none."""
    if own is not None:
        try:
            await item.vanity.put(path=own)
        except ConflictError as error:
            await none_if_missing(item.vanity.delete())
            return [f"its former vanity URL {own} cannot be put back: {error}"]
        return []
    await none_if_missing(item.vanity.delete())
    return []


async def _give_back(undo: Undo, holder: str, path: str) -> list[str]:
    """Give a path to the content that had it before, unless either has another one now."""
    what = f"the vanity URL {path} is not given back to {holder}"
    former = await none_if_missing(undo.destination.content.get(holder, include=None))
    if former is None:
        return [f"{what}, which does not exist any more"]
    current = await former.vanity.find_one()
    if current is not None:
        return [] if current.path == path else [f"{what}, which has {current.path} now"]
    try:
        await former.vanity.put(path=path)
    except ConflictError as error:
        return [f"{what}: {error}"]
    return []


async def _final(undo: Undo, write: Write, item: ContentItem) -> str | None:
    return await _fields(undo, write, item, write.before["fields"])


async def _fields(
    undo: Undo, write: Write, item: ContentItem, before: Mapping[str, Any]
) -> str | None:
    """Put back the fields that still are as the run has set them."""
    # Unknown if the response was lost.
    after: dict[str, Any] = write.result.get("fields", {})
    now = values_of(item, before)
    changed: set[str] = {
        name for name in before if now[name] not in (before[name], after.get(name, now[name]))
    }
    if item.guid in undo.force:
        changed.clear()
    fields: dict[str, Any] = {
        name: value for name, value in before.items() if name not in changed and now[name] != value
    }
    if fields:
        await item.update(**fields)
    role = write.before.get("role")
    if role is not None and "owner_guid" not in changed:
        # Owners have no entry among the permissions; this one had one before.
        await item.ensure_permission(User(guid=str(write.before["new_owner"])), role)
    if not changed:
        return None
    return f"changed since the run, and left so: {', '.join(sorted(changed))}"


async def _settings(undo: Undo, write: Write, item: ContentItem) -> str | None:
    """Put back the settings, then the bundle, which is built with them, and then wider access."""
    before = dict(write.before["fields"])
    access = {name: before.pop(name) for name in ("access_type",) if name in before}
    notes = [
        await _fields(undo, write, item, before),
        await _put_back_bundle(write, item),
        await _fields(undo, write, item, access),
    ]
    there, sent = set(write.before["bundles"]), undo.ledger.writes(write.number, "bundle")
    active = (await item.refresh()).bundle_id
    for bundle in await bundles_of(item):
        is_of_run = (bundle.metadata is not None and bundle.metadata.source == "git") or any(
            one.result.get("id") == bundle.id or is_same(bundle, _snapshot(one)) for one in sent
        )
        if bundle.id not in there and bundle.id != active and is_of_run:
            await none_if_missing(item.bundles.delete(bundle.id))
    return "; ".join(filter(None, notes)) or None


def _snapshot(write: Write) -> BundleSnapshot:
    return BundleSnapshot(id=write.key, size=write.before["size"], md5=write.before["md5"])


async def _put_back_bundle(write: Write, item: ContentItem) -> str | None:
    former = write.before["bundle_id"]
    if item.bundle_id in {None, former}:
        return None
    if former is None:
        return f"it had no bundle; bundle {item.bundle_id} stays, because no server takes one away"
    bundle = await none_if_missing(item.bundles.get(former))
    if bundle is None or bundle.size == 0:
        return (
            f"its former bundle {former} is not stored any more, so bundle {item.bundle_id} stays"
        )
    # Not verified: it is what was there, whether it responds or not.
    await (await redeploy(item, former, verify=False))
    return None


async def _lock(_: Undo, write: Write, item: ContentItem) -> str | None:
    await item.update(locked=False, locked_message=write.before["locked_message"])
    return None


async def _permission(_: Undo, write: Write, item: ContentItem) -> str | None:
    found = await item.permissions.find_one(principal_guid=write.before["guid"])
    role = write.before.get("role")
    if found is None:
        return None
    if role is None:
        await none_if_missing(found.delete())
    elif found.role != role:
        await found.update(role)
    return None


async def _item_tag(_: Undo, write: Write, item: ContentItem) -> str | None:
    """Take away a tag, and those above it that were added with it."""
    now = {tag.id: tag for tag in await item.tags.find()}
    tag_id: str | None = write.key
    while tag_id in now and tag_id not in write.before["had"]:
        if any(tag.parent_id == tag_id for tag in now.values()):
            break
        await none_if_missing(item.tags.delete(tag_id))
        tag_id = now.pop(tag_id).parent_id
    return None


async def _integrations(_: Undo, write: Write, item: ContentItem) -> str | None:
    await item.oauth.associations.update(list(write.before["guids"]))
    return None


async def _variables(_: Undo, write: Write, item: ContentItem) -> str | None:
    had = set(write.before["had"])
    there = set(await item.environment_variables.find())
    if new := [name for name in write.before["names"] if name in there - had]:
        await item.environment_variables.update(dict.fromkeys(new))
    if replaced := ", ".join(name for name in write.before["names"] if name in had):
        return f"the former values of {replaced} cannot be put back: servers do not return them"
    return None


async def _thumbnail(_: Undo, write: Write, item: ContentItem) -> str | None:
    if write.before["had"]:
        return "the former thumbnail cannot be put back, because it was not kept"
    await none_if_missing(item.thumbnail.delete())
    return None


async def _repository(_: Undo, write: Write, item: ContentItem) -> str | None:
    await item.repository.put(**write.before["fields"])
    if write.before["had_password"]:
        return "the password in the address of its former repository cannot be put back"
    return None


_ON_ADOPTED: Final[dict[WriteKind, Callable[[Undo, Write, ContentItem], _Done]]] = {
    "final": _final,
    "integrations": _integrations,
    "lock": _lock,
    "permission": _permission,
    "repository": _repository,
    "settings": _settings,
    "tag": _item_tag,
    "thumbnail": _thumbnail,
    "variables": _variables,
}
"""By the kind of the write on content that was there before; the others need nothing."""

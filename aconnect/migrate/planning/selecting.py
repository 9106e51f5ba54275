"""Choosing the content to migrate.

Decides that nothing that was named is silently ignored: an unknown tag, owner or guid is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from aconnect._core.arguments import canonical_guid
from aconnect._core.text import some_of
from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.mapping.names import Names
from aconnect.migrate.planning.model import Selection
from aconnect.migrate.snapshots.catalog import Catalog
from aconnect.migrate.snapshots.choosing import choice, has_tag
from aconnect.migrate.snapshots.model import ContentSnapshot


async def search_guids(client: Client, query: str | None) -> set[str] | None:
    """Return the guids of the content that a search finds; None if nothing is searched for."""
    if query is None:
        return None
    return {item.guid async for item in client.content.search(q=query)}


def choose(
    catalog: Catalog,
    content: Sequence[ContentSnapshot],
    selection: Selection,
    found: Collection[str] | None,
) -> set[str]:
    """Return the guids of the content that is chosen, of all content of a server.

    Raises:
        InvalidArgumentError: The selection names what the server does not have, or chooses nothing.
    """
    guids = tuple(canonical_guid("guids", guid) for guid in selection.guids)
    if unknown := list(_unknown(catalog, content, selection, guids)):
        raise InvalidArgumentError("\n".join(unknown))
    is_chosen = choice(guids=guids, tags=selection.tags, owners=selection.owners, found=found)
    chosen = {one.guid for one in content if is_chosen(one)}
    if not chosen:
        what = ", ".join(_in_words(selection))
        raise InvalidArgumentError(
            f"no content of {catalog.url} has {what}; choose less narrowly"
            if what
            else f"{catalog.url} has no content that {catalog.me.username} can see"
        )
    return chosen


def check_mapped_content(
    catalog: Catalog, content: Sequence[ContentSnapshot], mapping: Mapping
) -> None:
    """Raise if the mapping names content that the source does not have.

    Raises:
        InvalidArgumentError: It does; content that was meant to be updated would be created.
    """
    there = {one.guid for one in content}
    for table, guids in (("content", mapping.content), ("content-env", mapping.content_env)):
        if unknown := [guid for guid in guids if guid not in there]:
            raise InvalidArgumentError(
                f"[{table}] of the mapping names content that {catalog.url} does not have: "
                f"{some_of(unknown)}"
            )


def _unknown(
    catalog: Catalog,
    content: Sequence[ContentSnapshot],
    selection: Selection,
    guids: Sequence[str],
) -> Iterator[str]:
    """Yield a message for each thing that is named and does not exist."""
    owners = {(user.guid, user.username) for user in catalog.users.values()}
    # Owners need not be in the list of users.
    users = Names("user", catalog.url, owners | {(one.owner, one.owner) for one in content})
    yield from (users.unknown(name) for name in selection.owners if name not in users)
    paths = catalog.tags.values()
    names = {"/".join(path) for path in paths} | {path[-1] for path in paths}
    tags = Names("tag", catalog.url, ((name, name) for name in names))
    for tag in selection.tags:
        if not any(has_tag(path, tag) for path in paths):
            yield tags.unknown(tag)
    items = {one.guid for one in content}
    yield from (f"{catalog.url} has no content {guid!r}" for guid in guids if guid not in items)


def _in_words(selection: Selection) -> Iterator[str]:
    for word, named in (
        ("guid", selection.guids),
        ("tag", selection.tags),
        ("owner", selection.owners),
    ):
        if named:
            yield f"the {word} {' or '.join(map(repr, named[:3]))}{', …' * (len(named) > 3)}"
    if selection.search is not None:
        yield f"what the search for {selection.search!r} finds"

"""The content that an address from a browser belongs to.

Decides which addresses are those of content: its own, its vanity URL, and those of its pages in the
dashboard. An address begins with the one that the client uses for the server, or with the one that
the server itself uses for its content, which differs behind some proxies.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from aconnect._core.url import split_address
from aconnect.errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from aconnect.connect.content.content import Content, ContentItem

GUID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)
_PAGES: Final = frozenset({"__api__", "connect", "content"})
"""The paths of the server itself, in which the first GUID is that of the content."""

Parts = list[str]
"""An address as the host and the segments of the path; both schemes mean the same server."""


async def content_at(content: Content, address: str) -> ContentItem:
    """Return the content that an address belongs to; see `Content.from_address`."""
    parts, here = _parts(address), _parts(content.client.url)
    below = _below(parts, here)
    is_here = below is not None
    guid = _guid(_page_in(parts) if below is None else below, address)
    try:
        if guid is not None:
            item = await content.get(guid)
            if _below(parts, here, _public_root(item)) is not None:
                return item
        else:
            async with aclosing(aiter(content.find(include="vanity_url"))) as items:
                async for item in items:
                    roots = (here, _public_root(item))
                    is_here = is_here or _below(parts, *roots) is not None
                    if _is_vanity(item, parts, *roots):
                        return await content.get(item.guid)
    except NotFoundError:
        if is_here:
            raise
    if not is_here:
        raise InvalidArgumentError(
            f"{parts[0]} is another server than {here[0]}, which this client is for; the address "
            "of content begins with that of its server"
        )
    error = NotFoundError(
        f"no content that the key can see has the address {address.partition('?')[0]!r}",
        status=404,
    )
    error.hint = "pass its GUID, or look it up by its name"
    raise error


def _parts(address: str) -> Parts:
    origin, segments = split_address(address)
    return [origin.partition("://")[2], *map(unquote, segments)]


def _below(parts: Parts, *roots: Parts | None) -> Parts | None:
    """Return the segments of an address below that of a server; None if it is below none."""
    for root in roots:
        if root is not None and parts[: len(root)] == root:
            return parts[len(root) :]
    return None


def _page_in(parts: Parts) -> list[str]:
    """Return the segments from the first one that may be that of a page of a server."""
    first = next((i for i, part in enumerate(parts) if part in _PAGES), len(parts))
    return parts[first:]


def _guid(segments: list[str], address: str) -> str | None:
    """Return the GUID in the address of content, or of one of its pages; None of others."""
    if _PAGES.isdisjoint(segments[:1]):
        return None
    found = GUID.search("/".join([*segments, urlsplit(address.strip()).fragment]))
    return None if found is None else found[0].lower()


def _public_root(item: ContentItem) -> Parts | None:
    """Return the address of the server as it is in that of its content."""
    root, found, _ = (item.content_url or "").partition(f"/content/{item.guid}")
    return _received(root) if found else None


def _is_vanity(item: ContentItem, parts: Parts, here: Parts, public: Parts | None) -> bool:
    """Return True if an address is at or below the vanity URL of an item."""
    vanity = _below(_received(item.vanity_url or "") or [], public, here)
    given = _below(parts, here, public)
    return bool(vanity and given and _below(given, vanity) is not None)


def _received(address: str) -> Parts | None:
    """Return the parts of an address that the server has sent, or None if it is not valid."""
    try:
        return _parts(address)
    except InvalidArgumentError:
        return None

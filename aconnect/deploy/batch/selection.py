"""Which content a batch is for: by tag, by owner, by text, or because its last build has failed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aconnect._client.lazy import LazySequence
from aconnect.concurrency import amap
from aconnect.connect import Client, ContentItem, Tag, User
from aconnect.deploy.building import build_job
from aconnect.errors import NotFoundError


def select_content(
    client: Client,
    *,
    tag: Tag | str | None = None,
    owner: User | str | None = None,
    query: str | None = None,
    all_failed: bool = False,
) -> LazySequence[ContentItem]:
    """List the content that matches all arguments and that the key can see.

    Args:
        client: The client of the server.
        tag: A tag or its id. The tags above a tag of an item are tags of the item as well.
        owner: A user or their guid.
        query: Text in the name or the title, in upper or lower case.
        all_failed: Only content whose newest build has failed: of its jobs that are not processes
            for visitors, such as those that restore packages or render, the newest has ended with
            an exit code other than 0. Content whose jobs are not visible to the key is left out.
    """
    owner_guid = owner.guid if isinstance(owner, User) else owner
    tag_id = tag.id if isinstance(tag, Tag) else tag

    async def matching() -> AsyncGenerator[ContentItem, None]:
        include = None if tag_id is None else "tags"
        items = client.content.find(owner_guid=owner_guid, include=include)
        async with aclosing(aiter(items)) as stream:
            async for item in stream:
                if tag_id is not None and all(tag.id != tag_id for tag in item.included_tags or ()):
                    continue
                text = f"{item.name}\n{item.title or ''}".casefold()
                if query is None or query.casefold() in text:
                    yield item

    async def failed() -> AsyncGenerator[ContentItem, None]:
        judged = amap(_has_failed, LazySequence(matching), pairs=True)
        async with aclosing(aiter(judged)) as stream:
            async for item, has_failed in stream:
                if has_failed:
                    yield item

    return LazySequence(failed if all_failed else matching)


async def _has_failed(item: ContentItem) -> bool:
    """Return True if the newest build of an item has failed."""
    try:
        job = await build_job(item, None)
    except NotFoundError:
        # It was deleted meanwhile.
        return False
    return job is not None and not job.is_active and bool(job.exit_code or job.error)

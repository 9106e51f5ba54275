"""Ending the processes of content, so that new ones start.

The API has no operation for a restart. A server ends the processes of content whose environment
changes, so a restart sets a variable and removes it again, as the vendor's own clients do. The
variable is removed whatever happens in between; one that is left, because this program was killed,
is removed by the next restart.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aconnect._client.once import is_uncertain
from aconnect._client.threads import completed
from aconnect._core.retry import RetryPolicy
from aconnect.concurrency import amap
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect.content.visiting import verified
from aconnect.errors import AconnectError, ApiError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Collection

    from aconnect.connect.content.content import ContentItem
    from aconnect.connect.content.jobs import Job

_PREFIX: Final = "_CONNECT_RESTART_"
"""How the names of the variables begin, also of those that the vendor's clients set."""
_REMOVAL: Final = RetryPolicy(deadline=30.0)
"""How the removal of the variable is retried, whatever the client's own policy."""


async def restarted(item: ContentItem) -> int:
    """End the processes of content, request it, and return the status of its response."""
    now = await item.refresh()
    if not now.is_interactive:
        does = "render it instead" if now.is_rendered else "nothing of it runs"
        raise InvalidArgumentError(
            f"content {item.guid} of type {now.app_mode or 'unknown'} has no processes to restart; "
            f"{does}"
        )
    await _change_environment(item)
    return await verified(item.client.channel, item.guid)


async def _change_environment(item: ContentItem) -> None:
    """Set a variable, and remove it together with those that earlier restarts have left."""
    name = f"{_PREFIX}{uuid4().hex}"
    try:
        names = await item.environment_variables.create(name, "1")
    except BaseException as error:
        if not isinstance(error, AconnectError) or is_uncertain(error):
            try:
                await _remove(item, [name])
            except AconnectError:
                error.add_note(_left(name))
        raise
    left = {name, *(other for other in names if other.startswith(_PREFIX))}
    try:
        await _remove(item, left)
    except AconnectError as error:
        error.add_note(_left(name))
        raise


async def _remove(item: ContentItem, names: Collection[str]) -> None:
    """Remove variables; if the caller is cancelled, wait for the end of it all the same."""
    content = item.client.with_options(retry=_REMOVAL).content.handle(item.guid)
    removal = content.environment_variables.update(dict.fromkeys(sorted(names)))
    await completed(asyncio.ensure_future(removal))


def _left(name: str) -> str:
    return f"The environment variable {name} may be left; the next restart removes it."


async def terminated(item: ContentItem) -> list[Job]:
    """Ask the server to end the active jobs of content, and return those jobs."""

    async def kill(job: Job) -> None:
        try:
            await job.kill()
        except ApiError as error:
            is_over = error.code == ApiErrorCode.INACTIVE_JOB
            if not (is_over or item.client.channel.dialect.is_gone(error)):
                raise

    active = [job async for job in item.jobs.find() if job.is_active]
    # One that cannot be ended must not keep the others running.
    for outcome in await amap(kill, active, errors="collect"):
        if outcome.error is not None:
            raise outcome.error
    return active

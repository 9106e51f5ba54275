"""The build on the destination: as a draft where that is possible, asked, and then activated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Final

from aconnect.connect import ContentItem
from aconnect.deploy.building import Build, running_build, start_build
from aconnect.deploy.deployment import has_drafts
from aconnect.errors import TaskFailedError
from aconnect.migrate.running.context import ItemRun
from aconnect.migrate.running.journal import WriteKind
from aconnect.migrate.running.steps.creating import sent_bundle
from aconnect.migrate.running.writes import Result

_NAMES: Final = {"r": "R", "python": "Python"}
_SEVERAL_SINCE: Final = "2025.07.0"
"""The first version on which content can have several integrations."""


async def associated(run: ItemRun) -> None:
    """Associate the OAuth integrations, before the build: documents are rendered in it."""
    guids, before = list(run.item.integration_guids), list[str]()
    if not (guids or (run.is_adopted and _requests_integrations(run))):
        return
    if run.is_adopted:
        associations = await run.target.oauth.associations.find()
        before = [one.oauth_integration_guid for one in associations]
        version = await run.migration.destination.version()
        if version is None or version >= _SEVERAL_SINCE:
            guids = list(dict.fromkeys((*before, *guids)))

    async def update() -> Result:
        await run.target.oauth.associations.update(guids)
        return {"guids": guids}

    await run.writes.make("integrations", update, before={"guids": before})


async def deployed(run: ItemRun) -> None:
    """Build the active bundle, or the repository; as a draft if the server has drafts.

    Existing content that has the bundle already is not built again.
    """
    bundle_id = sent_bundle(run)
    if bundle_id is None and not _is_git(run):
        return
    is_draft = bundle_id is not None and await has_drafts(run.migration.destination)
    await _build(run, "draft" if is_draft else "build", bundle_id, activate=not is_draft)


async def checked(run: ItemRun) -> None:
    """Request the draft, or the content, which must respond."""
    bundle_id = sent_bundle(run)
    if bundle_id is None and not _is_git(run):
        return
    is_draft = run.writes.find("draft", bundle_id or "") is not None
    await run.target.verify(bundle_id if is_draft else None)


async def activated(run: ItemRun) -> None:
    """Activate the draft that responds."""
    bundle_id = sent_bundle(run)
    if bundle_id is not None and run.writes.find("draft", bundle_id) is not None:
        await _build(run, "activation", bundle_id, activate=True)
    # The manifest may request integrations as well, which are associated by the build.
    write = run.writes.find("integrations")
    if write is not None and run.item.integration_guids:
        await run.target.oauth.associations.update(write.result["guids"])


async def _build(run: ItemRun, kind: WriteKind, bundle_id: str | None, *, activate: bool) -> None:
    """Start a build, or follow the one that runs; wait for its end."""
    versions = [
        f"{name} {run.item.source.versions[part]}"
        for part, name in _NAMES.items()
        if part in run.item.source.versions
    ]
    item = run.target
    if run.is_adopted or run.writes.find(kind, bundle_id or "") is not None:
        item = await item.refresh()
        if _is_built(run, item, kind, bundle_id):
            return
    async with AsyncExitStack() as stack:

        async def enter() -> None:
            await stack.enter_async_context(run.migration.limits.build(versions))

        build = await _started(run, item, kind, bundle_id, activate=activate, enter=enter)
        async with aclosing(build.output()) as lines:
            async for line in lines:
                run.notify("log", line)
        await build.wait()
    if not activate or bundle_id is None:
        return
    item = await item.refresh()
    if item.bundle_id != bundle_id:
        raise TaskFailedError(
            f"the build of bundle {bundle_id} has ended, but the active bundle of {item.guid} is "
            f"{item.bundle_id or 'none'}; read the log at {item.dashboard_url or item.guid}"
        )


async def _started(
    run: ItemRun,
    item: ContentItem,
    kind: WriteKind,
    bundle_id: str | None,
    *,
    activate: bool,
    enter: Callable[[], Awaitable[None]],
) -> Build:
    """Start a build, unless the one that an earlier process has started still runs.

    `enter` waits for a place among the builds. It is called after the intent is durable, so that
    nobody holds a place while the journal is written.
    """
    write, started = run.writes.find(kind, bundle_id or ""), list[Build]()
    if write is not None:
        if (running := await running_build(item, bundle_id)) is not None:
            await enter()
            return running
        # Whether it has succeeded is not known; building again is harmless.
        run.migration.ledger.mark_undone(write)

    async def start() -> Result:
        await enter()
        # A draft is asked for expressly; older servers do not know the field.
        build = await start_build(item, bundle_id, activate=False if not activate else None)
        started.append(build)
        return {"id": build.id}

    await run.writes.make(kind, start, key=bundle_id or "")
    return started[0]


def _is_built(run: ItemRun, item: ContentItem, kind: WriteKind, bundle_id: str | None) -> bool:
    """Return True if an earlier process has built and activated it."""
    if bundle_id is not None:
        return item.bundle_id == bundle_id
    # The bundle that is made of a commit is not known; content that is new has no other one.
    is_started = run.writes.find(kind) is not None
    return is_started and not run.is_adopted and item.bundle_id is not None


def _requests_integrations(run: ItemRun) -> bool:
    """Return True if the build may associate integrations."""
    details = run.item.source.details
    return details is not None and bool(details.manifest and details.manifest.integration_requests)


def _is_git(run: ItemRun) -> bool:
    details = run.item.target.details
    return details is not None and details.repository is not None

"""From a directory to a build on the server: find or create the content, upload, start.

Decides in which order the server is changed. What follows the start is decided in `following`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Unpack

from msgspec import Struct

from aconnect.connect import Bundle, BundleMetadataParams, Client, ContentItem
from aconnect.connect.content.content import ContentFields
from aconnect.connect.content.environment_variables import Variables
from aconnect.deploy.building import running_build, start_build
from aconnect.deploy.following import CONTINUES, Deployment, left_behind
from aconnect.deploy.integrations import Requested, find_requested
from aconnect.deploy.project.archive import DEFAULT_MAX_SIZE, pack
from aconnect.deploy.project.project import Project, prepare
from aconnect.deploy.sending import bundles_of, send
from aconnect.deploy.steps import OnStep, Step, ignore
from aconnect.deploy.target import (
    check_deployable,
    check_settings,
    check_target,
    configure,
    existing,
    find_or_create,
    find_tags,
)
from aconnect.errors import InvalidArgumentError

_DRAFTS: Final = "2025.06.0"
"""The first version of the server that can build a bundle without activating it."""


class Staged(Struct, frozen=True, kw_only=True):
    """Content with a bundle that is ready to be deployed."""

    item: ContentItem
    bundle: Bundle
    is_new: bool
    """Whether the content was created."""
    is_unchanged: bool
    """Whether the server had the bundle already, so that nothing was sent."""
    requested: tuple[Requested, ...] = ()
    """The OAuth integrations that the manifest requests."""
    warnings: tuple[str, ...] = ()
    """What the user should know about the project and its files, one sentence each."""
    on_step: OnStep = ignore

    async def deploy(self, *, activate: bool = True, verify: bool = True) -> Deployment:
        """Start the build, and return the deployment to follow; see `deploy`."""
        return await begin_build(
            self.item,
            self.bundle,
            activate=activate,
            verify=verify,
            is_new=self.is_new,
            may_run=self.is_unchanged,
            requested=self.requested,
            on_step=self.on_step,
        )


async def stage(
    client: Client,
    source: str | Path | Project,
    *,
    name: str | None = None,
    guid: str | None = None,
    env: Variables[str | None] | None = None,
    tags: Sequence[str | Sequence[str]] = (),
    max_size: int = DEFAULT_MAX_SIZE,
    metadata: BundleMetadataParams | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_step: OnStep = ignore,
    **settings: Unpack[ContentFields],
) -> Staged:
    """Do what `deploy` does before the build: the bundle is then on the server, and not active.

    Raises:
        AconnectError: As `deploy`.
    """
    check_target(name, guid)
    check_settings(settings)
    project = source if isinstance(source, Project) else await prepare(source)
    async with pack(project, max_size=max_size) as archive:
        requested = await find_requested(client, project.manifest)
        found = await find_tags(client, tags) if tags else []
        target = await find_or_create(client, name, guid, settings, on_step)
        item = target.item
        with left_behind(item, is_new=target.is_new):
            check_deployable(item, project.app_mode)
            # Before the settings, which also affect the active bundle, and this may be refused.
            sent = await send(
                item, archive, is_new=target.is_new, metadata=metadata, progress=progress
            )
    text = f"bundle {sent.bundle.id}"
    on_step(Step("unchanged" if sent.is_unchanged else "uploaded", text))
    with left_behind(item, is_new=target.is_new, bundle=sent.bundle):
        item = await configure(item, settings, env, found, on_step)
    return Staged(
        item=item,
        bundle=sent.bundle,
        is_new=target.is_new,
        is_unchanged=sent.is_unchanged,
        requested=tuple(requested),
        warnings=(*project.warnings, *archive.warnings),
        on_step=on_step,
    )


async def deploy(
    client: Client,
    source: str | Path | Project,
    *,
    name: str | None = None,
    guid: str | None = None,
    env: Variables[str | None] | None = None,
    tags: Sequence[str | Sequence[str]] = (),
    activate: bool = True,
    verify: bool = True,
    max_size: int = DEFAULT_MAX_SIZE,
    metadata: BundleMetadataParams | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_step: OnStep = ignore,
    **settings: Unpack[ContentFields],
) -> Deployment:
    """Upload a directory as a bundle, start its build, and return the deployment to await.

    It is deployed to the content with this `guid`, or else to the key owner's content with this
    `name`, which is created if it does not exist. The directory is checked before anything is sent.
    If the newest bundle of the content is the same, nothing is sent, and a build of it that runs
    already is followed; so calling `deploy` again after a failure is safe. Settings, environment
    variables and tags are set between the upload and the build.

    With `verify`, servers from 2025.06 build the bundle as a draft, which is activated when the
    deployment is awaited, and only if it responds; older ones activate it first.

    Args:
        client: The client of the server.
        source: A directory, or what `prepare` made of one.
        name: 3 to 64 of `A-Z a-z 0-9 . _ -`; `.` on newer servers only. Together with `guid`, the
            content must have this name.
        guid: The guid of existing content.
        env: Environment variables to set, as `EnvironmentVariables.update` takes them; None as a
            value deletes one, and those that are not named are kept.
        tags: Paths of tags, such as "Department/Finance"; missing tags are created, for which the
            key must be an administrator's.
        activate: False leaves a draft, which only collaborators see; since 2025.06.
        verify: Whether to request the content after the build. A status of 500 or more, or a login
            page, is a failure.
        max_size: The maximum total size of the files, in bytes.
        metadata: Where the bundle comes from, as `git_metadata` returns it; ignored before 2025.12.
        progress: Called with the bytes sent so far and the total; a retry restarts the count.
        on_step: Called with each step that was done, or that begins.
        **settings: Fields of the content, such as `title` or `access_type`.

    Raises:
        InvalidArgumentError: The directory or an argument is invalid, or the content cannot take
            this deployment; nothing was sent.
        InspectionError: The environment of the project could not be inspected; nothing was sent.
        FileError: A file cannot be read, or the temporary archive cannot be written.
        AconnectError: A step failed; notes say what is left on the server.
    """
    if not activate:
        await require_drafts(client)
    staged = await stage(
        client,
        source,
        name=name,
        guid=guid,
        env=env,
        tags=tags,
        max_size=max_size,
        metadata=metadata,
        progress=progress,
        on_step=on_step,
        **settings,
    )
    return await staged.deploy(activate=activate, verify=verify)


async def redeploy(
    item: ContentItem,
    bundle: Bundle | str | None = None,
    *,
    activate: bool = True,
    verify: bool = True,
    on_step: OnStep = ignore,
) -> Deployment:
    """Build a bundle of the content again, by default the active one, and return the deployment.

    A build of it that runs already is followed.

    Raises:
        InvalidArgumentError: The content is locked or has no bundle.
        AconnectError: The build could not be started.
    """
    item = await item.refresh()
    bundle_id = bundle.id if isinstance(bundle, Bundle) else bundle or active_bundle(item)
    check_deployable(item, None)
    return await begin_build(
        item,
        item.bundles.handle(bundle_id),
        activate=activate,
        verify=verify,
        is_new=False,
        may_run=True,
        on_step=on_step,
    )


def active_bundle(item: ContentItem) -> str:
    """Return the id of the active bundle; raise if there is none."""
    if not item.bundle_id:
        raise InvalidArgumentError(
            f"content {item.guid} has no active bundle; deploy one of its bundles first"
        )
    return item.bundle_id


async def rollback(
    client: Client,
    *,
    name: str | None = None,
    guid: str | None = None,
    to: str | None = None,
    verify: bool = True,
    on_step: OnStep = ignore,
) -> Deployment:
    """Deploy an older bundle again: `to`, or the newest one that is older than the active one.

    The server builds it again, so packages are installed as they are available now. Settings and
    environment variables stay as they are. The server does not record which bundles were active,
    so one that was only a draft counts as an older bundle as well.

    Raises:
        InvalidArgumentError: There is no such content or bundle.
        AconnectError: The build could not be started.
    """
    item = await existing(client, name, guid)
    if item is None:
        raise InvalidArgumentError(f"you have no content named {name!r}; nothing was changed")
    bundles = await bundles_of(item)
    if to is not None:
        found = [bundle for bundle in bundles if bundle.id == to]
    else:
        ids = [bundle.id for bundle in bundles]
        if item.bundle_id not in ids:
            raise InvalidArgumentError(
                f"content {item.guid} has no active bundle that is still stored; pass to=, the "
                f"one to deploy, of: {', '.join(ids) or 'none'}"
            )
        found = bundles[ids.index(item.bundle_id) + 1 :]
    # A bundle of size 0 is no longer on disk.
    found = [bundle for bundle in found if bundle.size != 0]
    if not found:
        what = "older bundle" if to is None else f"bundle {to}"
        raise InvalidArgumentError(
            f"content {item.guid} has no {what} that is still stored; nothing was changed"
        )
    packages = "which is built again with the packages that are available now"
    on_step(Step("found", f"bundle {found[0].id}, {packages}"))
    check_deployable(item, None)
    return await begin_build(
        item,
        found[0],
        activate=True,
        verify=verify,
        is_new=False,
        may_run=True,
        # Without it, a second rollback would go back further if this bundle was activated.
        again=f"To go on, roll back with to={found[0].id!r}.",
        on_step=on_step,
    )


async def begin_build(
    item: ContentItem,
    bundle: Bundle | None,
    *,
    activate: bool,
    verify: bool,
    is_new: bool,
    may_run: bool,
    requested: Sequence[Requested] = (),
    again: str = CONTINUES,
    on_step: OnStep,
) -> Deployment:
    """Start the build of a bundle, or of the repository if it is None.

    A build that runs already is followed instead (`may_run`). The active bundle is only built as a
    draft with `activate=False`, because visitors have it already.
    """
    bundle_id = None if bundle is None else bundle.id
    may_be_draft = verify and bundle_id not in {None, item.bundle_id}
    with left_behind(item, is_new=is_new, bundle=bundle, again=again):
        if not activate:
            await require_drafts(item.client)
        is_draft = not activate or (may_be_draft and await has_drafts(item.client))
        build = await running_build(item, bundle_id) if may_run else None
        if build is None:
            build = await start_build(item, bundle_id, activate=False if is_draft else None)
    on_step(Step("building", build.title))
    return Deployment(
        item,
        bundle,
        build,
        is_new=is_new,
        is_draft=is_draft,
        activate=activate,
        verify=verify,
        requested=requested,
        again=again,
        on_step=on_step,
    )


async def has_drafts(client: Client) -> bool:
    """Return True if the server is known to build bundles without activating them."""
    version = await client.version()
    return version is not None and version >= _DRAFTS


async def require_drafts(client: Client) -> None:
    """Raise unless the server can build a bundle without activating it."""
    if await has_drafts(client):
        return
    version = await client.version()
    raise InvalidArgumentError(
        f"activate=False needs a server from {_DRAFTS} on; this one "
        + (f"is {version}" if version else "hides its version: pass version= to the client")
    )

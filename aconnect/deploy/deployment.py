"""From a directory to running content: upload, build a draft, verify it, activate it.

Decides in which order the server is changed, and what a failure says about what is left there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, Final, Unpack

import anyio
from msgspec import Struct

from aconnect.connect import Bundle, BundleMetadataParams, Client, ContentItem
from aconnect.connect.content.content import ContentFields
from aconnect.connect.content.environment_variables import Variables
from aconnect.deploy.building import Build, log_url, running_build, start_build
from aconnect.deploy.integrations import Requested, associate, find_requested
from aconnect.deploy.project.archive import DEFAULT_MAX_SIZE, pack
from aconnect.deploy.project.project import Project, prepare
from aconnect.deploy.sending import bundles_of, send
from aconnect.deploy.steps import OnStep, Step, ignore
from aconnect.deploy.target import (
    check_deployable,
    check_target,
    configure,
    existing,
    find_or_create,
    find_tags,
)
from aconnect.errors import InvalidArgumentError, TaskFailedError, VerificationError

_DRAFTS: Final = "2025.06.0"
"""The first version of the server that can build a bundle without activating it."""


class Deployment:
    """A build on the server and what follows it; `await` it for the updated content.

    Awaiting it follows the build, requests the content to verify that it responds, and activates it
    if it was built as a draft. Until then visitors see what was there before.
    """

    def __init__(
        self,
        item: ContentItem,
        bundle: Bundle | None,
        build: Build,
        *,
        is_new: bool,
        is_draft: bool,
        activate: bool,
        verify: bool,
        requested: Sequence[Requested],
        on_step: OnStep,
    ) -> None:
        self.item = item
        """The content, as it was when the build began."""
        self.bundle = bundle
        """None for content from a Git repository."""
        self.is_draft = is_draft
        """Whether the bundle is built without being activated."""
        self._build = build
        self._is_new = is_new
        self._activate = activate
        self._verify = verify
        self._requested = requested
        self._on_step = on_step
        self._finished: ContentItem | None = None
        self._lock = anyio.Lock()

    def __repr__(self) -> str:
        return f"<Deployment {self.id} guid={self.item.guid}>"

    @property
    def id(self) -> str:
        """The id of the task that builds it, or of its job where the task is not known."""
        return self._build.id

    @property
    def task_id(self) -> str | None:
        """The id of the task that builds it; None where a job is followed instead."""
        return self._build.task_id

    @property
    def bundle_id(self) -> str | None:
        """The id of the bundle; None for content from a Git repository."""
        return None if self.bundle is None else self.bundle.id

    @property
    def scope(self) -> Mapping[str, Any]:
        """The guid of the content."""
        return {"guid": self.item.guid}

    @property
    def log_url(self) -> str:
        """The page of the dashboard with the logs of the content; empty if it is not known."""
        return log_url(self.item)

    @property
    def draft_url(self) -> str:
        """The page of the dashboard that shows the draft; empty if there is none."""
        if not self.is_draft or self.bundle is None or not self.item.dashboard_url:
            return ""
        return f"{self.item.dashboard_url}/draft/{self.bundle.id}"

    def __await__(self) -> Generator[Any, None, ContentItem]:
        return self.result().__await__()

    async def output(self, timeout: float | None = None) -> AsyncGenerator[str, None]:
        """Yield the lines of the build's log as they arrive, until it ends.

        A build that fails does not raise here, but when the deployment is awaited.

        Raises:
            PollTimeoutError: The build did not end in time.
        """
        async with aclosing(self._build.output(timeout)) as lines:
            async for line in lines:
                yield line

    async def result(self, timeout: float | None = None) -> ContentItem:
        """Wait for the build, verify that the content responds, activate it, and return it.

        `timeout` is in seconds for each of the builds, by default that of the client's polling
        policy. What is left on the server after a failure is in a note of the error.

        Raises:
            TaskFailedError: The build failed.
            TaskLostError: The server does not know any more how the build ended.
            PollTimeoutError: The build did not end in time.
            VerificationError: The content does not respond.
        """
        async with self._lock:
            if self._finished is None:
                with left_behind(self.item, is_new=self._is_new, bundle=self.bundle, after=self):
                    self._finished = await self._finish(timeout)
            return self._finished

    async def _finish(self, timeout: float | None) -> ContentItem:
        item, bundle = await self._build.result(timeout), self.bundle
        self._on_step(Step("built", "the build has ended"))
        if self._requested and (missing := await associate(item, self._requested)):
            self._on_step(Step("integrations", ", ".join(one.name for one in missing)))
        if self._verify:
            status = await item.verify(bundle if self.is_draft else None)
            what = "draft" if self.is_draft else "content"
            self._on_step(Step("verified", f"the {what} responds with status {status}"))
        if not (self.is_draft and self._activate):
            return item
        assert bundle is not None  # noqa: S101  only bundles can be drafts
        self._on_step(Step("activating", f"bundle {bundle.id}"))
        self._build = await start_build(item, bundle.id, activate=True)
        item = await self._build.result(timeout)
        self._on_step(Step("activated", f"bundle {bundle.id}"))
        return item


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
    project = source if isinstance(source, Project) else await prepare(source)
    async with pack(project, max_size=max_size) as archive:
        requested = await find_requested(client, project.manifest)
        found = await find_tags(client, tags) if tags else []
        target = await find_or_create(client, name, guid, settings, on_step)
        item = target.item
        with left_behind(item, is_new=target.is_new):
            check_deployable(item, project.app_mode)
            item = await configure(item, settings, env, found, on_step)
            sent = await send(
                item, archive, is_new=target.is_new, metadata=metadata, progress=progress
            )
            text = f"bundle {sent.bundle.id}"
            on_step(Step("unchanged" if sent.is_unchanged else "uploaded", text))
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
    Settings, environment variables and tags are set before the first build. If the newest bundle of
    the content is the same, nothing is sent, and a build of it that runs already is followed; so
    calling `deploy` again after a failure is safe.

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
        on_step: Called with what has been done.
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
    check_deployable(item, None)
    bundle_id = bundle.id if isinstance(bundle, Bundle) else bundle or item.bundle_id
    if not bundle_id:
        raise InvalidArgumentError(
            f"content {item.guid} has no active bundle; pass the bundle to deploy"
        )
    return await begin_build(
        item,
        item.bundles.handle(bundle_id),
        activate=activate,
        verify=verify,
        is_new=False,
        may_run=True,
        on_step=on_step,
    )


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
    environment variables stay as they are.

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
                f"content {item.guid} has no active bundle; pass the one to deploy, of: "
                f"{', '.join(ids) or 'none'}"
            )
        found = bundles[ids.index(item.bundle_id) + 1 :]
    # A bundle of size 0 is no longer on disk.
    found = [bundle for bundle in found if bundle.size != 0]
    if not found:
        what = "older bundle" if to is None else f"bundle {to}"
        raise InvalidArgumentError(
            f"content {item.guid} has no {what} that is still stored; nothing was changed"
        )
    again = "which is built again with the packages that are available now"
    on_step(Step("found", f"bundle {found[0].id}, {again}"))
    return await redeploy(item, found[0], verify=verify, on_step=on_step)


async def begin_build(
    item: ContentItem,
    bundle: Bundle | None,
    *,
    activate: bool,
    verify: bool,
    is_new: bool,
    may_run: bool,
    requested: Sequence[Requested] = (),
    on_step: OnStep,
) -> Deployment:
    """Start the build of a bundle, or of the repository if it is None.

    A build that runs already is followed instead (`may_run`). The active bundle is not built as a
    draft, because visitors have it already.
    """
    bundle_id = None if bundle is None else bundle.id
    may_be_draft = verify and bundle_id not in {None, item.bundle_id}
    with left_behind(item, is_new=is_new, bundle=bundle):
        if not activate:
            await require_drafts(item.client)
        is_draft = not activate or (may_be_draft and await _has_drafts(item.client))
        build = await running_build(item, bundle_id) if may_run else None
        if build is None:
            build = await start_build(item, bundle_id, activate=False if is_draft else None)
    on_step(Step("building", build.description))
    return Deployment(
        item,
        bundle,
        build,
        is_new=is_new,
        is_draft=is_draft,
        activate=activate,
        verify=verify,
        requested=requested,
        on_step=on_step,
    )


async def _has_drafts(client: Client) -> bool:
    """Return True if the server is known to build bundles without activating them."""
    version = await client.version()
    return version is not None and version >= _DRAFTS


async def require_drafts(client: Client) -> None:
    """Raise unless the server can build a bundle without activating it."""
    if await _has_drafts(client):
        return
    version = await client.version()
    raise InvalidArgumentError(
        f"activate=False needs a server from {_DRAFTS} on; this one "
        + (f"is {version}" if version else "hides its version: pass version= to the client")
    )


@contextmanager
def left_behind(
    item: ContentItem,
    *,
    is_new: bool,
    bundle: Bundle | None = None,
    after: Deployment | None = None,
) -> Generator[None, None, None]:
    """Add notes to an error: what is left on the server, and where the log is."""
    try:
        yield
    except Exception as error:
        left = ["was created"] if is_new else []
        if bundle is not None:
            is_over = isinstance(error, TaskFailedError | VerificationError)
            is_inactive = is_over and after is not None and after.is_draft
            activity = "which is not active" if is_inactive else "perhaps not active"
            left.append(f"has bundle {bundle.id}, {activity}")
        if left:
            what = f"content {item.guid} {' and '.join(left)}"
            error.add_note(f"Not undone: {what}. Deploying again continues there.")
        if after is not None and after.log_url:
            error.add_note(f"The log is at {after.log_url}")
        raise

"""Many items at once: rebuild them, deploy them again, or deploy many directories.

Decides what is done with each item. What runs at the same time, and which errors end a batch, is
decided in `running`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from aconnect.connect import Client, ContentItem
from aconnect.connect.content.content import ContentFields
from aconnect.connect.content.environment_variables import Variables
from aconnect.deploy.batch.running import Batch, ItemRun, OnProgress, Options
from aconnect.deploy.batch.state import BatchHeader, BatchItem
from aconnect.deploy.building import Build, running_build
from aconnect.deploy.config.config import variables_for
from aconnect.deploy.config.specs import DeploySpec, check_specs
from aconnect.deploy.deployment import active_bundle, redeploy, stage
from aconnect.deploy.git import git_metadata
from aconnect.deploy.target import check_deployable
from aconnect.errors import InvalidArgumentError

Items = Iterable[ContentItem] | AsyncIterable[ContentItem]

_BUILDS: Final = 4
_TRANSFERS: Final = 8


def build_all(
    client: Client,
    items: Items | None = None,
    *,
    builds: int = _BUILDS,
    state: str | Path | None = None,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> Batch:
    """Rebuild the active bundle of each item, which installs its packages again.

    A build of the bundle that runs already is followed.

    Args:
        client: The client of the server.
        items: The content, such as `select_content` lists; None with `retry`.
        builds: How many builds run at once.
        state: The file that keeps what is done; it is removed when nothing is left to do. Without
            it, a run that was interrupted cannot be continued.
        retry: Go on with the items of the state that have failed or were interrupted.
        on_progress: Called in the event loop, so it must not block.

    Raises:
        InvalidArgumentError: An argument is invalid; or, when the batch runs, the state is about
            something else, is used by another process, or has a run that was interrupted.
        ResumeError: The state cannot be read.
        FileError: The state cannot be written any more.
        AuthenticationError: The key is refused; a note says what is left.
    """
    header = BatchHeader(server=client.api_root, action="build")
    options = Options(builds=builds, state=state, retry=retry, on_progress=on_progress)
    return Batch(client, header, _BuildAgain(client, items, retry=retry), options)


def redeploy_all(
    client: Client,
    items: Items | None = None,
    *,
    env: Variables[str | None] = (),
    verify: bool = True,
    builds: int = _BUILDS,
    state: str | Path | None = None,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> Batch:
    """Set environment variables of each item, and deploy its active bundle again.

    The other arguments and the errors are those of `build_all`.

    Args:
        client: The client of the server.
        items: The content, such as `select_content` lists; None with `retry`.
        env: The variables to set, as `EnvironmentVariables.update` takes them. Their values are
            neither stored nor printed, so pass them again with `retry`.
        verify: Whether to request the content after its build; see `deploy`.
        builds: How many builds run at once.
        state: The file that keeps what is done.
        retry: Go on with the items of the state that have failed or were interrupted.
        on_progress: Called in the event loop, so it must not block.
    """
    values: dict[str, str | None] = dict(cast("Any", env))
    header = BatchHeader(server=client.api_root, action="redeploy", variables=tuple(sorted(values)))
    options = Options(builds=builds, state=state, retry=retry, on_progress=on_progress)
    work = _DeployAgain(client, items, retry=retry, env=values, verify=verify)
    return Batch(client, header, work, options)


def deploy_all(
    client: Client,
    specs: Iterable[DeploySpec],
    *,
    builds: int = _BUILDS,
    transfers: int = _TRANSFERS,
    state: str | Path | None = None,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> Batch:
    """Deploy many directories, each as `deploy` does.

    The other arguments and the errors are those of `build_all`.

    Args:
        client: The client of the server.
        specs: The directories and what is known about them, such as `read_specs` returns.
        builds: How many builds run at once.
        transfers: How many directories are packed and uploaded at once.
        state: The file that keeps what is done.
        retry: Deploy only directories that an earlier run has not done, or whose declaration has
            changed since. Changes of their files are not noticed.
        on_progress: Called in the event loop, so it must not block.
    """
    header = BatchHeader(server=client.api_root, action="deploy")
    options = Options(
        builds=builds, transfers=transfers, state=state, retry=retry, on_progress=on_progress
    )
    return Batch(client, header, _DeployDirectories(client, list(specs)), options)


class _OnContent:
    """Content on the server; a later run goes on with the items of the state."""

    def __init__(self, client: Client, items: Items | None, *, retry: bool) -> None:
        if retry != (items is None):
            raise InvalidArgumentError(
                "pass either the items, or retry=True, which goes on with those of the state"
            )
        self._client = client
        self._items = items

    async def items(self, earlier: Sequence[BatchItem] | None) -> list[BatchItem]:
        if earlier is not None:
            return [item if item.state == "done" else _reset(item) for item in earlier]
        found: dict[str, ContentItem] = {}
        if isinstance(self._items, AsyncIterable):
            async for item in self._items:
                found[item.guid] = item
        else:
            found |= {item.guid: item for item in self._items or ()}
        return [
            BatchItem(key=guid, position=position, name=item.name or guid, guid=guid)
            for position, (guid, item) in enumerate(found.items())
        ]


def _reset(item: BatchItem) -> BatchItem:
    """Return an item as it was before anything was done."""
    return BatchItem(key=item.key, position=item.position, name=item.name, guid=item.guid)


class _BuildAgain(_OnContent):
    """Builds the active bundle of content again."""

    async def do(self, run: ItemRun, /) -> ContentItem:
        async with run.builds:
            item = await self._client.content.get(run.guid, include=None)
            bundle_id = active_bundle(item)
            await run.begin("build", item, bundle_id=bundle_id)
            build = await running_build(item, bundle_id)
            if build is None:
                build = Build(item, bundle_id, task=await item.build(bundle_id))
            return await run.follow(build)


class _DeployAgain(_OnContent):
    """Sets variables of content, and deploys its active bundle."""

    def __init__(
        self,
        client: Client,
        items: Items | None,
        *,
        retry: bool,
        env: Mapping[str, str | None],
        verify: bool,
    ) -> None:
        super().__init__(client, items, retry=retry)
        self._env = env
        self._verify = verify

    async def do(self, run: ItemRun, /) -> ContentItem:
        run.hide(self._env)
        async with run.builds:
            item = await self._client.content.get(run.guid, include=None)
            check_deployable(item, None)
            active_bundle(item)
            if self._env:
                await run.begin("variables")
                await item.environment_variables.update(self._env)
            await run.begin("build")
            deployment = await redeploy(item, verify=self._verify, on_step=run.on_step)
            bundle = deployment.bundle
            await run.begin("build", deployment.item, bundle_id=bundle and bundle.id)
            return await run.follow(deployment)


class _DeployDirectories:
    """Deploys directories; a later run goes on with those that are declared then."""

    def __init__(self, client: Client, specs: Sequence[DeploySpec]) -> None:
        check_specs(specs)
        self._client = client
        self._specs = {spec.key: spec for spec in specs}

    async def items(self, earlier: Sequence[BatchItem] | None) -> list[BatchItem]:
        done = {item.key: item for item in earlier or () if item.state == "done"}
        items: list[BatchItem] = []
        for position, (key, spec) in enumerate(self._specs.items()):
            item = BatchItem(
                key=key,
                position=position,
                name=spec.config.name or spec.path.name,
                guid=spec.config.guid,
                settings=spec.digest,
            )
            before = done.get(key, item)
            is_same = before.settings == item.settings
            items.append(msgspec.structs.replace(before, position=position) if is_same else item)
        return items

    async def do(self, run: ItemRun, /) -> ContentItem:
        spec = self._specs[run.item.key]
        async with run.transfers:
            await run.begin("prepare")
            config = await spec.load(self._client.url)
            env = await variables_for(self._client, config)
            run.hide(env)
            project = await config.prepare(spec.path)
            await run.begin("upload", name=config.name or run.item.name)
            staged = await stage(
                self._client,
                project,
                name=config.name,
                guid=config.guid,
                env=env,
                tags=config.tags,
                metadata=await git_metadata(spec.path),
                on_step=run.on_step,
                **cast("ContentFields", config.settings),
            )
            warnings = (*config.warnings, *staged.warnings)
            await run.begin("wait", staged.item, bundle_id=staged.bundle.id, warnings=warnings)
        async with run.builds:
            await run.begin("build")
            deployment = await staged.deploy(
                activate=config.activate is not False, verify=config.verify is not False
            )
            return await run.follow(deployment)

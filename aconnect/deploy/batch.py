"""Many items at once: rebuild them, deploy them again, or deploy many directories.

Decides how much runs at the same time, what is kept about each item, and what ends a batch. Calls
are bounded by the client, transfers and builds by limits of their own: a build takes the server's
processors for minutes, and a transfer the network.

A failure of one item is its result, and the others go on. Only what makes all others fail as well
ends a batch: a key or a certificate that is refused, or a state that cannot be written.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec
from anyio import to_thread

from aconnect._client.lazy import LazySequence
from aconnect._core.redaction import Secret, secrets_of
from aconnect.concurrency import Outcome, amap
from aconnect.connect import Client, ContentItem
from aconnect.connect.content.environment_variables import Variables
from aconnect.deploy.batch_state import Action, BatchHeader, BatchItem, BatchState
from aconnect.deploy.building import Build, running_build
from aconnect.deploy.deployment import redeploy, stage
from aconnect.deploy.specs import DeploySpec
from aconnect.deploy.steps import Step
from aconnect.errors import (
    AconnectError,
    AuthenticationError,
    CertificateError,
    ClientClosedError,
    EventLoopError,
    InvalidArgumentError,
    ProxyRefusedError,
    TaskFailedError,
    VerificationError,
)

T = TypeVar("T")

BatchOutcome = Outcome[BatchItem, ContentItem]
"""What became of one item; `value` is None if an earlier run has done it."""

OnProgress = Callable[[BatchItem, str], None]
"""Called when an item begins a step, and with each new line of its log, or else an empty text."""

_FATAL: Final = (
    AuthenticationError,
    CertificateError,
    ProxyRefusedError,
    ClientClosedError,
    EventLoopError,
)
"""What makes all other items fail as well."""

_STEPS: Final = {"building": "build", "built": "verify", "activating": "activate"}
"""The steps that begin when a deployment reports this."""


class Batch(LazySequence[BatchOutcome]):
    """The outcomes of many items: `await` it for a list of all, or use `async for` as they end."""

    __slots__ = ("_run",)

    def __init__(self, run: _Run) -> None:
        super().__init__(run.outcomes)
        self._run = run

    async def plan(self) -> list[BatchItem]:
        """Return the items without changing anything; those that are done are skipped.

        Raises:
            InvalidArgumentError: As for the outcomes.
            ResumeError: The state cannot be read.
        """
        async with self._run.opened() as (_, _, items):
            return items


def build_all(
    client: Client,
    items: Iterable[ContentItem] | AsyncIterable[ContentItem] | None = None,
    *,
    builds: int = 4,
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
        state: The file that keeps what is done. It is removed when nothing is left to do.
        retry: Go on with the items of the state that are not done: they were interrupted, or have
            failed.
        on_progress: Called in the event loop, so it must not block.

    Raises:
        InvalidArgumentError: An argument is invalid, the state is of something else, in use by
            another process, or has items that an interrupted run has left open.
        ResumeError: The state cannot be read.
        FileError: The state cannot be written.
        AuthenticationError: The key is refused; a note says what is left.
    """

    async def build(run: ItemRun) -> ContentItem:
        async with run.builds:
            item = await client.content.get(run.guid, include=None)
            bundle_id = item.bundle_id
            if bundle_id is None:
                raise InvalidArgumentError(
                    f"content {run.guid} has no active bundle to build; deploy it"
                )
            await run.begin("build", bundle_id=bundle_id, log_url=_log_url(item))
            started = await running_build(item, bundle_id)
            if started is None:
                started = Build(item, bundle_id, task=await item.build(bundle_id))
            return await run.follow(started)

    content = _Content(items, build, retry=retry)
    return _batch(client, "build", content, builds, 0, state, retry, on_progress)


def redeploy_all(
    client: Client,
    items: Iterable[ContentItem] | AsyncIterable[ContentItem] | None = None,
    *,
    env: Variables[str | None] = (),
    verify: bool = True,
    builds: int = 4,
    state: str | Path | None = None,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> Batch:
    """Set environment variables of each item, and deploy its active bundle again.

    Other arguments and errors are those of `build_all`.

    Args:
        client: The client of the server.
        items: The content, such as `select_content` lists; None with `retry`.
        env: The variables to set, as `EnvironmentVariables.update` takes them. Their values are
            neither stored nor printed, so pass them again with `retry`.
        verify: Whether to request the content after its build, before it is activated.
        builds: How many builds run at once.
        state: The file that keeps what is done.
        retry: Go on with the items of the state that are not done.
        on_progress: Called in the event loop, so it must not block.
    """
    values: dict[str, str | None] = dict(cast("Any", env))

    async def deploy_again(run: ItemRun) -> ContentItem:
        async with run.builds:
            item = client.content.handle(run.guid)
            run.hide(values)
            if values:
                await run.begin("variables")
                await item.environment_variables.update(values)
            await run.begin("build")
            deployment = await redeploy(item, verify=verify, on_step=run.on_step)
            return await run.follow(deployment)

    content = _Content(items, deploy_again, retry=retry, variables=tuple(sorted(values)))
    return _batch(client, "redeploy", content, builds, 0, state, retry, on_progress)


def deploy_all(
    client: Client,
    specs: Iterable[DeploySpec],
    *,
    builds: int = 4,
    transfers: int = 8,
    state: str | Path | None = None,
    retry: bool = False,
    on_progress: OnProgress | None = None,
) -> Batch:
    """Deploy many directories, each as `deploy` does.

    With `retry`, a directory is skipped if it is done and its declaration has not changed since;
    that its files have changed is not noticed. Other arguments and errors are those of `build_all`.

    Args:
        client: The client of the server.
        specs: The directories and what is known about them, such as `read_specs` returns.
        builds: How many builds run at once.
        transfers: How many directories are packed and uploaded at once.
        state: The file that keeps what is done.
        retry: Deploy what is not done, instead of everything.
        on_progress: Called in the event loop, so it must not block.
    """
    declared = {spec.key: spec for spec in specs}

    async def deploy_one(run: ItemRun) -> ContentItem:
        async with run.transfers:
            await run.begin("prepare")
            source = await declared[run.item.key].load(client.url)
            run.hide(source.env)
            await run.begin("upload", name=source.name or run.item.name)
            staged = await stage(
                client,
                source.project,
                name=source.name,
                guid=source.guid,
                env=source.env,
                tags=source.tags,
                metadata=source.metadata,
                on_step=run.on_step,
                **source.settings,
            )
            item = staged.item
            await run.begin(
                "wait",
                name=item.name,
                guid=item.guid,
                bundle_id=staged.bundle.id,
                log_url=_log_url(item),
            )
        async with run.builds:
            await run.begin("build")
            deployment = await staged.deploy(activate=source.activate, verify=source.verify)
            return await run.follow(deployment)

    directories = _Directories(list(declared.values()), deploy_one)
    return _batch(client, "deploy", directories, builds, transfers, state, retry, on_progress)


Work = Callable[["ItemRun"], Awaitable[ContentItem]]


class _Source(Protocol):
    """Where the items of a batch come from, and what is done with each."""

    work: Work
    variables: tuple[str, ...]

    async def items(self, earlier: Sequence[BatchItem] | None) -> list[BatchItem]:
        """Return the items of a new run, or with those of an earlier one, of its continuation."""
        ...


class _Content:
    """Content on the server; a run goes on with the items of the earlier one."""

    def __init__(
        self,
        items: Iterable[ContentItem] | AsyncIterable[ContentItem] | None,
        work: Work,
        *,
        retry: bool,
        variables: tuple[str, ...] = (),
    ) -> None:
        if retry is not (items is None):
            raise InvalidArgumentError(
                "pass either the items, or retry=True, which goes on with those of the state"
            )
        self._items = items
        self.work = work
        self.variables = variables

    async def items(self, earlier: Sequence[BatchItem] | None) -> list[BatchItem]:
        if earlier is not None:
            return [
                each if each.state == "done" else _again(each, each.position) for each in earlier
            ]
        found = {item.guid: item async for item in _each(self._items or ())}
        return [
            BatchItem(key=guid, position=number, name=item.name or guid, guid=guid)
            for number, (guid, item) in enumerate(found.items())
        ]


class _Directories:
    """Directories, as they are declared now; a run goes on with those that are not done."""

    variables = ()

    def __init__(self, specs: Sequence[DeploySpec], work: Work) -> None:
        self._specs = specs
        self.work = work

    async def items(self, earlier: Sequence[BatchItem] | None) -> list[BatchItem]:
        done = {each.key: each for each in earlier or () if each.state == "done"}
        items: list[BatchItem] = []
        for number, spec in enumerate(self._specs):
            item = BatchItem(
                key=spec.key,
                position=number,
                name=spec.name or spec.path.name,
                guid=spec.guid,
                settings=spec.digest,
            )
            before = done.get(spec.key)
            if before is not None and before.settings == spec.digest:
                item = msgspec.structs.replace(before, position=number)
            items.append(item)
        return items


def _again(item: BatchItem, position: int) -> BatchItem:
    """Return an item as it is before anything is done."""
    return BatchItem(key=item.key, position=position, name=item.name, guid=item.guid)


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def _batch(
    client: Client,
    action: Action,
    source: _Source,
    builds: int,
    transfers: int,
    state: str | Path | None,
    retry: bool,
    on_progress: OnProgress | None,
) -> Batch:
    if builds < 1 or (action == "deploy" and transfers < 1):
        raise InvalidArgumentError(
            f"got builds={builds} and transfers={transfers}; pass 1 or more of each"
        )
    if retry and state is None:
        raise InvalidArgumentError("retry=True needs the state of the earlier run; pass state=")
    header = BatchHeader(server=client.api_root, action=action, variables=source.variables)
    return Batch(
        _Run(
            client,
            header,
            source,
            builds,
            transfers,
            None if state is None else Path(state),
            retry=retry,
            on_progress=on_progress or (lambda *_: None),
        )
    )


class _Run:
    """One pass over the items."""

    def __init__(
        self,
        client: Client,
        header: BatchHeader,
        source: _Source,
        builds: int,
        transfers: int,
        path: Path | None,
        *,
        retry: bool,
        on_progress: OnProgress,
    ) -> None:
        self.client = client
        self._header = header
        self._source = source
        self.builds = builds
        self.transfers = transfers
        self._path = path
        self._retry = retry
        self.on_progress = on_progress

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[tuple[BatchState, BatchHeader, list[BatchItem]], None]:
        """Open the state for the block, and list the items; nothing is stored yet."""
        state = await to_thread.run_sync(BatchState, self._path)
        try:
            header, earlier = await to_thread.run_sync(lambda: (state.header(), state.items()))
            self._check(header, earlier)
            items = await self._source.items(earlier if self._retry else None)
            yield state, self._header, items
        finally:
            # Short and without waiting, so that a cancellation cannot leave it open.
            state.close()

    def _check(self, header: BatchHeader | None, earlier: Sequence[BatchItem]) -> None:
        """Raise if the state does not allow this run."""
        path, wanted = self._path, self._header
        if not self._retry:
            left = sum(item.state in {"pending", "running"} for item in earlier)
            if left:
                raise InvalidArgumentError(
                    f"{path} has a run that was interrupted, with {left} of {len(earlier)} items "
                    "still open; pass retry=True to go on with it, or delete the file"
                )
            return
        if header is None:
            raise InvalidArgumentError(
                f"there is no earlier run in {path}, or all of its items are done; leave out "
                "retry=True to begin a new one"
            )
        if (header.server, header.action) != (wanted.server, wanted.action):
            raise InvalidArgumentError(
                f"{path} is the state of {header.action} on {header.server}, not of "
                f"{wanted.action} on {wanted.server}; choose another state="
            )
        if header.variables != wanted.variables:
            names = ", ".join(header.variables) or "none"
            raise InvalidArgumentError(
                f"the run in {path} sets other variables: {names}; pass the same ones"
            )

    async def outcomes(self) -> AsyncGenerator[BatchOutcome, None]:
        """Yield the outcome of each item as it ends; first those of an earlier run."""
        async with self.opened() as (state, header, items):
            await to_thread.run_sync(state.begin, header, items)
            done = [item for item in items if item.state == "done"]
            for item in done:
                yield Outcome(item)
            items = [item for item in items if item.state != "done"]
            pass_ = _Pass(self, state)
            left = len(items)
            limit = self.builds + self.transfers
            outcomes = amap(
                lambda item: ItemRun(pass_, item).outcome(), items, limit=limit, ordered=False
            )
            try:
                async with aclosing(aiter(outcomes)) as stream:
                    async for outcome in stream:
                        left -= 1
                        yield outcome
            except AconnectError as error:
                where = f"; go on with retry=True, the state is {self._path}" if self._path else ""
                error.add_note(f"{left} of {left + len(done)} items are not done{where}")
                raise

    ...

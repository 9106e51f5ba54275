"""How a batch runs: what runs at the same time, what is kept about each item, and what ends it.

Calls are bounded by the client, builds and transfers by limits of their own: a build takes the
server's processors for minutes, and a transfer the network. No more items are begun than these
limits allow, so that content is not changed long before it is built.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from aconnect._client.lazy import LazySequence
from aconnect._client.threads import in_thread
from aconnect._core.redaction import Secret, secrets_of
from aconnect.concurrency import Outcome, amap
from aconnect.connect import Client, ContentItem
from aconnect.deploy.batch.state import BatchHeader, BatchItem, BatchState
from aconnect.deploy.building import log_url
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
)

BatchOutcome = Outcome[BatchItem, ContentItem]
"""What became of one item; `value` is None if an earlier run has done it."""

OnProgress = Callable[[BatchItem, str], None]
"""Called when an item begins a step, with an empty text, and with each line of its log."""

_FATAL: Final = (
    AuthenticationError,
    CertificateError,
    ClientClosedError,
    EventLoopError,
    ProxyRefusedError,
)
"""What makes all other items fail as well."""

_STEPS: Final = {"building": "build", "built": "verify", "activating": "activate"}
"""The step of an item that begins with one of a deployment."""


class Options(Struct, frozen=True, kw_only=True):
    """How a batch runs."""

    builds: int
    transfers: int = 0
    state: str | Path | None
    retry: bool
    on_progress: OnProgress | None

    @property
    def path(self) -> Path | None:
        """The file of the state."""
        return None if self.state is None else Path(self.state)


class Work(Protocol):
    """What is done with each item, and where the items come from."""

    async def items(self, earlier: Sequence[BatchItem] | None) -> list[BatchItem]:
        """Return the items of a new run; or, with those of an earlier one, of its continuation."""
        ...

    async def do(self, run: ItemRun, /) -> ContentItem:
        """Do it for one item."""
        ...


class Batch(LazySequence[BatchOutcome]):
    """The outcomes of many items: `await` it for a list of all, or use `async for` as they end."""

    __slots__ = ("_header", "_options", "_work", "client")

    def __init__(self, client: Client, header: BatchHeader, work: Work, options: Options) -> None:
        if options.builds < 1 or (header.action == "deploy" and options.transfers < 1):
            raise InvalidArgumentError(
                f"got builds={options.builds} and transfers={options.transfers}; pass 1 or more"
            )
        if options.retry and options.state is None:
            raise InvalidArgumentError("retry=True resumes from a state; pass state=")
        super().__init__(self._outcomes)
        self.client: Client = client
        self._header = header
        self._work = work
        self._options = options

    async def plan(self) -> list[BatchItem]:
        """Return the items without changing anything; those that are done would be skipped.

        Raises:
            InvalidArgumentError: As for the outcomes.
            ResumeError: The state cannot be read.
        """
        async with self._opened() as (_, items):
            return items

    async def _outcomes(self) -> AsyncGenerator[BatchOutcome, None]:
        """Yield the outcomes of an earlier run, and then that of each item as it ends."""
        async with self._opened() as (state, items):
            await in_thread(state.begin, self._header, items)
            for item in items:
                if item.state == "done":
                    yield Outcome(item)
            todo = [item for item in items if item.state != "done"]
            left, options = len(todo), self._options
            limits = _Limits(options)

            def run(item: BatchItem) -> Awaitable[BatchOutcome]:
                return ItemRun(self.client, state, limits, item).outcome(self._work)

            limit = options.builds + options.transfers
            try:
                async with aclosing(aiter(amap(run, todo, limit=limit, ordered=False))) as stream:
                    async for outcome in stream:
                        left -= 1
                        yield outcome
            except AconnectError as error:
                path = options.state
                how = "" if path is None else f"; retry=True goes on with them, from {path}"
                error.add_note(f"{left} of {len(todo)} items are not done{how}")
                raise

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[tuple[BatchState, list[BatchItem]], None]:
        """Open the state for the block, and list the items; nothing is written yet."""
        state = BatchState(self._options.path)
        try:
            await in_thread(state.open)
            earlier = await in_thread(state.items)
            self._check(await in_thread(state.header), earlier)
            yield state, await self._work.items(earlier if self._options.retry else None)
        finally:
            # Short and without waiting, so that a cancellation cannot leave it open.
            state.close()

    def _check(self, header: BatchHeader | None, earlier: Sequence[BatchItem]) -> None:
        """Raise if the state does not allow this run."""
        path, wanted = self._options.state, self._header
        left = sum(item.state in {"pending", "running"} for item in earlier)
        if not self._options.retry:
            if left:
                raise InvalidArgumentError(
                    f"{path} has a run that was interrupted: {left} of {len(earlier)} items have "
                    "not ended. Pass retry=True to go on with them, or delete the file"
                )
            return
        if header is None:
            raise InvalidArgumentError(
                f"{path} has no run to go on with: there was none, or all of its items are done; "
                "leave out retry=True"
            )
        if (header.server, header.action) != (wanted.server, wanted.action):
            raise InvalidArgumentError(
                f"{path} is the state of {header.action} on {header.server}, not {wanted.action} "
                f"on {wanted.server}; choose another state="
            )
        if header.variables != wanted.variables:
            raise InvalidArgumentError(
                f"the run in {path} sets other variables ({', '.join(header.variables) or 'none'});"
                " pass the same ones"
            )


class _Limits:
    """What bounds one pass over the items."""

    def __init__(self, options: Options) -> None:
        self.builds: asyncio.Semaphore = asyncio.Semaphore(options.builds)
        self.transfers: asyncio.Semaphore = asyncio.Semaphore(options.transfers)
        self.on_progress: OnProgress | None = options.on_progress


class Followable(Protocol):
    """A build on the server, with what follows it."""

    @property
    def id(self) -> str:
        """The id of its task, or of its job."""
        ...

    def output(self) -> AsyncGenerator[str, None]:
        """Yield the lines of its log, until it ends."""
        ...

    async def result(self) -> ContentItem:
        """Return the updated content; raise if it failed."""
        ...


class ItemRun:
    """One item while it is worked on."""

    def __init__(self, client: Client, state: BatchState, limits: _Limits, item: BatchItem) -> None:
        self.item: BatchItem = item
        self.builds: asyncio.Semaphore = limits.builds
        """Held from before a build starts until it has ended."""
        self.transfers: asyncio.Semaphore = limits.transfers
        """Held while a directory is packed and uploaded."""
        self._client = client
        self._state = state
        self._on_progress = limits.on_progress
        self._secrets: tuple[Secret, ...] = ()

    @property
    def guid(self) -> str:
        """The guid of existing content."""
        return self.item.guid or ""

    def hide(self, values: Mapping[str, str | None]) -> None:
        """Show and store no values of these variables from now on."""
        self._secrets = secrets_of(values.values())

    async def begin(self, step: str, content: ContentItem | None = None, **known: Any) -> None:
        """Store that a step begins, and what is known; call it before a change."""
        if content is not None:
            known |= {
                "guid": content.guid,
                "name": content.name or self.item.name,
                "url": content.content_url,
                "log_url": log_url(content) or None,
            }
        await self._save(state="running", step=step, **known)
        self._notify("")

    def on_step(self, step: Step) -> None:
        """Take note of a step of a deployment; it becomes durable with what follows."""
        name = _STEPS.get(step.name)
        if name is not None:
            self.item = msgspec.structs.replace(self.item, step=name)
            self._notify("")

    async def follow(self, build: Followable) -> ContentItem:
        """Follow a build to its end, and return the updated content."""
        async with aclosing(build.output()) as lines:
            await self._save(task_id=build.id)
            async for line in lines:
                self._notify(line)
        return await build.result()

    async def outcome(self, work: Work) -> BatchOutcome:
        """Do the work, and store how it ended; raise what ends the batch."""
        clock = self._client.clock
        began = clock.monotonic()
        try:
            content = await work.do(self)
        except _FATAL:
            raise
        except Exception as error:  # noqa: BLE001  the others go on, whatever it is
            text = error.summary if isinstance(error, TaskFailedError) else str(error)
            await self._save(
                state="failed",
                seconds=clock.monotonic() - began,
                error_type=type(error).__name__,
                error=self._shown(text),
            )
            return Outcome(self.item, error=error)
        await self._save(state="done", url=content.content_url, seconds=clock.monotonic() - began)
        return Outcome(self.item, value=content)

    async def _save(self, **known: Any) -> None:
        self.item = msgspec.structs.replace(self.item, **known)
        await in_thread(self._state.save, self.item)

    def _notify(self, line: str) -> None:
        if self._on_progress is not None:
            self._on_progress(self.item, self._shown(line))

    def _shown(self, text: str) -> str:
        return self._client.channel.redact(text, self._secrets)

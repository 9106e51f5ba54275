"""Following a deployment to its end: the build, the verification, the activation.

Decides when a draft is activated, and what a failure says about what is left on the server.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from aconnect._client.lazy import check_loop
from aconnect.connect import Bundle, ContentItem
from aconnect.deploy.building import Build, log_url, running_build, start_build
from aconnect.deploy.integrations import Requested, associate
from aconnect.deploy.steps import OnStep, Step
from aconnect.errors import TaskFailedError, VerificationError

CONTINUES: Final = "Deploying again continues there."
"""What to do after a failure, unless a note says something else."""


class Deployment:
    """A build on the server and what follows it; `await` it for the updated content.

    Awaiting it follows the build, requests the content to verify that it responds, and activates it
    if it was built as a draft. Until then visitors see what was there before: a draft that nobody
    awaits is never activated, which is a `RuntimeWarning`, as for a coroutine.
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
        again: str,
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
        self._again = again
        self._on_step = on_step
        self._finished: ContentItem | None = None
        self._is_activating = False
        self._is_followed = False
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        draft = ""
        if self._is_forgotten:
            draft = f": a draft of bundle {self.bundle_id}, await it to activate that"
        return f"<Deployment {self.id} guid={self.item.guid}{draft}>"

    def __del__(self) -> None:
        if self._is_forgotten:
            warnings.warn(
                f"bundle {self.bundle_id} of content {self.item.guid} was built as a draft, and is "
                "not active, because the deployment was never awaited: write "
                "`deployment = await deploy(...)` and `await deployment`",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )

    @property
    def _is_forgotten(self) -> bool:
        return self.is_draft and self._activate and not self._is_followed

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

    def output(self, timeout: float | None = None) -> AsyncGenerator[str, None]:
        """Yield the lines of the build's log as they arrive, until it ends.

        A build that fails does not raise here, but when the deployment is awaited.

        Raises:
            PollTimeoutError: The build did not end in time.
        """
        self._is_followed = True
        return self._build.output(timeout)

    async def result(self, timeout: float | None = None) -> ContentItem:
        """Wait for the build, verify that the content responds, activate it, and return it.

        `timeout` is in seconds for each of the builds, by default that of the client's polling
        policy. What is left on the server after a failure is in a note of the error.

        Raises:
            TaskFailedError: The build failed.
            TaskLostError: The server no longer knows how the build ended.
            PollTimeoutError: The build did not end in time.
            VerificationError: The content does not respond.
        """
        check_loop(self._loop, "the deployment")
        self._is_followed = True
        async with self._lock:
            if self._finished is None:
                with left_behind(
                    self.item,
                    is_new=self._is_new,
                    bundle=self.bundle,
                    is_draft=self.is_draft,
                    log=self.log_url,
                    again=self._again,
                ):
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
        if bundle is None or not self._must_activate(item, bundle):
            return item
        return await self._activated(item, bundle, timeout)

    def _must_activate(self, item: ContentItem, bundle: Bundle) -> bool:
        if not self._activate or item.bundle_id == bundle.id:
            return False
        # A build that was followed can be that of a draft. If the active bundle has changed since
        # it began, another deployment has activated its own.
        return self.is_draft or item.bundle_id == self.item.bundle_id

    async def _activated(
        self, item: ContentItem, bundle: Bundle, timeout: float | None
    ) -> ContentItem:
        """Build a draft again, so that it is activated, and return the updated content."""
        text, before = f"bundle {bundle.id}", item.bundle_id
        self._on_step(Step("activating", text))
        # An earlier `await` may have been cancelled after it started the build.
        running = await running_build(item, bundle.id) if self._is_activating else None
        self._is_activating = True
        self._build = running or await start_build(item, bundle.id, activate=True)
        item = await self._build.result(timeout)
        if item.bundle_id == before:
            raise TaskFailedError(
                f"the build that activates {text} has ended, but the active bundle of content "
                f"{item.guid} is still {before or 'none'}; deploy it again"
            )
        self._on_step(Step("activated", text))
        return item


@contextmanager
def left_behind(
    item: ContentItem,
    *,
    is_new: bool,
    bundle: Bundle | None = None,
    is_draft: bool = False,
    log: str = "",
    again: str = CONTINUES,
) -> Generator[None, None, None]:
    """Add notes to an error: what is left on the server, how to go on, and where the log is."""
    try:
        yield
    except Exception as error:
        left = ["was created"] if is_new else []
        if bundle is not None:
            is_over = isinstance(error, TaskFailedError | VerificationError)
            activity = "which is not active" if is_over and is_draft else "perhaps not active"
            left.append(f"has bundle {bundle.id}, {activity}")
        if left:
            what = f"content {item.guid} {' and '.join(left)}"
            error.add_note(f"Not undone: {what}. {again}")
        if log:
            error.add_note(f"The log is at {log}")
        raise

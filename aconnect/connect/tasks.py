"""Tasks: what the server does in the background, and following it to its end.

In a cluster a task lives on the node that started it, so the cookies of the answer that started it
go with every poll, and with no other call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

import msgspec

from aconnect._client.endpoint import declared_by, endpoint
from aconnect._client.polling import PollPolicy
from aconnect._core import decoding
from aconnect._core.events import TaskProgress
from aconnect._core.message import Response
from aconnect._core.model import Id, Model
from aconnect.connect._base.following import follow
from aconnect.connect._base.resource import ConnectResource
from aconnect.errors import AconnectError, ResumeError, TaskFailedError

if TYPE_CHECKING:
    from aconnect.connect.client import Client

T = TypeVar("T")

_LAST_LINES: Final = 20
_SHOWN: Final = 200


class TaskStatus(Model, kw_only=True):
    """The state of a task at one poll."""

    id: Id = ""
    output: list[str] | None = None
    """Lines that are new since the line asked for."""
    result: Any = None
    finished: bool = False
    code: int | None = None
    """Exit code; 0 while it runs, so it means nothing before `finished`."""
    error: str | None = None
    last: int | None = None
    """The line to ask from next."""


class TaskStarted(Model, kw_only=True):
    """What a server answers when it has started a task.

    Old servers answer a rendering with `id` and no `task_id`.
    """

    task_id: Id | None = None
    id: Id | None = None


class _Token(msgspec.Struct, kw_only=True):
    server: str
    task: str
    cookies: str = ""
    first: int = 0


class Task(Generic[T]):
    """Something that runs on the server: `await` it for its result.

    The result of a deployment, build or rendering is the content item as it is afterwards, that of
    another task its last status.
    """

    wire: ClassVar[type[TaskStarted]] = TaskStarted

    def __init__(
        self,
        client: Client,
        id: str,  # noqa: A002  the vendor's noun
        *,
        cookies: str = "",
        first: int = 0,
        finish: Callable[[TaskStatus], Awaitable[T]] | None = None,
    ) -> None:
        self._client = client
        self.id = id
        self._cookies = cookies
        self._first = first
        self._finish = finish
        self._tail: list[str] = []
        self._told = first
        """The first line that neither subscribers nor an error's last lines have."""

    @classmethod
    def build(
        cls,
        wire: TaskStarted,
        response: Response,
        client: Client,
        scope: Mapping[str, Any],
        *,
        optional: bool = False,
    ) -> Task[Any] | None:
        """Make the handle of a task from the answer that started it.

        Where starting one is `optional`, an answer that names none gives None.
        """
        id_ = wire.task_id or wire.id
        if not id_ and optional:
            return None
        if not id_:
            said = client._hide(response.body[:_SHOWN].decode("utf-8", "replace"))
            raise AconnectError(f"the server started no task; it said {said!r}")

        async def content(_: TaskStatus) -> Any:
            return await client.content.get(str(scope["guid"]))

        # What is not done to content has no result but the last status.
        finish = cast("Any", content) if "guid" in scope else None
        return cls(client, id_, cookies=sticky_cookies(response), finish=finish)

    @classmethod
    def from_token(cls, client: Client, token: str) -> Task[TaskStatus]:
        """Go on following a task, perhaps in another process; its result is its last status."""
        try:
            known = msgspec.json.decode(token, type=_Token)
        except (ValueError, RecursionError) as error:
            raise ResumeError(
                f"the task token is damaged: {error}; use `Task.token` as it was"
            ) from error
        if known.server != client._origin:
            raise ResumeError(f"the task token belongs to {known.server}, not to {client._origin}")
        return Task(client, known.task, cookies=known.cookies, first=known.first)

    @property
    def token(self) -> str:
        """Plain JSON that lets the following go on later; it holds no credentials."""
        token = _Token(
            server=self._client._origin,
            task=self.id,
            cookies=self._cookies,
            first=self._first,
        )
        return decoding.encode(token).decode()

    def __repr__(self) -> str:
        return f"<Task {self.id}>"

    def __await__(self) -> Generator[Any, None, T]:
        return self.result().__await__()

    async def status(self, first: int | None = None) -> TaskStatus:
        """Ask once, without waiting; `output` begins with line `first`."""
        return await self._ask(self._first if first is None else first, 0.0, None)

    async def wait(self, timeout: float | None = None) -> TaskStatus:
        """Wait until it ends, well or not, and give its last status.

        `timeout` in seconds; by default the client's polling policy says how long.
        """
        status = TaskStatus()
        async with aclosing(self._follow(timeout, self._first)) as statuses:
            async for state in statuses:
                status = state
        return status

    async def result(self, timeout: float | None = None) -> T:
        """Wait until it ends and give its result; `TaskFailedError` if it did not end well."""
        status = await self.wait(timeout)
        if status.code or status.error:
            tail = tuple(self._tail)
            said = f": {status.error}" if status.error else ""
            output = "; it last said:\n  " + "\n  ".join(tail[-5:]) if tail else ""
            raise TaskFailedError(
                f"task {self.id} failed with code {status.code}{said}{output}",
                token=self.token,
                code=status.code,
                lines=tail,
            )
        if self._finish is None:
            return cast("T", status)
        return await self._finish(status)

    async def output(
        self, first: int = 0, timeout: float | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield its lines as they come, from line number `first` on, until it ends.

        A task that fails does not raise here; awaiting it does.
        """
        async with aclosing(self._follow(timeout, first)) as statuses:
            async for status in statuses:
                for line in status.output or ():
                    yield line

    async def _ask(self, first: int, hold: float, left: float | None) -> TaskStatus:
        declared, _ = declared_by(self._client.tasks.get)
        request, scope = declared.bind({}, (self.id,), {"first": first, "wait": int(hold) or None})
        request.cookies = self._cookies
        request.hold = hold
        request.within = left
        client = self._client
        status: TaskStatus = declared.decode(await client._answer(request), client, scope)
        return status

    def _report(self, status: TaskStatus, first: int) -> None:
        """Note the lines that nobody has been told yet; the status has those from `first` on."""
        lines = tuple((status.output or [])[max(0, self._told - first) :])
        self._told = max(self._told, status.last or 0)
        self._tail = [*self._tail, *lines][-_LAST_LINES:]
        if lines or status.finished:
            self._client._notify(
                lambda: TaskProgress(
                    operation="tasks.get", task=self.id, lines=lines, finished=status.finished
                )
            )

    async def _follow(self, timeout: float | None, first: int) -> AsyncGenerator[TaskStatus, None]:
        at = first

        async def fetch(hold: float, left: float | None) -> TaskStatus:
            return await self._ask(at, hold, left)

        def progress(status: TaskStatus) -> tuple[bool, bool]:
            return status.finished, bool(status.output)

        statuses = follow(
            self._client,
            f"task {self.id}",
            fetch,
            progress,
            timeout=timeout,
            held=True,
            lost="tasks are forgotten some time after they end, and when their node restarts",
            late="follow it further with Task.from_token(client, error.token)",
            known=lambda: {"token": self.token, "lines": tuple(self._tail)},
        )
        async with aclosing(statuses):
            async for status in statuses:
                self._report(status, at)
                at = status.last if status.last is not None else at
                yield status
                # Not before: whoever leaves in the middle of these lines gets them again.
                self._first = max(self._first, at)


def sticky_cookies(response: Response) -> str:
    """Give the Cookie header that leads back to the node which gave this answer."""
    found: dict[str, str] = {}
    for header in response.set_cookies:
        try:
            found.update(
                {name: morsel.coded_value for name, morsel in SimpleCookie(header).items()}
            )
        except CookieError:
            continue
    return "; ".join(f"{name}={value}" for name, value in found.items())


class Tasks(ConnectResource, name="tasks"):
    """Tasks by id."""

    @endpoint("GET", "/v1/tasks/{id}", since="1.8.6")
    async def get(
        self,
        id: str,  # noqa: A002  the vendor's noun
        *,
        first: int | None = None,
        wait: int | None = None,
    ) -> TaskStatus:
        """Get the state of a task once, with the output from line `first` on.

        The server may hold the answer up to `wait` seconds while there is nothing new.
        """
        ...

    def handle(self, id: str) -> Task[TaskStatus]:  # noqa: A002  as above
        """Give a handle to follow a task by its id; nothing is asked of the server yet."""
        return Task(self._client, id)


__all__ = ["PollPolicy", "Task", "TaskStarted", "TaskStatus", "Tasks", "sticky_cookies"]

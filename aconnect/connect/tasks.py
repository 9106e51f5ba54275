"""Tasks: what the server does in the background, and following it to its end.

In a cluster a task lives on the node that started it, and a load balancer finds that node by a
cookie. So the cookies of the response that started a task are sent with every poll, and with no
other call. Each response that knew the task may renew them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar, cast

import msgspec

from aconnect._client.bound import ChannelOwner, Scope
from aconnect._client.endpoint import call_with, endpoint
from aconnect._client.polling import PollPolicy, ResumeInfo, follow
from aconnect._client.signature import FromResponse
from aconnect._core import decoding
from aconnect._core.cookies import cookie_header, is_sendable, updated_cookies
from aconnect._core.events import TaskProgress
from aconnect._core.message import CallOptions, Response
from aconnect._core.model import Id, Model
from aconnect._core.text import excerpt, one_line
from aconnect.connect._base.resource import ConnectBound, ConnectResource
from aconnect.errors import DecodeError, ResumeError, TaskFailedError

if TYPE_CHECKING:
    from aconnect._client.client import ApiResponse
    from aconnect.connect.client import Client
    from aconnect.connect.content.content import ContentItem

T_co = TypeVar("T_co", covariant=True)

LAST_LINES: Final = 20
"""How many lines of output an error keeps."""
_SHOWN: Final = 200


class TaskStatus(ConnectBound, kw_only=True):
    """The state of a task at one poll; `await` it to wait for the task, as one awaits a `Task`.

    `finished`, `code` and `error` decide whether it has ended and failed: a response in which one
    of them is missing or invalid is no status, and raises `DecodeError`.
    """

    id: Id = ""
    output: list[str] | None = None
    """The lines after the line that was requested as `first`."""
    result: Any = None
    finished: bool
    code: int | None
    """Exit code; 0 while the task runs, so it has no meaning before `finished`."""
    error: str | None
    last: int | None = None
    """The line to pass as `first` next time."""

    @property
    def task(self) -> Task[TaskStatus]:
        """The task itself, to follow it from its first line; makes no request."""
        return self.client.tasks.handle(self.id)

    def __await__(self) -> Generator[Any, None, TaskStatus]:
        return self.task.__await__()

    def __hash__(self) -> int:
        # `asyncio.gather` takes only what can be hashed.
        return hash(self.id)


class TaskStarted(Model, kw_only=True):
    """The response when the server has started a task.

    Old servers respond to a rendering with `id` and no `task_id`.
    """

    task_id: Id | None = None
    id: Id | None = None


class _Token(msgspec.Struct, kw_only=True):
    server: str
    task: str
    cookies: dict[str, str] = {}
    first: int = 0

    def __post_init__(self) -> None:
        if not is_sendable("".join((*self.cookies, *self.cookies.values()))):
            raise ValueError("its cookies contain characters that cannot be sent")


class Task(FromResponse, Generic[T_co]):
    """Something that runs on the server: `await` it for its result, the final status.

    Operations that start something else return a subclass, which declares its result.
    """

    response_type: ClassVar[Any] = TaskStarted
    _inner = ("acknowledge", "poll", "renew_cookies", "report", "resume_info", "success")

    def __init__(
        self,
        client: Client,
        id: str,  # noqa: A002  the vendor's noun
        *,
        cookies: Mapping[str, str] | None = None,
        first: int = 0,
        scope: Scope | None = None,
    ) -> None:
        self.client = client
        self.id = id
        self.scope: Scope = scope or {}
        """The path arguments of the call that started it."""
        self._cookies = dict(cookies or {})
        self._first = first
        self._last_lines: list[str] = []
        self._reported = first
        """The first line that neither subscribers nor an error's last lines have."""
        self._final: TaskStatus | None = None

    @classmethod
    def from_response(
        cls,
        value: TaskStarted,
        response: Response,
        client: ChannelOwner,
        scope: Scope,
        *,
        optional: bool = False,
    ) -> Self | None:
        """Return the task that a response started; None is allowed if it is `optional`."""
        id_ = value.task_id or value.id
        if not id_ and optional:
            return None
        if not id_:
            text = excerpt(response.body.decode("utf-8", "replace"), client.channel.redact, _SHOWN)
            raise DecodeError(
                f"the response has no task id, so there is nothing to wait for: it is {text!r}. "
                "The work may have started: look at the content's jobs before repeating the call"
            )
        task = cls(cast("Client", client), id_, scope=scope)
        task.renew_cookies(response)
        return task

    @classmethod
    def from_token(cls, client: Client, token: str) -> Task[TaskStatus]:
        """Return a task to follow further, perhaps in another process; its result is its status.

        Raises:
            ResumeError: The token is damaged or belongs to another server.
        """
        try:
            decoded = msgspec.json.decode(token, type=_Token)
        except (ValueError, RecursionError) as error:
            raise ResumeError(
                f"the task token is damaged: {error}; use `Task.token` unchanged"
            ) from error
        if decoded.server != client.api_root:
            raise ResumeError(f"the task token belongs to {decoded.server}, not {client.api_root}")
        return Task(client, decoded.task, cookies=decoded.cookies, first=decoded.first)

    @property
    def token(self) -> str:
        """Plain JSON with which the task can be followed further, as it is at the moment.

        It has the address of the server, the id of the task, the number of lines that were read,
        and the cookies that lead to the task's node. It does not have the API key, but the cookies
        may be those of a login to a gateway: store the token like a password.
        """
        token = _Token(
            server=self.client.api_root,
            task=self.id,
            cookies=self._cookies,
            first=self._first,
        )
        return decoding.encode(token).decode()

    def __repr__(self) -> str:
        scope = "".join(f" {name}={value}" for name, value in self.scope.items())
        return f"<{type(self).__name__} {self.id}{scope}>"

    def __await__(self) -> Generator[Any, None, T_co]:
        return self.result().__await__()

    async def status(self, first: int | None = None) -> TaskStatus:
        """Poll once, without waiting; `output` begins with line `first`.

        Raises:
            NotFoundError: The server, or this node of a cluster, does not have the task.
        """
        return await self.poll(self._first if first is None else first, CallOptions())

    async def wait(self, timeout: float | None = None) -> TaskStatus:
        """Wait until the task ends, successfully or not, and return its final status.

        `timeout` is in seconds, by default that of the client's polling policy.

        Raises:
            TaskLostError: The server no longer has the task.
            PollTimeoutError: The task did not end in time.
        """
        if self._final is not None:
            return self._final
        poller = _TaskPoller(self, self._first)
        client = self.client
        async with aclosing(follow(poller, client.channel, client.polling, timeout)) as states:
            async for status in states:
                poller.acknowledge(status)
                if status.finished:
                    return status
        raise AssertionError  # pragma: no cover  the last status is a finished one

    async def result(self, timeout: float | None = None) -> T_co:
        """Wait until the task ends and return its result; `TaskFailedError` if it failed.

        Raises:
            TaskFailedError: The task failed.
            TaskLostError: The server no longer has the task.
            PollTimeoutError: The task did not end in time.
        """
        return await self._result(await self.success(timeout))

    async def success(self, timeout: float | None = None) -> TaskStatus:
        """Wait as `result` does, without a request for the result."""
        status = await self.wait(timeout)
        if status.code or status.error:
            reason = f": {one_line(status.error)}" if status.error else ""
            raise failure_with_output(
                f"task {self.id} failed with code {status.code}{reason}",
                self._last_lines,
                code=status.code,
                token=self.token,
            )
        return status

    async def _result(self, status: TaskStatus) -> T_co:
        return cast("T_co", status)

    async def output(
        self, first: int = 0, timeout: float | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the lines of output as they arrive, from line number `first`, until the task ends.

        A task that fails does not raise here, but when it is awaited.

        Raises:
            TaskLostError: The server no longer has the task.
            PollTimeoutError: The task did not end in time.
        """
        poller = _TaskPoller(self, first)
        client = self.client
        async with aclosing(follow(poller, client.channel, client.polling, timeout)) as states:
            async for status in states:
                for line in status.output or ():
                    yield line
                # Not before: a caller that leaves in the middle of these lines gets them again.
                poller.acknowledge(status)

    async def poll(self, first: int, options: CallOptions) -> TaskStatus:
        """Request the status with the output from line `first` on."""
        options = msgspec.structs.replace(options, cookies=cookie_header(self._cookies))
        wait = int(options.wait_seconds) or None
        get, redact = self.client.tasks.get, self.client.channel.redact
        response = await self.client.with_response(
            call_with, options, get, self.id, first=first, wait=wait
        )
        # Not after an error: the node of a 404 is the wrong one.
        self.renew_cookies(response)
        status = response.value
        # A build that prints its environment shows the key.
        status.output = status.output and [redact(line) for line in status.output]
        status.error = status.error and redact(status.error)
        return status

    def renew_cookies(self, response: Response | ApiResponse[Any]) -> None:
        """Take over the cookies of a response that knew the task."""
        self._cookies = updated_cookies(
            self._cookies, response.set_cookies, response.headers.get("Date")
        )

    def report(self, status: TaskStatus, first: int) -> None:
        """Notify the subscribers of new lines; the status has the lines from `first` on."""
        lines = tuple((status.output or [])[max(0, self._reported - first) :])
        self._reported = max(self._reported, _next_line(status, first))
        self._last_lines = [*self._last_lines, *lines][-LAST_LINES:]
        if lines or status.finished:
            self.client.channel.notify(
                lambda: TaskProgress(
                    operation="tasks.get", task=self.id, lines=lines, finished=status.finished
                )
            )

    def resume_info(self) -> ResumeInfo:
        """Return what an error reports so that the wait can be resumed."""
        return ResumeInfo(
            token=self.token,
            lines=tuple(self._last_lines),
            if_lost="tasks are forgotten some time after they end, and when their node restarts",
            if_late="follow it further with Task.from_token(client, error.token)",
        )

    def acknowledge(self, status: TaskStatus, first: int) -> None:
        """Begin with line `first`, after those of a status, when the task is followed again."""
        self._first = max(self._first, first)
        if status.finished:
            self._final = status


def failure_with_output(
    summary: str, lines: Iterable[str], *, code: int | None, token: str | None = None
) -> TaskFailedError:
    """Return the error of a task or job whose last lines of output are known."""
    lines = tuple(lines)
    shown = "".join(f"\n  {one_line(line)}" for line in lines[-5:])
    output = f"; its last output was:{shown}" if lines else ""
    return TaskFailedError(
        f"{summary}{output}", summary=summary, token=token, code=code, lines=lines
    )


class ContentTask(Task["ContentItem"]):
    """A deployment, build or rendering: its result is the updated content item."""

    async def _result(self, status: TaskStatus) -> ContentItem:
        return await self.client.content.get(self.scope["guid"])


class _TaskPoller:
    """Follows a task from one line on."""

    can_wait = True

    def __init__(self, task: Task[Any], first: int) -> None:
        self._task = task
        self._first = first

    @property
    def title(self) -> str:
        return f"task {self._task.id}"

    async def poll(self, options: CallOptions) -> TaskStatus:
        status = await self._task.poll(self._first, options)
        self._task.report(status, self._first)
        self._first = _next_line(status, self._first)
        return status

    def is_finished(self, state: TaskStatus) -> bool:
        return state.finished

    def has_news(self, state: TaskStatus) -> bool:
        return bool(state.output)

    def resume_info(self) -> ResumeInfo:
        return self._task.resume_info()

    def acknowledge(self, status: TaskStatus) -> None:
        """Record that the caller has processed the last status."""
        self._task.acknowledge(status, self._first)


def _next_line(status: TaskStatus, first: int) -> int:
    """Return the line after those of a status that has the lines from `first` on."""
    read = first + len(status.output or ())
    return read if status.last is None else max(first, status.last)


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
        """Get the status of a task once; await it to follow the task.

        Args:
            id: The task.
            first: The first line of the output to return.
            wait: For how many seconds the server may wait for news before it responds.
        """
        ...

    def handle(self, id: str) -> Task[TaskStatus]:  # noqa: A002  as above
        """Return a handle to follow a task by its id; makes no request."""
        return Task(self.client, id)


__all__ = [
    "ContentTask",
    "PollPolicy",
    "Task",
    "TaskStarted",
    "TaskStatus",
    "Tasks",
]

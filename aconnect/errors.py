"""Everything aconnect raises on purpose, one class per cause.

::

    AconnectError
    ├── InvalidArgumentError          what the caller passed cannot be sent (also a ValueError)
    ├── ApiError                      the server answered with an error
    │   ├── BadRequestError           400
    │   ├── AuthenticationError       401
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404, the object does not exist
    │   ├── EndpointMissingError      404, this server does not know the operation
    │   ├── MethodNotAllowedError     405, not with this object
    │   ├── ConflictError             409
    │   ├── UnprocessableError        422
    │   ├── RateLimitedError          429
    │   └── ServerError               5xx
    ├── TransportError                no complete answer came
    │   ├── ConnectionFailedError          no connection: name, refusal, proxy
    │   │   └── CertificateError      the server is not who it should be
    │   ├── ConnectTimeoutError            no connection in time
    │   ├── ReadTimeoutError               connected, but nothing more came in time
    │   ├── ConnectionLostError       the connection broke before the answer was complete
    │   ├── DeadlineExceededError          the whole call, retries included, took too long
    │   └── RedirectRefusedError      the answer points to another origin
    ├── DecodeError                   an answer came that is not what the operation answers
    │   └── BodyTooLargeError         an answer larger than the client accepts
    ├── PageLoopError                 a cursor came twice: paging would never end
    ├── ResumeError                   a resume token that does not belong to this query
    └── TaskError                     following a task or a job
        ├── TaskFailedError                it ended, and not well
        ├── TaskLostError                  the server does not know it (any more)
        └── PollTimeoutError               it was still running at the deadline

This module imports nothing of the package, so that everything can import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

__all__ = [
    "AconnectError",
    "ApiError",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "BodyTooLargeError",
    "CertificateError",
    "ConflictError",
    "ConnectTimeoutError",
    "ConnectionFailedError",
    "ConnectionLostError",
    "DeadlineExceededError",
    "DecodeError",
    "EndpointMissingError",
    "InvalidArgumentError",
    "MethodNotAllowedError",
    "NotFoundError",
    "PageLoopError",
    "PermissionDeniedError",
    "PollTimeoutError",
    "RateLimitedError",
    "ReadTimeoutError",
    "RedirectRefusedError",
    "ResumeError",
    "ServerError",
    "TaskError",
    "TaskFailedError",
    "TaskLostError",
    "TransportError",
    "UnprocessableError",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One earlier attempt of a call that was tried again."""

    number: int
    """Counted from 1."""
    elapsed: float
    """Seconds since the call began, at the end of this attempt."""
    failure: str
    """What went wrong, in one line."""


class AconnectError(Exception):
    """Base of every error this library raises on purpose."""

    attempts: tuple[Attempt, ...] = ()
    """All attempts but the last, oldest first; empty where there was only one."""

    def __str__(self) -> str:
        text = super().__str__()
        if not self.attempts:
            return text
        failures = dict.fromkeys(attempt.failure for attempt in self.attempts)
        before = "; ".join(list(failures)[-3:])
        others = f"; before: {before}" if before not in text else ""
        return f"{text} (after {len(self.attempts) + 1} attempts{others})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[AconnectError], args: tuple[Any, ...], state: dict[str, Any]
) -> AconnectError:
    """Make an error again that went between processes, whatever its constructor takes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InvalidArgumentError(AconnectError, ValueError):
    """An argument that cannot be sent; nothing was sent."""


class ApiError(AconnectError):
    """The server answered with an error."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: int | str | None = None,
        payload: Any = None,
        method: str = "",
        url: str = "",
        hint: str = "",
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status code."""
        self.code = code
        """The vendor's error code; None where the body had none (a proxy's answer, say).

        Connect's are `aconnect.connect.ApiErrorCode`, which compares equal to the number.
        """
        self.message = message
        """The vendor's message, or what the body said in plain text."""
        self.payload = payload
        """What else the error body carried."""
        self.method = method
        """HTTP method."""
        self.url = url
        """The address, without its query."""
        self.hint = hint
        """What to do about it, where that is known."""
        self.retry_after = retry_after
        """The `Retry-After` header as it came."""

    def __str__(self) -> str:
        code = f", code {self.code}" if self.code is not None else ""
        if isinstance(self.code, IntEnum) and self.code.name in type(self.code).__members__:
            code += f" ({self.code.name})"
        hint = f"; {self.hint}" if self.hint else ""
        said = super().__str__().rstrip(".") or "no message"
        return f"{self.method} {self.url} answered {self.status}{code}: {said}{hint}"


class BadRequestError(ApiError):
    """400: the server could not make sense of the request."""


class AuthenticationError(ApiError):
    """401: no key, or a key the server does not accept."""


class PermissionDeniedError(ApiError):
    """403: the key is good, but may not do this."""


class NotFoundError(ApiError):
    """404: the object does not exist, or this key may not see it."""


class EndpointMissingError(ApiError):
    """404 without the vendor's error body: this server does not know the operation."""


class MethodNotAllowedError(ApiError):
    """405: this cannot be done with this object."""


class ConflictError(ApiError):
    """409: the state of the object does not allow this; `code` says which conflict it is."""


class UnprocessableError(ApiError):
    """422: well-formed, but not valid."""


class RateLimitedError(ApiError):
    """429: too many requests."""


class ServerError(ApiError):
    """5xx: the server, or a proxy in front of it, failed."""


class TransportError(AconnectError):
    """No complete answer came."""


class ConnectionFailedError(TransportError):
    """No connection could be made, so nothing was sent."""


class CertificateError(ConnectionFailedError):
    """The server's certificate is not trusted, so nothing was sent."""


class ConnectTimeoutError(TransportError):  # noqa: N818  named as users expect timeouts to be
    """No connection could be made in time, so nothing was sent."""


class ReadTimeoutError(TransportError):  # noqa: N818  as above
    """Connected and sent, but nothing more came in time; it may or may not have happened."""


class ConnectionLostError(TransportError):
    """The connection broke before the answer was complete; it may or may not have happened."""


class DeadlineExceededError(TransportError):  # noqa: N818  as above
    """The call as a whole, retries and waiting included, took longer than allowed."""


class RedirectRefusedError(TransportError):
    """The answer points to another origin, where the key must not go."""


class DecodeError(AconnectError):
    """An answer came, but not the one this operation gives."""

    def __init__(self, message: str, *, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body
        """The answer as it came; empty where it was too large."""


class BodyTooLargeError(DecodeError):
    """The answer, decompressed, is larger than the client accepts."""


class PageLoopError(AconnectError):
    """A cursor came twice, so paging would never end."""


class ResumeError(AconnectError, ValueError):
    """A resume token that is damaged or belongs to another query or server."""


class TaskError(AconnectError):
    """Following a task or a job went wrong."""

    def __init__(
        self,
        message: str,
        *,
        token: str | None = None,
        code: int | None = None,
        lines: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.token = token
        """Pass it to `Task.from_token` to go on following the same task."""
        self.code = code
        """The exit code, where there is one."""
        self.lines = lines
        """The last lines of output."""


class TaskFailedError(TaskError):  # noqa: N818  reads as what happened
    """The task or job ended, and not well."""


class TaskLostError(TaskError):  # noqa: N818  as above
    """The server does not know the task, and it is too late for that to be a routing matter."""


class PollTimeoutError(TaskError):  # noqa: N818  as above
    """Still running at the deadline; `token` lets the wait go on."""

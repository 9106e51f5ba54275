"""Everything that aconnect raises on purpose, one class per cause.

::

    AconnectError
    ├── InvalidArgumentError          an argument cannot be sent (also a ValueError)
    ├── ClientClosedError             the client was closed (also a RuntimeError)
    ├── EventLoopError                used in another event loop than its own (also a RuntimeError)
    ├── MissingExtraError             an optional dependency is missing (also an ImportError)
    ├── ApiError                      the server returned an error
    │   ├── BadRequestError           400
    │   ├── AuthenticationError       401
    │   ├── LicenseExpiredError       402, the license of the server has ended
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404, the object does not exist
    │   ├── EndpointMissingError      404, this server does not have the operation
    │   ├── MethodNotAllowedError     405, not possible with this object
    │   ├── ConflictError             409
    │   ├── UnprocessableError        422
    │   ├── RateLimitedError          429
    │   └── ServerError               5xx
    ├── TransportError                no complete response was received
    │   ├── ConnectionFailedError     could not connect: name, refusal, proxy
    │   │   ├── CertificateError      the server's certificate is not trusted
    │   │   ├── ProxyRefusedError     the proxy does not accept the user name and password
    │   │   └── OutageError           not sent, because the server has not responded for a while
    │   ├── ConnectTimeoutError       could not connect in time
    │   ├── ReadTimeoutError          connected, but nothing more was received in time
    │   ├── ConnectionLostError       the connection broke before the response was complete
    │   ├── DeadlineExceededError     the whole call, retries included, took too long
    │   └── RedirectRefusedError      a redirect that is not followed, such as to another origin
    ├── DecodeError                   a response that the operation does not return
    │   └── BodyTooLargeError         a response larger than the client accepts
    ├── PageLoopError                 a cursor came twice, or only empty pages: no end
    ├── ResumeError                   a resume token that does not fit (any more)
    ├── FileError                     a file could not be written or read (also an OSError)
    ├── WorkerError                   a part of a collection failed on another machine
    ├── UploadSourceError             what was to be uploaded could not be read, or has changed
    ├── InspectionError               the environment of a project could not be inspected
    ├── VerificationError             deployed content does not answer
    ├── ViewerError                   it is not known for which viewer to act
    ├── StalePlanError                content has changed since its migration was planned
    └── TaskError                     following a task or a job
        ├── TaskFailedError           it ended with an error
        ├── TaskLostError             the server does not have it (any more)
        └── PollTimeoutError          it was still running at the deadline

This module imports nothing from the package, so that everything can import it.
"""

from __future__ import annotations

import copy
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
    "ClientClosedError",
    "ConflictError",
    "ConnectTimeoutError",
    "ConnectionFailedError",
    "ConnectionLostError",
    "DeadlineExceededError",
    "DecodeError",
    "EndpointMissingError",
    "EventLoopError",
    "FileError",
    "InspectionError",
    "InvalidArgumentError",
    "LicenseExpiredError",
    "MethodNotAllowedError",
    "MissingExtraError",
    "NotFoundError",
    "OutageError",
    "PageLoopError",
    "PermissionDeniedError",
    "PollTimeoutError",
    "ProxyRefusedError",
    "RateLimitedError",
    "ReadTimeoutError",
    "RedirectRefusedError",
    "ResumeError",
    "ServerError",
    "StalePlanError",
    "TaskError",
    "TaskFailedError",
    "TaskLostError",
    "TransportError",
    "UnprocessableError",
    "UploadSourceError",
    "VerificationError",
    "ViewerError",
    "WorkerError",
    "http_status",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One earlier attempt of a call that was retried."""

    number: int
    """Counted from 1."""
    elapsed: float
    """Seconds from the start of the call to the end of this attempt."""
    failure: str
    """What went wrong, in one line."""


class AconnectError(Exception):
    """Base of all errors that this library raises on purpose."""

    attempts: tuple[Attempt, ...] = ()
    """All attempts except the last, oldest first; empty if there was only one.

    Of more than ten, the first five and the last five.
    """
    signing_in: bool = False
    """True if signing in failed, so that the call itself was not carried out."""
    hint: str = ""
    """What to do about it, if that is known. It is the end of the text, and names arguments of the
    library as `name=`."""

    def __str__(self) -> str:
        text = self._text()
        hint = f"; {self.hint}" if self.hint else ""
        if not self.attempts:
            return f"{text}{hint}"
        failures = dict.fromkeys(attempt.failure for attempt in self.attempts)
        before = "; ".join(list(failures)[-3:])
        others = f"; before: {before}" if before not in text else ""
        return f"{text} (after {self.attempts[-1].number + 1} attempts{others}){hint}"

    def _text(self) -> str:
        """Return what happened."""
        return super().__str__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)

    def __deepcopy__(self, memo: dict[int, Any]) -> AconnectError:
        # Not by way of `copyreg`, where packages such as Dask register that the causes of all
        # exceptions are copied as well, of which some cannot be.
        return _restore(type(self), self.args, copy.deepcopy(self.__dict__, memo))


def _restore(
    kind: type[AconnectError], args: tuple[Any, ...], state: dict[str, Any]
) -> AconnectError:
    """Restore an error that was sent between processes, whatever its constructor takes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InvalidArgumentError(AconnectError, ValueError):
    """An argument is invalid; no request was made with it."""


class ClientClosedError(AconnectError, RuntimeError):
    """The client was closed before or during the call; create another one."""


class EventLoopError(AconnectError, RuntimeError):
    """A client, stream or portal is used where it cannot be; nothing was sent or changed.

    A client belongs to the event loop of its first call: create one in each `asyncio.run`, or let
    all threads and synchronous callers use one `aconnect.Portal`.
    """


class MissingExtraError(AconnectError, ImportError):
    """An optional dependency is not installed; the message has the command that installs it."""


class ApiError(AconnectError):
    """The server returned an error."""

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
        """The vendor's error code; None if the body had none, such as a proxy's response.

        Connect's are `aconnect.connect.ApiErrorCode`, which compares equal to the number.
        """
        self.message = message
        """The vendor's message, or the body as plain text."""
        self.payload = payload
        """Further content of the error body."""
        self.method = method
        """HTTP method."""
        self.url = url
        """The address, without its query."""
        self.hint = hint
        self.retry_after = retry_after
        """The `Retry-After` header as received."""
        self.retry_after_seconds: float | None = None
        """The wait in seconds that the server asked for with it; None if it did not."""
        self.from_content: bool = False
        """Whether content returned it, and not the API."""

    def _text(self) -> str:
        code = f", code {self.code}" if self.code is not None else ""
        if isinstance(self.code, IntEnum) and self.code.name in type(self.code).__members__:
            code += f" ({self.code.name})"
        message = super()._text().rstrip(".") or "no message"
        if not self.method:
            # Nothing was returned: several responses show that there is no such object.
            return message
        return f"{self.method} {self.url} returned {self.status}{code}: {message}"


class BadRequestError(ApiError):
    """400: the server rejected the request as malformed."""


class AuthenticationError(ApiError):
    """401: no key, or a key that the server does not accept."""


class LicenseExpiredError(ApiError):
    """402: the license of the server has ended."""


class PermissionDeniedError(ApiError):
    """403: the key is valid, but not allowed to do this."""


class NotFoundError(ApiError):
    """404: the object does not exist, or is not visible to this key."""


class EndpointMissingError(ApiError):
    """404 without the vendor's error body: this server does not have the operation."""


class MethodNotAllowedError(ApiError):
    """405: not possible with this object."""


class ConflictError(ApiError):
    """409: the state of the object does not allow this; `code` identifies the conflict."""


class UnprocessableError(ApiError):
    """422: well-formed, but invalid."""


class RateLimitedError(ApiError):
    """429: too many requests."""


class ServerError(ApiError):
    """5xx: the server, or a proxy in front of it, failed."""


class TransportError(AconnectError):
    """No complete response was received."""


class ConnectionFailedError(TransportError):
    """Could not connect, so nothing was sent."""


class CertificateError(ConnectionFailedError):
    """The server's certificate is not trusted, so nothing was sent."""


class ProxyRefusedError(ConnectionFailedError):
    """The proxy does not accept its user name and password, so nothing was sent."""


class OutageError(ConnectionFailedError):
    """Not sent, because no call has got a response from the server for a while."""


class ConnectTimeoutError(TransportError):
    """Could not connect in time, so nothing was sent."""


class ReadTimeoutError(TransportError):
    """Sent, but nothing more was received in time; the server may or may not have acted on it."""


class ConnectionLostError(TransportError):
    """The connection broke before the response was complete; the server may have acted on it."""


class DeadlineExceededError(TransportError):
    """The whole call, retries and waits included, took longer than allowed."""


class RedirectRefusedError(TransportError):
    """The response redirects to where the request must not be sent, such as another origin."""

    address: str | None = None
    """The address to use instead, if the server only redirects from http to https."""


class DecodeError(AconnectError):
    """The response is not what the operation returns."""

    def __init__(self, message: str, *, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body
        """The response body; empty if it was too large or confidential."""


class BodyTooLargeError(DecodeError):
    """The response is larger than the client accepts, or has too many objects for its size."""

    limit: int | None = None
    """The largest body that the client accepts, in bytes; None if it is not larger."""


class PageLoopError(AconnectError):
    """A cursor was returned twice, or only empty pages, so paging would never end."""


class ResumeError(AconnectError, ValueError):
    """A resume token is damaged, of another query or server, or its page has moved since."""


class FileError(AconnectError, OSError):
    """A file could not be written or read, for example because the disk is full."""


class WorkerError(AconnectError):
    """A part of a collection failed on another machine, or what it has written is lost."""


class UploadSourceError(AconnectError):
    """What was to be uploaded could not be read, or is not what was announced.

    Its length or checksum is another one, or its source failed. The server got no complete request.
    """


class InspectionError(AconnectError):
    """The environment of a project could not be inspected; nothing was sent."""


class VerificationError(AconnectError):
    """Deployed content does not answer: with a status of 500 or more, or with a login page."""

    def __init__(self, message: str, *, url: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.url = url
        """The address that was requested."""
        self.status = status
        """The status of the response; None if there was none."""


class ViewerError(AconnectError):
    """It is not known for which viewer of content to act.

    The visitor is anonymous, or the server does not accept the session token any more.
    """


class StalePlanError(AconnectError):
    """Content has changed since the plan of its migration was made; plan it again."""


class TaskError(AconnectError):
    """A task or job failed, or could not be followed to its end."""

    def __init__(
        self,
        message: str,
        *,
        token: str | None = None,
        code: int | None = None,
        lines: tuple[str, ...] = (),
        summary: str | None = None,
    ) -> None:
        super().__init__(message)
        self.summary: str = summary or message
        """The message without the last lines of output, for those who have printed them."""
        self.token = token
        """Pass it to `Task.from_token` to follow the same task further; see `Task.token`."""
        self.code = code
        """The exit code, if there is one."""
        self.lines = lines
        """The last lines of output."""


class TaskFailedError(TaskError):
    """The task or job ended with an error."""


class TaskLostError(TaskError):
    """The server does not have the task, for longer than a routing problem would explain."""


class PollTimeoutError(TaskError):
    """Still running at the deadline; `token` resumes the wait."""


# What the server said is what the visitor is told: about the wish, and about the viewer's rights.
_PASSED_ON = frozenset({400, 403, 404, 409, 422})
_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError, DeadlineExceededError, PollTimeoutError)


def http_status(error: BaseException) -> int:
    """Return the HTTP status with which a service answers its visitor after this error.

    ====== ======================================================================================
    status for
    ====== ======================================================================================
    400    `InvalidArgumentError`, and 400 from the server
    401    `ViewerError`
    403    403 from the server
    404    404 from the server, if it is the object that is missing
    409    `ConflictError`, and 405 from the server: not possible with this object
    422    422 from the server
    501    the server does not have the operation, or no license for it
    502    the server refused the key, failed, or sent no valid response
    503    it is overloaded or cannot be reached, or its license has ended; try again later, after
           `retry_after_seconds` if the error has some
    504    it did not respond in time
    500    signing in was refused: the owner's key, or the integration of the content; any other
           error
    ====== ======================================================================================
    """
    if isinstance(error, ViewerError):
        return 401
    if isinstance(error, ApiError):
        return _status_of(error)
    if isinstance(error, _TIMEOUTS):
        return 504
    if isinstance(error, OutageError | ClientClosedError | ConnectionFailedError):
        return 503
    if isinstance(error, TransportError | DecodeError | PageLoopError | TaskError):
        return 502
    if isinstance(error, VerificationError):
        return 502
    return 400 if isinstance(error, InvalidArgumentError) else 500


def _status_of(error: ApiError) -> int:
    if error.status in {429, 503} or isinstance(error, LicenseExpiredError):
        return 503
    if error.signing_in and error.status < 500:
        return 500
    if isinstance(error, EndpointMissingError) or error.status == 402:
        return 501
    if isinstance(error, ConflictError | MethodNotAllowedError):
        return 409
    if error.status in _PASSED_ON:
        return error.status
    return 504 if error.status == 504 else 502

"""What differs between services in how they say that something went wrong.

A dialect reads an error body and may refine the error class; the rest follows the HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect._core.message import Request, Response
from aconnect._core.redaction import Secret, redact, redact_all
from aconnect.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    MethodNotAllowedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnprocessableError,
)

_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    422: UnprocessableError,
    429: RateLimitedError,
}
_LONGEST_MESSAGE: Final = 500
# Secrets are hidden before a message is cut, or half of one could be left at its end.
_LONGEST_BODY: Final = 64 * 1024


class ErrorBody(Struct, frozen=True):
    """What an error body says."""

    message: str
    code: int | str | None = None
    payload: Any = None


class Dialect:
    """How a service reports errors; each service has a subclass."""

    harmless_query: frozenset[str] = frozenset()
    """Query parameters whose values may be shown in a log: they only page or filter by time."""

    def read(self, response: Response) -> ErrorBody | None:
        """Read the service's own error body; None where this is not one."""
        return None

    def kind(self, request: Request, response: Response, said: ErrorBody | None) -> type[ApiError]:
        """Choose the error class."""
        if response.status >= 500:
            return ServerError
        return _BY_STATUS.get(response.status, ApiError)

    def hint(self, request: Request, kind: type[ApiError], said: ErrorBody | None) -> str:
        """Say what to do about it; empty where that is not known."""
        return ""

    def downgrade(self, request: Request, error: ApiError) -> Request | None:
        """Give the request without what this server refuses to know; None where it knows all."""
        return None

    def deprecation(self, request: Request, headers: Mapping[str, str]) -> str | None:
        """Say that the server has a better operation, where it says so; else None."""
        return None

    def transient(self, error: ApiError) -> bool | None:
        """Tell what the error code knows about trying again; None where it knows nothing."""
        return None

    def gone(self, error: ApiError) -> bool:
        """Tell whether an answer to a deletion says that there is nothing (left) to delete."""
        return error.status in {404, 410}

    def error(
        self, request: Request, response: Response, origin: str, secrets: Sequence[Secret] = ()
    ) -> ApiError:
        """Make the error for an answer that is not a success."""
        said = self.read(response)
        kind = self.kind(request, response, said)
        message = said.message if said is not None else foreign_text(response)
        return kind(
            redact(message, secrets)[:_LONGEST_MESSAGE],
            status=response.status,
            code=said.code if said is not None else None,
            payload=redact_all(said.payload, secrets) if said is not None else None,
            method=request.method,
            url=origin + request.target.partition("?")[0],
            hint=self.hint(request, kind, said),
            retry_after=response.headers.get("Retry-After"),
        )


def json_object(response: Response) -> dict[str, Any] | None:
    """Give the body where it is a JSON object."""
    if not response.body.lstrip().startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(response.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def foreign_text(response: Response) -> str:
    """Sum up an error body that is not the service's own: a proxy's page, say."""
    body = response.body.strip()
    if not body:
        return "no message"
    if body.startswith(b"<") or response.content_type == "text/html":
        return "an HTML page, so it seems to come from a proxy or login page in front of the API"
    return body[:_LONGEST_BODY].decode("utf-8", "replace")

"""What differs between services in how they report errors.

A dialect parses an error body and may refine the error class; the rest follows the HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect._core.decoding import FAILURES, decoder_for
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
_MAX_MESSAGE: Final = 500
# Secrets are redacted before a message is cut, or half of one could remain at its end.
_MAX_BODY: Final = 64 * 1024


class ErrorBody(Struct, frozen=True):
    """What an error body of the service contains."""

    message: str
    code: int | str | None = None
    payload: Any = None


class Dialect:
    """How a service reports errors; each service has a subclass."""

    shown_query: frozenset[str] = frozenset()
    """Query parameters whose values may be logged: they only page or filter by time."""

    def parse(self, response: Response) -> ErrorBody | None:
        """Parse the service's own error body; return None if this is not one.

        A ValueError or RecursionError means that it cannot be parsed, for example because it is
        nested too deeply.
        """
        return None

    def error_class(
        self, request: Request, response: Response, body: ErrorBody | None
    ) -> type[ApiError]:
        """Return the class of the error to raise."""
        if response.status >= 500:
            return ServerError
        return _BY_STATUS.get(response.status, ApiError)

    def hint(self, request: Request, error_class: type[ApiError], body: ErrorBody | None) -> str:
        """Return what to do about the error; empty if that is not known."""
        return ""

    def downgrade(self, request: Request, error: ApiError) -> Request | None:
        """Return the request without what this server does not support; None if that is nothing."""
        return None

    def deprecation(self, request: Request, headers: Mapping[str, str]) -> str | None:
        """Return the warning to issue if the server calls the operation deprecated, else None."""
        return None

    def is_transient(self, error: ApiError) -> bool | None:
        """Return whether retrying can help, according to the error code; None if it has no say."""
        return None

    def is_gone(self, error: ApiError) -> bool:
        """Return True if the response to a DELETE means that there is nothing to delete."""
        return error.status in {404, 410}

    def error(
        self, request: Request, response: Response, api_root: str, secrets: Sequence[Secret] = ()
    ) -> ApiError:
        """Return the error for an unsuccessful response."""
        body = self._parse(response, secrets)
        error_class = self.error_class(request, response, body)
        message = body.message if body is not None else foreign_text(response)
        return error_class(
            redact(message, secrets)[:_MAX_MESSAGE],
            status=response.status,
            code=body.code if body is not None else None,
            payload=body.payload if body is not None else None,
            method=request.method,
            url=api_root + request.path,
            hint=self.hint(request, error_class, body),
            retry_after=response.headers.get("Retry-After"),
        )

    def _parse(self, response: Response, secrets: Sequence[Secret]) -> ErrorBody | None:
        """Parse an error body, without secrets; the status decides if that is impossible."""
        try:
            body = self.parse(response)
            if body is None:
                return None
            return msgspec.structs.replace(body, payload=redact_all(body.payload, secrets))
        except (ValueError, RecursionError):
            return None


def json_object(response: Response) -> dict[str, Any] | None:
    """Return the body if it is a JSON object, else None."""
    if not response.body.lstrip().startswith(b"{"):
        return None
    try:
        data: dict[str, Any] = decoder_for(dict[str, Any])(response.body)
    except FAILURES:
        return None
    return data


def foreign_text(response: Response) -> str:
    """Summarize an error body that is not the service's own, such as a proxy's page."""
    body = response.body.strip()
    if not body:
        return "no message"
    if body.startswith(b"<") or response.content_type == "text/html":
        return "an HTML page, probably from a proxy or login page in front of the API"
    return body[:_MAX_BODY].decode("utf-8", "replace")

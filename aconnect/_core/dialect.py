"""What differs between services in how they report errors.

A dialect parses an error body and may refine the error class; the rest follows the HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect._core.arguments import is_guid, is_guid_name
from aconnect._core.decoding import FAILURES, decoder_for
from aconnect._core.message import Request, Response
from aconnect._core.redaction import Secret, redact, redact_all
from aconnect._core.text import excerpt
from aconnect.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    LicenseExpiredError,
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
    402: LicenseExpiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    422: UnprocessableError,
    429: RateLimitedError,
}
# What is searched for secrets before a message is cut.
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
        """Return True if the response to a DELETE means that there is nothing to delete.

        Only the service's own error means that; any other 404 is from something in front of it.
        """
        return error.status in {404, 410} and error.payload is not None

    def error(
        self, request: Request, response: Response, api_root: str, secrets: Sequence[Secret] = ()
    ) -> ApiError:
        """Return the error for an unsuccessful response."""
        body = self._parse(response, secrets)
        error_class = self.error_class(request, response, body)
        message = body.message if body is not None else foreign_text(request, response)
        code = body.code if body is not None else None
        retry_after = response.headers.get("Retry-After")
        hints = [self.hint(request, error_class, body)]
        if response.status == 404 and not request.to_content:
            hints += _not_guids(request)
        if error_class is LicenseExpiredError:
            hints.append("the server serves no content until its administrator renews the license")
        if response.status == 407:
            hints.append(
                "the proxy requires a user name and password; check those in its address, "
                "http://user:password@host:port"
            )

        def hide(text: str) -> str:
            return redact(text, secrets)

        return error_class(
            excerpt(message, hide),
            status=response.status,
            code=excerpt(code, hide) if isinstance(code, str) else code,
            payload=body.payload if body is not None else None,
            method=request.method,
            url=api_root + request.path,
            hint=redact("; ".join(filter(None, hints)), secrets),
            retry_after=None if retry_after is None else excerpt(retry_after, hide),
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


def _not_guids(request: Request) -> list[str]:
    """Return what is wrong with the arguments that should be GUIDs and are not."""
    body = request.body if isinstance(request.body, bytes) else b""
    arguments = {**request.path_arguments, **(_object(body) or {})}
    return [
        f"{name}={value!r} is not a GUID; if it is a name, look up the GUID of the object first"
        for name, value in arguments.items()
        if is_guid_name(name) and value is not None and not is_guid(value)
    ]


def json_object(response: Response) -> dict[str, Any] | None:
    """Return the body if it is a JSON object, else None."""
    return _object(response.body)


def _object(body: bytes) -> dict[str, Any] | None:
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        data: dict[str, Any] = decoder_for(dict[str, Any])(body)
    except FAILURES:
        return None
    return data


def foreign_text(request: Request, response: Response) -> str:
    """Summarize an error body that is not the service's own, such as a proxy's page."""
    body = response.body.strip()
    if not body:
        return "no message"
    if body.startswith(b"<") or response.content_type == "text/html":
        if request.to_content:
            return "an HTML page"
        return "an HTML page, probably from a proxy or login page in front of the API"
    return body[:_MAX_BODY].decode("utf-8", "replace")

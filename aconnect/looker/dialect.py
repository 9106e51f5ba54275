"""How Looker reports errors: `{"message", "documentation_url"}`, and `errors` per field with 422.

Source: `Error`, `ValidationError` and `ValidationErrorDetail` of the Looker API 4.0.
"""

from __future__ import annotations

from typing import Any, cast

from aconnect._core.dialect import Dialect, ErrorBody, json_object
from aconnect._core.message import Request, Response
from aconnect.errors import ApiError, AuthenticationError, NotFoundError, PermissionDeniedError

LOGIN = "session.login"
"""The operation that signs in."""
LOGIN_USER = "session.login_user"
"""The operation that signs in as another user."""
_NO_SUDO = "to act as another user, the owner of the API credentials needs the permission sudo"


class LookerDialect(Dialect):
    """Parses Looker's error bodies; `payload` is the body, with the details per field."""

    def parse(self, response: Response) -> ErrorBody | None:
        data = json_object(response)
        if data is None or "documentation_url" not in data or "message" not in data:
            return None
        message = data["message"] if isinstance(data["message"], str) else ""
        details = _details(data)
        fields = "; ".join(text for detail in details if (text := _shown(detail)))
        code = next((d["code"] for d in details if isinstance(d.get("code"), str)), None)
        return ErrorBody(
            f"{message}: {fields}" if message and fields else message or fields, code, data
        )

    def error_class(
        self, request: Request, response: Response, body: ErrorBody | None
    ) -> type[ApiError]:
        if request.operation == LOGIN and response.status == 404 and body is not None:
            # Looker returns "Not found" for an unknown client id and secret.
            return AuthenticationError
        return super().error_class(request, response, body)

    def hint(self, request: Request, error_class: type[ApiError], body: ErrorBody | None) -> str:
        if error_class is AuthenticationError:
            return (
                "check the client id and secret (LOOKERSDK_CLIENT_ID, LOOKERSDK_CLIENT_SECRET), "
                "which belong to one Looker instance"
            )
        if error_class is PermissionDeniedError and request.operation == LOGIN:
            return "check that the owner of the API credentials is not disabled"
        if error_class is PermissionDeniedError and request.operation == LOGIN_USER:
            return _NO_SUDO
        if error_class is PermissionDeniedError:
            return "the owner of the API credentials may not do this; administrators may"
        if error_class is NotFoundError and body is None:
            return "the answer is not Looker's; check the address (LOOKERSDK_BASE_URL)"
        if error_class is NotFoundError and request.operation == LOGIN_USER:
            return f"check the id of the user; {_NO_SUDO}"
        return ""


def _details(data: dict[str, Any]) -> list[dict[str, Any]]:
    errors: Any = data.get("errors")
    if not isinstance(errors, list):
        return []
    rows = cast("list[object]", errors)
    return [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]


def _shown(detail: dict[str, Any]) -> str:
    """Return the details of one field as text."""
    field, message = detail.get("field"), detail.get("message") or detail.get("code")
    return " ".join(str(part) for part in (field, message) if part)

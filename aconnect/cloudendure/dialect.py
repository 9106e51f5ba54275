"""How CloudEndure says that something went wrong: `{"message", "code"}`, both texts, or nothing."""

from __future__ import annotations

from aconnect._core.dialect import Dialect, ErrorBody, json_object
from aconnect._core.message import Request, Response
from aconnect.errors import ApiError, AuthenticationError, NotFoundError, PermissionDeniedError


class CloudEndureDialect(Dialect):
    """Reads CloudEndure's error bodies."""

    def parse(self, response: Response) -> ErrorBody | None:
        data = json_object(response)
        if data is None:
            return None
        message, code = data.get("message"), data.get("code")
        if not isinstance(message, str) and not isinstance(code, str):
            return None
        return ErrorBody(
            message if isinstance(message, str) else "", code if isinstance(code, str) else None
        )

    def hint(self, request: Request, error_class: type[ApiError], body: ErrorBody | None) -> str:
        if error_class is AuthenticationError and request.operation == "users.set_password":
            return "the token of the invitation is wrong or used up; invite the user again"
        if error_class is PermissionDeniedError and request.operation == "session.login":
            return "check on the console that the user is active and may sign in this way"
        if error_class is AuthenticationError:
            return (
                "check the user API token (CLOUDENDURE_USER_API_TOKEN) or the user name and "
                "password (CLOUDENDURE_USERNAME, CLOUDENDURE_PASSWORD)"
            )
        if error_class is PermissionDeniedError:
            return "the user may not do this; use an administrator or the owner of the account"
        if error_class is NotFoundError and body is None:
            return "the answer is not CloudEndure's; check the address (base_url)"
        return ""

    def is_gone(self, error: ApiError) -> bool:
        # Many proxies also respond with a message, but without a code.
        return error.status == 404 and error.code is not None

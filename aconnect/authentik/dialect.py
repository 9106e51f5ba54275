"""How authentik reports errors: `detail` and `code`, or messages per field if it refuses input.

Source: the schemas `GenericError` and `ValidationError` of its API; the texts of refused tokens are
those of `authentik/api/authentication.py` and of Django REST framework, which return 403.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aconnect._core.decoding import FAILURES, decoder_for
from aconnect._core.dialect import Dialect, ErrorBody
from aconnect._core.guards import is_dict, is_list
from aconnect._core.message import Request, Response
from aconnect.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
)

_GENERAL: Final = "non_field_errors"
_NOT_SIGNED_IN: Final = frozenset({"authentication_failed", "not_authenticated"})
# Servers omit the code if they refuse the token itself.
_TOKEN_REFUSED: Final = (
    "Token invalid/expired",
    "Authentication credentials were not provided",
    "Malformed header",
    "Unsupported authentication type",
)


class AuthentikDialect(Dialect):
    """Parses authentik's error bodies."""

    def parse(self, response: Response) -> ErrorBody | None:
        data = _json(response)
        if is_dict(data) and isinstance(data.get("detail"), str):
            return ErrorBody(data["detail"], _code(data), data)
        # Other responses have `detail`; JSON without it comes from elsewhere.
        if response.status != 400 or not (is_dict(data) or is_list(data)):
            return None
        code = _code(data) if is_dict(data) else None
        fields = (
            {name: value for name, value in data.items() if name != "code" or code is None}
            if is_dict(data)
            else data
        )
        return ErrorBody("; ".join(_messages(fields)), code, data)

    def error_class(
        self, request: Request, response: Response, body: ErrorBody | None
    ) -> type[ApiError]:
        if (
            response.status == 403
            and body is not None
            and (body.code in _NOT_SIGNED_IN or body.message.startswith(_TOKEN_REFUSED))
        ):
            return AuthenticationError
        return super().error_class(request, response, body)

    def hint(self, request: Request, error_class: type[ApiError], body: ErrorBody | None) -> str:
        if error_class is AuthenticationError:
            return "check the token (AUTHENTIK_TOKEN): it needs the intent API and must not expire"
        if error_class is PermissionDeniedError:
            return "the token's owner may not do this; give its role the permission"
        if error_class is NotFoundError and body is None:
            return "the answer is not authentik's; check the server's address (AUTHENTIK_URL)"
        return ""


def _json(response: Response) -> Any:
    if response.body.lstrip()[:1] not in {b"{", b"["}:
        return None
    try:
        return decoder_for(Any)(response.body)
    except FAILURES:
        return None


def _code(data: dict[str, Any]) -> str | None:
    # A list of messages, in contrast, is about a field called code.
    code = data.get("code")
    return code if isinstance(code, str) else None


def _messages(value: Any, place: str = "") -> Iterator[str]:
    """Yield the messages about refused input, general ones first."""
    if is_dict(value):
        for name in sorted(value, key=lambda name: name != _GENERAL):
            inner = place if name == _GENERAL else f"{place}.{name}" if place else name
            yield from _messages(value[name], inner)
    elif is_list(value):
        for item in value:
            yield from _messages(item, place)
    elif value is not None:
        yield f"{place}: {value}" if place else str(value)

"""How Posit Connect reports errors: `{"code", "error", "payload"}`, and what its codes tell.

Source: the error codes of the Connect Server API reference.
"""

from __future__ import annotations

from typing import Final

from aconnect._core.dialect import Dialect, Said, json_object
from aconnect._core.message import Answer, Request
from aconnect.errors import (
    ApiError,
    AuthenticationError,
    EndpointMissingError,
    NotFoundError,
    PermissionDeniedError,
)

# 502 with this code is the server's last word on the matter, not a passing state.
_PERMANENT: Final = frozenset({105})
# 400 with this code: the object is still being processed.
_BEING_PROCESSED: Final = 100
# No such object; and, of a deletion, it was gone before.
_GONE: Final = frozenset({4, 17})


class ConnectDialect(Dialect):
    """Reads Connect's error bodies."""

    harmless_query: frozenset[str] = frozenset(
        {"asc_order", "ascOrder", "content_guid", "min_data_version", "page_number", "wait"}
    )

    def read(self, answer: Answer) -> Said | None:
        data = json_object(answer)
        code = None if data is None else data.get("code")
        if data is None or not isinstance(code, int) or isinstance(code, bool):
            return None
        message = data.get("error")
        return Said(message if isinstance(message, str) else "", code, data.get("payload"))

    def kind(self, request: Request, answer: Answer, said: Said | None) -> type[ApiError]:
        if (
            answer.status == 404
            and said is None
            and answer.body.strip().startswith(b"404 page not found")
        ):
            # The router's answer, not a handler's: this version has no such operation.
            return EndpointMissingError
        return super().kind(request, answer, said)

    def hint(self, kind: type[ApiError], said: Said | None) -> str:
        if kind is AuthenticationError:
            return "check the API key (CONNECT_API_KEY), which belongs to one server"
        if kind is PermissionDeniedError:
            return "the key's owner may not do this; use the key of an administrator or owner"
        if kind is EndpointMissingError:
            return (
                "this server is too old for the operation, or the address does not lead to "
                "Posit Connect"
            )
        if kind is NotFoundError and said is None:
            return "the answer is not Connect's; check the server's address (CONNECT_SERVER)"
        return ""

    def gone(self, error: ApiError) -> bool:
        return error.status == 404 and error.code in _GONE

    def transient(self, error: ApiError) -> bool | None:
        if error.status == 502 and error.code in _PERMANENT:
            return False
        if error.status == 400 and error.code == _BEING_PROCESSED:
            return True
        return None

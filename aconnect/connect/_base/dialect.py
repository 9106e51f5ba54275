"""How Posit Connect reports errors: `{"code", "error", "payload"}`, and what its codes mean.

Source: the error codes of the Connect Server API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from aconnect._client.operation import REGISTRY
from aconnect._core.dialect import Dialect, ErrorBody, json_object
from aconnect._core.message import Request, Response
from aconnect._core.text import one_line
from aconnect._core.url import query_string
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    EndpointMissingError,
    NotFoundError,
    PermissionDeniedError,
)

# Codes of a 404: no such object, or nothing to delete.
_GONE: Final = frozenset({ApiErrorCode.OBJECT_DOES_NOT_EXIST, ApiErrorCode.REMOVE_NOTHING})
# Returned with 400, but they mean that something exists already.
_DUPLICATE: Final = frozenset(
    {
        ApiErrorCode.DUPLICATE_USER_KEY,
        ApiErrorCode.NO_DUPLICATE_TAG_NAMES,
        ApiErrorCode.DUPLICATE_TOKEN,
        ApiErrorCode.DUPLICATE_GROUP_KEY,
    }
)
# Returned with 402, they mean that a valid license does not include this.
_NOT_LICENSED: Final = frozenset(
    {
        ApiErrorCode.API_NOT_LICENSED,
        ApiErrorCode.EMAIL_RECIPIENTS_NOT_LICENSED,
        ApiErrorCode.NODEJS_NOT_LICENSED,
        ApiErrorCode.OAUTH_INTEGRATIONS_NOT_LICENSED,
        ApiErrorCode.PUBLIC_ACCESS_NOT_LICENSED,
        ApiErrorCode.USER_LICENSE_EXCEEDED,
    }
)

# What to do about errors that only their codes distinguish.
_HINTS: Final[Mapping[int | str | None, str]] = {
    ApiErrorCode.INVALID_COLLABORATOR_OWNER: (
        "the owner has all permissions already; to change it, update owner_guid"
    ),
    ApiErrorCode.VANITY_PATH_IN_USE: "pass force=True to take the path from the other content",
    ApiErrorCode.INVALID_OAUTH_ASSOCIATION_ASSIGNMENT: (
        "content on servers before 2025.07 can have one integration; update() replaces it"
    ),
    ApiErrorCode.OAUTH_CREDENTIAL_NO_ASSOCIATIONS: (
        "associate an integration with the content, as its owner or an administrator"
    ),
    ApiErrorCode.OAUTH_SESSION_NOT_FOUND: "the viewer has to log in to the integration first",
    ApiErrorCode.OAUTH_CREDENTIALS_INVALID_ASSOCIATION_COUNT: (
        "pass audience= to choose one, if the content has several integrations"
    ),
}
# The tokens that content gets are for its owner only.
_EXCHANGE: Final = "oauth.exchange"
# These are sent with a signed token instead of a key.
_BOOTSTRAPS: Final = frozenset({"bootstrap.create", "experimental.bootstrap.create"})
_BOOTSTRAP_HINTS: Final[Mapping[type[ApiError], str]] = {
    AuthenticationError: "check that the secret is the one in the server's configuration "
    "(Bootstrap.SecretKey), and the clocks of both machines",
    PermissionDeniedError: "a server is bootstrapped once, while it has no users; ask one of its "
    "administrators for a key",
}
# The value of `include` that servers before 2024.06 refuse.
_NEWER_INCLUDE: Final = "vanity_url"


class ConnectDialect(Dialect):
    """Parses Connect's error bodies."""

    hints: ClassVar[Mapping[type[ApiError], str]] = {
        AuthenticationError: "check the API key (CONNECT_API_KEY), which belongs to one server",
        PermissionDeniedError: "the key's owner is not allowed to do this; use the key of an "
        "administrator",
    }
    """What to do about the errors of a client's credentials."""
    shown_query: frozenset[str] = frozenset(
        {"asc_order", "ascOrder", "content_guid", "min_data_version", "page_number", "wait"}
    )

    def parse(self, response: Response) -> ErrorBody | None:
        data = json_object(response)
        code = None if data is None else data.get("code")
        if data is None or not isinstance(code, int) or isinstance(code, bool):
            return None
        message = data.get("error")
        return ErrorBody(
            message if isinstance(message, str) else "", ApiErrorCode(code), data.get("payload")
        )

    def error_class(
        self, request: Request, response: Response, body: ErrorBody | None
    ) -> type[ApiError]:
        if response.status == 404 and (
            body.code == ApiErrorCode.BAD_REQUEST
            if body is not None
            else response.body.strip().startswith(b"404 page not found")
        ):
            # From the router, not from a handler: this version has no such operation.
            return EndpointMissingError
        if body is not None and body.code in _DUPLICATE:
            return ConflictError
        if response.status == 402 and body is not None and body.code in _NOT_LICENSED:
            return ApiError
        return super().error_class(request, response, body)

    def hint(self, request: Request, error_class: type[ApiError], body: ErrorBody | None) -> str:
        if request.operation in _BOOTSTRAPS and error_class in _BOOTSTRAP_HINTS:
            return _BOOTSTRAP_HINTS[error_class]
        if body is not None and body.code in _HINTS:
            return _HINTS[body.code]
        if request.operation == _EXCHANGE and error_class is PermissionDeniedError:
            return "use the key of the content's owner; nobody else may exchange its tokens"
        if error_class in self.hints:
            return self.hints[error_class]
        if error_class is EndpointMissingError:
            return _missing(request.operation)
        if error_class is NotFoundError and body is None:
            return "the response is not from Connect; check the server's address (CONNECT_SERVER)"
        if error_class is NotFoundError and _addresses_no_object(request.operation):
            # An older server takes the last segment of such a path for an id.
            return _missing(request.operation)
        return ""

    def downgrade(self, request: Request, error: ApiError) -> Request | None:
        if error.code != ApiErrorCode.INVALID_INCLUDE:
            return None
        path, _, query = request.target.partition("?")
        pairs = dict(parse_qsl(query))
        words = pairs.get("include", "").split(",")
        if _NEWER_INCLUDE not in words:
            return None
        pairs["include"] = ",".join(word for word in words if word != _NEWER_INCLUDE)
        query = query_string({name: value or None for name, value in pairs.items()})
        return msgspec.structs.replace(request, target=f"{path}?{query}" if query else path)

    def deprecation(self, request: Request, headers: Mapping[str, str]) -> str | None:
        replacement = headers.get("X-Deprecated-Endpoint")
        if replacement is None:
            return None
        has_none = replacement.lower() == "n/a"
        hint = "there is no replacement" if has_none else f"use {one_line(replacement)} instead"
        return f"the server calls {request.operation} deprecated; {hint}"

    def is_gone(self, error: ApiError) -> bool:
        return error.status == 404 and error.code in _GONE

    def is_transient(self, error: ApiError) -> bool | None:
        if error.code == ApiErrorCode.TENSORFLOW_NOT_LICENSED:
            # Returned with 502, but retrying does not help.
            return False
        if error.status == 400 and error.code == ApiErrorCode.QUEUE_ITEM_IN_PROGRESS:
            return True
        return None


def _addresses_no_object(operation: str) -> bool:
    """Return True if an operation added later addresses no object that could be missing."""
    declared = REGISTRY.get(f"connect:{operation}")
    return declared is not None and declared.since is not None and "{" not in declared.template


def _missing(operation: str) -> str:
    """Return why a server may not have an operation."""
    declared = REGISTRY.get(f"connect:{operation}")
    if declared is not None and declared.until is not None:
        version = "later versions" if declared.until == "unknown" else f"{declared.until} and later"
        return f"{version} of Posit Connect do not have {operation}"
    if declared is not None and declared.since is not None:
        reason = f"{operation} was added in Posit Connect {declared.since}; this server is older"
    else:
        reason = "this server is too old for the operation"
    return f"{reason}, or the address is not that of Posit Connect"

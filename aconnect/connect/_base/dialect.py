"""How Posit Connect reports errors: `{"code", "error", "payload"}`, and what its codes tell.

Source: the error codes of the Connect Server API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from aconnect._client.operation import REGISTRY
from aconnect._core.dialect import Dialect, ErrorBody, json_object
from aconnect._core.message import Request, Response
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

# Of a 404: no such object; and, of a deletion, it was gone before.
_GONE: Final = frozenset({ApiErrorCode.OBJECT_DOES_NOT_EXIST, ApiErrorCode.REMOVE_NOTHING})
# Answered with 400, but what they say is that something is there already.
_TAKEN: Final = frozenset(
    {
        ApiErrorCode.DUPLICATE_USER_KEY,
        ApiErrorCode.NO_DUPLICATE_TAG_NAMES,
        ApiErrorCode.DUPLICATE_TOKEN,
        ApiErrorCode.DUPLICATE_GROUP_KEY,
    }
)


# What to do about an error that only its code tells apart.
_HINTS: Final[Mapping[int | str | None, str]] = {
    ApiErrorCode.INVALID_COLLABORATOR_OWNER: (
        "the owner has every right already; another owner is set with owner_guid of the content"
    ),
    ApiErrorCode.VANITY_PATH_IN_USE: "force=True takes the path from the content that has it",
    ApiErrorCode.OAUTH_CREDENTIAL_NO_ASSOCIATIONS: (
        "associate an integration with the content, as its owner or an administrator"
    ),
    ApiErrorCode.OAUTH_SESSION_NOT_FOUND: "the viewer has to log in to the integration first",
    ApiErrorCode.OAUTH_CREDENTIALS_INVALID_ASSOCIATION_COUNT: (
        "name the integration with audience=, where the content has several"
    ),
}
# These go out with a signed token instead of a key.
_BOOTSTRAPS: Final = frozenset({"bootstrap.create", "experimental.bootstrap.create"})
_BOOTSTRAP_HINTS: Final[Mapping[type[ApiError], str]] = {
    AuthenticationError: "check that the secret is the one in the server's configuration "
    "(Bootstrap.SecretKey), and the clocks of both machines",
    PermissionDeniedError: "a server is bootstrapped once, while it has no users; ask one of its "
    "administrators for a key",
}
# The word of `include` that servers before 2024.06 refuse.
_LATER: Final = "vanity_url"


class ConnectDialect(Dialect):
    """Reads Connect's error bodies."""

    harmless_query: frozenset[str] = frozenset(
        {"asc_order", "ascOrder", "content_guid", "min_data_version", "page_number", "wait"}
    )

    def read(self, response: Response) -> ErrorBody | None:
        data = json_object(response)
        code = None if data is None else data.get("code")
        if data is None or not isinstance(code, int) or isinstance(code, bool):
            return None
        message = data.get("error")
        return ErrorBody(
            message if isinstance(message, str) else "", ApiErrorCode(code), data.get("payload")
        )

    def kind(self, request: Request, response: Response, said: ErrorBody | None) -> type[ApiError]:
        if response.status == 404 and (
            said.code == ApiErrorCode.BAD_REQUEST
            if said is not None
            else response.body.strip().startswith(b"404 page not found")
        ):
            # The router's answer, not a handler's: this version has no such operation.
            return EndpointMissingError
        if said is not None and said.code in _TAKEN:
            return ConflictError
        return super().kind(request, response, said)

    def hint(self, request: Request, kind: type[ApiError], said: ErrorBody | None) -> str:
        if request.operation in _BOOTSTRAPS and kind in _BOOTSTRAP_HINTS:
            return _BOOTSTRAP_HINTS[kind]
        if said is not None and said.code in _HINTS:
            return _HINTS[said.code]
        if kind is AuthenticationError:
            return "check the API key (CONNECT_API_KEY), which belongs to one server"
        if kind is PermissionDeniedError:
            return "the key's owner may not do this; use the key of an administrator or owner"
        if kind is EndpointMissingError:
            return _missing(request.operation)
        if kind is NotFoundError and said is None:
            return "the answer is not Connect's; check the server's address (CONNECT_SERVER)"
        if kind is NotFoundError and _names_nothing(request.operation):
            # An older server takes the last word of such a path for an id.
            return _missing(request.operation)
        return ""

    def downgrade(self, request: Request, error: ApiError) -> Request | None:
        if error.code != ApiErrorCode.INVALID_INCLUDE:
            return None
        path, _, query = request.target.partition("?")
        asked = dict(parse_qsl(query))
        words = asked.get("include", "").split(",")
        if _LATER not in words:
            return None
        asked["include"] = ",".join(word for word in words if word != _LATER)
        query = query_string({name: value or None for name, value in asked.items()})
        return msgspec.structs.replace(request, target=f"{path}?{query}" if query else path)

    def deprecation(self, request: Request, headers: Mapping[str, str]) -> str | None:
        instead = headers.get("X-Deprecated-Endpoint")
        if instead is None:
            return None
        has = f"use {instead} instead" if instead.lower() != "n/a" else "there is no replacement"
        return f"the server calls {request.operation} deprecated; {has}"

    def gone(self, error: ApiError) -> bool:
        return error.status == 404 and error.code in _GONE

    def transient(self, error: ApiError) -> bool | None:
        if error.code == ApiErrorCode.TENSORFLOW_NOT_LICENSED:
            # Answered with 502, but the server's last word on the matter.
            return False
        if error.status == 400 and error.code == ApiErrorCode.QUEUE_ITEM_IN_PROGRESS:
            return True
        return None


def _names_nothing(operation: str) -> bool:
    """Tell whether an operation that came later addresses no object that could be missing."""
    declared = REGISTRY.get(f"connect:{operation}")
    return declared is not None and declared.since is not None and "{" not in declared.template


def _missing(operation: str) -> str:
    """Say why a server may not know an operation."""
    declared = REGISTRY.get(f"connect:{operation}")
    if declared is not None and declared.until is not None:
        version = "later versions" if declared.until == "unknown" else f"{declared.until} and later"
        return f"{version} of Posit Connect do not have {operation} any more"
    if declared is not None and declared.since is not None:
        came = f"{operation} came with Posit Connect {declared.since}; this server is older"
    else:
        came = "this server is too old for the operation"
    return f"{came}, or the address does not lead to Posit Connect"

"""OAuth credentials, which Connect returns in exchange for its own session tokens.

Decides their form, where running content finds its own token, and that none of them is shown. The
requests are made by `oauth`.
"""

from __future__ import annotations

import os
from base64 import b64decode
from datetime import datetime
from typing import ClassVar, Final, Literal, Required, TypedDict

import anyio
import msgspec

from aconnect._core.model import Confidential, OpenEnum
from aconnect._core.text import decode_text
from aconnect.errors import DecodeError, InvalidArgumentError

TOKEN_FILE: Final = "CONNECT_CONTENT_SESSION_TOKEN_FILE"  # noqa: S105  a variable's name
TOKEN: Final = "CONNECT_CONTENT_SESSION_TOKEN"  # noqa: S105  likewise


_CONTENT_GUID: Final = "CONNECT_CONTENT_GUID"
# Connect sets these for content; which of them depends on its version.
_PRODUCTS: Final = ("POSIT_PRODUCT", "RSTUDIO_PRODUCT")
_ON_CONNECT: Final = (_CONTENT_GUID, "CONNECT_CONTENT_JOB_KEY", TOKEN_FILE, TOKEN)


class OAuthGrantType(OpenEnum):
    """The type of an exchange."""

    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  no secret


OAuthGrantTypeName = Literal["urn:ietf:params:oauth:grant-type:token-exchange"] | str
"""The name of a type of exchanges."""


class OAuthTokenType(OpenEnum):
    """The type of a token."""

    ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  no secret
    AWS_CREDENTIALS = "urn:ietf:params:aws:token-type:credentials"
    API_KEY = "urn:posit:connect:api-key"
    CONTENT_SESSION_TOKEN = "urn:posit:connect:content-session-token"  # noqa: S105  no secret
    USER_SESSION_TOKEN = "urn:posit:connect:user-session-token"  # noqa: S105  no secret


OAuthTokenTypeName = (
    Literal[
        "urn:ietf:params:aws:token-type:credentials",
        "urn:ietf:params:oauth:token-type:access_token",
        "urn:posit:connect:api-key",
        "urn:posit:connect:content-session-token",
        "urn:posit:connect:user-session-token",
    ]
    | str
)
"""The name of a type of tokens."""


class OAuthExchangeParams(TypedDict, total=False):
    """Fields of an exchange."""

    grant_type: Required[OAuthGrantTypeName]
    subject_token_type: Required[OAuthTokenTypeName]
    subject_token: Required[str]
    requested_token_type: OAuthTokenTypeName
    """By default an access token."""
    audience: str
    """The guid of the integration, if the content has several."""


class AWSCredentials(Confidential, kw_only=True, rename="camel"):
    """Temporary AWS keys, as boto3 takes them; the secret ones are not printed."""

    _hidden: ClassVar[tuple[str, ...]] = ("secret_access_key", "session_token")

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    expiration: datetime | None = None


class OAuthCredentials(Confidential, kw_only=True):
    """The result of an exchange; its token is not printed."""

    _hidden: ClassVar[tuple[str, ...]] = ("access_token",)

    access_token: str | None = None
    issued_token_type: OAuthTokenType | None = None
    token_type: str | None = None
    """The authentication scheme of the token, such as `Bearer`."""
    expires_in: int | None = None
    """Seconds from the response; None if unknown."""

    def aws(self) -> AWSCredentials:
        """Return the AWS keys in the access token, if those were requested."""
        try:
            keys = msgspec.json.decode(b64decode(self.access_token or ""), type=AWSCredentials)
        except (ValueError, RecursionError):
            # Their errors quote the token.
            raise self._not_aws() from None
        if not (keys.access_key_id and keys.secret_access_key and keys.session_token):
            raise self._not_aws()
        return keys

    def _not_aws(self) -> DecodeError:
        # Without its type, which is whatever the server calls it.
        kind = "a token of another type" if self.access_token else "no token"
        return DecodeError(
            f"{kind} came instead of AWS keys; ask for OAuthTokenType.AWS_CREDENTIALS, from an "
            "integration with AWS"
        )


def given_token(token: str, what: str, whence: str) -> str:
    """Return a token that was passed; refuse an empty one, such as from a missing header."""
    found = (token or "").strip()
    if not found:
        raise InvalidArgumentError(f"the {what} is empty; {whence}")
    return found


async def own_session_token() -> str | None:
    """Read the token of the content that this program runs as; None outside Connect."""
    name = os.environ.get(TOKEN_FILE, "").strip()
    found, why = await _read(name) if name else ("", "")
    token = found or os.environ.get(TOKEN, "").strip()
    if name and not token:
        raise no_token(why)
    return token or None


def no_token(why: str = f"neither {TOKEN_FILE} nor {TOKEN} is set") -> InvalidArgumentError:
    """Return the error if a token is needed and there is none."""
    return InvalidArgumentError(
        f"no content session token: {why}. The server sets them for content with an integration "
        "while it runs there; elsewhere, pass content_session_token="
    )


async def _read(name: str) -> tuple[str, str]:
    """Return the token in a file, or the reason why there is none."""
    try:
        token = decode_text(await anyio.Path(name).read_bytes()).strip()
    except OSError as error:
        return "", f"cannot read {name!r}, which {TOKEN_FILE} names: {error.strerror}"
    except ValueError as error:
        return "", f"{name!r}, which {TOKEN_FILE} names, holds no text: {error}"
    return token, f"the file {name!r}, which {TOKEN_FILE} names, is empty"


def own_content() -> str | None:
    """Return the guid of the content that this program runs as; None elsewhere."""
    return os.environ.get(_CONTENT_GUID, "").strip() or None


def runs_on_connect() -> bool:
    """Return True if anything says that this program runs as content on Connect."""
    products = [os.environ.get(name, "") for name in _PRODUCTS]
    is_product = any(product.strip().upper().startswith("CONNECT") for product in products)
    return is_product or any(map(os.environ.get, _ON_CONNECT))

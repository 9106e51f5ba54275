"""Provisioning: the first administrator of a new server, and its API key.

Decides how the token is made that a server without users requires: a JSON Web Token, signed (HS256)
with the secret in the server's configuration. It does not configure the server.

Source: "Programmatic Provisioning" in the administrator's guide.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final, Unpack

from aconnect._client.client import BaseClient
from aconnect._client.files import reason
from aconnect._core import decoding
from aconnect._core.completion import shows_fields
from aconnect._core.redaction import Secret
from aconnect._core.text import decode_text
from aconnect._transport.options import Connection, options_of
from aconnect.connect._base.address import api_root
from aconnect.connect._base.dialect import ConnectDialect
from aconnect.connect.bootstrap import Bootstrap, BootstrapSuccess
from aconnect.connect.experimental import RetiredBootstrap
from aconnect.errors import (
    ConnectionFailedError,
    ConnectTimeoutError,
    DecodeError,
    EndpointMissingError,
    InvalidArgumentError,
    TransportError,
)

SECRET_VARIABLE: Final = "CONNECT_BOOTSTRAP_SECRETKEY"  # noqa: S105  its name
"""The variable from which the vendor's own tools read the secret, as Base64 text."""

# Seconds; enough for retries, and for clocks that differ slightly.
_LIFETIME: Final = 300
# RFC 7518, 3.2: a key for HS256 is no shorter than its hash.
_SHORTEST: Final = 32
_NEVER_SENT: Final = (ConnectionFailedError, ConnectTimeoutError)


class _Keyless(BaseClient):
    """A client without a key."""


@shows_fields
async def bootstrap(
    url: str | None = None,
    secret: bytes | str | Path | None = None,
    **connection: Unpack[Connection],
) -> str:
    """Create the first administrator of a server without users, and return its API key.

    Store the key: the server returns it only once. Requires Connect 2022.10, with
    `Bootstrap.Enabled` and `Bootstrap.SecretKey` in its configuration.

    Args:
        url: The server; by default CONNECT_SERVER.
        secret: The value of `Bootstrap.SecretKey`: the bytes, or the path of a file with them as
        Base64 text; by default such text in CONNECT_BOOTSTRAP_SECRETKEY.
        connection: See `Connection`.

    Raises:
        InvalidArgumentError: There is no secret, or it is invalid; no request was made.
        EndpointMissingError: The server is older than 2022.10, or bootstrapping is disabled.
        ApiError: The server refused the token, or has users already.
        TransportError: The request failed; a note says if the administrator may exist now.
    """
    root = api_root(url if url is not None else os.environ.get("CONNECT_SERVER", ""))
    options = options_of(connection)
    key = secret if isinstance(secret, bytes) else await asyncio.to_thread(_read, secret)
    token = bootstrap_token(key, options.clock.time())
    client = _Keyless(
        root, credentials={}, dialect=ConnectDialect(), secrets=(token,), options=options
    )
    async with client:
        try:
            found = await _create(client, token)
        except (TransportError, DecodeError) as error:
            if not isinstance(error, _NEVER_SENT):
                error.add_note(
                    "The server may have its first administrator now, and the key was in the "
                    "answer that did not come. If another try says that users exist, begin again "
                    "with an empty database."
                )
            raise
    if not found.api_key:
        raise DecodeError(f"POST {root}/v1/bootstrap succeeded, but its response has no API key")
    return found.api_key


async def _create(client: BaseClient, token: Secret) -> BootstrapSuccess:
    try:
        return await Bootstrap(client).create(token.reveal())
    except EndpointMissingError:
        # Servers before 2024.05 have the older operation only.
        pass
    try:
        return await RetiredBootstrap(client).create(token.reveal())
    except EndpointMissingError as error:
        error.add_note(
            "A newer server may answer so too while Bootstrap.Enabled is not set in its "
            "configuration."
        )
        raise


def bootstrap_token(secret: bytes, now: float) -> Secret:
    """Return the token for `Bootstrap.create`, valid for five minutes from `now`.

    `now` is in seconds since 1970.
    """
    if len(secret) < _SHORTEST:
        raise InvalidArgumentError(
            f"the bootstrap secret has {len(secret)} bytes; it needs {_SHORTEST} or more. Make one "
            "with: openssl rand -base64 32"
        )
    claims = {
        # The claims of rsconnect-python; others are not documented.
        "iss": "rsconnect-python",
        "aud": "rsconnect",
        "iat": int(now),
        "exp": int(now) + _LIFETIME,
        "scope": "bootstrap",
    }
    parts = (_part(decoding.encode(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signed = ".".join(parts)
    return Secret(f"{signed}.{_part(hmac.digest(secret, signed.encode(), hashlib.sha256))}")


def _part(data: bytes) -> str:
    """Encode a part of a token; RFC 7515 omits the padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_secret(text: bytes, where: str) -> bytes:
    """Decode a secret from Base64 text, ignoring line breaks; `where` is for error messages."""
    try:
        secret = base64.b64decode("".join(decode_text(text).split()), validate=True)
    except ValueError as error:
        raise InvalidArgumentError(
            f"{where} is not Base64 text: {error}; it must contain the bootstrap secret as Base64"
        ) from error
    if not secret:
        raise InvalidArgumentError(
            f"{where} is empty; it must contain the bootstrap secret as Base64"
        )
    return secret


def _read(path: str | Path | None) -> bytes:
    if path is None:
        given = os.environ.get(SECRET_VARIABLE, "")
        if not given:
            raise InvalidArgumentError(
                f"no bootstrap secret: pass secret= or set {SECRET_VARIABLE}"
            )
        return decode_secret(os.fsencode(given), SECRET_VARIABLE)
    try:
        text = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"cannot read the bootstrap secret from {str(path)!r}: {reason(error)}"
        ) from error
    return decode_secret(text, str(path))

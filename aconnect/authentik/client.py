"""The client of authentik, and where its API is."""

from __future__ import annotations

import os
import ssl as ssl_module
from collections.abc import Mapping
from functools import cached_property
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from aconnect._core.clock import Clock
from aconnect._core.limits import Limits
from aconnect._core.redaction import Secret
from aconnect._core.retry import RetryPolicy
from aconnect._core.url import origin_of
from aconnect._transport.client import BaseClient, as_timeout, resource
from aconnect._transport.options import DEFAULT_MAX_BODY, Options, Timeout
from aconnect.authentik.connection_tokens import ConnectionTokens
from aconnect.authentik.dialect import AuthentikDialect
from aconnect.authentik.endpoints import Endpoints
from aconnect.errors import InvalidArgumentError

API: Final = "/api/v3"
# What may stand in a path segment as it is (RFC 3986), and what is quoted already.
_SAFE: Final = "%:@!$&'()*+,;=~"


class Client(BaseClient):
    """A client of one authentik server, for its remote access.

    Without arguments it reads `AUTHENTIK_URL` and `AUTHENTIK_TOKEN`. The address may be the
    server's or the API's (`…/api/v3`). Nothing is sent before the first call.
    """

    connection_tokens: cached_property[ConnectionTokens] = resource(ConnectionTokens)
    endpoints: cached_property[Endpoints] = resource(Endpoints)

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        timeout: Timeout | float | None = None,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        max_body: int = DEFAULT_MAX_BODY,
        headers: Mapping[str, str] | None = None,
        ssl: ssl_module.SSLContext | None = None,
        insecure_tls: bool = False,
        proxy: str | None = None,
        proxy_authorization: str | None = None,
        trust_env: bool = False,
        user_agent: str = "",
        clock: Clock | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: The server; by default AUTHENTIK_URL.
            token: A token with the intent API; by default AUTHENTIK_TOKEN.
            timeout: Of one attempt; a plain number is its total in seconds. See `Timeout`.
            retry: How failed calls are repeated, and for how long.
            limits: Calls in flight and per second.
            max_body: Largest answer to accept, in bytes after decompression.
            headers: More headers for every request, for a proxy in front, say.
            ssl: A TLS context of your own.
            insecure_tls: Do not check the server's certificate. Anyone on the way can then read
                the token.
            proxy: Address of an HTTP proxy.
            proxy_authorization: Value of the Proxy-Authorization header.
            trust_env: Take proxies from the environment.
            user_agent: Put in front of aconnect's own.
            clock: Another source of time, for tests.
        """
        secret = Secret(
            (token if token is not None else os.environ.get("AUTHENTIK_TOKEN", "")).strip()
        )
        if not secret.reveal():
            raise InvalidArgumentError("no token: pass token= or set AUTHENTIK_TOKEN")
        options = Options(
            timeout=Timeout() if timeout is None else as_timeout(timeout),
            retry=retry or RetryPolicy(),
            limits=limits or Limits(),
            max_body=max_body,
            ssl=ssl,
            insecure_tls=insecure_tls,
            proxy=proxy,
            proxy_authorization=Secret(proxy_authorization) if proxy_authorization else None,
            trust_env=trust_env,
            user_agent=user_agent,
        )
        if clock is not None:
            options = msgspec.structs.replace(options, clock=clock)
        super().__init__(
            api_root(base_url if base_url is not None else os.environ.get("AUTHENTIK_URL", "")),
            headers={**(headers or {}), "Authorization": f"Bearer {secret.reveal()}"},
            dialect=AuthentikDialect(),
            secrets=(secret,),
            options=options,
        )

    @property
    def url(self) -> str:
        """The server's address, without the API's part."""
        return self._origin.removesuffix(API)


def api_root(address: str) -> str:
    """Give the address that the paths of the API begin with, from the server's or the API's."""
    address = address.strip()
    if not address:
        raise InvalidArgumentError(
            "no server address: pass it as Client('https://auth.example.com') or set AUTHENTIK_URL"
        )
    origin = origin_of(address)
    segments = [segment for segment in urlsplit(address).path.split("/") if segment]
    if segments[-2:] == ["api", "v3"]:
        del segments[-2:]
    return "/".join([origin, *(quote(segment, safe=_SAFE) for segment in segments)]) + API

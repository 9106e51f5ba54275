"""How a client talks to its server, as one frozen value."""

from __future__ import annotations

import ssl as ssl_module
from typing import Final

from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect._core.limits import Limits
from aconnect._core.redaction import Secret
from aconnect._core.retry import RetryPolicy
from aconnect._transport.clock import SYSTEM_CLOCK


class Timeout(Struct, frozen=True, kw_only=True):
    """How long one attempt may take, in seconds; None for no limit.

    The whole call, with all its attempts, is limited by `RetryPolicy.deadline`.
    """

    connect: float | None = 10.0
    """Until there is a connection, waiting for a free one included."""
    read: float | None = 60.0
    """Between two pieces of the answer; a server asked to hold an answer back gets longer."""
    total: float | None = None
    """For the whole attempt; streamed bodies are not bound by it."""


DEFAULT_MAX_BODY: Final = 256 * 1024 * 1024


class Options(Struct, frozen=True, kw_only=True):
    """Everything about the connection that a user may choose."""

    timeout: Timeout = Timeout()
    retry: RetryPolicy = RetryPolicy()
    limits: Limits = Limits()
    max_body: int = DEFAULT_MAX_BODY
    """Bytes of a decompressed answer at most; streamed answers are not bound by it."""
    ssl: ssl_module.SSLContext | None = None
    """A TLS context of your own, for a private authority or a client certificate."""
    insecure_tls: bool = False
    """Do not check the server's certificate. Anyone on the way can then read the key."""
    proxy: str | None = None
    """Address of an HTTP proxy."""
    proxy_authorization: Secret | None = None
    """Value of the Proxy-Authorization header."""
    trust_env: bool = False
    """Take proxies and credentials from the environment and `.netrc`."""
    user_agent: str = ""
    """Put in front of aconnect's own."""
    clock: Clock = SYSTEM_CLOCK

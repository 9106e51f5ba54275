"""How a client talks to its server, as one frozen value."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Mapping
from typing import Any, Final, TypedDict, cast

from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect._core.limits import Limits
from aconnect._core.redaction import Secret, shown_headers, shown_url
from aconnect._core.retry import RetryPolicy
from aconnect._core.url import origin_of
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect.errors import InvalidArgumentError


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

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            # Written so that a NaN is refused too.
            if value is not None and not value > 0:
                raise ValueError(f"Timeout({name}={value}) must be above 0 s, or None for no limit")


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
    """Take the proxy from the environment (`HTTPS_PROXY` and the like)."""
    headers: Mapping[str, str] = {}
    """More headers for every request, for a proxy in front, say."""
    user_agent: str = ""
    """Put in front of aconnect's own."""
    clock: Clock = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        if self.ssl is not None and self.insecure_tls:
            raise InvalidArgumentError(
                "pass either ssl= or insecure_tls=True: with a context of your own, it says what "
                "is checked"
            )
        if self.proxy is not None:
            _, mark, rest = self.proxy.rpartition("@")
            scheme = self.proxy.partition("://")[0]
            if scheme not in {"http", "https"}:
                raise InvalidArgumentError(
                    f"the proxy {shown_url(self.proxy)!r} is no http address; write it as "
                    "http://host:port"
                )
            origin_of(f"{scheme}://{rest}" if mark else self.proxy)

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["headers"] = shown_headers(self.headers)
        if self.proxy is not None:
            shown["proxy"] = shown_url(self.proxy)
        return f"Options({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class Connection(TypedDict, total=False):
    """How a client talks to its server: the keywords that the clients of all services take.

    None stands for the default.
    """

    timeout: Timeout | float | None
    """Of one attempt; a plain number is its total in seconds."""
    retry: RetryPolicy | None
    """How failed calls are repeated, and for how long."""
    limits: Limits | None
    """Calls in flight and per second."""
    max_body: int | None
    """Largest answer to accept, in bytes after decompression."""
    headers: Mapping[str, str] | None
    """More headers for every request, for a proxy in front, say."""
    ssl: ssl_module.SSLContext | None
    """A TLS context of your own."""
    insecure_tls: bool | None
    """Do not check the server's certificate. Anyone on the way can then read the credentials."""
    proxy: str | None
    """Address of an HTTP proxy."""
    proxy_authorization: str | None
    """Value of the Proxy-Authorization header."""
    trust_env: bool | None
    """Take the proxy from the environment."""
    user_agent: str | None
    """Put in front of aconnect's own."""
    clock: Clock | None
    """Another source of time, for tests."""


def options_of(connection: Connection) -> Options:
    """Make the options that a client's keywords describe."""
    chosen: dict[str, Any] = {k: v for k, v in connection.items() if v is not None}
    unknown = chosen.keys() - Connection.__optional_keys__
    if unknown:
        raise TypeError(
            f"a client does not know {', '.join(sorted(unknown))}; it takes "
            f"{', '.join(sorted(Connection.__optional_keys__))}"
        )
    if "timeout" in chosen:
        chosen["timeout"] = as_timeout(chosen["timeout"])
    if "proxy_authorization" in chosen:
        chosen["proxy_authorization"] = Secret(chosen["proxy_authorization"])
    return Options(**chosen)


def connection_of(options: Options) -> Connection:
    """Make the keywords that describe a client's options, for another client like it."""
    chosen: dict[str, Any] = {name: getattr(options, name) for name in options.__struct_fields__}
    if options.proxy_authorization is not None:
        chosen["proxy_authorization"] = options.proxy_authorization.reveal()
    return cast("Connection", chosen)


def as_timeout(value: Timeout | float) -> Timeout:
    """Read a plain number as the seconds that one attempt may take."""
    return value if isinstance(value, Timeout) else Timeout(total=float(value))

"""How a client connects to its server, as one frozen value."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from msgspec import UNSET, Struct

from aconnect._core.clock import Clock
from aconnect._core.limits import Limits
from aconnect._core.redaction import Secret, shown_headers, shown_url
from aconnect._core.retry import RetryPolicy
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect.errors import InvalidArgumentError


class Timeout(Struct, frozen=True, kw_only=True):
    """Time limits of one attempt, in seconds; None for no limit.

    The whole call, with all its attempts, is limited by `RetryPolicy.deadline`.
    """

    connect: float | None = 10.0
    """For establishing a connection, including the wait for a free one."""
    read: float | None = 60.0
    """For the head of the response, between two chunks of its body, and between two pieces of an
    upload that are taken (64 KiB, or 256 where the connection is quick); longer if the server was
    asked to hold the response back."""
    total: float | None = None
    """For the whole attempt; does not apply to streamed bodies."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            # Written so that NaN is refused too.
            if value is not None and not value > 0:
                raise ValueError(f"Timeout({name}={value}) must be above 0 s, or None for no limit")


DEFAULT_MAX_BODY: Final = 256 * 1024 * 1024


class Options(Struct, frozen=True, kw_only=True):
    """Everything about the connection that a user may configure."""

    timeout: Timeout = Timeout()
    retry: RetryPolicy = RetryPolicy()
    limits: Limits = Limits()
    max_body: int = DEFAULT_MAX_BODY
    """Upper bound of a decompressed response, in bytes; does not apply to streamed responses."""
    ssl: ssl_module.SSLContext | None = None
    """A TLS context, for a private certificate authority or a client certificate."""
    insecure_tls: bool = False
    """Do not verify the server's certificate. Anyone in between can then read the key."""
    proxy: str | None = None
    """Address of an HTTP proxy, perhaps with user name and password."""
    proxy_authorization: Secret | None = None
    """Value of the Proxy-Authorization header, instead of the credentials in its address."""
    trust_env: bool = False
    """Read the proxy from the environment (such as `HTTPS_PROXY`), unless `proxy` is given."""
    headers: Mapping[str, str] = {}
    """Additional headers for every request, such as for a proxy in front of the server."""
    user_agent: str = ""
    """Prepended to aconnect's own."""
    clock: Clock = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        if self.ssl is not None and self.insecure_tls:
            raise InvalidArgumentError(
                "pass either ssl= or insecure_tls=True: a TLS context itself determines what is "
                "verified"
            )
        if self.proxy is not None:
            from aconnect._core.proxies import parse_proxy  # noqa: PLC0415  few clients have one

            parse_proxy(self.proxy, "proxy=")

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["headers"] = shown_headers(self.headers)
        if self.proxy is not None:
            shown["proxy"] = shown_url(self.proxy)
        return f"Options({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class Connection(TypedDict, total=False):
    """How a client connects to its server: keywords that the clients of all services accept.

    None selects the default.
    """

    timeout: Timeout | float | None
    """Of one attempt; a number is its total in seconds."""
    retry: RetryPolicy | None
    """How failed calls are retried, and for how long."""
    limits: Limits | None
    """Limits on calls in flight and calls per second."""
    max_body: int | None
    """The largest response to accept, in bytes after decompression."""
    headers: Mapping[str, str] | None
    """Additional headers for every request, such as for a proxy in front of the server."""
    ssl: ssl_module.SSLContext | None
    """A TLS context."""
    insecure_tls: bool | None
    """Do not verify the server's certificate. Anyone in between can then read the credentials."""
    proxy: str | None
    """Address of an HTTP proxy, perhaps with user name and password."""
    proxy_authorization: str | None
    """Value of the Proxy-Authorization header, instead of the credentials in its address."""
    trust_env: bool | None
    """Read the proxy from the environment (such as `HTTPS_PROXY`), unless `proxy` is given."""
    user_agent: str | None
    """Prepended to aconnect's own."""
    clock: Clock | None
    """The source of time; tests inject another one."""


def options_of(connection: Connection) -> Options:
    """Return the options that a client's keywords describe."""
    chosen: dict[str, Any] = {
        name: value
        for name, value in connection.items()
        if value is not None and value is not UNSET
    }
    unknown = chosen.keys() - Connection.__optional_keys__
    if unknown:
        raise TypeError(
            f"Client() got unexpected keyword arguments: {', '.join(sorted(unknown))}; it accepts "
            f"{', '.join(sorted(Connection.__optional_keys__))}"
        )
    if "timeout" in chosen:
        chosen["timeout"] = as_timeout(chosen["timeout"])
    if "proxy_authorization" in chosen:
        chosen["proxy_authorization"] = Secret(chosen["proxy_authorization"])
    return Options(**chosen)


def as_timeout(value: Timeout | float) -> Timeout:
    """Return a number as the total time of an attempt."""
    return value if isinstance(value, Timeout) else Timeout(total=float(value))

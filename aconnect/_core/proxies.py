"""Which proxy an address is reached through, by an argument or by the environment.

The variables are read as curl, pip and git read them. The module decides and does not look: the
environment is passed to it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from aconnect._core.redaction import Secret
from aconnect._core.url import has_controls, origin_of
from aconnect.errors import InvalidArgumentError

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[\s,]+")
_PORTS: Final = {"http": 80, "https": 443}


class Proxy(Struct, frozen=True, kw_only=True):
    """The proxy of a client."""

    url: str
    """Scheme, host and port."""
    authorization: Secret | None
    """The credentials of its address, as the value of a Proxy-Authorization header."""
    source: str
    """The argument or the environment variable that it comes from."""


def parse_proxy(address: str, source: str) -> Proxy:
    """Parse the address of a proxy, which is http if it has no scheme.

    Raise `InvalidArgumentError`, which names `source` and not the address, in which anything may be
    a password.
    """
    text = address.strip()
    if not _SCHEME.match(text):
        text = f"http://{text}"
    scheme, _, rest = text.partition("://")
    credentials, at, host = rest.rpartition("@")
    url = reason = ""
    if scheme.lower() not in _PORTS:
        reason = f"{scheme}:// is not supported"
    elif has_controls(text):
        reason = "it contains control characters"
    else:
        try:
            credentials.encode("utf-8", "surrogateescape")
            url = origin_of(f"{scheme.lower()}://{host}")
        except (InvalidArgumentError, UnicodeError):
            reason = "its host, port or credentials are invalid"
    if reason:
        raise InvalidArgumentError(
            f"{source} is not the address of an HTTP proxy ({reason}); write it as http://host:port"
        )
    authorization: Secret | None = None
    if at:
        user, _, password = credentials.partition(":")
        pair = f"{unquote(user)}:{unquote(password)}".encode("utf-8", "surrogateescape")
        authorization = Secret(f"Basic {b64encode(pair).decode()}")
    return Proxy(url=url, authorization=authorization, source=source)


def environment_proxy(origin: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that environment variables set for an origin; None if there is none."""
    scheme = origin.partition(":")[0]
    for name in (f"{scheme}_proxy", "all_proxy"):
        variable = _variable(name, environment)
        address = environment.get(variable, "").strip()
        if address:
            exceptions = environment.get(_variable("no_proxy", environment), "")
            return None if is_excepted(origin, exceptions) else parse_proxy(address, variable)
    return None


def _variable(name: str, environment: Mapping[str, str]) -> str:
    """Return the spelling of a variable that is set; the one in lower case precedes."""
    if name in environment:
        return name
    # A CGI program finds the header `Proxy` of its client in HTTP_PROXY.
    return name if name == "http_proxy" and "REQUEST_METHOD" in environment else name.upper()


def is_excepted(origin: str, exceptions: str) -> bool:
    """Return True if a list such as that of `NO_PROXY` contains an origin.

    The entries are names, with the hosts below them, IP addresses and blocks of these (CIDR), each
    perhaps with a port, or `*` for everything. Names are not looked up.
    """
    parts = urlsplit(origin)
    host = (parts.hostname or "").rstrip(".")
    port = str(parts.port or _PORTS.get(parts.scheme))
    try:
        ip = ip_address(host)
    except ValueError:
        ip = None
    return any(
        _matches(entry, host, ip, port) for entry in _SEPARATORS.split(exceptions.lower()) if entry
    )


def _matches(entry: str, host: str, ip: IPv4Address | IPv6Address | None, port: str) -> bool:
    if entry == "*":
        return True
    try:
        network = ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # a name, or with a port
    else:
        return ip is not None and ip in network
    rest, colon, number = entry.rpartition(":")
    if colon and number.isdecimal():
        return number == port and _matches(rest, host, ip, port)
    name = entry.removeprefix("*").strip(".")
    return ip is None and bool(name) and (host == name or host.endswith(f".{name}"))

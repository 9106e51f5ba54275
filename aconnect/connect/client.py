"""The client of Posit Connect."""

from __future__ import annotations

import os
import ssl as ssl_module
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec

from aconnect._core.clock import Clock
from aconnect._core.endpoint import declared_by
from aconnect._core.limits import Limits
from aconnect._core.polling import PollPolicy, poll
from aconnect._core.redaction import Secret
from aconnect._core.retry import RetryPolicy
from aconnect._transport.client import BaseClient, as_timeout, resource
from aconnect._transport.files import whole_file
from aconnect._transport.options import DEFAULT_MAX_BODY, Options, Timeout
from aconnect.connect.address import API, api_root
from aconnect.connect.audit import AuditLogs
from aconnect.connect.content import Content
from aconnect.connect.dialect import ConnectDialect
from aconnect.connect.groups import Groups
from aconnect.connect.instrumentation import Instrumentation
from aconnect.connect.server import Server
from aconnect.connect.tags import Tags
from aconnect.connect.tasks import Tasks
from aconnect.connect.users import User, Users
from aconnect.connect.version import ServerVersion
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")


class Client(BaseClient):
    """A client of one Posit Connect server.

    Without arguments it reads `CONNECT_SERVER` and `CONNECT_API_KEY`. The address may be the
    server's, the API's (`…/__api__`) or one of the dashboard (`…/connect/…`), below any path
    prefix. Nothing is sent before the first call.
    """

    content: cached_property[Content] = resource(Content)
    users: cached_property[Users] = resource(Users)
    groups: cached_property[Groups] = resource(Groups)
    tags: cached_property[Tags] = resource(Tags)
    tasks: cached_property[Tasks] = resource(Tasks)
    audit_logs: cached_property[AuditLogs] = resource(AuditLogs)
    instrumentation: cached_property[Instrumentation] = resource(Instrumentation)
    server_settings: cached_property[Server] = resource(Server)

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: Timeout | float | None = None,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        polling: PollPolicy | None = None,
        max_body: int = DEFAULT_MAX_BODY,
        headers: Mapping[str, str] | None = None,
        snowflake_token: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
        insecure_tls: bool = False,
        proxy: str | None = None,
        proxy_authorization: str | None = None,
        trust_env: bool = False,
        user_agent: str = "",
        version: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            url: The server; by default CONNECT_SERVER.
            api_key: By default CONNECT_API_KEY.
            timeout: Of one attempt; a plain number is its total in seconds. See `Timeout`.
            retry: How failed calls are repeated, and for how long.
            limits: Calls in flight and per second.
            polling: How tasks and jobs are followed, and for how long.
            max_body: Largest answer to accept, in bytes after decompression.
            headers: More headers for every request, for a proxy in front, say.
            snowflake_token: Where the server is hosted in Snowflake: the token for the platform.
                The key then goes in `X-RSC-Authorization`.
            ssl: A TLS context of your own.
            insecure_tls: Do not check the server's certificate. Anyone on the way can then read
                the key.
            proxy: Address of an HTTP proxy.
            proxy_authorization: Value of the Proxy-Authorization header.
            trust_env: Take proxies from the environment.
            user_agent: Put in front of aconnect's own.
            version: The server's version, such as `2025.06.0`, where the server hides it.
            clock: Another source of time, for tests.
        """
        key = Secret(_setting(api_key, "CONNECT_API_KEY", "api_key", "API key").strip())
        root = api_root(url if url is not None else os.environ.get("CONNECT_SERVER", ""))
        credentials = {"Authorization": f"Key {key.reveal()}"}
        secrets = [key]
        if snowflake_token is not None:
            secrets.append(Secret(snowflake_token))
            credentials = {
                "Authorization": f'Snowflake Token="{snowflake_token}"',
                "X-RSC-Authorization": f"Key {key.reveal()}",
            }
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
            root,
            headers={**(headers or {}), **credentials},
            dialect=ConnectDialect(),
            secrets=tuple(secrets),
            options=options,
        )
        self.polling: PollPolicy = polling or PollPolicy()
        """How tasks and jobs are followed."""
        if version is not None and ServerVersion.parse(version) is None:
            raise InvalidArgumentError(
                f"{version!r} is not a version of the server; write it as 2025.06.0"
            )
        self._version = version

    @property
    def metrics(self) -> Instrumentation:
        """Another name for `instrumentation`, which users of posit-sdk look for."""
        return self.instrumentation

    @property
    def url(self) -> str:
        """The server's address, without the API's part."""
        return self._origin.removesuffix(API)

    @property
    def clock(self) -> Clock:
        """Where the client takes its time from."""
        return self._pipeline.options.clock

    async def me(self) -> User:
        """Get the user whose key this is."""
        return await self.users.me()

    async def version(self) -> ServerVersion | None:
        """Give the server's version, as told to the client or by the server; None where hidden.

        The server is asked once.
        """
        if self._version is None:
            self._version = (await self.server_settings.get()).version or ""
        return ServerVersion.parse(self._version)

    async def _within(
        self,
        left: float | None,
        call: Callable[P, Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Carry out an operation within that many seconds, retries included."""
        declared, owner = declared_by(call)
        request, scope = declared.bind(owner._scope, args, kwargs)
        request.within = left
        value: T = declared.decode(await self._answer(request), self, scope)
        return value

    def _poll(
        self,
        fetch: Callable[[float, float | None], Awaitable[T]],
        progress: Callable[[T], tuple[bool, bool]],
        policy: PollPolicy,
    ) -> AsyncGenerator[T, None]:
        transient = self._pipeline.dialect.transient
        return poll(fetch, progress=progress, policy=policy, clock=self.clock, transient=transient)

    async def download(
        self,
        path: str | Path,
        call: Callable[P, Coroutine[Any, Any, bytes]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Path:
        """Stream what an operation answers into a file, which is there as a whole or not at all."""
        async with self.stream(call, *args, **kwargs) as stream, whole_file(Path(path)) as file:
            async for chunk in stream:
                await file.write(chunk)
        return Path(path)


def _setting(value: str | None, variable: str, argument: str, what: str) -> str:
    found = value if value is not None else os.environ.get(variable, "")
    if not found.strip():
        raise InvalidArgumentError(f"no {what}: pass {argument}= or set {variable}")
    return found

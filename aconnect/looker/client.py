"""The client of Looker's role administration (API 4.0)."""

from __future__ import annotations

import os
import ssl as ssl_module
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from aconnect._core.clock import Clock
from aconnect._core.limits import Limits
from aconnect._core.redaction import Secret
from aconnect._core.retry import RetryPolicy
from aconnect._transport.client import BaseClient, as_timeout, resource
from aconnect._transport.options import DEFAULT_MAX_BODY, Options, Timeout
from aconnect._transport.signin import Credentials, SignIn
from aconnect.errors import InvalidArgumentError
from aconnect.looker.address import api_root
from aconnect.looker.dialect import LookerDialect
from aconnect.looker.ensure import RoleChange, ensure_role
from aconnect.looker.roles import Roles
from aconnect.looker.session import Session
from aconnect.looker.sets import ModelSets, Permissions, PermissionSets


class Client(BaseClient):
    """A client of one Looker instance.

    Without arguments it reads `LOOKERSDK_BASE_URL`, `LOOKERSDK_CLIENT_ID` and
    `LOOKERSDK_CLIENT_SECRET`, as Looker's own SDK does. The address may be the instance's or the
    API's (`…/api/4.0`). It signs in with the first call, renews its token before that ends, and
    signs out when it is closed.
    """

    roles: cached_property[Roles] = resource(Roles)
    model_sets: cached_property[ModelSets] = resource(ModelSets)
    permission_sets: cached_property[PermissionSets] = resource(PermissionSets)
    permissions: cached_property[Permissions] = resource(Permissions)
    session: cached_property[Session] = resource(Session)

    def __init__(
        self,
        base_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
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
            base_url: The instance; by default LOOKERSDK_BASE_URL.
            client_id: By default LOOKERSDK_CLIENT_ID.
            client_secret: By default LOOKERSDK_CLIENT_SECRET.
            timeout: Of one attempt; a plain number is its total in seconds. See `Timeout`.
            retry: How failed calls are repeated, and for how long.
            limits: Calls in flight and per second.
            max_body: Largest answer to accept, in bytes after decompression.
            headers: More headers for every request, for a proxy in front, say.
            ssl: A TLS context of your own.
            insecure_tls: Do not check the server's certificate. Anyone on the way can then read
                the secret.
            proxy: Address of an HTTP proxy.
            proxy_authorization: Value of the Proxy-Authorization header.
            trust_env: Take proxies from the environment.
            user_agent: Put in front of aconnect's own.
            clock: Another source of time, for tests.
        """
        self._client_id = _setting(client_id, "LOOKERSDK_CLIENT_ID", "client_id")
        self._client_secret = Secret(
            _setting(client_secret, "LOOKERSDK_CLIENT_SECRET", "client_secret")
        )
        root = api_root(
            base_url if base_url is not None else os.environ.get("LOOKERSDK_BASE_URL", "")
        )
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
            headers=headers or {},
            dialect=LookerDialect(),
            secrets=(self._client_secret,),
            options=options,
            auth=SignIn(self._sign_in, sign_out=self._sign_out, clock=options.clock),
        )

    async def _sign_in(self) -> Credentials:
        token = await self.session.login(
            client_id=self._client_id, client_secret=self._client_secret.reveal()
        )
        lifetime = None if token.expires_in is None else float(token.expires_in)
        return Credentials({"Authorization": f"token {token.access_token}"}, lifetime)

    async def _sign_out(self) -> None:
        await self.session.logout()

    async def ensure_role(
        self,
        name: str,
        *,
        permission_set: str | None = None,
        permissions: Sequence[str] | None = None,
        model_set: str | None = None,
        models: Sequence[str] | None = None,
        users: Iterable[str] | None = None,
        groups: Iterable[str] | None = None,
    ) -> RoleChange:
        """Find out what is to be done for a role to be as described; `apply()` then does it.

        What is not described stays as it is.

        Args:
            name: The role's name.
            permission_set: Name of its permission set; a new role needs one.
            permissions: What the permission set has to allow. Where the set does not exist, it
                would be created; other roles with this set change too.
            model_set: Name of its model set; a new role needs one.
            models: The models of the model set, likewise.
            users: Ids of those who have the role directly; none of them where it is empty.
            groups: Ids of the groups that have the role, likewise.
        """
        return await ensure_role(
            self,
            name,
            permission_set=permission_set,
            permissions=permissions,
            model_set=model_set,
            models=models,
            users=users,
            groups=groups,
        )


def _setting(value: str | None, variable: str, argument: str) -> str:
    found = (value if value is not None else os.environ.get(variable, "")).strip()
    if not found:
        what = argument.replace("_", " ")
        raise InvalidArgumentError(f"no {what} for Looker: pass {argument}= or set {variable}")
    return found

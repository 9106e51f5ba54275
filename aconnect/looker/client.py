"""The client of Looker's role administration (API 4.0)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Unpack

from aconnect._client.client import BaseClient, setting
from aconnect._client.endpoint import call_with
from aconnect._client.resource import resource
from aconnect._core.message import CallOptions
from aconnect._core.redaction import Secret
from aconnect._transport.options import Connection, options_of
from aconnect._transport.signin import Credentials, SignIn
from aconnect.looker.address import API, api_root
from aconnect.looker.base import id_of
from aconnect.looker.dialect import LookerDialect
from aconnect.looker.ensure import RoleChange, ensure_role
from aconnect.looker.groups import Group, Groups
from aconnect.looker.roles import Roles
from aconnect.looker.session import Session, Tokens
from aconnect.looker.sets import ModelSets, Permissions, PermissionSets
from aconnect.looker.settings import PREFIX, variable, with_variables
from aconnect.looker.users import User, Users


class Client(BaseClient):
    """A client of one Looker instance.

    Without arguments it reads `LOOKERSDK_BASE_URL`, `LOOKERSDK_CLIENT_ID`,
    `LOOKERSDK_CLIENT_SECRET`, `LOOKERSDK_VERIFY_SSL` and `LOOKERSDK_TIMEOUT`, as Looker's own SDK
    does. The address may be the instance's or the API's (`…/api/4.0`). The client signs in with
    the first call, renews its token before it expires, and signs out when it is closed.
    """

    roles: Final = resource(Roles)
    users: Final = resource(Users)
    groups: Final = resource(Groups)
    model_sets: Final = resource(ModelSets)
    permission_sets: Final = resource(PermissionSets)
    permissions: Final = resource(Permissions)
    session: Final = resource(Session)

    _address = ("LOOKERSDK_BASE_URL", API)

    def __init__(
        self,
        base_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Make a client; makes no request.

        Args:
            base_url: The instance; by default LOOKERSDK_BASE_URL.
            client_id: By default LOOKERSDK_CLIENT_ID.
            client_secret: By default LOOKERSDK_CLIENT_SECRET.
            connection: See `Connection`.
        """
        self._client_id = _setting(client_id, "client_id")
        self._client_secret = Secret(_setting(client_secret, "client_secret"))
        self._tokens = Tokens()
        root = api_root(base_url if base_url is not None else variable("BASE_URL"))
        options = options_of(with_variables(connection))
        super().__init__(
            root,
            credentials={},
            dialect=LookerDialect(),
            secrets=(self._client_secret,),
            options=options,
            auth=SignIn(self._sign_in, sign_out=self._sign_out, clock=options.clock),
        )

    async def _sign_in(self) -> Credentials:
        # `with_response` keeps the response from becoming that of the call that waits.
        response = await self.with_response(
            self.session.login,
            client_id=self._client_id,
            client_secret=self._client_secret.reveal(),
        )
        return self._tokens.credentials(response, self, "login")

    async def _sign_out(self, headers: Mapping[str, str]) -> None:
        # With the current token or not at all: none is fetched just to be given back.
        await call_with(CallOptions(credentials=headers), self.session.logout)

    async def me(self) -> User:
        """Get the user that the client acts as."""
        return await self.users.me()

    def login_user(self, user: User | str | int) -> Client:
        """Return a client that acts as another user; makes no request.

        It shares the connections, limits and subscribers of this client, signs in with its first
        call, and signs out when it is closed, which must happen before this client is closed:

            async with client.login_user(user) as other:
                await other.me()

        The owner of the API credentials needs the permission `sudo`; otherwise the first call
        raises `PermissionDeniedError` or `NotFoundError`.
        """
        user_id, tokens = id_of(User, user), Tokens()

        async def sign_in() -> Credentials:
            response = await self.with_response(self.session.login_user, user_id)
            return tokens.credentials(response, other, f"login/{user_id}")

        auth = SignIn(sign_in, sign_out=self._sign_out, clock=self.clock)
        other = self.with_sign_in(auth)
        return other

    async def ensure_role(
        self,
        name: str,
        *,
        permission_set: str | None = None,
        permissions: Sequence[str] | None = None,
        model_set: str | None = None,
        models: Sequence[str] | None = None,
        users: Iterable[User | str | int] | None = None,
        groups: Iterable[Group | str | int] | None = None,
    ) -> RoleChange:
        """Return the changes that bring a role to a described state; `apply()` makes them.

        What is not described is not changed.

        Args:
            name: The role's name.
            permission_set: The name of its permission set; required for a new role.
            permissions: The permissions of the permission set. If the set does not exist, it is
            created; other roles with this set change as well.
            model_set: The name of its model set; required for a new role.
            models: The models of the model set, in the same way.
            users: The users that have the role directly, or their ids; if empty, none has.
            groups: The groups that have the role, in the same way.

        Raises:
            InvalidArgumentError: The description is incomplete, or would change something built in.
            AconnectError: As the operations that list the current state.
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


def _setting(value: str | None, argument: str) -> str:
    """Return what was passed, or else the environment variable; raise if there is neither."""
    name = argument.upper()
    return setting(variable(name) if value is None else value, PREFIX + name, argument)

"""Users of the server, whose sessions hold connection tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Model, OpenEnum
from aconnect.authentik.base import AuthentikResource
from aconnect.authentik.paging import Pages


class UserType(OpenEnum):
    """The type of a user; unknown types are kept as text."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    SERVICE_ACCOUNT = "service_account"
    INTERNAL_SERVICE_ACCOUNT = "internal_service_account"


UserTypeName = Literal["internal", "external", "service_account", "internal_service_account"] | str
"""The name of a type of users."""


class PartialGroup(Model, kw_only=True):
    """A group, without its parents and members."""

    pk: str = ""
    num_pk: int | None = None
    name: str = ""
    is_superuser: bool | None = None
    attributes: dict[str, Any] | None = None


class Role(Model, kw_only=True):
    """A role."""

    pk: str = ""
    name: str = ""


class User(Model, kw_only=True):
    """A user."""

    _key: ClassVar[str] = "pk"

    pk: int = 0
    username: str = ""
    name: str = ""
    """The name that is displayed."""
    is_active: bool | None = None
    last_login: datetime | None = None
    date_joined: datetime | None = None
    is_superuser: bool | None = None
    groups: list[str] | None = None
    """The keys of the groups."""
    groups_obj: list[PartialGroup] | None = None
    roles: list[str] | None = None
    """The keys of the roles."""
    roles_obj: list[Role] | None = None
    email: str | None = None
    avatar: str = ""
    """A URL, which may contain the picture itself (`data:`)."""
    attributes: dict[str, Any] | None = None
    uid: str = ""
    path: str | None = None
    type: UserType | None = None
    uuid: str = ""
    password_change_date: datetime | None = None
    last_updated: datetime | None = None


class Users(AuthentikResource, name="users"):
    """Users of the server."""

    @paged(
        "/core/users/",
        by=Pages(),
        rename={
            "date_joined_gt": "date_joined__gt",
            "date_joined_lt": "date_joined__lt",
            "last_login_gt": "last_login__gt",
            "last_login_isnull": "last_login__isnull",
            "last_login_lt": "last_login__lt",
            "last_updated_gt": "last_updated__gt",
            "last_updated_lt": "last_updated__lt",
        },
        separators={
            "groups_by_name": "&",
            "groups_by_pk": "&",
            "roles_by_name": "&",
            "roles_by_pk": "&",
            "type": "&",
        },
    )
    def find(
        self,
        *,
        username: str | None = None,
        email: str | None = None,
        name: str | None = None,
        uuid: str | None = None,
        is_active: bool | None = None,
        is_superuser: bool | None = None,
        type: UserTypeName | Sequence[UserTypeName] | None = None,  # noqa: A002  the vendor's noun
        path: str | None = None,
        path_startswith: str | None = None,
        groups_by_name: str | Sequence[str] | None = None,
        groups_by_pk: str | Sequence[str] | None = None,
        roles_by_name: str | Sequence[str] | None = None,
        roles_by_pk: str | Sequence[str] | None = None,
        attributes: str | None = None,
        date_joined: datetime | str | None = None,
        date_joined_gt: datetime | str | None = None,
        date_joined_lt: datetime | str | None = None,
        last_login: datetime | str | None = None,
        last_login_gt: datetime | str | None = None,
        last_login_isnull: bool | None = None,
        last_login_lt: datetime | str | None = None,
        last_updated: datetime | str | None = None,
        last_updated_gt: datetime | str | None = None,
        last_updated_lt: datetime | str | None = None,
        include_groups: bool | None = None,
        include_roles: bool | None = None,
        search: str | None = None,
        ordering: str | None = None,
    ) -> Paged[User]:
        """List users, of those that the token's owner can see.

        Texts are compared exactly; `search` finds parts of user name, name and e-mail address.
        `attributes` is a JSON object as text. Names that end in `_gt` and `_lt` mean after and
        before. `include_groups=False` leaves out `groups_obj`. `ordering` is the name of a field,
        with a leading `-` for descending order.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/core/users/{id}/")
    async def get(self, id: User | int) -> User:  # noqa: A002  the vendor's noun
        """Get one user."""
        ...

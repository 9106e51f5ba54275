"""Models in the responses of several resources: users, providers, and uses of an object."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from aconnect._core.model import Model, OpenEnum


class UsedByAction(OpenEnum):
    """The effect on an object when an object that it uses is deleted."""

    CASCADE = "cascade"
    CASCADE_MANY = "cascade_many"
    SET_NULL = "set_null"
    SET_DEFAULT = "set_default"
    LEFT_DANGLING = "left_dangling"


class UsedBy(Model, kw_only=True):
    """An object that uses another one."""

    app: str = ""
    model_name: str = ""
    pk: str = ""
    name: str = ""
    action: UsedByAction | None = None


class PartialUser(Model, kw_only=True):
    """A user, without groups and roles."""

    _key: ClassVar[str] = "pk"

    pk: int = 0
    username: str = ""
    name: str = ""
    is_active: bool | None = None
    last_login: datetime | None = None
    email: str | None = None
    attributes: dict[str, Any] | None = None
    uid: str = ""


class RACProvider(Model, kw_only=True):
    """A provider of remote access."""

    _key: ClassVar[str] = "pk"

    pk: int = 0
    name: str = ""
    authentication_flow: str | None = None
    authorization_flow: str = ""
    property_mappings: list[str] | None = None
    component: str = ""
    assigned_application_slug: str | None = None
    assigned_application_name: str | None = None
    assigned_backchannel_application_slug: str | None = None
    assigned_backchannel_application_name: str | None = None
    verbose_name: str = ""
    verbose_name_plural: str = ""
    meta_model_name: str = ""
    settings: dict[str, Any] | None = None
    outpost_set: list[str] = []
    connection_expiry: str | None = None
    """The maximum duration of a session, such as `hours=8;minutes=30`."""
    delete_token_on_disconnect: bool | None = None

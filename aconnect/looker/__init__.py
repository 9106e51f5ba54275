"""Looker: the role administration part of its API 4.0."""

from aconnect.looker.client import Client
from aconnect.looker.ensure import Difference, RoleChange, SetChange, ensure_role
from aconnect.looker.roles import (
    Group,
    Role,
    RoleCreateParams,
    Roles,
    RoleSearch,
    RoleUpdateParams,
    User,
)
from aconnect.looker.session import AccessToken, LoginParams, Session
from aconnect.looker.sets import (
    ModelSet,
    ModelSetCreateParams,
    ModelSets,
    ModelSetUpdateParams,
    Permission,
    Permissions,
    PermissionSet,
    PermissionSetCreateParams,
    PermissionSets,
    PermissionSetUpdateParams,
)

__all__ = [
    "AccessToken",
    "Client",
    "Difference",
    "Group",
    "LoginParams",
    "ModelSet",
    "ModelSetCreateParams",
    "ModelSetUpdateParams",
    "ModelSets",
    "Permission",
    "PermissionSet",
    "PermissionSetCreateParams",
    "PermissionSetUpdateParams",
    "PermissionSets",
    "Permissions",
    "Role",
    "RoleChange",
    "RoleCreateParams",
    "RoleSearch",
    "RoleUpdateParams",
    "Roles",
    "Session",
    "SetChange",
    "User",
    "ensure_role",
]

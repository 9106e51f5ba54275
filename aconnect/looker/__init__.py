"""Looker: the role administration part of its API 4.0."""

from aconnect.looker.client import Client
from aconnect.looker.ensure import Difference, RoleChange, SetChange, ensure_role
from aconnect.looker.roles import (
    Group,
    Role,
    RoleCreate,
    Roles,
    RoleSearch,
    RoleUpdate,
    User,
)
from aconnect.looker.session import AccessToken, Login, Session
from aconnect.looker.sets import (
    ModelSet,
    ModelSetCreate,
    ModelSets,
    ModelSetUpdate,
    Permission,
    Permissions,
    PermissionSet,
    PermissionSetCreate,
    PermissionSets,
    PermissionSetUpdate,
)

__all__ = [
    "AccessToken",
    "Client",
    "Difference",
    "Group",
    "Login",
    "ModelSet",
    "ModelSetCreate",
    "ModelSetUpdate",
    "ModelSets",
    "Permission",
    "PermissionSet",
    "PermissionSetCreate",
    "PermissionSetUpdate",
    "PermissionSets",
    "Permissions",
    "Role",
    "RoleChange",
    "RoleCreate",
    "RoleSearch",
    "RoleUpdate",
    "Roles",
    "Session",
    "SetChange",
    "User",
    "ensure_role",
]

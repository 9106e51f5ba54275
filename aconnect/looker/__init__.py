"""Looker: the role administration part of its API 4.0."""

from aconnect.looker.client import (
    Client as Client,
)
from aconnect.looker.ensure import (
    Difference as Difference,
    RoleChange as RoleChange,
    SetChange as SetChange,
    ensure_role as ensure_role,
)
from aconnect.looker.roles import (
    Group as Group,
    Role as Role,
    RoleCreateParams as RoleCreateParams,
    Roles as Roles,
    RoleSearch as RoleSearch,
    RoleUpdateParams as RoleUpdateParams,
    User as User,
)
from aconnect.looker.session import (
    AccessToken as AccessToken,
    LoginParams as LoginParams,
    Session as Session,
)
from aconnect.looker.sets import (
    ModelSet as ModelSet,
    ModelSetCreateParams as ModelSetCreateParams,
    ModelSets as ModelSets,
    ModelSetUpdateParams as ModelSetUpdateParams,
    Permission as Permission,
    Permissions as Permissions,
    PermissionSet as PermissionSet,
    PermissionSetCreateParams as PermissionSetCreateParams,
    PermissionSets as PermissionSets,
    PermissionSetUpdateParams as PermissionSetUpdateParams,
)

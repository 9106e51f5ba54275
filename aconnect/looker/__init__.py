"""Looker: the role administration part of its API 4.0, with users and groups."""

from aconnect.looker.client import (
    Client as Client,
)
from aconnect.looker.ensure import (
    Difference as Difference,
    RoleChange as RoleChange,
    SetChange as SetChange,
    ensure_role as ensure_role,
)
from aconnect.looker.groups import (
    Group as Group,
    Groups as Groups,
    GroupUserAddParams as GroupUserAddParams,
    GroupUsers as GroupUsers,
)
from aconnect.looker.roles import (
    Role as Role,
    RoleCreateParams as RoleCreateParams,
    RoleGroups as RoleGroups,
    Roles as Roles,
    RoleSearch as RoleSearch,
    RoleUpdateParams as RoleUpdateParams,
    RoleUsers as RoleUsers,
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
from aconnect.looker.users import (
    CredentialType as CredentialType,
    User as User,
    UserRoles as UserRoles,
    Users as Users,
)

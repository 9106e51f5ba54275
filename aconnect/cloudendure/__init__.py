"""CloudEndure: the client, and the models and operations of each resource group."""

from aconnect.cloudendure.accounts import (
    Account,
    Accounts,
    ExtendedAccountInfo,
    ReplicationConfiguration,
    ReplicationConfigurationList,
    SamlSettings,
    Time,
)
from aconnect.cloudendure.client import Client
from aconnect.cloudendure.clouds import (
    Cloud,
    CloudsList,
    ComputeLocation,
    LogicalLocation,
    NetworkInterface,
    Region,
    SecurityGroup,
    StorageLocation,
    Subnet,
)
from aconnect.cloudendure.machines import Machines
from aconnect.cloudendure.projects import (
    Project,
    Projects,
    ProjectsList,
    ProjectStorage,
    ProjectsUsersParams,
    ProjectUsersParams,
)
from aconnect.cloudendure.session import LoginParams, Session
from aconnect.cloudendure.users import (
    ApiToken,
    Role,
    SetPasswordParams,
    User,
    UserCreateParams,
    UserRolesParams,
    Users,
    UsersList,
    UsersRolesParams,
    UserStatus,
)
from aconnect.cloudendure.window import (
    AuditLog,
    AuditLogChangedField,
    AuditLogEntry,
    TooManyAtOnceError,
)

__all__ = [
    "Account",
    "Accounts",
    "ApiToken",
    "AuditLog",
    "AuditLogChangedField",
    "AuditLogEntry",
    "Client",
    "Cloud",
    "CloudsList",
    "ComputeLocation",
    "ExtendedAccountInfo",
    "LogicalLocation",
    "LoginParams",
    "Machines",
    "NetworkInterface",
    "Project",
    "ProjectStorage",
    "ProjectUsersParams",
    "Projects",
    "ProjectsList",
    "ProjectsUsersParams",
    "Region",
    "ReplicationConfiguration",
    "ReplicationConfigurationList",
    "Role",
    "SamlSettings",
    "SecurityGroup",
    "Session",
    "SetPasswordParams",
    "StorageLocation",
    "Subnet",
    "Time",
    "TooManyAtOnceError",
    "User",
    "UserCreateParams",
    "UserRolesParams",
    "UserStatus",
    "Users",
    "UsersList",
    "UsersRolesParams",
]

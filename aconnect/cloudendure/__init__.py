"""CloudEndure: the client, and per resource group its models and operations."""

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
    ProjectsAndUsers,
    ProjectsList,
    ProjectStorage,
    UsersOfProject,
)
from aconnect.cloudendure.session import Login, Session
from aconnect.cloudendure.users import (
    ApiToken,
    PasswordSet,
    Role,
    RolesOfUser,
    User,
    UserCreate,
    Users,
    UsersAndRoles,
    UsersList,
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
    "Login",
    "Machines",
    "NetworkInterface",
    "PasswordSet",
    "Project",
    "ProjectStorage",
    "Projects",
    "ProjectsAndUsers",
    "ProjectsList",
    "Region",
    "ReplicationConfiguration",
    "ReplicationConfigurationList",
    "Role",
    "RolesOfUser",
    "SamlSettings",
    "SecurityGroup",
    "Session",
    "StorageLocation",
    "Subnet",
    "Time",
    "TooManyAtOnceError",
    "User",
    "UserCreate",
    "UserStatus",
    "Users",
    "UsersAndRoles",
    "UsersList",
    "UsersOfProject",
]

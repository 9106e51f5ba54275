"""CloudEndure: the client, and the models and operations of each resource group."""

from aconnect.cloudendure.accounts import (
    Account as Account,
    Accounts as Accounts,
    ExtendedAccountInfo as ExtendedAccountInfo,
    ReplicationConfiguration as ReplicationConfiguration,
    ReplicationConfigurationList as ReplicationConfigurationList,
    SamlSettings as SamlSettings,
    Time as Time,
)
from aconnect.cloudendure.client import (
    Client as Client,
)
from aconnect.cloudendure.clouds import (
    Cloud as Cloud,
    CloudsList as CloudsList,
    ComputeLocation as ComputeLocation,
    LogicalLocation as LogicalLocation,
    NetworkInterface as NetworkInterface,
    Region as Region,
    SecurityGroup as SecurityGroup,
    StorageLocation as StorageLocation,
    Subnet as Subnet,
)
from aconnect.cloudendure.machines import (
    Machine as Machine,
    Machines as Machines,
    PointInTime as PointInTime,
    ReplicationStatus as ReplicationStatus,
)
from aconnect.cloudendure.projects import (
    Project as Project,
    Projects as Projects,
    ProjectsList as ProjectsList,
    ProjectStorage as ProjectStorage,
    ProjectsUsersParams as ProjectsUsersParams,
    ProjectUsersParams as ProjectUsersParams,
)
from aconnect.cloudendure.session import (
    LoginParams as LoginParams,
    Session as Session,
)
from aconnect.cloudendure.users import (
    ApiToken as ApiToken,
    Role as Role,
    RoleName as RoleName,
    SetPasswordParams as SetPasswordParams,
    User as User,
    UserCreateParams as UserCreateParams,
    UserRolesParams as UserRolesParams,
    Users as Users,
    UsersList as UsersList,
    UsersRolesParams as UsersRolesParams,
    UserStatus as UserStatus,
)
from aconnect.cloudendure.window import (
    AuditLog as AuditLog,
    AuditLogChangedField as AuditLogChangedField,
    AuditLogEntry as AuditLogEntry,
    TooManyAtOnceError as TooManyAtOnceError,
)

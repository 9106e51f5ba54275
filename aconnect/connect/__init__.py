"""Posit Connect: the client, and per resource group its models and operations."""

from aconnect.connect._base.codes import (
    ApiErrorCode as ApiErrorCode,
)
from aconnect.connect._base.version import (
    ServerVersion as ServerVersion,
)
from aconnect.connect.audit_logs import (
    AuditAction as AuditAction,
    AuditLog as AuditLog,
    AuditLogs as AuditLogs,
    audit_query as audit_query,
)
from aconnect.connect.bootstrap import (
    Bootstrap as Bootstrap,
    BootstrapSuccess as BootstrapSuccess,
)
from aconnect.connect.client import (
    Client as Client,
)
from aconnect.connect.content.bookmark import (
    Bookmark as Bookmark,
    ContentBookmark as ContentBookmark,
)
from aconnect.connect.content.bundles import (
    Bundle as Bundle,
    BundleFile as BundleFile,
    BundleFileContent as BundleFileContent,
    BundleFiles as BundleFiles,
    BundleMetadata as BundleMetadata,
    BundleMetadataParams as BundleMetadataParams,
    Bundles as Bundles,
    archive_upload as archive_upload,
)
from aconnect.connect.content.content import (
    AccessTestResult as AccessTestResult,
    AccessType as AccessType,
    AccessTypeName as AccessTypeName,
    Content as Content,
    ContentCreateParams as ContentCreateParams,
    ContentDeployParams as ContentDeployParams,
    ContentFields as ContentFields,
    ContentItem as ContentItem,
    ContentOwner as ContentOwner,
    ContentRenderParams as ContentRenderParams,
    ContentRole as ContentRole,
    ContentUpdateParams as ContentUpdateParams,
    Include as Include,
    UserContent as UserContent,
)
from aconnect.connect.content.environment_variables import (
    EnvironmentVariableParams as EnvironmentVariableParams,
    EnvironmentVariables as EnvironmentVariables,
)
from aconnect.connect.content.jobs import (
    Job as Job,
    JobMetrics as JobMetrics,
    Jobs as Jobs,
    JobStatus as JobStatus,
    KillOrder as KillOrder,
    LogEntries as LogEntries,
    LogEntry as LogEntry,
    LoggedError as LoggedError,
    MetricSample as MetricSample,
)
from aconnect.connect.content.lockfile import (
    Lockfile as Lockfile,
)
from aconnect.connect.content.oauth import (
    ContentOAuth as ContentOAuth,
    ContentOAuthAssociations as ContentOAuthAssociations,
)
from aconnect.connect.content.packages import (
    ContentPackages as ContentPackages,
    Package as Package,
)
from aconnect.connect.content.permissions import (
    Permission as Permission,
    PermissionParams as PermissionParams,
    PermissionRole as PermissionRole,
    PermissionRoleName as PermissionRoleName,
    Permissions as Permissions,
    Principal as Principal,
    PrincipalType as PrincipalType,
    PrincipalTypeName as PrincipalTypeName,
)
from aconnect.connect.content.query import (
    ContentTerms as ContentTerms,
    Order as Order,
    OwnerTerm as OwnerTerm,
    content_query as content_query,
)
from aconnect.connect.content.repository import (
    ContentRepository as ContentRepository,
    Repository as Repository,
    RepositoryPutParams as RepositoryPutParams,
    RepositoryUpdateParams as RepositoryUpdateParams,
)
from aconnect.connect.content.schedule import (
    ContentSchedule as ContentSchedule,
    CurrentSchedule as CurrentSchedule,
    HistorySchedule as HistorySchedule,
    RecurrenceRules as RecurrenceRules,
    Schedule as Schedule,
    ScheduleHistoryEntry as ScheduleHistoryEntry,
    ScheduleHistoryUser as ScheduleHistoryUser,
    ScheduleLastRun as ScheduleLastRun,
    Schedules as Schedules,
    ScheduleVariant as ScheduleVariant,
    VariantScheduleHistory as VariantScheduleHistory,
)
from aconnect.connect.content.storage import (
    BundleStorage as BundleStorage,
    ContentStorage as ContentStorage,
    ContentStorageBundles as ContentStorageBundles,
    ContentStorageDetail as ContentStorageDetail,
    ContentStorageItem as ContentStorageItem,
    ContentStorageSort as ContentStorageSort,
)
from aconnect.connect.content.tags import (
    ContentTagParams as ContentTagParams,
    ContentTags as ContentTags,
)
from aconnect.connect.content.thumbnail import (
    ContentThumbnail as ContentThumbnail,
)
from aconnect.connect.content.vanity import (
    ContentVanity as ContentVanity,
    Vanity as Vanity,
    VanityParams as VanityParams,
)
from aconnect.connect.content.variants import (
    ContentVariants as ContentVariants,
    Variant as Variant,
    VariantInclude as VariantInclude,
    Variants as Variants,
)
from aconnect.connect.environments import (
    Environment as Environment,
    EnvironmentCreateParams as EnvironmentCreateParams,
    EnvironmentInstallation as EnvironmentInstallation,
    EnvironmentInstallations as EnvironmentInstallations,
    EnvironmentMatching as EnvironmentMatching,
    EnvironmentMatchingName as EnvironmentMatchingName,
    EnvironmentPermission as EnvironmentPermission,
    EnvironmentPermissionCreateParams as EnvironmentPermissionCreateParams,
    EnvironmentPermissions as EnvironmentPermissions,
    Environments as Environments,
    EnvironmentUpdateParams as EnvironmentUpdateParams,
    InstallationParams as InstallationParams,
    InstallationsParams as InstallationsParams,
    VolumeMount as VolumeMount,
    VolumeMountParams as VolumeMountParams,
    VolumeSource as VolumeSource,
    VolumeSourceParams as VolumeSourceParams,
    VolumeTarget as VolumeTarget,
    VolumeTargetParams as VolumeTargetParams,
)
from aconnect.connect.examples import (
    Examples as Examples,
)
from aconnect.connect.experimental import (
    Experimental as Experimental,
    ExperimentalBundle as ExperimentalBundle,
    ExperimentalBundles as ExperimentalBundles,
    ExperimentalContent as ExperimentalContent,
    ExperimentalContentCreateParams as ExperimentalContentCreateParams,
    ExperimentalContentItem as ExperimentalContentItem,
    ExperimentalContentUpdateParams as ExperimentalContentUpdateParams,
    ExperimentalDeployParams as ExperimentalDeployParams,
    ExperimentalGroups as ExperimentalGroups,
    ExperimentalJobs as ExperimentalJobs,
    ExperimentalTasks as ExperimentalTasks,
    GroupContent as GroupContent,
    GroupContentPermission as GroupContentPermission,
    GroupContentRole as GroupContentRole,
    JobSummary as JobSummary,
    JobSummaryBucket as JobSummaryBucket,
    JobSummaryTotals as JobSummaryTotals,
    RetiredBootstrap as RetiredBootstrap,
    UploadedBundle as UploadedBundle,
)
from aconnect.connect.feature_usage import (
    Feature as Feature,
    FeatureUsage as FeatureUsage,
)
from aconnect.connect.groups import (
    Group as Group,
    GroupCreateParams as GroupCreateParams,
    GroupMember as GroupMember,
    GroupMemberAddParams as GroupMemberAddParams,
    GroupMembers as GroupMembers,
    GroupModifyParams as GroupModifyParams,
    Groups as Groups,
    GroupUpdateParams as GroupUpdateParams,
    RemoteGroup as RemoteGroup,
    UserGroups as UserGroups,
)
from aconnect.connect.instrumentation import (
    ContentHit as ContentHit,
    ContentVisit as ContentVisit,
    HitData as HitData,
    Instrumentation as Instrumentation,
    ShinyUsage as ShinyUsage,
)
from aconnect.connect.metrics import (
    ActiveUserCounts as ActiveUserCounts,
    ActiveUsers as ActiveUsers,
    HitMetrics as HitMetrics,
    HitTerms as HitTerms,
    Metrics as Metrics,
    ShinyMetrics as ShinyMetrics,
    UsageMetrics as UsageMetrics,
    UsageTerms as UsageTerms,
    VisitMetrics as VisitMetrics,
)
from aconnect.connect.oauth.clients import (
    OAuthClient as OAuthClient,
    OAuthClients as OAuthClients,
)
from aconnect.connect.oauth.credentials import (
    AWSCredentials as AWSCredentials,
    OAuthCredentials as OAuthCredentials,
    OAuthExchangeParams as OAuthExchangeParams,
    OAuthGrantType as OAuthGrantType,
    OAuthGrantTypeName as OAuthGrantTypeName,
    OAuthTokenType as OAuthTokenType,
    OAuthTokenTypeName as OAuthTokenTypeName,
)
from aconnect.connect.oauth.integrations import (
    OAuthAssociationParams as OAuthAssociationParams,
    OAuthIntegration as OAuthIntegration,
    OAuthIntegrationAssociation as OAuthIntegrationAssociation,
    OAuthIntegrationAssociations as OAuthIntegrationAssociations,
    OAuthIntegrationAuthType as OAuthIntegrationAuthType,
    OAuthIntegrationAuthTypeName as OAuthIntegrationAuthTypeName,
    OAuthIntegrationCreateParams as OAuthIntegrationCreateParams,
    OAuthIntegrationPermission as OAuthIntegrationPermission,
    OAuthIntegrationPermissionParams as OAuthIntegrationPermissionParams,
    OAuthIntegrations as OAuthIntegrations,
    OAuthIntegrationType as OAuthIntegrationType,
    OAuthIntegrationTypeName as OAuthIntegrationTypeName,
    OAuthIntegrationUpdateParams as OAuthIntegrationUpdateParams,
)
from aconnect.connect.oauth.oauth import (
    OAuth as OAuth,
)
from aconnect.connect.oauth.sessions import (
    OAuthSession as OAuthSession,
    OAuthSessions as OAuthSessions,
)
from aconnect.connect.oauth.templates import (
    OAuthTemplate as OAuthTemplate,
    OAuthTemplateField as OAuthTemplateField,
    OAuthTemplateOption as OAuthTemplateOption,
    OAuthTemplates as OAuthTemplates,
    OAuthTemplateSection as OAuthTemplateSection,
    OAuthTemplateVisibility as OAuthTemplateVisibility,
)
from aconnect.connect.packages import (
    Packages as Packages,
)
from aconnect.connect.provisioning import (
    bootstrap as bootstrap,
    bootstrap_token as bootstrap_token,
)
from aconnect.connect.queue import (
    Queue as Queue,
    QueueItem as QueueItem,
)
from aconnect.connect.server_settings import (
    Installation as Installation,
    NodeJsInfo as NodeJsInfo,
    PublicSettings as PublicSettings,
    PythonInfo as PythonInfo,
    QuartoInstallations as QuartoInstallations,
    RInstallations as RInstallations,
    Server as Server,
    ServerSettings as ServerSettings,
    TensorFlowInstallations as TensorFlowInstallations,
)
from aconnect.connect.system.caches import (
    RuntimeCache as RuntimeCache,
    RuntimeCacheDeleteParams as RuntimeCacheDeleteParams,
    RuntimeCacheLanguage as RuntimeCacheLanguage,
    RuntimeCaches as RuntimeCaches,
    SystemCaches as SystemCaches,
)
from aconnect.connect.system.checks import (
    SystemCheckCreateParams as SystemCheckCreateParams,
    SystemCheckResult as SystemCheckResult,
    SystemCheckResults as SystemCheckResults,
    SystemCheckRun as SystemCheckRun,
    SystemChecks as SystemChecks,
    SystemCheckStatus as SystemCheckStatus,
    SystemCheckTest as SystemCheckTest,
)
from aconnect.connect.system.documentation import (
    CustomDocumentation as CustomDocumentation,
    DocumentationParams as DocumentationParams,
    SystemDocumentation as SystemDocumentation,
)
from aconnect.connect.system.service_tokens import (
    ServiceToken as ServiceToken,
    ServiceTokenCreateParams as ServiceTokenCreateParams,
    ServiceTokens as ServiceTokens,
    ServiceTokenScope as ServiceTokenScope,
)
from aconnect.connect.system.storage import (
    ServerStorage as ServerStorage,
    ServerStorageBundles as ServerStorageBundles,
    SystemStorage as SystemStorage,
)
from aconnect.connect.system.system import (
    Host as Host,
    ServiceAccounts as ServiceAccounts,
    System as System,
)
from aconnect.connect.tags import (
    ChildTags as ChildTags,
    DescendantTags as DescendantTags,
    Tag as Tag,
    TagCreateParams as TagCreateParams,
    Tags as Tags,
    TagUpdateParams as TagUpdateParams,
)
from aconnect.connect.tasks import (
    ContentTask as ContentTask,
    Task as Task,
    Tasks as Tasks,
    TaskStarted as TaskStarted,
    TaskStatus as TaskStatus,
)
from aconnect.connect.timezones import (
    TimeZone as TimeZone,
    TimeZones as TimeZones,
)
from aconnect.connect.users import (
    AccountStatus as AccountStatus,
    ApiKey as ApiKey,
    ApiKeyCreateParams as ApiKeyCreateParams,
    ApiKeys as ApiKeys,
    EditableUser as EditableUser,
    RemoteUser as RemoteUser,
    TempTicketParams as TempTicketParams,
    User as User,
    UserCreateParams as UserCreateParams,
    UserFields as UserFields,
    UserLockParams as UserLockParams,
    UserRole as UserRole,
    UserRoleName as UserRoleName,
    Users as Users,
    UserSort as UserSort,
    UserUpdateParams as UserUpdateParams,
)
from aconnect.connect.vanities import (
    Vanities as Vanities,
)

"""Error codes of the Connect Server API, by the vendor's names.

Names are those of `APIErrorCode` in the vendor's API document of 2026; the meanings up to 195 are
those of its table of error codes (2023.09), abridged. Later meanings are not published.
"""

from __future__ import annotations

from aconnect._core.model import OpenIntEnum


class ApiErrorCode(OpenIntEnum):
    """The values of `ApiError.code` on Connect; codes of later servers are kept as numbers.

    It compares equal to the number: `error.code == 4` and
    `error.code == ApiErrorCode.OBJECT_DOES_NOT_EXIST` are the same.
    """

    #: Server failed internally.
    INTERNAL_FAILURE = 1
    #: Method or endpoint is not supported (404 despite its name).
    BAD_REQUEST = 2
    #: Object id in the request is malformed.
    INVALID_ID = 3
    #: Requested object does not exist.
    OBJECT_DOES_NOT_EXIST = 4
    #: Content name must be 3 to 64 of letters, digits, dash, underscore.
    INVALID_APPLICATION_NAME = 5
    #: Password is too weak.
    INADEQUATE_PASSWORD = 6
    #: Username is not allowed.
    INVALID_USER_NAME = 7
    #: Username is taken; names are case sensitive.
    DUPLICATE_USER_NAME = 8
    #: No such user.
    INVALID_USER = 9
    #: Caller does not own the object.
    NOT_OBJECT_OWNER = 10
    #: Filter cannot be applied.
    INVALID_FILTER_FIELD = 11
    #: Required parameter is absent.
    PARAMETER_MISSING = 12
    #: Range is invalid.
    INVALID_RANGE = 13
    #: Group name is invalid; must stay below 4096 characters.
    INVALID_GROUP_NAME = 14
    #: Group name is taken.
    DUPLICATE_GROUP_NAME = 15
    #: User already belongs to the group.
    DUPLICATE_GROUP_ENTRY = 16
    #: Nothing to remove: the item does not exist.
    REMOVE_NOTHING = 17
    #: Nothing to change: the item does not exist.
    UPDATE_NOTHING = 18
    #: No permission to access the item.
    NO_VIEW_PERMISSION = 19
    #: No permission to remove the item.
    NO_REMOVE_PERMISSION = 20
    #: No permission to change the item.
    NO_UPDATE_PERMISSION = 21
    #: No permission for this operation.
    PERMISSION_DENIED = 22
    #: No permission to assign that role.
    INVALID_ROLE_ASSIGNMENT = 23
    #: Request needs authentication.
    AUTH_REQUIRED = 24
    #: Parameter value is invalid.
    INVALID_PARAMETER = 25
    #: An object with this name exists already.
    DUPLICATE_NAME = 26
    #: R version is in use, so cannot be deleted.
    R_VERSION_IN_USE = 27
    #: Content has no bundle to deploy.
    BUNDLE_MISSING = 28
    #: Token expired; it must be claimed within an hour.
    TOKEN_EXPIRED = 29
    #: Login refused: credentials (or API key) not accepted.
    INVALID_LOGIN = 30
    #: Password may not be changed.
    NO_PASSWORD_CHANGE = 31
    #: Filter is not valid.
    INVALID_FILTER = 32
    #: Collaborator lacks the right to publish.
    INVALID_COLLABORATOR = 33
    #: Owner cannot be added as collaborator or viewer.
    INVALID_COLLABORATOR_OWNER = 34
    #: Object is used elsewhere, so cannot be deleted.
    CANNOT_DELETE = 35
    #: Username is already set and is final.
    NO_USERNAME_CHANGE = 36
    #: Schedule needs a start time later than 2010-01-01.
    INVALID_START_TIME = 37
    #: Bundle manifest is missing or invalid.
    INVALID_MANIFEST = 38
    #: Content does not support this action.
    INVALID_APPLICATION_ACTION = 39
    #: Current user is not confirmed yet.
    USER_NOT_CONFIRMED = 40
    #: First user must give a password; none is generated.
    INITIAL_USER_GENERATE_PASSWORD = 41
    #: User is confirmed already.
    USER_ALREADY_CONFIRMED = 42
    #: Server cannot send mail: no sender address is configured.
    MISSING_SERVER_SENDER_EMAIL = 43
    #: Current user has no email address.
    USER_MISSING_EMAIL = 44
    #: Min_processes exceeds the server's Scheduler.MinProcessesLimit.
    MIN_PROCESSES_OVER_LIMIT = 45
    #: Fields of internal users cannot be changed by API.
    IMMUTABLE_USER_FIELD = 46
    #: Login refused until an administrator provisions the account.
    USER_MUST_BE_PROVISIONED = 47
    #: Content type cannot change after deployment.
    APP_MODE_CHANGED = 48
    #: No permission to lock or unlock the user.
    NO_LOCK_PERMISSION = 49
    #: User is locked.
    USER_LOCKED = 50
    #: Vanity path collides with one in use.
    VANITY_PATH_IN_USE = 51
    #: Vanity path is not allowed.
    PROHIBITED_VANITY_PATH = 52
    #: Field cannot be changed.
    IMMUTABLE_FIELDS = 53
    #: Content may not run as the current user.
    RUN_AS_CURRENT_PROHIBITED = 54
    #: Static content cannot have a custom run-as account.
    RUN_AS_NON_EXECUTABLE_PROHIBITED = 55
    #: Run-as names a forbidden Unix account.
    RUN_AS_USER_PROHIBITED = 56
    #: Run-as names an unknown Unix account.
    RUN_AS_USER_NOT_FOUND = 57
    #: Run-as account is not in the required Unix group.
    RUN_AS_GROUP_MEMBERSHIP = 58
    #: No rendering is available.
    NO_RENDERING = 59
    #: Email address is not allowed to log in here.
    DISALLOWED_EMAIL = 60
    #: The only administrator cannot lose that role.
    SOLE_ADMIN_DEMOTION = 61
    #: API key name must not be blank.
    INVALID_KEY_NAME = 62
    #: LDAP server cannot be reached.
    LDAP_SERVER_UNAVAILABLE = 63
    #: Licensed number of users is exceeded.
    USER_LICENSE_EXCEEDED = 64
    #: Licence does not cover API content.
    API_NOT_LICENSED = 65
    #: Ownership cannot be given to another user.
    CROSS_OWNERSHIP = 66
    #: Source_key of an existing variant is required.
    SOURCE_KEY_REQUIRED = 67
    #: Variant without a valid rendering cannot be promoted.
    PROMOTION_WITHOUT_RENDERING = 68
    #: Source and target variants have different bundle ids.
    BUNDLE_ID_MISMATCH = 69
    #: Target rendering is newer than the source rendering.
    SOURCE_RENDERING_STALE = 70
    #: Only parameterized documents can promote output.
    INVALID_PROMOTION_SOURCE_TYPE = 71
    #: Schedule and its variant belong to different content items.
    INVALID_APP_FOR_VARIANT_SCHEDULE = 72
    #: Ad-hoc variants cannot be scheduled.
    CANNOT_SCHEDULE_ADHOC_VARIANT = 73
    #: Report (variant) name is not allowed.
    INVALID_VARIANT_NAME = 74
    #: Active bundle cannot be deleted.
    DELETE_ACTIVE_BUNDLE = 75
    #: A user with this unique id exists already.
    DUPLICATE_USER_KEY = 76
    #: Tag name is longer than 255 characters.
    NO_LONG_TAG_NAME = 77
    #: Tag name is empty.
    NO_EMPTY_TAG_NAME = 78
    #: Category tag cannot be put on content.
    NO_CATEGORY_APP_ASSIGNMENT = 79
    #: Given version does not match that of the object.
    INCORRECT_OBJECT_VERSION = 80
    #: A sibling tag or category has this name.
    NO_DUPLICATE_TAG_NAMES = 81
    #: Bundle to deploy belongs to another content item.
    BUNDLE_ID_APP_ID_MISMATCH = 82
    #: Search finds too much; narrow it.
    TOO_MANY_RESULTS = 83
    #: Token was claimed already.
    TOKEN_CLAIMED = 84
    #: A token with this key exists already.
    DUPLICATE_TOKEN = 85
    #: New token lacks public_key or token in the body.
    MISSING_TOKEN_ATTRIBUTES = 86
    #: Request body cannot be parsed.
    CANNOT_PARSE_REQUEST_BODY = 87
    #: Change would make the object its own ancestor.
    INVALID_RELATIONSHIP = 88
    #: Mail could not be sent.
    EMAIL_FAILURE = 89
    #: Users may not register themselves.
    USER_SELF_REGISTRATION_DISABLED = 90
    #: External provider gave no valid username.
    INVALID_EXTERNAL_AUTH_USERNAME = 91
    #: XSRF token does not match.
    XSRF = 92
    #: Private variant may mail its owner only.
    VARIANTS_EMAIL_CONSTRICTION = 93
    #: Permission upgrade can be requested once in 24 hours.
    PERMISSIONS_UPGRADE_THROTTLED = 94
    #: This API refuses the authentication type in use.
    PROHIBITED_AUTH_TYPE = 95
    #: Current password is wrong.
    PASSWORD_CHANGE = 96
    #: Redirect may not change host or scheme.
    REDIRECT_PROHIBITED = 97
    #: Login refused with the given credentials (vendor name: login group).
    INVALID_LOGIN_GROUP = 98
    #: Credentials must be given again.
    IN_RESTRICTED_ACCESS_MODE = 99
    #: Item is being processed and cannot be removed now.
    QUEUE_ITEM_IN_PROGRESS = 100
    #: Token for changing the password is invalid.
    INVALID_PASSWORD_TOKEN = 101
    #: Variant has a schedule already.
    DUPLICATE_SCHEDULE = 102
    #: Server cannot send mail (vendor name: server address missing).
    MISSING_SERVER_ADDRESS = 103
    #: Checksum header differs from the MD5 of the body.
    CONTENT_CHECKSUM = 104
    #: TensorFlow model APIs are not supported.
    TENSORFLOW_NOT_LICENSED = 105
    #: Environment variables changed meanwhile; the update was refused.
    ENVIRONMENT_VERSION_MISMATCH = 106
    #: Username is forbidden by policy.
    PROHIBITED_USERNAME = 107
    #: Environment change contains a forbidden variable.
    PROHIBITED_ENVIRONMENT = 108
    #: Content type is forbidden by policy.
    PROHIBITED_APP_MODE = 109
    #: Content category cannot change after deployment.
    CONTENT_CATEGORY_CHANGED = 110
    #: Being parameterized or not cannot change after deployment.
    HAS_PARAMETERS_CHANGED = 111
    #: User role is unknown.
    INVALID_AUTH_ROLE = 112
    #: Max_processes exceeds the server's Scheduler.MaxProcessesLimit.
    MAX_PROCESSES_OVER_LIMIT = 113
    #: Min_processes exceeds max_processes.
    MIN_PROCESSES_OVER_MAX_PROCESSES = 114
    #: Status value is unknown.
    INVALID_USER_STATUS = 115
    #: Rendering does not belong to the variant.
    VARIANT_RENDERING_MISMATCH = 116
    #: Access type is unknown.
    UNKNOWN_ACCESS_TYPE = 117
    #: Access type is forbidden by policy.
    PROHIBITED_ACCESS_TYPE = 118
    #: Provider takes no tickets: POST a new record instead.
    PULL_ON_PUSH_AUTH = 119
    #: Provider takes tickets only: PUT a temp_ticket instead.
    PUSH_ON_PULL_AUTH = 120
    #: Request JSON is invalid, for example an unknown field.
    INVALID_JSON = 121
    #: Content title must have 3 to 1024 characters.
    INVALID_APPLICATION_TITLE = 122
    #: Content description exceeds 4096 characters.
    INVALID_APPLICATION_DESCRIPTION = 123
    #: No administrator has an email address.
    ADMIN_MISSING_EMAIL = 124
    #: Content-Length is zero.
    INVALID_CONTENT_LENGTH = 125
    #: Content-Length differs from the bytes received.
    BYTES_WRITTEN_MISMATCH = 126
    #: Temp_ticket is invalid.
    INVALID_TEMP_TICKET = 127
    #: Email address is blank.
    USER_BLANK_EMAIL = 128
    #: User's unique id is blank.
    USER_BLANK_PROVIDER_KEY = 129
    #: Group's unique id is blank.
    GROUP_BLANK_PROVIDER_KEY = 130
    #: A group with this unique id exists already.
    DUPLICATE_GROUP_KEY = 131
    #: Configured authentication provider cannot use this endpoint.
    INVALID_AUTH_PROVIDER = 132
    #: Source variant belongs to another content item.
    SOURCE_VARIANT_IN_WRONG_APP = 133
    #: Bundle could not be written to disk.
    BUNDLE_WRITE = 134
    #: Bundle could not be unpacked.
    BUNDLE_EXTRACT = 135
    #: Time is not in RFC 3339 format.
    INVALID_TIME_FORMAT = 136
    #: Interval start is past or over five years ahead.
    INVALID_TIME_INTERVAL_START = 137
    #: Interval end precedes its start.
    INVALID_TIME_INTERVAL_END = 138
    #: Interval is longer than one year.
    INVALID_TIME_INTERVAL_LENGTH = 139
    #: Interval lacks its start or end.
    INVALID_TIME_INTERVAL = 140
    #: Task not on this node: sticky session or cookie missing.
    TASK_DOES_NOT_EXIST = 141
    #: Content is managed by git already.
    APP_IS_GIT_MANAGED = 142
    #: Content is not managed by git.
    APP_IS_NOT_GIT_MANAGED = 143
    #: Git-managed content takes no bundle upload.
    NO_BUNDLE_UPLOAD_FOR_GIT_MANAGED_APP = 144
    #: Git support is disabled.
    GIT_IS_DISABLED = 145
    #: Git URL must be absolute, without username, query, fragment.
    GIT_UNSUPPORTED_PARAMETERS = 146
    #: Content type cannot be executed.
    APP_MODE_IS_NOT_EXECUTABLE = 147
    #: Content type is not valid.
    INVALID_APP_MODE = 148
    #: Environment change names a variable twice.
    DUPLICATE_ENVIRONMENT_VARIABLE = 149
    #: Load factor must lie between 0.0 and 1.0.
    INVALID_LOAD_FACTOR = 150
    #: Timeout must lie between 0 and 2592000 seconds.
    INVALID_TIMEOUT = 151
    #: Principal type must be user or group.
    INVALID_PRINCIPAL_TYPE = 152
    #: No such group.
    INVALID_GROUP = 153
    #: User is on the permission list already.
    DUPLICATE_USER_PERMISSION = 154
    #: Group is on the permission list already.
    DUPLICATE_GROUP_PERMISSION = 155
    #: New owner lacks the right to publish.
    INVALID_OWNER = 156
    #: Parent tag does not exist.
    INVALID_PARENT_TAG = 157
    #: Tag does not exist.
    INVALID_TAG = 158
    #: The same permission request exists already.
    DUPLICATE_PERMISSION_REQUEST = 159
    #: Permission request cannot be mailed: address missing or invalid.
    PERMISSION_REQUEST_INVALID_EMAIL = 160
    #: Include option is not valid.
    INVALID_INCLUDE = 161
    #: Host name is no active Connect host.
    INVALID_HOST = 162
    #: Job is not active, so cannot be terminated.
    INACTIVE_JOB = 163
    #: Git URL must use HTTP or HTTPS.
    GIT_UNSUPPORTED_PROTOCOL = 164
    #: Bootstrap refused: users exist already.
    PROHIBITED_BOOTSTRAP = 165
    #: JWT is invalid.
    INVALID_JWT = 166
    #: Server could not read the controls file.
    READING_CONTROLS_FILE = 167
    #: Environment title must have 1 to 64 characters.
    INVALID_ENVIRONMENT_TITLE = 168
    #: Environment description exceeds 4096 characters.
    INVALID_ENVIRONMENT_DESCRIPTION = 169
    #: Cluster_name must be Kubernetes.
    INVALID_ENVIRONMENT_CLUSTER_NAME = 170
    #: Environment needs a unique name.
    INVALID_ENVIRONMENT_NAME = 171
    #: Environment matching type is unknown.
    UNKNOWN_ENVIRONMENT_MATCHING_TYPE = 172
    #: Installation path must be an absolute Unix path.
    INVALID_INSTALLATION_PATH = 173
    #: Installation version must be a semantic version.
    INVALID_INSTALLATION_VERSION = 174
    #: An environment with this name exists already.
    DUPLICATE_ENVIRONMENT_NAME = 175
    #: Service account name is no valid DNS subdomain.
    INVALID_SERVICE_ACCOUNT_NAME = 176
    #: Supervisor path contains whitespace control characters.
    INVALID_ENVIRONMENT_SUPERVISOR = 177
    #: Launcher does not know the service account in the namespace.
    UNRECOGNIZED_SERVICE_ACCOUNT_NAME = 178
    #: Runtime language is not supported.
    INVALID_RUNTIME_LANGUAGE = 179
    #: Request names no cache location.
    INVALID_CACHE_LOCATION = 180
    #: Memory_request is out of range (0 to 9007198180999168).
    INVALID_MEMORY_REQUEST = 181
    #: Memory_request exceeds the server's Scheduler.MaxMemoryRequest.
    MEMORY_REQUEST_OVER_LIMIT = 182
    #: Memory_limit is out of range (0 to 9007198180999168).
    INVALID_MEMORY_LIMIT = 183
    #: Memory_limit exceeds the server's Scheduler.MaxMemoryLimit.
    MEMORY_LIMIT_OVER_LIMIT = 184
    #: Memory_request exceeds memory_limit.
    MEMORY_REQUEST_OVER_MEMORY_LIMIT = 185
    #: Cpu_request must be positive.
    INVALID_CPU_REQUEST = 186
    #: Cpu_request exceeds the server's Scheduler.MaxCPURequest.
    CPU_REQUEST_OVER_LIMIT = 187
    #: Cpu_limit must be positive.
    INVALID_CPU_LIMIT = 188
    #: Cpu_limit exceeds the server's Scheduler.MaxCPULimit.
    CPU_LIMIT_OVER_LIMIT = 189
    #: Cpu_request exceeds cpu_limit.
    CPU_REQUEST_OVER_CPU_LIMIT = 190
    #: Min_processes must be positive.
    INVALID_MIN_PROCESSES = 191
    #: Max_processes must be positive.
    INVALID_MAX_PROCESSES = 192
    #: Default_image_name is empty or contains whitespace.
    INVALID_DEFAULT_IMAGE_NAME = 193
    #: Runtime cache management is disabled.
    CACHE_MANAGEMENT_IS_DISABLED = 194
    #: Server configuration does not let content set a service account.
    INVALID_SERVICE_ACCOUNT_CONFIGURATION = 195
    INVALID_AMD_GPU_LIMIT = 196
    AMD_GPU_LIMIT_OVER_LIMIT = 197
    INVALID_NVIDIA_GPU_LIMIT = 198
    NVIDIA_GPU_LIMIT_OVER_LIMIT = 199
    EMAIL_NO_RECIPIENTS = 200
    INVALID_DEFAULT_OAUTH_SCOPE = 201
    DEFAULT_OAUTH_SCOPES_OVER_LIMIT = 202
    INVALID_OAUTH_CLIENT_ID = 203
    INVALID_OAUTH_TENANT_ID = 204
    INVALID_OAUTH_CLIENT_SECRET = 205
    INVALID_OAUTH_DESCRIPTION = 206
    INVALID_OAUTH_INTEGRATION_GUID = 207
    INVALID_OAUTH_INTEGRATIONS = 208
    INVALID_OAUTH_ASSOCIATION_ASSIGNMENT = 209
    FORM_POST_NOT_FOUND = 210
    FORM_POST_PARSE_FAILURE = 211
    #: Content has no OAuth integration associated.
    OAUTH_CREDENTIAL_NO_ASSOCIATIONS = 212
    OAUTH_CREDENTIAL_GRANT_TYPE = 213
    OAUTH_CREDENTIAL_SUBJECT_TOKEN_TYPE = 214
    OAUTH_CREDENTIAL_SUBJECT_TOKEN = 215
    OAUTH_CREDENTIAL_ISS_CLAIM = 216
    OAUTH_CREDENTIAL_SUB_CLAIM = 217
    INVALID_OAUTH_SESSION = 218
    OAUTH_ACCESS_TOKEN_REFRESH_FAILURE = 219
    OAUTH_SESSION_NOT_FOUND = 220
    OAUTH_INTEGRATIONS_NOT_LICENSED = 221
    LOCKED_CONTENT_BUNDLE = 222
    LOCKED_CONTENT_PROCESS = 223
    INVALID_LOCKED_MESSAGE = 224
    INVALID_OAUTH_INTEGRATION_NAME = 225
    INVALID_OAUTH_INTEGRATION_DESCRIPTION = 226
    OAUTH_TEMPLATE_NOT_FOUND = 227
    OAUTH_TEMPLATE_CONFIG = 228
    OAUTH_TEMPLATE_PROHIBITED_CHANGE = 229
    INVALID_OAUTH_INTEGRATION_LOGIN = 230
    NO_CONTENT = 231
    INVALID_BUNDLE_URL = 232
    UNABLE_TO_GET_BUNDLE_FROM_URL = 233
    INVALID_KEY_ROLE = 234
    OAUTH_INVALID_REFRESH_TOKEN = 235
    OAUTH_INVALID_CONTENT_SESSION_TOKEN = 236
    OAUTH_ASSOCIATION_AUTH_TYPE = 237
    OAUTH_AUTH_TYPE_MISMATCH = 238
    INVALID_MAX_CONNS_PER_PROCESS = 239
    OAUTH_SERVICE_ACCOUNT_TEST_INVALID_AUTH_TYPE = 240
    OAUTH_UNABLE_TO_RETRIEVE_TOKEN = 241
    OAUTH_CREDENTIAL_REQUESTED_TOKEN_TYPE = 242
    VISITOR_API_KEY_EXCHANGE_SCOPE_UNDEFINED = 243
    VISITOR_API_KEY_EXCHANGE_INVALID_MAX_AUTH_ROLE = 244
    INVALID_SCHEDULE = 245
    INVALID_ENVIRONMENT_PERMISSION = 246
    DUPLICATE_ENVIRONMENT_PERMISSION = 247
    AWS_CREDENTIALS_EXCHANGE_FAILED = 248
    OAUTH_CREDENTIALS_INVALID_SUBJECT_REQUESTED_COMBINATION = 249
    OAUTH_CREDENTIALS_NO_SUPPORTED_HANDLER = 250
    OAUTH_INVALID_ID_TOKEN = 251
    OAUTH_CREDENTIAL_INVALID_SUBJECT_TOKEN_TYPE_FOR_AUTH_TYPE = 252
    APP_RUN_AS_DISABLED = 253
    ENVIRONMENTS_INVALID_VOLUME = 254
    CUSTOM_DOCUMENTATION_LENGTH = 255
    OAUTH_CREDENTIALS_INVALID_AUDIENCE = 256
    OAUTH_CREDENTIALS_INVALID_ASSOCIATION_COUNT = 257
    INVALID_OAUTH_INTEGRATIONS_DUPLICATES = 258
    NOT_PUBLIC_CONTENT = 259
    PUBLIC_ACCESS_NOT_LICENSED = 260
    INVALID_USER_GUID = 261
    INVALID_GROUP_GUID = 262
    DUPLICATE_GROUP_GID = 263
    INVALID_EMAIL_FORMAT = 264
    ENVIRONMENT_IS_CONFIG_MANAGED = 265
    EMPTY_ENVIRONMENT_VARIABLE_NAME = 266
    DUPLICATE_BOOKMARK = 267
    INVALID_FIRST_NAME = 268
    INVALID_LAST_NAME = 269
    NODEJS_NOT_LICENSED = 270
    NODEJS_NOT_ENABLED = 271
    MAX_PROCESSES_ZERO = 272
    EMAIL_RECIPIENTS_NOT_LICENSED = 273
    PUBLISHERS_CANNOT_UPLOAD_BUNDLES = 274
    OAUTH_CREDENTIAL_ID_TOKEN_VERIFICATION = 275
    OAUTH_MISSING_ID_TOKEN = 276
    #: Rate limit exceeded.
    RATE_LIMIT_EXCEEDED = 277
    BUNDLE_FILE_NOT_FOUND = 278

"""The state of a simulated server: its objects, its settings for tests, and its seed.

Decides where objects are stored. Rows are dicts in the latest format of the API. The routes create
them, and remove the fields that older versions do not send.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import repeat
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID, uuid4

from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.paging import PageCache
from aconnect.testing.connect.progress import (
    SYSTEM_CHECKS,
    BuildScript,
    CheckState,
    JobState,
    Outcome,
    Run,
    TaskState,
    utc_now,
)
from aconnect.testing.connect.series import Series
from aconnect.testing.connect.versions import Features
from aconnect.testing.ranges import check_range
from aconnect.testing.wire import Response, Row

if TYPE_CHECKING:
    from aconnect.testing.connect.dialect import Call

App: TypeAlias = "Callable[[Call], Response | Awaitable[Response]]"
"""Responds to requests to a content item.

`path` of the call is the path below the content, such as `/health`; `user` is the viewer, empty for
anonymous visitors.
"""


def guid_of(*parts: object) -> str:
    """Return a GUID that only depends on the parts."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


@dataclass(frozen=True, slots=True)
class Seed:
    """The initial number of objects of each type; the same seed always produces the same data.

    Visits, Shiny usage, audit logs and hits are created on demand and do not slow down the start.
    """

    visits: int = 0
    shiny_usage: int = 0
    audit_logs: int = 0
    hits: int = 0
    users: int = 5
    """There are at least 3: `admin`, `publisher` and `viewer`, followed by `user0003` and so on."""
    groups: int = 2
    content: int = 3
    jobs: int = 0
    """Finished jobs, which are distributed over the content items."""
    queue: int = 0
    """Waiting items, which are distributed over the queues."""
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    """The time of the first row of each series."""
    step: timedelta = timedelta(seconds=7)
    """The time between rows."""
    bundle_checksums: bool = True
    """Whether the bundles have checksums; those of old bundles are null."""
    burst: int = 1
    """The number of consecutive rows with the same time."""
    old_rows: int = 3
    """The number of additional rows with old data versions, before the first visit and session."""
    open_sessions: float = 0.0
    """The share of Shiny sessions, from 0 to 1, that never ended, such as 0.05; they overlap every
    later window. The last session has not ended in any case."""

    def __post_init__(self) -> None:
        for name in (
            "visits",
            "shiny_usage",
            "audit_logs",
            "hits",
            "users",
            "groups",
            "content",
            "jobs",
            "queue",
            "old_rows",
        ):
            check_range(name, getattr(self, name), 0)
        check_range("burst", self.burst, 1)
        check_range("open_sessions", self.open_sessions, 0, 1)


@dataclass(slots=True, eq=False)
class Bundle:
    """A bundle and its archive."""

    row: Row
    archive: Archive
    manifest: Row
    is_built: bool = False
    """Whether a build of it has succeeded."""
    missing_files: tuple[str, ...] = ()
    """Files that the manifest lists and the archive does not have, so that builds fail."""
    checksum_mismatches: tuple[str, ...] = ()
    """Files whose checksum in the manifest is another, which servers ignore."""


def _default_runtimes() -> dict[str, tuple[str, ...]]:
    return {
        "r": ("4.3.3", "4.4.2"),
        "python": ("3.11.10", "3.12.7"),
        "quarto": ("1.4.557", "1.5.57"),
        "nodejs": ("22.11.0",),
        "tensorflow": ("2.16.1",),
    }


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a session token of running content stands for."""

    content_guid: str
    user_guid: str | None = None
    """The user who views the content; None for the token of the content itself."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a session token was exchanged for."""

    secret: str
    """The part that makes it unique."""
    expires_at: datetime


@dataclass(slots=True, eq=False)
class State:
    """All objects of a simulated server; tests can inspect and change them."""

    seed: Seed
    features: Features
    visits: Series
    shiny_usage: Series
    audit_logs: Series
    hits: Series

    users: dict[str, Row] = field(default_factory=dict[str, Row])
    """By GUID."""
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """User GUIDs by API key."""
    api_keys: dict[str, Row] = field(default_factory=dict[str, Row])
    """Details of API keys, by key; a key that is only in `keys` is valid, but not listed."""
    groups: dict[str, Row] = field(default_factory=dict[str, Row])
    members: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """User GUIDs by group GUID."""
    content: dict[str, Row] = field(default_factory=dict[str, Row])
    environment: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Environment variables by content GUID."""
    content_tags: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Tag ids by content GUID."""
    vanities: dict[str, Row] = field(default_factory=dict[str, Row])
    """By content GUID."""
    permissions: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    """By content GUID and id."""
    bookmarks: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    """By content GUID and user GUID."""
    thumbnails: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """By content GUID."""
    bundles: dict[str, dict[str, Bundle]] = field(default_factory=dict[str, dict[str, Bundle]])
    """By content GUID and id."""
    tasks: dict[str, TaskState] = field(default_factory=dict[str, TaskState])
    jobs: dict[str, dict[str, JobState]] = field(default_factory=dict[str, dict[str, JobState]])
    """By content GUID and key."""
    repositories: dict[str, Row] = field(default_factory=dict[str, Row])
    """Git repositories by content GUID."""
    schedules: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    """Schedules of variants with their history, by content GUID."""
    queue: dict[str, Row] = field(default_factory=dict[str, Row])
    """Items of the queues by id; an item without `started_time` is waiting."""
    tags: dict[str, Row] = field(default_factory=dict[str, Row])
    """By id."""
    oauth_integrations: dict[str, Row] = field(default_factory=dict[str, Row])
    """By GUID, including the secrets that are never sent."""
    oauth_associations: dict[str, dict[str, datetime]] = field(
        default_factory=dict[str, dict[str, datetime]]
    )
    """Creation times by content GUID and integration GUID."""
    oauth_sessions: dict[str, Row] = field(default_factory=dict[str, Row])
    oauth_clients: dict[str, Row] = field(default_factory=dict[str, Row])
    """By client id."""
    session_tokens: dict[str, SessionToken] = field(default_factory=dict[str, SessionToken])
    """The session tokens of running content and its viewers, by token; one that is deleted has
    ended."""
    credentials: dict[tuple[str, str], Credential] = field(
        default_factory=dict[tuple[str, str], Credential]
    )
    """The latest credentials of viewers, by the GUIDs of the integration and the user."""
    ephemeral_keys: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """The times when the API keys end that viewers' tokens were exchanged for."""
    variants: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    """By content GUID and key."""
    remote_users: dict[str, Row] = field(default_factory=dict[str, Row])
    """Users of the directory by ticket."""
    remote_groups: dict[str, Row] = field(default_factory=dict[str, Row])
    """Groups of the directory by ticket."""
    environments: dict[str, Row] = field(default_factory=dict[str, Row])
    """Execution environments by GUID."""
    environment_permissions: dict[str, dict[str, Row]] = field(
        default_factory=dict[str, dict[str, Row]]
    )
    """By GUID of the execution environment and of the permission."""
    runtime_caches: list[Row] = field(default_factory=list[Row])
    checks: dict[str, CheckState] = field(default_factory=dict[str, CheckState])
    """Runs of system checks, by id."""
    documentation: Row | None = None
    """The custom documentation."""
    hosts: list[Row] = field(default_factory=list[Row])
    """The hosts of the server; a host whose `last_seen` is None is always active."""
    service_accounts: Row = field(default_factory=dict[str, object])
    service_tokens: dict[str, Row] = field(default_factory=dict[str, Row])
    """By GUID, without the keys."""
    mails: list[Row] = field(default_factory=list[Row])
    """The mails that the server has sent: `to` (an address), `about` and `content_guid`."""
    deleted: set[str] = field(default_factory=set[str])
    """The GUIDs and ids of deleted objects; deleting them again returns code 17."""
    examples: dict[str, Row] = field(default_factory=dict[str, Row])
    """By name."""
    settings: Row = field(default_factory=dict[str, object])
    """Settings that are merged into the response of `/server_settings`; for example, an
    `execution_type` of `Kubernetes` makes content run in execution environments."""
    runtimes: dict[str, tuple[str, ...]] = field(default_factory=_default_runtimes)
    """The installed versions of `r`, `python`, `quarto`, `nodejs` and `tensorflow`."""
    limits: dict[str, float] = field(default_factory=dict[str, float])
    """The largest values of settings of content, such as `max_processes`, for those that have."""
    access_types: frozenset[str] = frozenset({"all", "logged_in", "acl"})
    """The access types that the license and the configuration allow."""
    unix_accounts: frozenset[str] | None = None
    """The accounts that content can run as; None for any."""
    publishers_manage_vanities: bool = True
    """Whether publishers may set vanity URLs, or only administrators."""

    build_script: BuildScript = field(default_factory=BuildScript)
    """The script of the deployments, builds and renderings that are started next."""
    build_outcomes: Iterator[Outcome] = field(default_factory=lambda: repeat("ok"))
    """How they end, one after the other; for example `itertools.cycle(["ok", "fail"])`."""
    check_script: BuildScript = field(default_factory=lambda: SYSTEM_CHECKS)
    """The script of the system checks that are started next; see `CheckState`."""
    hold_waits: bool = False
    """Whether `wait` delays the response to a poll even if the task does not advance with time."""
    authentication: Literal["password", "ldap", "google", "saml", "oauth2", "pam", "proxy"] = (
        "password"
    )
    """The provider. With a directory (`ldap`, `google`), users and groups are created from tickets,
    POST returns the codes 119 and 120, and the directory manages names and memberships."""
    bootstrap_secret: bytes = b"the secret of a simulated server"
    """The secret for bootstrapping, which is possible if `users` is empty."""
    content_status: dict[str, int] = field(default_factory=dict[str, int])
    """The statuses of the pages of content, 200 by default; 302 is a redirect to the login.

    By content GUID, for the content; by bundle id, for the draft of a bundle, and for the content
    while the bundle is active.
    """
    apps: dict[str, App] = field(default_factory=dict[str, App])
    """What responds to requests to content, by content GUID; by default, a page."""
    strict_checksums: bool = False
    """Whether bundles with checksum mismatches are refused."""
    bundle_retention: int | None = None
    """The number of bundles of a content item that stay when one is activated; None for all."""
    max_bundle_size: int | None = None
    """The maximum size of an archive in bytes, beyond which uploads return 413."""
    disk_size: int | None = None
    """The number of bytes that all bundles can take, beyond which uploads return 507."""
    license_expired: bool = False
    end_cursor: Literal["null", "absent"] = "null"
    """How the last keyset page indicates that there is no next page."""
    empty_last_page: bool = False
    """Whether an empty page follows the last keyset page."""
    public_url: str | None = None
    """The base URL of the links in pages, if it differs from the URL of the server."""
    pages: PageCache = field(default_factory=lambda: PageCache(2100))
    now: Callable[[], datetime] = utc_now
    counters: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def has_directory(self) -> bool:
        """Whether users and groups are those of a directory."""
        return self.authentication in {"ldap", "google"}

    @property
    def is_off_host(self) -> bool:
        """Whether content runs in execution environments instead of on the server."""
        return bool(self.settings.get("execution_type", "native") != "native")

    def next_number(self, object_type: str) -> int:
        """Return the next number of a sequence (1, 2, 3, …) for each type of object."""
        self.counters[object_type] = number = self.counters.get(object_type, 0) + 1
        return number

    def add_key(
        self,
        key: str,
        user_guid: str,
        name: str,
        role: str,
        time: datetime,
        *,
        expires_at: datetime | None = None,
    ) -> Row:
        """Add a valid API key and its details."""
        self.keys[key] = user_guid
        row = self.api_keys[key] = {
            "id": str(self.next_number("key")),
            "name": name,
            "user_role": role,
            "created_time": time,
            "active_time": time,
            "expires_at": expires_at,
        }
        return row

    def user_named(self, username: str) -> Row | None:
        """Return the user with this name, or None."""
        return next((row for row in self.users.values() if row["username"] == username), None)

    def known_user(self, username: str) -> Row:
        """Return the user with this name; raise KeyError if there is none."""
        row = self.user_named(username)
        if row is None:
            raise KeyError(f"the server has no user {username!r}")
        return row

    def mail(self, user: Row, about: str, content_guid: str | None = None) -> None:
        """Record that a user was sent a mail."""
        self.mails.append({"to": user["email"], "about": about, "content_guid": content_guid})

    def lose_archive(self, content_guid: str, bundle_id: str) -> None:
        """Remove the archive of a bundle from the disk; its size is then 0."""
        bundle = self.bundles[content_guid][bundle_id]
        bundle.archive.close()
        bundle.row["size"] = 0

    def permit(self, content_guid: str, principal_guid: str, role: str) -> Row:
        """Add or update the permission of a user or group, without the checks of the API."""
        entries = self.permissions.setdefault(content_guid, {})
        for row in entries.values():
            if row["principal_guid"] == principal_guid:
                row["role"] = role
                return row
        number = self.next_number("permission")
        principal_type = "group" if principal_guid in self.groups else "user"
        row = entries[str(number)] = {
            "id": str(number),
            "content_guid": content_guid,
            "principal_guid": principal_guid,
            "principal_type": principal_type,
            "role": role,
        }
        return row

    def forbid(self, principal_guid: str, *content_guids: str) -> None:
        """Remove the permissions of a user or group on these content items."""
        for guid in content_guids:
            entries = self.permissions.get(guid, {})
            for number, row in list(entries.items()):
                if row["principal_guid"] == principal_guid:
                    del entries[number]

    def roles_of(self, content_guid: str, user_guid: str) -> set[str]:
        """Return the roles that permissions grant to a user, directly and through groups."""
        return {
            row["role"]
            for row in self.permissions.get(content_guid, {}).values()
            if row["principal_guid"] == user_guid
            or user_guid in self.members.get(row["principal_guid"], ())
        }

    def tasks_running(self) -> list[TaskState]:
        """Return the tasks that have not finished."""
        return [task for task in self.tasks.values() if not task.run.finished]

    def start_run(
        self, on_end: Callable[[Run], None], outcome: Outcome = "ok", problems: Sequence[str] = ()
    ) -> Run:
        """Start a run with the current `build_script`, which fails if there are problems."""
        script = self.build_script
        script = script.failing(*problems) if problems else script.with_outcome(outcome)
        return Run(script, on_end, self.now, started=self.now())

    def add_task(self, run: Run, node: int, owner_guid: str) -> TaskState:
        """Create a task for a run on a node."""
        task = TaskState(uuid4().hex[:16], node, run, owner_guid)
        self.tasks[task.id] = task
        return task

    def close(self) -> None:
        """Close the temporary files of bundles."""
        for bundles in self.bundles.values():
            for bundle in bundles.values():
                bundle.archive.close()

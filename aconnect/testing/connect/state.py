"""What a simulated server knows: its objects, its settings for tests, and the seed it begins with.

Decides where things are kept. Rows are plain dicts in the newest form of the API; routes make them,
and take away what an older version does not send.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Literal
from uuid import UUID, uuid4

from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.paging import PageCache
from aconnect.testing.connect.progress import (
    SYSTEM_CHECKS,
    BuildScript,
    CheckState,
    JobState,
    Run,
    TaskState,
    utc_now,
)
from aconnect.testing.connect.series import Series
from aconnect.testing.connect.versions import Features
from aconnect.testing.wire import Row


def guid_of(*parts: object) -> str:
    """Make the same GUID from the same parts."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


@dataclass(frozen=True, slots=True)
class Seed:
    """How much a server holds when it begins; the same seed makes the same data.

    Visits, Shiny usage, audit logs and hits are made on demand and cost nothing at the start.
    """

    visits: int = 0
    shiny_usage: int = 0
    audit_logs: int = 0
    hits: int = 0
    users: int = 5
    """At least 3: `admin`, `publisher` and `viewer`, then `user0003` and so on."""
    groups: int = 2
    content: int = 3
    jobs: int = 0
    """Finished jobs, dealt over the content in turn."""
    queue: int = 0
    """Items that wait in the queue, dealt over its kinds in turn."""
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    """Time of the first row of each series."""
    step: timedelta = timedelta(seconds=7)
    """Time between rows."""
    burst: int = 1
    """How many consecutive rows share a time."""
    old_rows: int = 3
    """Rows of old data versions before the first visit and session, on top of their numbers."""


@dataclass(slots=True, eq=False)
class Bundle:
    """A bundle and its archive."""

    row: Row
    archive: Archive
    manifest: Row


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a token of running content stands for."""

    content_guid: str
    user_guid: str | None = None
    """The viewer; None where it is the content's own token."""


@dataclass(slots=True, eq=False)
class State:
    """Everything a simulated server knows; tests may look and change at will."""

    seed: Seed
    features: Features
    visits: Series
    shiny_usage: Series
    audit_logs: Series
    hits: Series

    users: dict[str, Row] = field(default_factory=dict[str, Row])
    """By guid."""
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """Guid of the user by API key."""
    api_keys: dict[str, Row] = field(default_factory=dict[str, Row])
    """What is known of API keys, by key; one that is only in `keys` works and is not listed."""
    groups: dict[str, Row] = field(default_factory=dict[str, Row])
    members: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Guids of users by guid of their group."""
    content: dict[str, Row] = field(default_factory=dict[str, Row])
    environment: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Environment variables by guid of the content."""
    content_tags: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Ids of tags by guid of the content."""
    vanities: dict[str, Row] = field(default_factory=dict[str, Row])
    """By guid of the content."""
    permissions: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    """By guid of the content, then by id."""
    bookmarks: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    """By guid of the content, then by guid of the user."""
    thumbnails: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """By guid of the content."""
    bundles: dict[str, dict[str, Bundle]] = field(default_factory=dict[str, dict[str, Bundle]])
    """By guid of the content, then by id."""
    tasks: dict[str, TaskState] = field(default_factory=dict[str, TaskState])
    jobs: dict[str, dict[str, JobState]] = field(default_factory=dict[str, dict[str, JobState]])
    """By guid of the content, then by key."""
    repositories: dict[str, Row] = field(default_factory=dict[str, Row])
    """Git locations by guid of the content."""
    schedules: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    """The schedules of variants with their history, by guid of the content."""
    queue: dict[str, Row] = field(default_factory=dict[str, Row])
    """What the server is to do, by id; an item without `started_time` waits."""
    tags: dict[str, Row] = field(default_factory=dict[str, Row])
    """By id."""
    oauth_integrations: dict[str, Row] = field(default_factory=dict[str, Row])
    """By guid, with the secrets that are never sent."""
    oauth_associations: dict[str, dict[str, datetime]] = field(
        default_factory=dict[str, dict[str, datetime]]
    )
    """When they were made, by guid of the content, then of the integration."""
    oauth_sessions: dict[str, Row] = field(default_factory=dict[str, Row])
    oauth_clients: dict[str, Row] = field(default_factory=dict[str, Row])
    """By client id."""
    session_tokens: dict[str, SessionToken] = field(default_factory=dict[str, SessionToken])
    """What running content and its viewers were given, by token."""
    variants: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    """By guid of the content, then by key."""
    remote_users: dict[str, Row] = field(default_factory=dict[str, Row])
    """What the directory behind the server knows, by ticket."""
    remote_groups: dict[str, Row] = field(default_factory=dict[str, Row])
    environments: dict[str, Row] = field(default_factory=dict[str, Row])
    """Execution environments by guid."""
    environment_permissions: dict[str, dict[str, Row]] = field(
        default_factory=dict[str, dict[str, Row]]
    )
    """By guid of the execution environment, then by their own."""
    runtime_caches: list[Row] = field(default_factory=list[Row])
    checks: dict[str, CheckState] = field(default_factory=dict[str, CheckState])
    """Runs of system checks by id."""
    documentation: Row | None = None
    """What the administrators have written about their server."""
    hosts: list[Row] = field(default_factory=list[Row])
    """Hosts of the server; one whose `last_seen` is None is always heard of."""
    service_accounts: Row = field(default_factory=dict[str, object])
    service_tokens: dict[str, Row] = field(default_factory=dict[str, Row])
    """By guid, without their keys."""
    deleted: set[str] = field(default_factory=set[str])
    """Guids and ids of what was deleted, so that deleting again is code 17."""
    examples: dict[str, Row] = field(default_factory=dict[str, Row])
    """By name."""
    settings: Row = field(default_factory=dict[str, object])
    """Merged over the answer of `/server_settings`."""

    build_script: BuildScript = field(default_factory=BuildScript)
    """What deployments, builds and renderings do from now on."""
    check_script: BuildScript = field(default_factory=lambda: SYSTEM_CHECKS)
    """What runs of system checks do from now on; see `CheckState`."""
    hold_waits: bool = False
    """Whether `wait` of a task really holds a request when nothing will come by itself."""
    authentication: Literal["password", "ldap", "google"] = "password"
    """With a directory, `POST` of users and groups answers 119 and 120."""
    bootstrap_secret: bytes = b"the secret of a simulated server"
    """What a server is bootstrapped with; it can be once `users` is empty."""
    license_expired: bool = False
    end_cursor: Literal["null", "absent"] = "null"
    """How the last keyset page spells that there is no next one."""
    empty_last_page: bool = False
    """Whether keyset paging ends with an empty page."""
    public_url: str | None = None
    """Address that the links in pages begin with, if not the real one."""
    pages: PageCache = field(default_factory=lambda: PageCache(2100))
    now: Callable[[], datetime] = utc_now
    counters: dict[str, int] = field(default_factory=dict[str, int])

    def next_number(self, kind: str) -> int:
        """Return 1, 2, 3 and so on for each kind."""
        self.counters[kind] = number = self.counters.get(kind, 0) + 1
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
        """Let a key work, and list it."""
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
        return next((row for row in self.users.values() if row["username"] == username), None)

    def known_user(self, username: str) -> Row:
        """Return a user that a test takes to be there."""
        row = self.user_named(username)
        if row is None:
            raise KeyError(f"the server has no user {username!r}")
        return row

    def permit(self, content_guid: str, principal_guid: str, role: str) -> Row:
        """Give a user or group a role with content, with none of the checks of the API."""
        entries = self.permissions.setdefault(content_guid, {})
        for row in entries.values():
            if row["principal_guid"] == principal_guid:
                row["role"] = role
                return row
        number = self.next_number("permission")
        kind = "group" if principal_guid in self.groups else "user"
        row = entries[str(number)] = {
            "id": str(number),
            "content_guid": content_guid,
            "principal_guid": principal_guid,
            "principal_type": kind,
            "role": role,
        }
        return row

    def forbid(self, principal_guid: str, *content_guids: str) -> None:
        """Take away the permissions of a user or group with these content items."""
        for guid in content_guids:
            entries = self.permissions.get(guid, {})
            for number, row in list(entries.items()):
                if row["principal_guid"] == principal_guid:
                    del entries[number]

    def roles_of(self, content_guid: str, user_guid: str) -> set[str]:
        """Return the roles that permissions give a user, directly and through groups."""
        return {
            row["role"]
            for row in self.permissions.get(content_guid, {}).values()
            if row["principal_guid"] == user_guid
            or user_guid in self.members.get(row["principal_guid"], ())
        }

    def tasks_running(self) -> list[TaskState]:
        return [task for task in self.tasks.values() if not task.run.finished]

    def start_run(self, on_end: Callable[[Run], None]) -> Run:
        """Begin work according to the present `build_script`."""
        return Run(self.build_script, on_end, self.now, started=self.now())

    def add_task(self, run: Run, node: int, owner_guid: str) -> TaskState:
        """Let a run be followed as a task of a node."""
        task = TaskState(uuid4().hex[:16], node, run, owner_guid)
        self.tasks[task.id] = task
        return task

    def close(self) -> None:
        """Let go of temporary files."""
        for bundles in self.bundles.values():
            for bundle in bundles.values():
                bundle.archive.close()

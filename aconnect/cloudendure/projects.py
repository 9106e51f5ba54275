"""Projects: their users, storage and audit log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, TypeVar

from msgspec import field

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Confidential, key_of
from aconnect.cloudendure.base import (
    DEFAULT_LIMIT,
    CloudEndureModel,
    CloudEndureResource,
    Items,
    by_key,
    required_key,
)
from aconnect.cloudendure.users import User
from aconnect.cloudendure.window import AuditLog, AuditLogEntry, events, window
from aconnect.errors import InvalidArgumentError

_CLOCK_SKEW: Final = timedelta(days=1)


class Project(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """A project: machines that are replicated together."""

    _hidden: ClassVar[tuple[str, ...]] = ("agent_installation_token",)
    _key: ClassVar[str] = "id"

    target_cloud_id: str | None = None
    agent_installation_token: str | None = None
    """As sensitive as a password, so it is not printed."""
    name: str = ""
    users_ids: list[str] = field(default_factory=list[str], name="usersIDs")
    type: str | None = None
    replication_reversed: bool | None = None
    source_cloud_credentials_id: str | None = None
    cloud_credentials_ids: list[str] = field(default_factory=list[str], name="cloudCredentialsIDs")
    source_region: str | None = None
    licenses_ids: list[str] = field(default_factory=list[str], name="licensesIDs")
    ce_admin_properties: dict[str, Any] | None = None
    replication_configuration: str | None = None
    source_cloud_id: str | None = None
    id: str = ""
    features: dict[str, Any] | None = None

    def __hash__(self) -> int:
        return hash(self.id)


ProjectOrId = TypeVar("ProjectOrId", bound=Project | str)
"""What a mapping by project has as keys."""


class ProjectsList(CloudEndureModel, kw_only=True):
    """Projects."""

    items: list[Project] = []


class ProjectStorage(CloudEndureModel, kw_only=True):
    """The storage of a project."""

    project_id: str = ""
    points_in_time_total_bytes: int | None = None
    running_machines_total_bytes: int | None = None
    working_storage: dict[str, Any] | None = None
    calculation_date_time: datetime | None = None
    """When it was calculated."""


class ProjectUsersParams(CloudEndureModel, kw_only=True):
    """Users to assign to, or remove from, one project."""

    project_id: str
    user_ids: list[str]


class ProjectsUsersParams(CloudEndureModel, kw_only=True):
    """Users to assign to, or remove from, projects."""

    items: list[ProjectUsersParams]


class Projects(CloudEndureResource, name="projects"):
    """Projects of the account."""

    @paged("/projects", by=Items())
    def find(self) -> Paged[Project]:
        """List the projects."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def assign_users(self, users: Mapping[ProjectOrId, Iterable[User | str]]) -> None:
        """Assign users to projects: a list of users by project, each an object or its id."""
        await self._assign_users(_projects_and_users(users))

    @endpoint("POST", "/projects/assignUsers", idempotent=True)
    async def _assign_users(self, body: ProjectsUsersParams) -> None: ...

    async def remove_users(self, users: Mapping[ProjectOrId, Iterable[User | str]]) -> None:
        """Remove users from projects: a list of users by project, each an object or its id."""
        await self._remove_users(_projects_and_users(users))

    @endpoint("POST", "/projects/removeUsers", idempotent=True)
    async def _remove_users(self, body: ProjectsUsersParams) -> None: ...

    @endpoint("GET", "/projects/{projectId}/storage")
    async def storage(self, project_id: Project | str) -> ProjectStorage:
        """Get the storage of a project."""
        ...

    async def audit_log(
        self,
        project_id: Project | str,
        *,
        limit: int | None = None,
        from_date_time: datetime | str | None = None,
        to_date_time: datetime | str | None = None,
    ) -> AuditLog:
        """Get the audit log in one response, up to its limit; `audit_log_events` yields all of it.

        Args:
            project_id: The project.
            limit: The maximum number of entries; 1500 by default.
            from_date_time: The start of the time window; requires its end as well.
            to_date_time: The end of the time window.
        """
        _check_query(limit, from_date_time, to_date_time)
        log = await self._audit_log(
            project_id, limit=limit, from_date_time=from_date_time, to_date_time=to_date_time
        )
        return log.resolved(DEFAULT_LIMIT if limit is None else limit)

    async def audit_log_csv(
        self,
        project_id: Project | str,
        *,
        limit: int | None = None,
        from_date_time: datetime | str | None = None,
        to_date_time: datetime | str | None = None,
    ) -> str:
        """Get the audit log as the server's CSV, up to its limit.

        The CSV does not indicate whether there are more entries.

        Args:
            project_id: The project.
            limit: The maximum number of entries; 1500 by default.
            from_date_time: The start of the time window; requires its end as well.
            to_date_time: The end of the time window.
        """
        _check_query(limit, from_date_time, to_date_time)
        return await self._audit_log_csv(
            project_id, limit=limit, from_date_time=from_date_time, to_date_time=to_date_time
        )

    @endpoint("GET", "/projects/{projectId}/auditLog", query={"format": "csv"})
    async def _audit_log_csv(
        self,
        project_id: Project | str,
        *,
        limit: int | None = None,
        from_date_time: datetime | str | None = None,
        to_date_time: datetime | str | None = None,
    ) -> str: ...

    @endpoint("GET", "/projects/{projectId}/auditLog")
    async def _audit_log(
        self,
        project_id: Project | str,
        *,
        limit: int | None = None,
        from_date_time: datetime | str | None = None,
        to_date_time: datetime | str | None = None,
    ) -> AuditLog: ...

    def audit_log_events(
        self,
        project_id: Project | str,
        *,
        from_date_time: datetime | str,
        to_date_time: datetime | str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> AsyncGenerator[AuditLogEntry, None]:
        """Yield all entries of a time window, oldest first, with as many requests as necessary.

        Both ends belong to the window; by default it ends a day from now, because the server's
        clock may be ahead. See `window` for how it is divided.
        """
        _check_query(limit, from_date_time, from_date_time)
        if to_date_time is None:
            to_date_time = datetime.fromtimestamp(self.client.clock.time(), UTC) + _CLOCK_SKEW
        begin, end = window(from_date_time, to_date_time)
        project_id = key_of("project_id", project_id, Project)

        async def ask(from_: datetime, to: datetime) -> AuditLog:
            log = await self._audit_log(
                project_id, limit=limit, from_date_time=from_, to_date_time=to
            )
            return log.resolved(limit)

        return events(ask, begin, end, f"the audit log of project {project_id}")


def _projects_and_users(users: Mapping[ProjectOrId, Iterable[User | str]]) -> ProjectsUsersParams:
    return ProjectsUsersParams(
        items=[
            ProjectUsersParams(
                project_id=project, user_ids=[required_key("users", user, User) for user in own]
            )
            for project, own in by_key("users", users, Project)
        ]
    )


def _check_query(
    limit: int | None, from_: datetime | str | None, to: datetime | str | None
) -> None:
    if limit is not None and limit < 1:
        raise InvalidArgumentError(f"limit must be at least 1 entry, not {limit}")
    if (from_ is None) != (to is None):
        given, missing = (
            ("from_date_time", "to_date_time") if to is None else ("to_date_time", "from_date_time")
        )
        raise InvalidArgumentError(
            f"{given} was passed without {missing}; pass both, or neither for the newest entries"
        )

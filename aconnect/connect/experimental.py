"""Operations that the vendor calls experimental; they may change or disappear in any version.

The operations on content, bundles and tasks are retired: they became `client.content` and the like
with 1.8.6, and servers later than 2023.09 do not have them. They are for programs that support old
servers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import resource
from aconnect._core.message import Upload
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectBound, ConnectResource
from aconnect.connect.bootstrap import BootstrapSuccess
from aconnect.connect.content.bundles import archive_upload
from aconnect.connect.content.content import AccessType, AccessTypeName, ContentItem, ContentRole
from aconnect.connect.content.permissions import PrincipalType
from aconnect.connect.tasks import ContentTask, TaskStatus


class ExperimentalContentItem(Model, kw_only=True):
    """A content item of the retired operations; timeouts in seconds."""

    guid: str = ""
    name: str = ""
    title: str | None = None
    description: str | None = None
    access_type: AccessType | None = None
    connection_timeout: int | None = None
    read_timeout: int | None = None
    init_timeout: int | None = None
    idle_timeout: int | None = None
    max_processes: int | None = None
    min_processes: int | None = None
    max_conns_per_process: int | None = None
    load_factor: float | None = None
    created_time: datetime | None = None
    last_deployed_time: datetime | None = None
    bundle_id: Id | None = None
    """The active bundle; None before the first deployment."""
    app_mode: str | None = None
    content_category: str | None = None
    has_parameters: bool | None = None
    """`parameterized` of `ContentItem`."""
    cluster_name: str | None = None
    image_name: str | None = None
    r_version: str | None = None
    py_version: str | None = None
    quarto_version: str | None = None
    run_as: str | None = None
    run_as_current_user: bool | None = None
    owner_guid: str | None = None
    url: str | None = None
    """`content_url` of `ContentItem`."""
    role: ContentRole | None = None
    """What the key's owner may do with it."""


class ExperimentalBundle(Model, kw_only=True):
    """A bundle of the retired operations."""

    id: Id = ""
    content_guid: str | None = None
    created_time: datetime | None = None
    cluster_name: str | None = None
    image_name: str | None = None
    r_version: str | None = None
    py_version: str | None = None
    quarto_version: str | None = None
    active: bool | None = None
    size: float | None = None
    """In bytes."""


class UploadedBundle(Model, kw_only=True):
    """The response of the retired upload."""

    bundle_id: Id | None = None
    size: float | None = None
    """In bytes."""


class _ExperimentalFields(TypedDict, total=False):
    """Fields of content that can be set; timeouts in seconds."""

    title: str
    description: str
    access_type: AccessTypeName
    connection_timeout: int
    read_timeout: int
    init_timeout: int
    idle_timeout: int
    max_processes: int
    min_processes: int
    max_conns_per_process: int
    load_factor: float


class ExperimentalContentCreateParams(_ExperimentalFields, total=False):
    """Fields of new content for the retired operation."""

    name: Required[str]


class ExperimentalContentUpdateParams(_ExperimentalFields, total=False):
    """Fields of content that can be changed by the retired operation."""

    name: str


class ExperimentalDeployParams(TypedDict, total=False):
    """The bundle that the retired operation deploys."""

    bundle_id: str


class GroupContentRole(OpenEnum):
    """The role of a user or group for content of a group."""

    AUTHOR = "author"
    PUBLISHER = "publisher"
    VIEWER = "viewer"


class GroupContentPermission(Model, kw_only=True):
    """The permission of one user or group for a content item."""

    principal_guid: str | None = None
    principal_name: str | None = None
    principal_role: GroupContentRole | None = None
    principal_type: PrincipalType | None = None


class GroupContent(ConnectBound, kw_only=True):
    """A content item that a group has a permission for."""

    content_guid: str = ""
    content_name: str = ""
    content_title: str | None = None
    access_type: AccessType | None = None
    permissions: list[GroupContentPermission] | None = None
    """Of all users and groups, not only of the requested group; the owner is the `author`."""

    @property
    def content(self) -> ContentItem:
        """A handle for the item; makes no request."""
        return self.client.content.handle(self.content_guid)


class ExperimentalContent(ConnectResource, name="experimental.content", until="unknown"):
    """Content items; retired."""

    @endpoint("POST", "/v1/experimental/content", since="1.7.0")
    async def create(
        self, **fields: Unpack[ExperimentalContentCreateParams]
    ) -> ExperimentalContentItem:
        """Create an empty content item; gone after 2023.09, use `client.content.create`."""
        ...

    @endpoint("GET", "/v1/experimental/content/{guid}")
    async def get(self, guid: str) -> ExperimentalContentItem:
        """Get one content item; gone after 2023.09, use `client.content.get`."""
        ...

    @endpoint("POST", "/v1/experimental/content/{guid}", idempotent=True)
    async def update(
        self, guid: str, **fields: Unpack[ExperimentalContentUpdateParams]
    ) -> ExperimentalContentItem:
        """Change the given fields; gone after 2023.09, use `client.content.update`."""
        ...

    @endpoint("DELETE", "/v1/experimental/content/{guid}")
    async def delete(self, guid: str) -> None:
        """Delete a content item; gone after 2023.09, use `client.content.delete`."""
        ...

    @endpoint(
        "POST", "/v1/experimental/content/{guid}/upload", since="1.7.0", upload=archive_upload
    )
    async def upload(self, guid: str, body: Upload) -> UploadedBundle:
        """Upload an archive, made by `archive_upload`, without deploying it.

        Gone after 2023.09, use `item.bundles.create`.
        """
        ...

    @endpoint("POST", "/v1/experimental/content/{guid}/deploy", since="1.7.0")
    async def deploy(self, guid: str, **fields: Unpack[ExperimentalDeployParams]) -> ContentTask:
        """Deploy a bundle; gone after 2023.09, use `client.content.deploy`.

        The task is followed with `client.tasks`, which servers have since 1.8.6.
        """
        ...


class ExperimentalBundles(ConnectResource, name="experimental.bundles", until="unknown"):
    """Bundles, identified without their content; retired."""

    @paged("/v1/experimental/content/{guid}/bundles", by=PageNumber(max_size=500))
    def find(self, guid: str) -> Paged[ExperimentalBundle]:
        """List the bundles of an item, by id; gone after 2023.09, use `item.bundles.find`."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/experimental/bundles/{id}")
    async def get(self, id: str) -> ExperimentalBundle:  # noqa: A002  the vendor's noun
        """Get one bundle; gone after 2023.09, use `item.bundles.get`."""
        ...

    @endpoint("DELETE", "/v1/experimental/bundles/{id}")
    async def delete(self, id: str) -> None:  # noqa: A002  as above
        """Delete a bundle that is not active; gone after 2023.09, use `item.bundles.delete`."""
        ...

    @endpoint("GET", "/v1/experimental/bundles/{id}/download")
    async def download(self, id: str) -> bytes:  # noqa: A002  as above
        """Get the archive in memory; `client.download` writes it to a file.

        Gone after 2023.09, use `item.bundles.download`.
        """
        ...


class ExperimentalTasks(ConnectResource, name="experimental.tasks"):
    """Tasks by id; retired."""

    @endpoint("GET", "/v1/experimental/tasks/{id}", since="1.7.0", until="unknown")
    async def get(
        self,
        id: str,  # noqa: A002  the vendor's noun
        *,
        first: int | None = None,
        wait: int | None = None,
    ) -> TaskStatus:
        """Get the status of a task once; gone after 2023.09, use `client.tasks.get`."""
        ...


class ExperimentalGroups(ConnectResource, name="experimental.groups"):
    """The content of groups."""

    @paged(
        "/v1/experimental/groups/{guid}/content",
        by=Unpaged(),
        since="2021.09.0",
        role="administrator",
    )
    def content(self, guid: str) -> Paged[GroupContent]:
        """List the content that a group has a permission for, with all permissions of each item."""
        ...


class JobSummaryTotals(Model, kw_only=True):
    """The number of scheduled jobs by outcome."""

    waiting: int | None = None
    """0 for times in the past, like `running`."""
    running: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    skipped: int | None = None
    """Counted since 2026.03."""


class JobSummaryBucket(Model, kw_only=True):
    """The scheduled jobs of one span of time."""

    timestamp: datetime | None = None
    """The start of the span; its length depends on the requested window."""
    failed: int | None = None
    succeeded: int | None = None
    skipped: int | None = None


class JobSummary(Model, kw_only=True):
    """The outcome of scheduled jobs, in total and over time."""

    totals: JobSummaryTotals | None = None
    buckets: list[JobSummaryBucket] | None = None
    """Of 5 minutes to 30 days each, depending on the requested window."""


class ExperimentalJobs(ConnectResource, name="experimental.jobs"):
    """Jobs of all content; the vendor may still change these operations."""

    @endpoint("GET", "/v1/experimental/jobs/summary", role="publisher")
    async def summary(
        self, *, from_: datetime | str | None = None, to: datetime | str | None = None
    ) -> JobSummary:
        """Count the scheduled jobs that started within a time window, both ends inclusive, or all.

        Publishers get the numbers of content that they can change. Manually started jobs, such as
        deployments, do not count.

        Args:
            from_: The first moment.
            to: The last moment.
        """
        ...


class RetiredBootstrap(ConnectResource, name="experimental.bootstrap"):
    """The older version of `Bootstrap`."""

    @endpoint(
        "POST",
        "/v1/experimental/bootstrap",
        authorization="Connect-Bootstrap {token}",
        since="2022.10.0",
        role="anonymous",
    )
    async def create(self, token: str) -> BootstrapSuccess:
        """Create the first administrator and its API key; deprecated since 2024.05.0.

        Use `client.bootstrap.create` there.
        """
        ...


class Experimental(ConnectResource, name="experimental"):
    """Experimental operations, by type of object."""

    bootstrap: Final = resource(RetiredBootstrap)

    bundles: Final = resource(ExperimentalBundles)

    content: Final = resource(ExperimentalContent)

    groups: Final = resource(ExperimentalGroups)

    jobs: Final = resource(ExperimentalJobs)

    tasks: Final = resource(ExperimentalTasks)

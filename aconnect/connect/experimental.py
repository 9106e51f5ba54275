"""What the vendor calls experimental, which may change or go with any version.

The operations on content, bundles and tasks are retired: they became `client.content` and the like
with 1.8.6, and servers later than 2023.09 do not have them. They are here for programs that have to
speak with old servers in the old way.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, first_of, match_of, paged, resource, total_of
from aconnect._client.paged import Paged
from aconnect._core.message import Upload
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectBound, ConnectResource
from aconnect.connect.bootstrap import BootstrapSuccess
from aconnect.connect.content.bundles import archive_upload
from aconnect.connect.content.content import AccessType, ContentItem, ContentRole
from aconnect.connect.content.permissions import PrincipalType
from aconnect.connect.tasks import ContentTask, TaskStatus


class ExperimentalContentItem(Model, kw_only=True):
    """A content item as the retired operations tell it; timeouts in seconds."""

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
    """What `ContentItem` calls `parameterized`."""
    cluster_name: str | None = None
    image_name: str | None = None
    r_version: str | None = None
    py_version: str | None = None
    quarto_version: str | None = None
    run_as: str | None = None
    run_as_current_user: bool | None = None
    owner_guid: str | None = None
    url: str | None = None
    """What `ContentItem` calls `content_url`."""
    role: ContentRole | None = None
    """What the key's owner may do with it."""


class ExperimentalBundle(Model, kw_only=True):
    """A bundle as the retired operations tell it."""

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
    """What the retired upload answers."""

    bundle_id: Id | None = None
    size: float | None = None
    """In bytes."""


class _ExperimentalFields(TypedDict, total=False):
    """Fields of content that can be chosen; timeouts in seconds."""

    title: str
    description: str
    access_type: str
    connection_timeout: int
    read_timeout: int
    init_timeout: int
    idle_timeout: int
    max_processes: int
    min_processes: int
    max_conns_per_process: int
    load_factor: float


class ExperimentalContentCreateParams(_ExperimentalFields, total=False):
    """Fields of new content, as the retired operation takes them."""

    name: Required[str]


class ExperimentalContentUpdateParams(_ExperimentalFields, total=False):
    """Fields of content that can be changed, as the retired operation takes them."""

    name: str


class ExperimentalDeployParams(TypedDict, total=False):
    """What the retired operation deploys."""

    bundle_id: str


class GroupContentRole(OpenEnum):
    """What a user or group may do with content of a group."""

    AUTHOR = "author"
    PUBLISHER = "publisher"
    VIEWER = "viewer"


class GroupContentPermission(Model, kw_only=True):
    """What one user or group may do with an item of content."""

    principal_guid: str | None = None
    principal_name: str | None = None
    principal_role: GroupContentRole | None = None
    principal_type: PrincipalType | None = None


class GroupContent(ConnectBound, kw_only=True):
    """An item of content that a group has a permission for."""

    content_guid: str = ""
    content_name: str = ""
    content_title: str | None = None
    access_type: AccessType | None = None
    permissions: list[GroupContentPermission] | None = None
    """Of all users and groups, not only of the group requested; the owner is its `author`."""

    @property
    def content(self) -> ContentItem:
        """A handle of the item; makes no request."""
        return self.client.content.handle(self.content_guid)


class ExperimentalContent(ConnectResource, name="experimental.content", until="unknown"):
    """Content items, in the retired way."""

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
        """Send an archive, made by `archive_upload`, without deploying it.

        Gone after 2023.09, use `item.bundles.create`.
        """
        ...

    @endpoint("POST", "/v1/experimental/content/{guid}/deploy", since="1.7.0")
    async def deploy(self, guid: str, **fields: Unpack[ExperimentalDeployParams]) -> ContentTask:
        """Deploy a bundle; gone after 2023.09, use `client.content.deploy`.

        The task is followed by `client.tasks`, which servers from 1.8.6 on have.
        """
        ...


class ExperimentalBundles(ConnectResource, name="experimental.bundles", until="unknown"):
    """Bundles, in the retired way: their ids need no content beside them."""

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
        """Get the archive into memory; `client.download` writes it to a file.

        Gone after 2023.09, use `item.bundles.download`.
        """
        ...


class ExperimentalTasks(ConnectResource, name="experimental.tasks"):
    """Tasks by id, in the retired way."""

    @endpoint("GET", "/v1/experimental/tasks/{id}", since="1.7.0", until="unknown")
    async def get(
        self,
        id: str,  # noqa: A002  the vendor's noun
        *,
        first: int | None = None,
        wait: int | None = None,
    ) -> TaskStatus:
        """Get the state of a task once; gone after 2023.09, use `client.tasks.get`."""
        ...


class ExperimentalGroups(ConnectResource, name="experimental.groups"):
    """What groups have to do with content."""

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
    """How many scheduled jobs there are, by how they went."""

    waiting: int | None = None
    """0 for times in the past, like `running`."""
    running: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    skipped: int | None = None
    """Counted from 2026.03 on."""


class JobSummaryBucket(Model, kw_only=True):
    """The scheduled jobs of one span of time."""

    timestamp: datetime | None = None
    """Where the span begins; its length follows from the window requested."""
    failed: int | None = None
    succeeded: int | None = None
    skipped: int | None = None


class JobSummary(Model, kw_only=True):
    """How scheduled jobs went, in all and over time."""

    totals: JobSummaryTotals | None = None
    buckets: list[JobSummaryBucket] | None = None
    """Of 5 minutes to 30 days each, depending on the window requested."""


class ExperimentalJobs(ConnectResource, name="experimental.jobs"):
    """Jobs of all content; the vendor may still change what stands here."""

    @endpoint("GET", "/v1/experimental/jobs/summary", role="publisher")
    async def summary(
        self, *, from_: datetime | str | None = None, to: datetime | str | None = None
    ) -> JobSummary:
        """Count the scheduled jobs that started within a window, its ends included; else all.

        Publishers get the numbers of content that they may change. Jobs started by hand, such as
        deployments, do not count.
        """
        ...


class RetiredBootstrap(ConnectResource, name="experimental.bootstrap"):
    """The older spelling of `Bootstrap`."""

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
    """What the vendor calls experimental, by kind of object."""

    bootstrap: Final = resource(RetiredBootstrap)

    bundles: Final = resource(ExperimentalBundles)

    content: Final = resource(ExperimentalContent)

    groups: Final = resource(ExperimentalGroups)

    jobs: Final = resource(ExperimentalJobs)

    tasks: Final = resource(ExperimentalTasks)

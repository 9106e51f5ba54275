"""Content: what users publish, with its bundles, jobs, tags and environment."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypedDict, Unpack

from msgspec import field

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.arguments import canonical_guid
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import (
    ConnectBound,
    ConnectResource,
    check_fields,
    own_guid,
    required,
)
from aconnect.connect.content.bookmark import ContentBookmark
from aconnect.connect.content.bundles import Bundle, Bundles
from aconnect.connect.content.environment_variables import EnvironmentVariables
from aconnect.connect.content.jobs import Job, Jobs
from aconnect.connect.content.lockfile import Lockfile
from aconnect.connect.content.oauth import ContentOAuth
from aconnect.connect.content.packages import ContentPackages
from aconnect.connect.content.permissions import (
    Permission,
    PermissionRoleName,
    Permissions,
    Principal,
    give_role,
)
from aconnect.connect.content.query import ContentTerms, Order, content_query
from aconnect.connect.content.repository import ContentRepository
from aconnect.connect.content.schedule import ContentSchedule, Schedules
from aconnect.connect.content.storage import ContentStorage, ContentStorageDetail
from aconnect.connect.content.tags import ContentTags
from aconnect.connect.content.thumbnail import ContentThumbnail
from aconnect.connect.content.vanity import ContentVanity
from aconnect.connect.content.variants import ContentVariants, Variants
from aconnect.connect.oauth.credentials import own_content
from aconnect.connect.tags import Tag
from aconnect.connect.tasks import ContentTask
from aconnect.errors import ApiError, InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.connect.content.access import Access
    from aconnect.connect.users import User

_INTERACTIVE: Final = frozenset(
    {
        "api",
        "jupyter-voila",
        "nodejs",
        "nodejs-api",
        "python-api",
        "python-bokeh",
        "python-dash",
        "python-fastapi",
        "python-gradio",
        "python-panel",
        "python-shiny",
        "python-streamlit",
        "quarto-shiny",
        "rmd-shiny",
        "shiny",
        "tensorflow-saved-model",
    }
)
_RENDERED: Final = frozenset({"jupyter-static", "quarto-static", "rmd-static"})

Include = Literal["owner", "tags", "vanity_url", "bookmarked", "schedule"] | str
"""What to include with a content item; `vanity_url` since 2024.06."""

_DETAILS: Final[tuple[Include, ...]] = ("owner", "tags", "vanity_url")
"""What `Content.get` includes by default."""


class AccessType(OpenEnum):
    """Who can view content."""

    ALL = "all"
    LOGGED_IN = "logged_in"
    ACL = "acl"


AccessTypeName = Literal["all", "logged_in", "acl"] | str
"""The name of an access type."""


class ContentRole(OpenEnum):
    """The role of a user for content."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"
    NONE = "none"


class ContentOwner(Model, kw_only=True):
    """The owner of content."""

    guid: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class ContentItem(ConnectBound, kw_only=True):
    """An application, document, API or other content.

    Limits are in bytes and cores, timeouts in seconds; None means the server's default.
    """

    guid: str = ""
    name: str = ""
    title: str | None = None
    description: str | None = None
    id: Id | None = None
    access_type: AccessType | None = None
    locked: bool | None = None
    locked_message: str | None = None
    connection_timeout: int | None = None
    read_timeout: int | None = None
    init_timeout: int | None = None
    idle_timeout: int | None = None
    max_processes: int | None = None
    min_processes: int | None = None
    max_conns_per_process: int | None = None
    load_factor: float | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None
    amd_gpu_limit: int | None = None
    nvidia_gpu_limit: int | None = None
    service_account_name: str | None = None
    default_image_name: str | None = None
    default_environment_guid: str | None = None
    created_time: datetime | None = None
    last_deployed_time: datetime | None = None
    bundle_id: Id | None = None
    """The active bundle; None before the first deployment."""
    app_mode: str | None = None
    """The type of the content, such as `shiny` or `quarto-static`."""
    content_category: str | None = None
    parameterized: bool | None = None
    environment_guid: str | None = None
    cluster_name: str | None = None
    image_name: str | None = None
    r_version: str | None = None
    py_version: str | None = None
    quarto_version: str | None = None
    node_version: str | None = None
    r_environment_management: bool | None = None
    default_r_environment_management: bool | None = None
    py_environment_management: bool | None = None
    default_py_environment_management: bool | None = None
    run_as: str | None = None
    run_as_current_user: bool | None = None
    metrics_collection_enabled: bool | None = None
    notify_on_share: bool | None = None
    otel_enabled: bool | None = None
    owner_guid: str | None = None
    content_url: str | None = None
    """The address at which users view it."""
    dashboard_url: str | None = None
    """The address at which it is administered."""
    vanity_url: str | None = None
    """From `get`, or with `include="vanity_url"`; None without one."""
    app_role: ContentRole | None = None
    """The role of the key's owner."""
    role: ContentRole | None = None
    """The name of `app_role` in the 2023.09 edition; recorded servers do not send it."""
    bookmarked: bool | None = None
    """Only with `include="bookmarked"`."""
    schedules: list[ContentSchedule] | None = None
    """Only with `include="schedule"`."""
    owner: ContentOwner | None = None
    """From `get`, or with `include="owner"`."""
    included_tags: list[Tag] | None = field(default=None, name="tags")
    """From `get`, or with `include="tags"`; `tags` is the resource."""
    public_content_status: str | None = None
    extension: bool | None = None

    bookmark: ClassVar[ResourceBelow[ContentBookmark]] = resource(ContentBookmark)

    bundles: ClassVar[ResourceBelow[Bundles]] = resource(Bundles)

    jobs: ClassVar[ResourceBelow[Jobs]] = resource(Jobs)

    permissions: ClassVar[ResourceBelow[Permissions]] = resource(Permissions)

    oauth: ClassVar[ResourceBelow[ContentOAuth]] = resource(ContentOAuth)

    packages: ClassVar[ResourceBelow[ContentPackages]] = resource(ContentPackages)

    repository: ClassVar[ResourceBelow[ContentRepository]] = resource(ContentRepository)

    schedule: ClassVar[ResourceBelow[Schedules]] = resource(Schedules)

    tags: ClassVar[ResourceBelow[ContentTags]] = resource(ContentTags)

    thumbnail: ClassVar[ResourceBelow[ContentThumbnail]] = resource(ContentThumbnail)

    vanity: ClassVar[ResourceBelow[ContentVanity]] = resource(ContentVanity)

    environment_variables: ClassVar[ResourceBelow[EnvironmentVariables]] = resource(
        EnvironmentVariables
    )

    variants: ClassVar[ResourceBelow[ContentVariants]] = resource(ContentVariants)

    @property
    def is_interactive(self) -> bool:
        """Whether processes serve its visitors; False for a handle."""
        return self.app_mode in _INTERACTIVE

    @property
    def is_rendered(self) -> bool:
        """Whether it is a report that can be rendered; False for a handle."""
        return self.app_mode in _RENDERED

    async def refresh(self) -> ContentItem:
        """Reload the item."""
        return await self.client.content.get(self.guid)

    async def update(self, **fields: Unpack[ContentUpdateParams]) -> ContentItem:
        """Change the given fields and return the updated item."""
        return await self.client.content.update(self.guid, **fields)

    async def delete(self) -> None:
        """Delete the item with all its bundles."""
        await self.client.content.delete(self.guid)

    async def ensure_permission(self, principal: Principal, role: PermissionRoleName) -> Permission:
        """Set the role of a user or group, on any server version, and return the permission.

        Makes no change if the role is set already. The owner cannot have a role (code 34).
        """
        return await give_role(self.permissions, principal, role)

    async def test_access(self) -> AccessTestResult:
        """Test whether the item is reachable from the public internet."""
        return await self.client.content.test_access(self.guid)

    async def deploy(
        self, bundle: Bundle | str | None = None, *, activate: bool | None = None
    ) -> ContentTask:
        """Deploy a bundle, by default the active one; `activate=False` since 2025.06.

        The active bundle is looked up first, because servers differ in which one they choose. Raise
        `InvalidArgumentError` if there is none.
        """
        if bundle is None:
            # Not that of this object, which may have been replaced since.
            bundle = (await self.client.content.get(self.guid, include=None)).bundle_id
            if bundle is None:
                raise InvalidArgumentError(
                    f"content {self.guid} has no active bundle; pass the bundle to deploy. For "
                    "content from a Git repository, call client.content.deploy(guid)"
                )
        return await self.client.content.deploy(self.guid, **_instructions(bundle, activate))

    async def build(
        self, bundle: Bundle | str | None = None, *, activate: bool | None = None
    ) -> ContentTask:
        """Rebuild a bundle, by default the active one: reinstalls its packages."""
        return await self.client.content.build(self.guid, **_instructions(bundle, activate))

    async def verify(self, bundle: Bundle | str | None = None) -> int:
        """Request the content itself, follow redirects, and return the status of the response.

        A status below 500 is a sign that it runs: an API without a `/` route responds with 404. The
        body is not read. An error of content is retried like one of the server.

        Args:
            bundle: A draft, such as one deployed with `activate=False`, instead of the active
                bundle; since 2025.06.

        Raises:
            VerificationError: The status is 500 or more, or it is a login page that responds.
            TransportError: There was no response, such as while it starts for the first time.
        """
        from aconnect.connect.content.visiting import verified  # noqa: PLC0415  rarely needed

        guid = own_guid(self)
        if bundle is None:
            return await verified(self.client.channel, guid)
        bundle_id = bundle.id if isinstance(bundle, Bundle) else bundle
        return await verified(self.client.channel, guid, required("bundle", bundle_id))

    async def render(self, variant_key: str | None = None) -> ContentTask:
        """Render a report, by default its default variant."""
        if variant_key is None:
            return await self.client.content.render(self.guid)
        key = required("variant_key", variant_key)
        return await self.client.content.render(self.guid, variant_key=key)

    async def restart(self) -> int:
        """End the processes of interactive content, request it, and return the response's status.

        The request starts a new process; see `verify`. The server ends processes if the environment
        changes, so a variable is set and removed again, also if the call fails or is cancelled.

        Raises:
            InvalidArgumentError: It is not interactive. Reports are rendered: call `render`.
            VerificationError: The restarted content does not respond.
            TransportError: There was no response, such as because it takes long to start.
        """
        from aconnect.connect.content.restarting import restarted  # noqa: PLC0415  rarely needed

        return await restarted(self)

    async def terminate(self) -> list[Job]:
        """Request the end of all active jobs, builds included, and return these jobs.

        A job that has ended already is no error. If one cannot be ended, its error is raised after
        the others were. Wait for their end with `Job.wait`.
        """
        from aconnect.connect.content.restarting import terminated  # noqa: PLC0415  rarely needed

        return await terminated(self)

    async def get_lockfile(self) -> Lockfile:
        """Get the exact Python packages of the active bundle; since 2025.12."""
        return await self.client.content.lockfile(self.guid)

    async def storage(self) -> ContentStorageDetail:
        """Get the disk usage of its bundles; for administrators, since 2026.06."""
        return await self.client.content.storage.get(self.guid)


class AccessTestResult(Model, kw_only=True):
    """The result of testing whether content is reachable from the public internet."""

    guid: str | None = None
    url: str | None = None
    """The address that was tested."""
    checked_at: datetime | None = None
    accessible: bool | None = None
    message: str | None = None
    """What to check if it is not accessible."""


def _instructions(bundle: Bundle | str | None, activate: bool | None) -> ContentDeployParams:
    instructions: ContentDeployParams = {}
    if bundle is not None:
        # Without an id the server would choose a bundle.
        instructions["bundle_id"] = required(
            "bundle", bundle.id if isinstance(bundle, Bundle) else bundle
        )
    if activate is not None:
        instructions["activate"] = activate
    return instructions


class ContentFields(TypedDict, total=False):
    """Fields of content that can be set; None restores the server's default."""

    title: str | None
    description: str
    access_type: AccessTypeName
    """Who can view it: everybody, users who signed in, or users and groups with a permission."""
    connection_timeout: int | None
    """In seconds without any data on a connection."""
    read_timeout: int | None
    """In seconds without data from a visitor."""
    init_timeout: int | None
    """In seconds, for a process to start."""
    idle_timeout: int | None
    """In seconds that an idle process is kept."""
    max_processes: int | None
    min_processes: int | None
    max_conns_per_process: int | None
    load_factor: float | None
    default_r_environment_management: bool | None
    """Whether the server manages the R packages."""
    default_py_environment_management: bool | None
    """Whether the server manages the Python packages."""
    run_as: str | None
    """The name of the system user that it runs as."""
    run_as_current_user: bool | None
    """Whether it runs as the system user of the visitor."""
    memory_request: int | None
    """In bytes."""
    memory_limit: int | None
    """In bytes."""
    cpu_request: float | None
    """In cores."""
    cpu_limit: float | None
    """In cores."""
    amd_gpu_limit: int | None
    """The number of AMD GPUs."""
    nvidia_gpu_limit: int | None
    """The number of NVIDIA GPUs."""
    service_account_name: str | None
    """The name of a Kubernetes service account; see `system.service_accounts`."""
    default_image_name: str | None
    """The name of the image of an execution environment."""
    default_environment_guid: str | None
    """The guid of an execution environment."""
    metrics_collection_enabled: bool | None
    notify_on_share: bool | None
    otel_enabled: bool | None


class ContentCreateParams(ContentFields, total=False):
    """Fields of new content; its name has 3 to 64 of `[A-Za-z0-9._-]`, unique for its owner."""

    name: str
    """3 to 64 of `[A-Za-z0-9_-]`, unique for the owner. Without one the server chooses it; a server
    that requires one refuses the call."""


class ContentUpdateParams(ContentFields, total=False):
    """Fields of content that can be changed; None restores the server's default."""

    name: str
    """3 to 64 of `[A-Za-z0-9_-]`, unique for the owner."""
    owner_guid: str | None
    """The guid of the new owner, at least a publisher; the former owner keeps no permission."""
    locked: bool | None
    """Whether visitors see `locked_message` instead of the content."""
    locked_message: str | None
    content_category: str | None


class ContentDeployParams(TypedDict, total=False):
    """What to deploy or build."""

    bundle_id: str | None
    """Pass it: servers differ in which one they choose by default."""
    activate: bool | None
    """Whether visitors see the bundle from then on, as by default; since 2025.06."""


class ContentRenderParams(TypedDict, total=False):
    """What to render, by default the default variant."""

    variant_key: str | None
    """By default the default variant."""


class UserContent(ConnectResource, name="users.content", scope=("owner_guid",)):
    """The content that one user owns."""

    def find(
        self,
        *,
        name: str | None = None,
        include: Include | Sequence[Include] | None = None,
    ) -> Paged[ContentItem]:
        """List the user's content that the key can see, in one response."""
        owner = self.scope["owner_guid"]
        return self.client.content.find(name=name, owner_guid=owner, include=include)

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def get(
        self, guid: str, *, include: Include | Sequence[Include] | None = _DETAILS
    ) -> ContentItem:
        """Get one content item as `Content.get` does, whoever owns it."""
        return await self.client.content.get(guid, include=include)

    async def create(self, **fields: Unpack[ContentCreateParams]) -> ContentItem:
        """Create an empty content item that the user owns.

        New content belongs to the owner of the key. For another user, it is then handed over, for
        which the key must be an administrator's and the user a publisher. If that fails, the item
        is deleted again.
        """
        item, owner = await self.client.content.create(**fields), self.scope["owner_guid"]
        if item.owner_guid == owner:
            return item
        try:
            return await item.update(owner_guid=owner)
        except ApiError:
            await item.delete()
            raise


class Content(ConnectResource, name="content"):
    """Content items."""

    variants: Final = resource(Variants)

    storage: Final = resource(ContentStorage)

    @paged("/v1/content", by=Unpaged(), since="1.8.6", role="viewer")
    def find(
        self,
        *,
        name: str | None = None,
        owner_guid: str | None = None,
        include: Include | Sequence[Include] | None = None,
    ) -> Paged[ContentItem]:
        """List all content that the key can see, by name or owner, in one response.

        Without `include` the items have no owner, tags or vanity URL, unlike those of `get`: they
        cost the server more for each item.

        Args:
            name: The exact name; it is unique for each owner.
            owner_guid: Only content of this user.
            include: What to include with each item.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    def search(
        self,
        q: str | None = None,
        *,
        exclude: ContentTerms | None = None,
        include: Include | Sequence[Include] | None = None,
        sort: str | None = None,
        order: Order | None = None,
        **terms: Unpack[ContentTerms],
    ) -> Paged[ContentItem]:
        """Search content that the key can see, page by page.

        Content must match all of `terms`, none of `exclude`, and `q`, which is sent unchanged in
        the server's query language. The server ignores a filter of `q` that it does not understand,
        and so returns more; its warning is logged and is in `Page.warnings`.

        Args:
            q: A query in the server's language.
            exclude: Terms that content must not match.
            include: What to include with each item.
            sort: The field to sort by.
            order: Ascending or descending.
            terms: What content must match; see `ContentTerms`.
        """
        query = content_query(exclude=exclude, **terms)
        return self._search(
            q=" ".join(filter(None, (q, query))) or None, include=include, sort=sort, order=order
        )

    @paged("/v1/search/content", by=PageNumber(max_size=500), since="2024.04.0", role="viewer")
    def _search(
        self,
        *,
        q: str | None = None,
        include: Include | Sequence[Include] | None = None,
        sort: str | None = None,
        order: Order | None = None,
    ) -> Paged[ContentItem]: ...

    def access(
        self,
        items: Iterable[ContentItem | str] | AsyncIterable[ContentItem | str] | None = None,
        *,
        expand_groups: bool = False,
        limit: int = 16,
    ) -> LazySequence[Access]:
        """Return who can see or change content: a row for each owner, and for each permission.

        One request lists the content and one the permissions of each item; users and groups are
        listed, or looked up, in as few requests as possible. Content that is deleted meanwhile is
        left out. If the key may not read an item, or its permissions, a row says so in `problem`.
        Administrators, who can change all content, have no rows of their own.

        Args:
            items: Content items or guids, such as `client.content.search(...)`; by default all
                content that the key can see.
            expand_groups: Whether to add a row for each member of a group, after that of the group.
            limit: The number of items whose permissions are requested at once.

        Raises:
            AconnectError: A list could not be read, for another reason than that the key may not.
        """
        from aconnect.connect.content.access import access  # noqa: PLC0415  rarely needed

        found = self.find() if items is None else items
        return access(self.client, found, expand_groups=expand_groups, limit=limit)

    def of(self, user: User | str) -> UserContent:
        """Return the content of one user; makes no request."""
        return UserContent(self.client, {"owner_guid": own_guid(user)})

    async def from_address(self, address: str) -> ContentItem:
        """Get the content item that an address from a browser belongs to.

        That can be the address of the content or of a page below it, with its GUID or its vanity
        URL, or the address of its page in the dashboard. A vanity URL is looked up in a list of all
        content.

        Raises:
            InvalidArgumentError: It is no web address, or one of another server.
            NotFoundError: No content that the key can see has this address.
            PermissionDeniedError: The key may not see the content with this GUID.
        """
        from aconnect.connect.content.addresses import content_at  # noqa: PLC0415  rarely needed

        return await content_at(self, address)

    async def current(self) -> ContentItem:
        """Get the content item that this program runs as, which CONNECT_CONTENT_GUID names.

        Raises:
            InvalidArgumentError: The program does not run on Connect; no request was made.
        """
        guid = own_content()
        if guid is None:
            raise InvalidArgumentError(
                "this program does not run as content of Posit Connect, where CONNECT_CONTENT_GUID "
                "is set; elsewhere, pass a guid to client.content.get()"
            )
        return await self.get(guid)

    def handle(self, guid: str) -> ContentItem:
        """Return a handle for an item with this guid; makes no request."""
        guid = canonical_guid("guid", guid)
        return ContentItem(guid=guid).bind(self.client, {"guid": guid})

    @endpoint("GET", "/v1/content/{guid}", since="1.8.6", role="content viewer")
    async def get(
        self, guid: str, *, include: Include | Sequence[Include] | None = _DETAILS
    ) -> ContentItem:
        """Get one content item with its owner, its tags and its vanity URL.

        Args:
            guid: The content.
            include: What to include; with None, nothing.
        """
        ...

    @endpoint("POST", "/v1/content", since="1.8.6")
    async def create(self, **fields: Unpack[ContentCreateParams]) -> ContentItem:
        """Create an empty content item, to upload a bundle to."""
        ...

    async def ensure(self, *, name: str, **settings: Unpack[ContentFields]) -> ContentItem:
        """Return the key owner's content with this name and these settings; create it if missing.

        Settings that differ are updated; the others keep their values. Content of other users with
        the same name is left alone. Nothing is deployed: see `aconnect.deploy`.

        Raises:
            AconnectError: The server refused a change, or could not be reached. If the content may
                exist already, a note says so; the call can be repeated.
        """
        from aconnect.connect.ensuring import ensure_content  # noqa: PLC0415  rarely needed

        check_fields("content.ensure", settings, ContentFields)
        return await ensure_content(self.client, name, settings)

    @endpoint(
        "PATCH",
        "/v1/content/{guid}",
        idempotent=True,
        since="1.8.6",
        role="collaborator",
    )
    async def update(self, guid: str, **fields: Unpack[ContentUpdateParams]) -> ContentItem:
        """Change the given fields; the others keep their values."""
        ...

    @endpoint("DELETE", "/v1/content/{guid}", since="1.8.6")
    async def delete(self, guid: str) -> None:
        """Delete a content item with all its bundles."""
        ...

    @endpoint("POST", "/v1/content/{guid}/access-test", idempotent=True)
    async def test_access(self, guid: str) -> AccessTestResult:
        """Try whether content is reachable from the public internet.

        The server tests public content regularly; this tests it immediately.
        """
        ...

    @endpoint("POST", "/v1/content/{guid}/deploy", since="1.8.6")
    async def deploy(self, guid: str, **fields: Unpack[ContentDeployParams]) -> ContentTask:
        """Deploy a bundle; `activate=False` since 2025.06.

        Pass `bundle_id`: servers differ in which one they choose by default. Content from a Git
        repository is deployed without one.
        """
        ...

    @endpoint("POST", "/v1/content/{guid}/build", since="2021.11.1")
    async def build(self, guid: str, **fields: Unpack[ContentDeployParams]) -> ContentTask:
        """Rebuild a bundle, by default the active one: reinstalls its packages."""
        ...

    @endpoint("POST", "/v1/content/{guid}/render", role="content viewer")
    async def render(self, guid: str, **fields: Unpack[ContentRenderParams]) -> ContentTask:
        """Render a report."""
        ...

    @endpoint("GET", "/v1/content/{guid}/lockfile", since="2025.12.0")
    async def lockfile(self, guid: str) -> Lockfile:
        """Get the exact Python packages of an item's active bundle.

        The server must manage the item's Python library (`py_environment_management`).
        """
        ...

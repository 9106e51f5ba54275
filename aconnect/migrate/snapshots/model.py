"""Snapshots: what a server has, described without ids that mean nothing on another server.

Users are described by their usernames, groups by their names, tags by their paths. Two snapshots
can be compared, saved, and carried from one server to another. They contain no secrets: of
environment variables only the names, of integrations no configuration.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

TagPath = tuple[str, ...]
"""The names of a tag from its category down."""

PrincipalKind = Literal["user", "group"]


class PrincipalRole(Struct, frozen=True, order=True):
    """The role of a user or group for content."""

    kind: PrincipalKind
    name: str
    """The username, or the name of the group."""
    role: str
    """`viewer`, or `owner` for a collaborator."""


class BundleSnapshot(Struct, frozen=True, kw_only=True):
    """A bundle of content."""

    id: str
    size: int | None = None
    """In bytes; 0 if it is no longer stored."""
    md5: str | None = None
    """Hexadecimal; None for bundles of older servers."""
    created: datetime | None = None
    active: bool = False


class RepositorySnapshot(Struct, frozen=True, kw_only=True):
    """The Git repository of content."""

    repository: str
    """Its address, without a password."""
    branch: str | None = None
    directory: str | None = None
    polling: bool | None = None


class IntegrationSnapshot(Struct, frozen=True, order=True):
    """What identifies an OAuth integration on any server."""

    template: str
    auth_type: str
    name: str


class ManifestSnapshot(Struct, frozen=True, kw_only=True):
    """What the manifest of the active bundle asks of a server."""

    app_mode: str | None = None
    r: str | None = None
    """The version of R, as the manifest names it."""
    python: str | None = None
    quarto: str | None = None
    nodejs: str | None = None
    image: str | None = None
    repositories: tuple[str, ...] = ()
    """The addresses of the package repositories, without passwords."""
    integration_requests: tuple[str, ...] = ()
    """The names of the integrations that it requests."""


class ContentDetails(Struct, frozen=True, kw_only=True):
    """What must be requested for each content item."""

    permissions: tuple[PrincipalRole, ...] = ()
    """Sorted."""
    variables: tuple[str, ...] = ()
    """The names of the environment variables, sorted."""
    bundles: tuple[BundleSnapshot, ...] = ()
    """Newest first."""
    repository: RepositorySnapshot | None = None
    integrations: tuple[IntegrationSnapshot, ...] = ()
    """Those that are associated, sorted."""
    manifest: ManifestSnapshot | None = None
    """None if the key cannot read it, or there is no bundle."""
    unreadable: tuple[str, ...] = ()
    """The names of the parts that the key may not read, such as `permissions`."""


class ContentSnapshot(Struct, frozen=True, kw_only=True):
    """One content item, as lists show it, and its details if they were read."""

    guid: str
    name: str
    owner: str
    """The username, or the guid of an owner who is not in the list of users."""
    title: str | None = None
    app_mode: str | None = None
    access_type: str | None = None
    settings: dict[str, Any] = {}
    """The other settings that can be written and have a value, by the name of the field; not those
    that have a field here."""
    environment: str | None = None
    """The default execution environment: the name of its image, or its title."""
    tags: tuple[TagPath, ...] = ()
    """Sorted; not those above another one, which content has with it."""
    vanity: str | None = None
    """The vanity path, such as `/sales/`."""
    locked: bool = False
    locked_message: str | None = None
    bundle_id: str | None = None
    """The active bundle."""
    last_deployed: datetime | None = None
    url: str | None = None
    """The address at which users view it."""
    app_role: str | None = None
    """The role of the key's owner."""
    schedules: tuple[str, ...] = ()
    """Each in a few words; they can be listed and not be written."""
    versions: dict[str, str] = {}
    """What the active build uses: `r`, `python`, `quarto`, `nodejs`."""
    details: ContentDetails | None = None


class UserSnapshot(Struct, frozen=True, kw_only=True):
    """A user."""

    guid: str
    username: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    role: str | None = None
    external_id: str | None = None
    locked: bool = False
    confirmed: bool = True


class GroupSnapshot(Struct, frozen=True, kw_only=True):
    """A group."""

    guid: str
    name: str
    owner: str | None = None
    """The username."""
    members: tuple[str, ...] | None = None
    """Their usernames, sorted; None if they were not read."""


class EnvironmentSnapshot(Struct, frozen=True, kw_only=True):
    """An execution environment."""

    guid: str
    name: str
    """What identifies it: the name of its image."""
    title: str | None = None
    r: tuple[str, ...] = ()
    """The versions of R that it has."""
    python: tuple[str, ...] = ()
    quarto: tuple[str, ...] = ()
    nodejs: tuple[str, ...] = ()


class Runtimes(Struct, frozen=True, kw_only=True):
    """The versions that a server has; None for what the key cannot read."""

    r: tuple[str, ...] | None = None
    python: tuple[str, ...] | None = None
    quarto: tuple[str, ...] | None = None
    nodejs: tuple[str, ...] | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """What a server has."""

    url: str
    version: str | None = None
    """None if the server hides it."""
    taken: datetime
    me: UserSnapshot
    """The owner of the key."""
    is_off_host: bool = False
    """Whether content runs in Kubernetes, so that it has limits of processors and memory."""
    content_fields: tuple[str, ...] = ()
    """The fields that content has on this server; older ones lack some. Sorted."""
    users: tuple[UserSnapshot, ...] = ()
    groups: tuple[GroupSnapshot, ...] = ()
    tags: dict[str, TagPath] = {}
    """The paths of all tags by their ids."""
    vanities: dict[str, str] | None = None
    """The guid of the content by its vanity path; None if the key may not list them."""
    environments: tuple[EnvironmentSnapshot, ...] | None = None
    """None if the server has none, or the key may not list them."""
    integrations: dict[str, IntegrationSnapshot] | None = None
    """By their guids."""
    runtimes: Runtimes = Runtimes()
    content: tuple[ContentSnapshot, ...] = ()

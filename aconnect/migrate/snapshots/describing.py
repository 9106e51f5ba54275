"""Describing content by names, from what a server sends; makes no requests.

Decides which fields are settings, and what the fingerprint of content depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from aconnect.connect import Bundle, ContentItem, Permission, ServerVersion
from aconnect.connect.content.content import ContentUpdateParams
from aconnect.connect.content.repository import Repository
from aconnect.connect.content.schedule import ContentSchedule
from aconnect.connect.oauth.integrations import OAuthIntegrationAssociation
from aconnect.migrate.snapshots.catalog import Catalog, plain
from aconnect.migrate.snapshots.manifests import without_userinfo
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    ContentDetails,
    ContentSnapshot,
    IntegrationSnapshot,
    ManifestSnapshot,
    PrincipalRole,
    RepositorySnapshot,
    TagPath,
)

WRITABLE: Final = frozenset(ContentUpdateParams.__annotations__)
_OWN: Final = frozenset(
    {
        "name",
        "title",
        "access_type",
        "owner_guid",
        "locked",
        "locked_message",
        "default_image_name",
        "default_environment_guid",
    }
)
"""Fields that have one of their own in a `ContentSnapshot`."""
SETTINGS: Final = tuple(sorted(WRITABLE - _OWN))
"""The fields of content in `ContentSnapshot.settings`."""
_DEFAULTS: Final = {"otel_enabled": False, "run_as_current_user": False}
"""What a setting is that nobody has set, if it is not null."""
_SINCE: Final = {
    **dict.fromkeys(
        (
            "amd_gpu_limit",
            "default_environment_guid",
            "locked",
            "locked_message",
            "nvidia_gpu_limit",
        ),
        "2024.01.0",
    ),
    **dict.fromkeys(("metrics_collection_enabled", "notify_on_share", "otel_enabled"), "2026.01.0"),
}
"""The versions from which content is taken to have these fields. The contract of 2023.09 lacks all
of them, and that of 2026 has them; nothing says since when exactly."""


class Parts(Struct, kw_only=True):
    """The details of an item as the server sends them."""

    permissions: list[Permission] = []
    variables: list[str] = []
    bundles: list[Bundle] = []
    repository: Repository | None = None
    integrations: list[OAuthIntegrationAssociation] = []
    manifest: ManifestSnapshot | None = None


def describe_content(item: ContentItem, catalog: Catalog) -> ContentSnapshot:
    """Describe an item as it is in the list of content, or as `content.get` returns it."""
    settings = {name: getattr(item, name) for name in SETTINGS}
    versions = {
        "r": item.r_version,
        "python": item.py_version,
        "quarto": item.quarto_version,
        "nodejs": item.node_version,
    }
    paths = {catalog.tags.get(tag.id, (tag.name,)) for tag in item.included_tags or ()}
    return ContentSnapshot(
        guid=item.guid,
        name=item.name,
        owner=_owner(item, catalog),
        title=item.title or None,
        app_mode=item.app_mode,
        access_type=plain(item.access_type),
        settings={k: v for k, v in settings.items() if v not in {None, _DEFAULTS.get(k, "")}},
        environment=_environment(item, catalog),
        tags=tuple(sorted(_leaves(paths))),
        vanity=_vanity_path(item.vanity_url, catalog.url),
        locked=item.locked or False,
        locked_message=item.locked_message or None,
        bundle_id=item.bundle_id,
        last_deployed=_utc(item.last_deployed_time),
        url=item.content_url,
        app_role=plain(item.app_role),
        schedules=tuple(sorted(_in_words(one) for one in item.schedules or ())),
        versions={name: version for name, version in versions.items() if version},
    )


def describe_details(parts: Parts, unreadable: tuple[str, ...], catalog: Catalog) -> ContentDetails:
    """Describe the details of an item."""

    def role(one: Permission) -> PrincipalRole:
        guid, given = one.principal_guid, plain(one.role) or ""
        if one.principal_type == "group":
            return PrincipalRole("group", catalog.group(guid), given)
        return PrincipalRole("user", catalog.user(guid), given)

    return ContentDetails(
        permissions=tuple(sorted(map(role, parts.permissions))),
        variables=tuple(sorted(parts.variables)),
        bundles=tuple(map(_bundle, parts.bundles)),
        repository=None if parts.repository is None else _location(parts.repository),
        integrations=tuple(sorted(map(_association, parts.integrations))),
        manifest=parts.manifest,
        unreadable=unreadable,
    )


def fingerprint(content: ContentSnapshot) -> tuple[str, str]:
    """Return digests of what the list shows of an item, and of its details.

    They do not depend on who asks, nor under which address. The manifest adds nothing: it is that
    of the active bundle.
    """
    listed = msgspec.structs.replace(content, url=None, app_role=None, details=None)
    details = content.details
    if details is not None:
        unreadable = tuple(part for part in details.unreadable if part != "manifest")
        details = msgspec.structs.replace(details, manifest=None, unreadable=unreadable)
    return _digest(listed), _digest(details)


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:16]


def known_fields(version: str | None) -> tuple[str, ...]:
    """Return the fields that content of a version has, if there is none to look at.

    A server that hides its version is taken to be a new one.
    """
    known = ServerVersion.parse(version)
    if known is None:
        return tuple(sorted(WRITABLE))
    later = {field for field, since in _SINCE.items() if known < since}
    return tuple(sorted(WRITABLE - later))


def with_ancestors(paths: Iterable[TagPath]) -> set[TagPath]:
    """Return tags with all tags above them."""
    return {path[:length] for path in paths for length in range(1, len(path) + 1)}


def _leaves(paths: set[TagPath]) -> set[TagPath]:
    """Return the tags that imply the others: content with a tag has the tags above it."""
    return paths - with_ancestors(path[:-1] for path in paths)


def _owner(item: ContentItem, catalog: Catalog) -> str:
    name = catalog.user(item.owner_guid)
    if item.owner is not None and name == item.owner_guid:
        return item.owner.username or name
    return name


def _environment(item: ContentItem, catalog: Catalog) -> str | None:
    guid, image = item.default_environment_guid, item.default_image_name
    title = catalog.environment(guid) if guid else None
    return title or image or guid or None


def _bundle(bundle: Bundle) -> BundleSnapshot:
    md5 = None if bundle.metadata is None else bundle.metadata.archive_md5
    return BundleSnapshot(
        id=bundle.id,
        size=bundle.size,
        md5=md5.lower() if md5 else None,
        created=_utc(bundle.created_time),
        active=bundle.active or False,
    )


def _utc(time: datetime | None) -> datetime | None:
    """Return the same time in one spelling: servers may write it with any offset."""
    return None if time is None else time.astimezone(UTC)


def _location(repository: Repository) -> RepositorySnapshot:
    return RepositorySnapshot(
        repository=without_userinfo(repository.repository),
        branch=repository.branch or None,
        directory=repository.directory or None,
        polling=repository.polling,
    )


def _association(one: OAuthIntegrationAssociation) -> IntegrationSnapshot:
    return IntegrationSnapshot(
        plain(one.oauth_integration_template) or "",
        plain(one.oauth_integration_auth_type) or "",
        one.oauth_integration_name or "",
    )


def _vanity_path(address: str | None, server: str) -> str | None:
    """Return the vanity path of an address, which may be a path already."""
    if not address:
        return None
    path, prefix = urlsplit(address).path, urlsplit(server).path.rstrip("/")
    if path != address and path.startswith(f"{prefix}/"):
        path = path.removeprefix(prefix)
    return f"/{path.strip('/')}/"


def _in_words(schedule: ContentSchedule) -> str:
    """Describe a schedule, without the times that change with each run."""
    rules = schedule.schedule.rrules if schedule.schedule is not None else None
    rule = " ".join(one.removeprefix("RRULE:") for one in rules or ())
    begin = schedule.start_time
    # Not in the time zone of the schedule: what is known of that differs between machines.
    start = f"from {begin.astimezone(UTC):%H:%M} UTC" if begin is not None else ""
    zone = schedule.timezone if schedule.timezone != "UTC" else ""
    words = (f"every {schedule.type}" if schedule.type else "", rule, start, zone)
    return ", ".join(filter(None, words)) + (", by e-mail" if schedule.email else "")

"""The content on the destination: created under its staging name, configured, with its bundles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aconnect.connect import ApiErrorCode, Bundle, ContentItem
from aconnect.deploy.sending import bundles_of
from aconnect.errors import AconnectError, ApiError, NotFoundError
from aconnect.migrate.running.context import ItemRun
from aconnect.migrate.running.transfer import copy_bundle
from aconnect.migrate.running.writes import Result
from aconnect.migrate.snapshots.catalog import plain
from aconnect.migrate.snapshots.manifests import without_userinfo
from aconnect.migrate.snapshots.model import BundleSnapshot

LATER: Final = frozenset(
    {
        "content_category",
        "min_processes",
        "run_as",
        "run_as_current_user",
        "service_account_name",
    }
)
"""Settings that are made in the end: they start processes, or need rights."""

_ACCESS: Final = ("acl", "logged_in", "all")
"""Who may see content, from the fewest to all."""


def first_fields(run: ItemRun) -> dict[str, Any]:
    """Return the fields that are set before the bundle is there."""
    target = run.item.target
    fields: dict[str, Any] = {
        name: value for name, value in target.settings.items() if name not in LATER
    }
    if target.title is not None:
        fields["title"] = target.title
    if run.item.environment_guid is not None:
        fields["default_environment_guid"] = run.migration.resolved(run.item.environment_guid)
    return fields


async def created(run: ItemRun) -> None:
    """Create the content under its staging name, or set the fields of existing content."""
    if run.is_adopted:
        await _adopt(run)
        return
    content = run.migration.destination.content
    name, me = run.item.staging_name, run.migration.plan.destination.me_guid

    def result(item: ContentItem | None) -> Result:
        return {} if item is None or not item.guid else {"guid": item.guid, "url": item.content_url}

    async def create() -> Result:
        return result(await content.create(name=name, access_type="acl", **first_fields(run)))

    async def look_up() -> Result | None:
        return result(await content.find(name=name, owner_guid=me).first()) or None

    made = await run.writes.make(
        "content", create, key=name, look_up=look_up, is_taken=_is_name_taken
    )
    run.save(target_guid=made["guid"], target_url=made.get("url"))


def _is_name_taken(error: AconnectError) -> bool:
    return isinstance(error, ApiError) and error.code == ApiErrorCode.DUPLICATE_NAME


async def _adopt(run: ItemRun) -> None:
    guid = run.item.target.guid
    run.save(target_guid=guid)
    item = await run.target.refresh()
    run.save(target_url=item.content_url)
    fields = first_fields(run)
    wanted = run.item.target.access_type
    if wanted is not None and _width(item.access_type) > _width(wanted):
        # Before it gets a bundle that fewer may see.
        fields["access_type"] = wanted
    before = {
        "fields": values_of(item, fields),
        "owner_guid": item.owner_guid,
        "bundle_id": item.bundle_id,
        "bundles": [one.id for one in await bundles_of(item)],
    }

    async def update() -> Result:
        return await set_fields(item, fields) if fields else {}

    await run.writes.make("settings", update, before=before)


async def set_fields(item: ContentItem, fields: dict[str, Any]) -> Result:
    """Set fields of content, and return what the server has made of them, for undo to compare."""
    updated = await item.update(**fields)
    # A response that was damaged is not what the content is now.
    return {"fields": values_of(updated, fields)} if updated.guid == item.guid else {}


def _width(access_type: str | None) -> int:
    """Return how many may see content, as a number to compare; unknown access may be the widest."""
    return _ACCESS.index(access_type) if access_type in _ACCESS else len(_ACCESS)


def values_of(item: ContentItem, names: Iterable[str]) -> dict[str, Any]:
    """Return fields of content in the form in which the journal has them."""
    values = {name: getattr(item, name) for name in names}
    return {
        name: plain(value) if isinstance(value, str) else value for name, value in values.items()
    }


async def configured(run: ItemRun) -> None:
    """Set the environment variables that have values; the build may need them."""
    details = run.item.target.details
    names = () if details is None else details.variables
    if not names:
        return
    guid = run.item.source.guid
    if run.migration.plan.options.policies.value_missing == "unset":
        # Existing content keeps the values that it has.
        missing = run.migration.values.missing(guid, names)
        names = tuple(name for name in names if name not in missing)
    values = run.migration.values.get(guid, names)

    async def update() -> None:
        await run.target.environment_variables.update(values)

    if not values:
        return
    had: list[str] = []
    if run.is_adopted and run.writes.find("variables") is None:
        there = set(await run.target.environment_variables.find())
        had = sorted(there.intersection(values))
    await run.writes.make("variables", update, before={"names": sorted(values), "had": had})


async def sourced(run: ItemRun) -> None:
    """Send the bundles, oldest first, or set the Git repository."""
    details = run.item.target.details
    if details is None:
        return
    if (repository := details.repository) is not None:
        fields: dict[str, Any] = {"repository": repository.repository, "polling": False}
        for name in ("branch", "directory"):
            if (value := getattr(repository, name)) is not None:
                fields[name] = value

        async def put() -> None:
            await run.target.repository.put(**fields)

        await run.writes.make("repository", put, before=await _repository_before(run))
        return
    for bundle in reversed(details.bundles):
        async with run.migration.limits.transfers:
            try:
                await _send(run, bundle)
            except NotFoundError as error:
                if bundle.active or error.method != "GET":
                    raise
                run.note(f"bundle {bundle.id} was deleted on the source meanwhile: not carried")


async def _repository_before(run: ItemRun) -> dict[str, Any]:
    """Return the repository that existing content has, without a password."""
    if not run.is_adopted or run.writes.find("repository") is not None:
        return {}
    now = await run.target.repository.get()
    address = without_userinfo(now.repository)
    fields = {"branch": now.branch, "directory": now.directory, "polling": now.polling}
    known = {name: value for name, value in fields.items() if value is not None}
    return {
        "fields": {"repository": address, **known},
        "had_password": address != now.repository,
    }


async def _send(run: ItemRun, bundle: BundleSnapshot) -> None:
    """Send a bundle once, unless existing content has it already."""
    write = run.writes.find("bundle", bundle.id)
    if write is not None and write.state == "done":
        return
    target = run.target
    there = await bundles_of(target) if run.is_adopted else []
    if write is not None:
        there = [one for one in there if one.id in write.before["ids"]]
    # Any of these may have the size of the bundle by chance; only a checksum is certain.
    same = [one for one in there if is_same(one, bundle) and _md5(one) and bundle.md5]

    async def send() -> Result:
        if same:
            return {**_result(same[0]), "kept": True}
        return _result(await copy_bundle(run.source, target, bundle, progress))

    def progress(sent: int, total: int) -> None:
        run.notify("progress", step="sourced", sent=sent, total=total)

    async def look_up() -> Result | None:
        writes = run.migration.ledger.writes(run.item.number, "bundle")
        known = {one.result.get("id") for one in writes}
        known.update(*(one.before["ids"] for one in writes))
        for found in await bundles_of(target):
            if found.id not in known and is_same(found, bundle):
                return _result(found)
        return None

    before = {"ids": [one.id for one in there], "size": bundle.size, "md5": bundle.md5}
    result = await run.writes.make("bundle", send, key=bundle.id, look_up=look_up, before=before)
    if not result.get("kept"):
        run.save(bytes=run.row.bytes + (bundle.size or 0))


def _result(bundle: Bundle) -> Result:
    return {"id": bundle.id} if bundle.id else {}


def is_same(bundle: Bundle, other: BundleSnapshot) -> bool:
    """Return True if a bundle of the destination is this one of the source.

    The checksums of old bundles are missing on either side; then the size decides.
    """
    md5 = _md5(bundle)
    if bundle.size != other.size:
        return False
    return not (md5 and other.md5) or md5.lower() == other.md5.lower()


def _md5(bundle: Bundle) -> str | None:
    return None if bundle.metadata is None else bundle.metadata.archive_md5


def sent_bundle(run: ItemRun) -> str | None:
    """Return the id that the active bundle of the source has on the destination."""
    details = run.item.target.details
    for bundle in () if details is None else details.bundles:
        write = run.writes.find("bundle", bundle.id)
        if bundle.active and write is not None and write.state == "done":
            return str(write.result["id"])
    return None

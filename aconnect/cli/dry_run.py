"""The plan of a deployment, as `aconnect deploy --dry-run` prints it; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec
from msgspec import Struct

from aconnect._core.text import one_line, size_text
from aconnect.cli.connection import Settings, client_of, names_server
from aconnect.cli.deploying import Order, configured, files_text, kind_text
from aconnect.cli.output import echo, echo_json, is_terminal
from aconnect.cli.running import Failure, report_retries, run, with_options
from aconnect.cli.table import cell_text
from aconnect.deploy import DEFAULT_MAX_SIZE, Excluded, Project
from aconnect.deploy.config.config import Config
from aconnect.deploy.config.specs import DeploySpec
from aconnect.deploy.project.project import secret_warning
from aconnect.deploy.target import check_deployable, existing
from aconnect.errors import AconnectError, InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem
    from aconnect.deploy.batch.state import BatchItem

_MOST: Final = 20
"""How many files, or reasons, are listed on a terminal."""


class _File(Struct, frozen=True):
    name: str
    size: int


class Plan(Struct, frozen=True, kw_only=True):
    """What a deployment would do."""

    type: str
    """The type of the content, as the server calls it."""
    kind: str
    """What the directory is, and why."""
    entrypoint: str | None
    environment: dict[str, str]
    """What it needs on the server, such as `Python` with a version."""
    name: str | None
    guid: str | None
    exists: bool | None
    """Whether the content exists; None if that is not known."""
    settings: Mapping[str, Any]
    variables: tuple[str, ...]
    """The names of the environment variables that would be set."""
    missing_secrets: tuple[str, ...]
    """Names without a value, which the content must have already."""
    tags: tuple[str, ...]
    size: int
    """In bytes, before compression."""
    files: tuple[_File, ...]
    """The largest first."""
    excluded: tuple[Excluded, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    """Why the deployment would fail."""


class PlannedDirectory(Struct, frozen=True, kw_only=True):
    """What `aconnect deploy-all` would do with a directory."""

    name: str
    guid: str | None = None
    """None if the content does not exist."""
    action: Literal["create", "update", "none"] = "none"
    """`none` if an earlier run has done it, or if it would fail."""
    type: str | None = None
    """The type of the content, as the server calls it."""
    files: int | None = None
    size: int | None = None
    """In bytes, before compression."""
    directory: str
    url: str | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    """Why it would fail."""


async def planned_directory(client: Client, spec: DeploySpec, item: BatchItem) -> PlannedDirectory:
    """Return what would be done with a directory of a batch; it is inspected for that."""
    directory = str(spec.path)
    if item.state == "done":
        return PlannedDirectory(name=item.name, guid=item.guid, url=item.url, directory=directory)
    name = item.name
    try:
        config = await spec.load(client.url)
        name = config.name or name
        content = await existing(client, config.name, config.guid)
        project = await config.prepare(spec.path)
        if content is not None:
            check_deployable(content, project.app_mode)
    except AconnectError as error:
        return PlannedDirectory(name=name, directory=directory, error=with_options(str(error)))
    return PlannedDirectory(
        name=name if content is None else content.name,
        guid=None if content is None else content.guid,
        action="create" if content is None else "update",
        type=project.app_mode,
        files=len(project.files) + len(project.generated),
        size=project.size,
        directory=directory,
        url=None if content is None else content.content_url,
        warnings=(*config.warnings, *project.warnings),
    )


def show_plan(connection: Settings, folder: Path, order: Order) -> None:
    """Print what a deployment of a directory would do."""
    client = cast("Client", client_of(connection)) if names_server(connection) else None
    named = os.environ.get("CONNECT_SERVER") or None
    config = configured(folder, order, named if client is None else client.url)

    async def work() -> tuple[Project, Plan]:
        project = await config.prepare(folder)
        if client is None:
            plan = _plan(config, project, None, exists=None)
            why = "it is not known whether the content exists: there is no API key for"
            return project, _with_warning(plan, f"{why} {named}") if named else plan
        async with client:
            report_retries(client)
            return project, await _compared(client, config, project)

    project, plan = run(work)
    most = order.max_size or DEFAULT_MAX_SIZE
    if plan.size > most:
        too_large = f"the files have {plan.size:,} bytes, more than --max-size {most:,}"
        plan = msgspec.structs.replace(plan, errors=(*plan.errors, too_large))
    if order.as_json:
        echo_json(msgspec.json.format(msgspec.json.encode(plan)).decode())
    else:
        _print(project, plan)
    if plan.errors:
        raise Failure(f"the deployment would fail: {plan.errors[0]}", hints=plan.errors[1:])


async def _compared(client: Client, config: Config, project: Project) -> Plan:
    """Return the plan with what the server says about the content."""
    try:
        item = await existing(client, config.name, config.guid)
    except NotFoundError:
        item = None
    except AconnectError as error:
        error.attempts = ()  # reported already, one by one
        plan = _plan(config, project, None, exists=None)
        return _with_warning(plan, f"it is not known whether the content exists: {error}")
    return _plan(config, project, item, exists=item is not None)


def _plan(
    config: Config, project: Project, item: ContentItem | None, *, exists: bool | None
) -> Plan:
    values, missing = config.variables(os.environ)
    sizes = [_File(file.name, file.size) for file in project.files]
    sizes += [_File(name, len(data)) for name, data in project.generated.items()]
    warnings = [*config.warnings, *map(with_options, project.warnings)]
    errors: list[str] = []
    if exists is False and config.guid is not None:
        errors.append(f"there is no content {config.guid}")
    if item is not None:
        try:
            check_deployable(item, project.app_mode)
        except InvalidArgumentError as error:
            errors.append(with_options(str(error)))
    return Plan(
        type=project.app_mode,
        kind=kind_text(project),
        entrypoint=project.entrypoint,
        environment=project.environment,
        name=config.name if item is None else item.name,
        guid=config.guid if item is None else item.guid,
        exists=exists,
        settings=config.settings,
        variables=tuple(sorted(values)),
        missing_secrets=missing,
        tags=config.tags,
        size=project.size,
        files=tuple(sorted(sizes, key=lambda file: (-file.size, file.name))),
        excluded=project.excluded,
        warnings=tuple(warnings),
        errors=tuple(errors),
    )


def _with_warning(plan: Plan, warning: str) -> Plan:
    return msgspec.structs.replace(plan, warnings=(*plan.warnings, warning))


def _print(project: Project, plan: Plan) -> None:
    state = {None: "not compared with a server", True: "exists", False: "would be created"}
    lines = {
        "Type": plan.kind,
        "Environment": "; ".join(f"{name}: {text}" for name, text in plan.environment.items()),
        "Content": f"{plan.name or plan.guid} ({state[plan.exists]})",
        "Settings": cell_text(dict(plan.settings)),
        "Variables": ", ".join(plan.variables),
        "No value for": ", ".join(plan.missing_secrets),
        "Tags": ", ".join(plan.tags),
        "Files": files_text(project),
    }
    for head, text in lines.items():
        if text:
            echo(f"{head:13} {text}")
    _list([f"{size_text(file.size):>12}  {one_line(file.name)}" for file in plan.files])
    if plan.excluded:
        echo("Left out")
        # What may be secret is needed more often than a cache.
        left_out = sorted(plan.excluded, key=lambda file: not file.is_secret)
        _list([f"  {one_line(file.name)}: {file.reason}" for file in left_out])
    listed = {with_options(secret_warning(file)) for file in plan.excluded if file.is_secret}
    if listed:
        echo(
            "  If the content needs a file that may contain a secret, set its values with "
            "--env-file, or send it with --include"
        )
    for warning in plan.warnings:
        if warning not in listed:
            echo(f"Warning: {warning}")


def _list(lines: list[str]) -> None:
    """Print lines; on a terminal not too many."""
    shown = lines if len(lines) <= _MOST or not is_terminal("stdout") else lines[: _MOST - 1]
    for line in shown:
        echo(line)
    if len(shown) < len(lines):
        echo(f"  … and {len(lines) - len(shown):,} more; --json lists all of them")

"""The plan of a deployment, as `aconnect deploy --dry-run` prints it; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec import Struct

from aconnect._core.text import one_line
from aconnect.cli.connection import Settings, client_of, has_server
from aconnect.cli.deploying import Order, configured, files_text, kind_text
from aconnect.cli.output import echo, echo_json, is_terminal, size_text
from aconnect.cli.running import report_retries, run, with_options
from aconnect.cli.table import cell_text
from aconnect.deploy import DEFAULT_MAX_SIZE, Excluded, Project
from aconnect.deploy.config.config import Config
from aconnect.deploy.target import existing
from aconnect.errors import AconnectError, NotFoundError

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem

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


def show_plan(connection: Settings, folder: Path, order: Order) -> None:
    """Print what a deployment of a directory would do."""
    client = cast("Client", client_of(connection)) if has_server(connection) else None
    config = configured(folder, order, None if client is None else client.url)

    async def work() -> tuple[Project, Plan]:
        project = await config.prepare(folder)
        if client is None:
            return project, _plan(config, project, None, exists=None)
        async with client:
            report_retries(client)
            return project, await _compared(client, config, project)

    project, plan = run(work)
    most = order.max_size or DEFAULT_MAX_SIZE
    if plan.size > most:
        too_large = f"the files have {plan.size:,} bytes, more than --max-size {most:,}"
        plan = _with_warning(plan, f"{too_large}, so the deployment would fail")
    if order.as_json:
        echo_json(msgspec.json.format(msgspec.json.encode(plan)).decode())
    else:
        _print(project, plan)


async def _compared(client: Client, config: Config, project: Project) -> Plan:
    """Return the plan with what the server says about the content."""
    try:
        item = await existing(client, config.name, config.guid)
    except NotFoundError:
        item = None
    except AconnectError as error:
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
    if exists is False and config.guid is not None:
        warnings.append(f"there is no content {config.guid}, so the deployment would fail")
    if item is not None and item.locked:
        warnings.append(f"content {item.guid} is locked, so the deployment would fail")
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
    )


def _with_warning(plan: Plan, warning: str) -> Plan:
    return msgspec.structs.replace(plan, warnings=(*plan.warnings, warning))


def _print(project: Project, plan: Plan) -> None:
    state = {None: "not compared with a server", True: "exists", False: "would be created"}
    lines = {
        "Type": plan.kind,
        "Environment": ", ".join(f"{name} {text}" for name, text in plan.environment.items()),
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
        _list([f"  {one_line(file.name)}: {file.reason}" for file in plan.excluded])
    for warning in plan.warnings:
        echo(f"Warning: {warning}")


def _list(lines: list[str]) -> None:
    """Print lines; on a terminal not too many."""
    shown = lines if len(lines) <= _MOST or not is_terminal("stdout") else lines[: _MOST - 1]
    for line in shown:
        echo(line)
    if len(shown) < len(lines):
        echo(f"  … and {len(lines) - len(shown):,} more; --json lists all of them")

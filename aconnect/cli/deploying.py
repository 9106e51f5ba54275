"""Deployments on the command line: what is printed while they run, and when they fail.

The address of the content, or one JSON document, goes to standard output, everything else to
standard error.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from aconnect._core.text import size_text
from aconnect.cli.output import echo, echo_error, echo_json
from aconnect.cli.progress import upload_progress
from aconnect.cli.running import Failure, Stopped, report_retries, run, with_options
from aconnect.cli.tasks import how_to_follow
from aconnect.cli.variables import read_variables
from aconnect.deploy import (
    DEFAULT_MAX_SIZE,
    Deployment,
    Excluded,
    Project,
    Step,
    deploy_git,
    git_metadata,
    rollback,
    stage,
)
from aconnect.deploy.config.config import Config, default_name, load_config, variables_for
from aconnect.deploy.deployment import require_drafts
from aconnect.deploy.target import check_target
from aconnect.errors import NotFoundError, TaskFailedError, VerificationError

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import BundleMetadataParams, ContentItem

_STEPS: Final = {
    "created": "Created {}",
    "found": "Found {}",
    "settings": "Set {}",
    "environment": "Set the environment variables {}",
    "tags": "Tagged with {}",
    "unchanged": "Nothing was sent: {} has the same files",
    "uploaded": "Uploaded {}",
    "repository": "Repository {}",
    "integrations": "Associated the integrations {}",
    "building": "Building ({})",
    "activating": "Activating {}",
    "activated": "Activated {}",
}
"""What is printed for a step; for others, their own text is printed."""
_SILENT: Final = frozenset({"built"})


class Order(Struct, frozen=True):
    """What the options of the command ask for."""

    wanted: Config
    """What wins over the configuration of the directory."""
    configuration: str | None = None
    max_size: int | None = None
    as_json: bool = False
    to: str | None = None
    branch: str | None = None
    subdirectory: str | None = None

    @classmethod
    def of(cls, options: dict[str, Any]) -> Order:
        """Return it for the values of all options; those of no field are settings of content."""
        rest = dict(options)
        order = {name: rest.pop(name) for name in cls.__struct_fields__ if name != "wanted"}
        env = read_variables(rest.pop("env"), rest.pop("env_file"))
        python, tags = rest.pop("python"), rest.pop("tag")
        if python is not None and os.sep in python:
            python = str(Path(python).absolute())
        fields = {name: rest.pop(name) for name in Config.__struct_fields__ if name in rest}
        return cls(Config(**fields, python=python, tags=tags, env=env, settings=rest), **order)


class _Report:
    """Prints what is done, and collects it for `--json`."""

    def __init__(self) -> None:
        self.steps: set[str] = set()
        self.excluded: tuple[Excluded, ...] = ()
        self.warnings: list[str] = []

    def step(self, step: Step) -> None:
        """Print what was done."""
        self.steps.add(step.name)
        if step.name not in _SILENT:
            text = _STEPS.get(step.name, "{}").format(step.text)
            echo_error(text[:1].upper() + text[1:])

    def warn(self, *warnings: str) -> None:
        """Print warnings, each of them once."""
        for warning in map(with_options, warnings):
            if warning not in self.warnings:
                self.warnings.append(warning)
                echo_error(f"Warning: {warning}")

    def project(self, project: Project) -> None:
        """Print what was found in a directory."""
        echo_error(kind_text(project))
        echo_error(files_text(project))
        self.excluded = project.excluded
        self.warn(*project.warnings)

    def document(self, item: ContentItem, deployment: Deployment) -> dict[str, object]:
        """Return what was done, for a program."""
        return {
            "guid": item.guid,
            "name": item.name,
            "title": item.title,
            "url": item.content_url,
            "dashboard_url": item.dashboard_url,
            "draft_url": _draft_url(item, deployment),
            "log_url": deployment.log_url or None,
            "bundle_id": deployment.bundle_id or item.bundle_id,
            "task_id": deployment.task_id,
            "is_new": "created" in self.steps,
            "is_unchanged": "unchanged" in self.steps,
            "excluded": self.excluded,
            "warnings": self.warnings,
        }


def kind_text(project: Project) -> str:
    """Return what a directory is, and why."""
    detected = project.detected
    what = (project.app_mode or "unknown") if detected is None else detected.kind.title
    why = "as manifest.json says" if detected is None else detected.reason
    return f"{what}{f', {project.entrypoint}' if project.entrypoint else ''}: {why}"


def files_text(project: Project) -> str:
    """Return how many files are sent, and how many are not."""
    number = len(project.files) + len(project.generated)
    text = f"{number:,} file{'' if number == 1 else 's'}, {size_text(project.size)}"
    return f"{text}; {len(project.excluded):,} left out" if project.excluded else text


def configured(folder: Path, order: Order, server: str | None) -> Config:
    """Return the configuration of a directory, and print where it comes from."""
    config = load_config(
        folder, server=server, configuration=order.configuration, override=order.wanted
    )
    if config.sources:
        names = (str(source.relative_to(folder)) for source in config.sources)
        echo_error(f"Configuration: {', '.join(names)}")
    return named(config, folder.resolve().name, "the directory")


def named(config: Config, text: str, origin: str) -> Config:
    """Return a configuration with a name or a guid; if it has neither, make a name."""
    if config.name is not None or config.guid is not None:
        check_target(config.name, config.guid)
        return config
    name = default_name(text, origin)
    echo_error(f"Name: {name} (from {origin}); --name chooses another")
    return config.merged(Config(name=name))


def deploy_directory(client: Client, folder: Path, order: Order) -> ContentItem:
    """Deploy a directory, follow its build, and print the address."""
    config = configured(folder, order, client.url)
    label = folder.resolve().name

    async def start(report: _Report) -> Deployment:
        report.warn(*config.warnings)
        project = await config.prepare(folder)
        report.project(project)
        metadata = await git_metadata(folder)
        if metadata:
            echo_error(f"Git: {_git_text(metadata)}")
        if config.activate is False:
            await require_drafts(client)
        try:
            env = await variables_for(client, config)
            with upload_progress(label) as progress:
                staged = await stage(
                    client,
                    project,
                    name=config.name,
                    guid=config.guid,
                    env=env or None,
                    tags=config.tags,
                    max_size=order.max_size or DEFAULT_MAX_SIZE,
                    metadata=metadata or None,
                    progress=progress,
                    on_step=report.step,
                    **config.settings,
                )
        except NotFoundError as error:
            if config.guid is not None and order.wanted.guid is None:
                error.add_note(
                    f"The guid {config.guid} is that of {config.sources[-1]}; if that content was "
                    "deleted, pass name= to create another"
                )
            raise
        report.warn(*staged.warnings)
        return await staged.deploy(
            activate=config.activate is not False, verify=config.verify is not False
        )

    return _follow(client, start, order)


def roll_back(client: Client, folder: Path, order: Order) -> ContentItem:
    """Deploy an older bundle again, and print the address."""
    config = configured(folder, order, client.url)

    async def start(report: _Report) -> Deployment:
        return await rollback(
            client,
            name=config.name,
            guid=config.guid,
            to=order.to,
            verify=config.verify is not False,
            on_step=report.step,
        )

    return _follow(client, start, order)


def deploy_repository(client: Client, repository: str, order: Order) -> ContentItem:
    """Let the server deploy a Git repository, and print the address."""
    last = repository.rstrip("/").replace(":", "/").rpartition("/")[2]
    config = named(order.wanted, last.removesuffix(".git"), "the repository")

    async def start(report: _Report) -> Deployment:
        return await deploy_git(
            client,
            repository,
            name=config.name,
            guid=config.guid,
            branch=order.branch,
            directory=order.subdirectory,
            env=config.env or None,
            tags=config.tags,
            verify=config.verify is not False,
            on_step=report.step,
            **config.settings,
        )

    return _follow(client, start, order)


def _git_text(metadata: BundleMetadataParams) -> str:
    branch, commit = metadata.get("source_branch"), metadata.get("source_commit")
    return ", ".join(filter(None, (branch, commit, metadata.get("source_repo"))))


def _follow(
    client: Client, start: Callable[[_Report], Awaitable[Deployment]], order: Order
) -> ContentItem:
    """Start a deployment, follow it to its end, and print the address of the content."""
    report = _Report()
    deployment: Deployment | None = None

    async def work() -> tuple[ContentItem, Deployment]:
        nonlocal deployment
        async with client:
            report_retries(client)
            deployment = await start(report)
            async for line in deployment.output():
                echo_error(f"  {line}")
            return await deployment, deployment

    try:
        item, done = run(work)
    except Failure as failure:
        failure.hints = (*failure.hints, *_hints(failure, deployment))
        raise
    if order.as_json:
        echo_json(msgspec.json.format(msgspec.json.encode(report.document(item, done))).decode())
    else:
        echo(_draft_url(item, done) or item.content_url or item.guid)
    return item


def _draft_url(item: ContentItem, deployment: Deployment) -> str | None:
    """Return where the draft can be seen, if the bundle was not activated."""
    bundle = deployment.bundle
    is_active = bundle is None or bundle.id == item.bundle_id
    return None if is_active else deployment.draft_url or None


def _hints(failure: Failure, deployment: Deployment | None) -> tuple[str, ...]:
    """Return what is on the server after a failure, and what can be done."""
    if deployment is None:
        again = "No build was started; the same command continues where it ended."
        return (again,) if isinstance(failure, Stopped) else ()
    item, cause = deployment.item, failure.__cause__
    is_named = any(item.guid in hint for hint in failure.hints)
    guid = "" if is_named else f" {item.guid}"
    where = f" at {item.content_url}" if item.content_url else ""
    hints = [f"The content is{guid}{where}"] if guid or where else []
    if isinstance(cause, VerificationError | TaskFailedError):
        if deployment.draft_url:
            hints.append(f"The draft is at {deployment.draft_url}")
        elif isinstance(cause, VerificationError):
            hints.append(
                f"It is active; go back with: aconnect deploy --rollback --guid {item.guid}"
            )
    else:
        if deployment.task_id is not None:
            hints += how_to_follow(failure, "build", "tasks", "follow", deployment.task_id)
        elif deployment.id:
            hints += how_to_follow(failure, "build", "jobs", "follow", item.guid, deployment.id)
        if not is_named:  # in a note, with what is left on the server
            hints.append("The same command continues where this one ended")
    log = deployment.log_url
    if log and not any(log in hint for hint in failure.hints):
        hints.append(f"The log is at {log}")
    return tuple(hints)

"""Git: where a directory comes from, and content that the server deploys from a repository."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Unpack, cast
from urllib.parse import urlsplit

import anyio
from anyio import to_thread

from aconnect.connect import BundleMetadataParams, Client, ContentItem
from aconnect.connect.content.content import ContentFields
from aconnect.connect.content.environment_variables import Variables
from aconnect.connect.content.repository import (
    Repository,
    RepositoryPutParams,
    RepositoryUpdateParams,
)
from aconnect.deploy.deployment import begin_build
from aconnect.deploy.following import Deployment, left_behind
from aconnect.deploy.steps import OnStep, Step, ignore
from aconnect.deploy.target import (
    check_deployable,
    check_settings,
    check_target,
    configure,
    find_or_create,
    find_tags,
)
from aconnect.errors import InvalidArgumentError, NotFoundError

_SECONDS: Final = 10.0
"""The time for all calls of git together; the metadata is not worth a longer wait."""

_SCP: Final = re.compile(r"(?:[^@/:]+@)?([^@/:]+):(?!//)(.+)")
"""The short form of an SSH address: `git@host:path`."""


def web_address(remote: str) -> str:
    """Return the https address of a remote, without user name, password, query and fragment.

    The text is empty for a remote without such an address, such as a path, and for one that may
    have credentials in an unusual place.
    """
    if (short := _SCP.fullmatch(remote)) is not None and "://" not in remote:
        return "" if "@" in short[2] else f"https://{short[1]}/{short[2].lstrip('/')}"
    try:
        parts = urlsplit(remote)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https", "ssh", "git", "git+ssh"} or not parts.hostname:
        return ""
    if "@" in parts.path:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http":
        return f"http://{host}{f':{port}' if port else ''}{parts.path}"
    # The port of SSH is not that of https.
    suffix = f":{port}" if port and parts.scheme == "https" else ""
    return f"https://{host}{suffix}{parts.path}"


async def git_metadata(directory: str | Path, *, remote: str = "origin") -> BundleMetadataParams:
    """Return where a directory comes from: repository, branch or tag, and commit.

    It is empty if the directory is in no repository, or git is not installed. The commit ends with
    `-dirty` if there are changes below the directory that are not committed. The address has no
    credentials.
    """
    found: BundleMetadataParams = {}
    if not await to_thread.run_sync(_may_be_in_repository, Path(directory)):
        return found
    with anyio.move_on_after(_SECONDS):
        commit = await _git(directory, "rev-parse", "HEAD")
        if not commit:
            return found
        changes = await _git(directory, "status", "--porcelain", "--", ".")
        branch = await _git(directory, "symbolic-ref", "--quiet", "--short", "HEAD")
        if not branch:
            branch = await _git(directory, "describe", "--exact-match", "--tags")
        address = web_address(await _git(directory, "remote", "get-url", remote))
        found["source"] = "git"
        found["source_commit"] = f"{commit}-dirty" if changes else commit
        if branch:
            found["source_branch"] = branch
        if address:
            found["source_repo"] = address
    return found


def _may_be_in_repository(directory: Path) -> bool:
    """Return False if the directory is in no repository, without starting a process."""
    if "GIT_DIR" in os.environ:
        return True
    path = os.path.realpath(directory)
    folders = (Path(path), *Path(path).parents)
    return any(os.path.lexists(folder / ".git") for folder in folders)


async def _git(directory: str | Path, *arguments: str) -> str:
    """Return what git prints, or an empty text if it fails."""
    # A repository can configure programs that git runs; none must be run here.
    command = ["git", "-c", "core.fsmonitor=false", "-C", os.fspath(directory), *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        process = await anyio.run_process(command, check=False, env=environment)
    except OSError:
        return ""
    return "" if process.returncode else process.stdout.decode("utf-8", "replace").strip()


async def deploy_git(
    client: Client,
    repository: str,
    *,
    name: str | None = None,
    guid: str | None = None,
    branch: str | None = None,
    directory: str | None = None,
    polling: bool | None = None,
    env: Variables[str | None] | None = None,
    tags: Sequence[str | Sequence[str]] = (),
    verify: bool = True,
    on_step: OnStep = ignore,
    **settings: Unpack[ContentFields],
) -> Deployment:
    """Let the server deploy content from a Git repository, and return the deployment to await.

    The repository has a `manifest.json`. The server fetches it with its own credentials; a user
    name or password in the address is left out, and an SSH address becomes the https one. The
    content is active when the build has ended, and verified after that: the server does not build
    it as a draft.

    Args:
        client: The client of the server.
        repository: The address of the repository.
        name: As for `deploy`.
        guid: As for `deploy`.
        branch: By default the one that the content has, or the server's default.
        directory: The folder of `manifest.json` in the repository; by default the one that the
            content has, or the top.
        polling: Whether the server checks for new commits and deploys them; by default unchanged.
        env: As for `deploy`.
        tags: As for `deploy`.
        verify: Whether to request the content after the build.
        on_step: Called with each step that was done, or that begins.
        **settings: Fields of the content.

    Raises:
        InvalidArgumentError: The address or another argument is invalid; nothing was sent.
        AconnectError: A step failed; notes say what is left on the server.
    """
    check_target(name, guid)
    check_settings(settings)
    address = web_address(repository)
    if not address:
        # What is before `@` may be a password.
        raise InvalidArgumentError(
            f"{repository.rpartition('@')[2]!r} is not the address of a repository that a server "
            "can fetch; write it as https://host/path"
        )
    fields: RepositoryPutParams = {"repository": address}
    if branch is not None:
        fields["branch"] = branch
    if directory is not None:
        fields["directory"] = directory
    if polling is not None:
        fields["polling"] = polling
    found = await find_tags(client, tags) if tags else []
    target = await find_or_create(client, name, guid, settings, on_step)
    item = target.item
    with left_behind(item, is_new=target.is_new):
        check_deployable(item, None)
        current = None if target.is_new else await _repository_of(item)
        item = await configure(item, settings, env, found, on_step)
        if current is None:
            await item.repository.put(**fields)
        else:
            await _update(current, fields)
    on_step(Step("repository", address))
    return await begin_build(
        item,
        None,
        activate=True,
        verify=verify,
        is_new=target.is_new,
        # It may be one of another branch or of an older commit.
        may_run=False,
        on_step=on_step,
    )


async def _repository_of(item: ContentItem) -> Repository | None:
    """Return the repository of content, or None; raise if it cannot have one."""
    try:
        return await item.repository.get()
    except NotFoundError as error:
        if item.bundle_id is None and await item.bundles.find_one() is None:
            return None
        raise InvalidArgumentError(
            f"content {item.guid} has uploaded bundles, so it cannot come from Git; choose another "
            "name"
        ) from error


async def _update(repository: Repository, fields: RepositoryPutParams) -> None:
    """Change what differs; the other fields are kept."""
    changed = {name: value for name, value in fields.items() if getattr(repository, name) != value}
    if changed:
        await repository.update(**cast("RepositoryUpdateParams", changed))

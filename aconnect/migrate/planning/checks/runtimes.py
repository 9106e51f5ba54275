"""What content runs in: execution environments, and versions of languages."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.draft import Context, Draft
from aconnect.migrate.snapshots.model import EnvironmentSnapshot

_TITLES: Final = {"r": "R", "python": "Python", "quarto": "Quarto", "nodejs": "Node.js"}
_NO_RUNTIME: Final = "static"
_GUID: Final = "default_environment_guid"
_IMAGE: Final = "default_image_name"


def check_environment(draft: Draft) -> None:
    """Find the counterpart of its default execution environment."""
    name, destination = draft.source.environment, draft.context.destination
    draft.change(environment=None)
    if name is None:
        return
    if not (destination.is_off_host or destination.environments):
        text = (
            f"its execution environment is {name!r}, and the destination has none, because it does "
            "not run content in Kubernetes"
        )
        draft.find_missing("environment-missing", text)
        return
    match = draft.context.matches.environment(name)
    for problem in match.problems:
        draft.find_missing(problem.kind, problem.text)
    if match.how == "left out":
        text = f"the execution environment {name!r} is left out, as the mapping says"
        draft.inform("environment-left-out", text)
    environment = _environments(draft.context).get(match.target_guid or "")
    if environment is not None:
        _use(draft, environment)


def _use(draft: Draft, environment: EnvironmentSnapshot) -> None:
    lacks = draft.context.lacks
    if lacks(_GUID) and lacks(_IMAGE):
        text = "the default execution environment is left out: the destination's version has none"
        draft.inform("setting-left-out", text)
        return
    # As the destination will describe it.
    draft.change(environment=environment.name or environment.title)
    if not lacks(_GUID):
        draft.environment_guid = environment.guid
        return
    draft.change(settings={**draft.target.settings, _IMAGE: environment.name})


def check_image(draft: Draft) -> None:
    """Find out whether the destination has the image that the manifest names."""
    manifest, destination = draft.details.manifest, draft.context.destination
    if manifest is None or manifest.image is None or not destination.is_off_host:
        return
    there = destination.environments
    if there is None or manifest.image in {one.name for one in there}:
        return
    text = (
        f"its manifest names the image {manifest.image!r}, for which the destination has no "
        "execution environment, and manifests are not changed: create one there"
    )
    draft.find_missing("image-missing", text)


def check_runtimes(draft: Draft) -> None:
    """Compare the versions that it uses with those that the destination has."""
    for name, title in _TITLES.items():
        wanted, there = _wanted(draft, name), _available(draft, name)
        if wanted is None or there is None or wanted in there:
            continue
        # The version of Quarto in a manifest is a hint; the server chooses one.
        near = [one for one in there if name == "quarto" or _minor(one) == _minor(wanted)]
        if near:
            text = f"it is built with {title} {max(near, key=_numbers)} instead of {wanted}"
            draft.inform("runtime-other", text)
            continue
        has = f"has {', '.join(there)}" if there else "has none"
        text = f"it uses {title} {wanted}, and the destination {has}: install it there"
        draft.find_missing("runtime-missing", text)


def _wanted(draft: Draft, name: str) -> str | None:
    """Return the version of the last build; that in the manifest, if nothing was built.

    A manifest names the R that has written it, also if the content does not use R.
    """
    built, manifest = draft.source.versions, draft.details.manifest
    if built or manifest is None or draft.source.app_mode == _NO_RUNTIME:
        return built.get(name)
    asked: str | None = getattr(manifest, name)
    return asked


def _available(draft: Draft, name: str) -> tuple[str, ...] | None:
    """Return the versions that are there; None if that is not known.

    In Kubernetes, these are the versions in the images of the execution environments.
    """
    destination = draft.context.destination
    versions: tuple[str, ...] | None = getattr(destination.runtimes, name)
    if not destination.is_off_host or destination.environments is None:
        return versions
    environments = _environments(draft.context)
    chosen = environments.get(draft.environment_guid or "")
    if chosen is not None and (own := _versions(chosen, name)):
        return own
    there = [one for each in environments.values() for one in _versions(each, name)]
    return tuple(dict.fromkeys((*(versions or ()), *there)))


def _environments(context: Context) -> dict[str, EnvironmentSnapshot]:
    return {one.guid: one for one in context.destination.environments or ()}


def _versions(environment: EnvironmentSnapshot, name: str) -> tuple[str, ...]:
    versions: tuple[str, ...] = getattr(environment, name)
    return versions


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]

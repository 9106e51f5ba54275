"""What content needs of a server: integrations, environments, runtimes, values of variables."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.draft import Draft
from aconnect.migrate.planning.model import Sign
from aconnect.migrate.snapshots.model import IntegrationSnapshot

_SEVERAL_SINCE: Final = "2025.07.0"
"""The first version on which content can have several integrations."""

_RUNTIMES: Final = {"r": "R", "python": "Python", "quarto": "Quarto", "nodejs": "Node.js"}


def _sign(draft: Draft) -> Sign:
    return "!" if draft.options.policies.missing == "stop" else "+"


def check_integrations(draft: Draft) -> None:
    """Find the counterparts of its OAuth integrations."""
    found: list[IntegrationSnapshot] = []
    guids: list[str] = []
    there = draft.context.destination.integrations or {}
    for one in draft.details.integrations:
        match = draft.context.matches.integration(one)
        if match.target_guid is None:
            for problem in match.problems:
                draft.find(problem.kind, _sign(draft), problem.text)
            if not match.problems:
                text = f"the integration {one.name!r} is left out, as the mapping says"
                draft.inform("integration-left-out", text)
            continue
        guids.append(match.target_guid)
        found.append(there[match.target_guid])
    version = draft.context.destination_version
    if len(guids) > 1 and version is not None and version < _SEVERAL_SINCE:
        text = f"the destination allows one integration; {found[0].name!r} is kept"
        draft.find("integrations-several", _sign(draft), text)
        guids, found = guids[:1], found[:1]
    draft.integration_guids = tuple(guids)
    draft.change_details(integrations=tuple(sorted(found)))


def check_environment(draft: Draft) -> None:
    """Find the counterpart of its default execution environment."""
    name = draft.source.environment
    if name is None:
        return
    match = draft.context.matches.environment(name)
    for problem in match.problems if match.target_guid is None else ():
        draft.find(problem.kind, _sign(draft), problem.text)
    draft.environment_guid = match.target_guid
    draft.change(environment=match.target)


def check_runtimes(draft: Draft) -> None:
    """Compare the versions that it uses with those that the destination has."""
    runtimes = draft.context.destination.runtimes
    for name, title in _RUNTIMES.items():
        wanted, there = draft.source.versions.get(name), getattr(runtimes, name)
        if not wanted or there is None or wanted in there:
            continue
        near = [one for one in there if _minor(one) == _minor(wanted)]
        if near:
            text = f"it is built with {title} {near[-1]} instead of {wanted}"
            draft.inform("runtime-other", text)
            continue
        has = f"has {', '.join(there)}" if there else "has none"
        draft.find(
            "runtime-missing",
            _sign(draft),
            f"it uses {title} {wanted}, and the destination {has}: install it there, or plan with "
            "the policy missing='without' (--on-missing without)",
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def check_variables(draft: Draft) -> None:
    """Ask for a source of the value of each environment variable."""
    if "variables" in draft.details.unreadable:
        draft.find("unreadable", "x", "the key may not read its environment variables")
        return
    is_stop = draft.options.policies.value_missing == "stop"
    hint = "; or leave it unset (--on-missing-value unset)" if is_stop else ""
    missing = draft.context.values.missing(draft.source.guid, draft.details.variables)
    for name, why in missing.items():
        draft.find("value-missing", "?" if is_stop else "+", f"no value of {name}: {why}{hint}")

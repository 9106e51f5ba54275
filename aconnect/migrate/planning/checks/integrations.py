"""Which OAuth integrations content is associated with, and whether its manifest gets its own."""

from __future__ import annotations

import re
from typing import Final

from aconnect.migrate.planning.draft import Draft
from aconnect.migrate.snapshots.model import IntegrationSnapshot

_SINCE: Final = "2024.08.0"
_SEVERAL_SINCE: Final = "2025.07.0"
"""The first version on which content can have several integrations."""
_REQUESTS_SINCE: Final = "2025.09.0"
"""The first version on which a manifest requests integrations."""


def check_integrations(draft: Draft) -> None:
    """Find the counterparts of its OAuth integrations."""
    context, wanted = draft.context, draft.details.integrations
    if wanted and context.is_before(_SINCE):
        names = ", ".join(repr(one.name) for one in wanted)
        text = f"the destination's version has no OAuth integrations, and it uses {names}"
        draft.find_missing("integration-missing", f"{text}: upgrade it")
        wanted = ()
    there = context.destination.integrations or {}
    found: dict[str, IntegrationSnapshot] = {}
    for one in wanted:
        match = context.matches.integration(one)
        if match.target_guid is not None:
            found[match.target_guid] = there[match.target_guid]
        for problem in match.problems:
            draft.find_missing(problem.kind, problem.text)
        if match.how == "left out":
            text = f"the integration {one.name!r} is left out, as the mapping says"
            draft.inform("integration-left-out", text)
    if len(found) > 1 and context.is_before(_SEVERAL_SINCE):
        (guid, first), *others = found.items()
        text = (
            "the destination's version allows one integration for each content item: only "
            f"{first.name!r} is associated, not {', '.join(repr(one.name) for _, one in others)}"
        )
        draft.find_missing("integrations-several", text)
        found = {guid: first}
    draft.integration_guids = tuple(found)
    draft.change_details(integrations=tuple(sorted(found.values())))


def check_requests(draft: Draft) -> None:
    """Find out whether the integrations that its manifest requests exist; else its build fails."""
    manifest, there = draft.details.manifest, draft.context.destination.integrations
    if manifest is None or there is None or draft.context.is_before(_REQUESTS_SINCE):
        return
    for request in manifest.integration_requests:
        if not any(_answers(request, guid, one) for guid, one in there.items()):
            text = (
                f"its manifest requests the OAuth integration {request!r}, which the destination "
                "does not have, so its build fails: create one there"
            )
            draft.find_missing("integration-request", text)


def _answers(request: str, guid: str, one: IntegrationSnapshot) -> bool:
    """Return True if an integration may be what is requested by name, guid or type."""
    if request in {guid, one.template, one.name}:
        return True
    try:
        # The server takes names for regular expressions.
        return re.search(request, one.name) is not None
    except re.error:
        return False

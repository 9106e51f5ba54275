"""Which environment variables get a value."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.draft import Draft, policy

_UNSET: Final = policy("value_missing", "unset")


def check_variables(draft: Draft) -> None:
    """Ask for a source of the value of each environment variable."""
    is_stop = draft.options.policies.value_missing == "stop"
    there = draft.existing.details if draft.existing is not None else None
    has = set[str]() if there is None else set(there.variables)
    missing = draft.context.values.missing(draft.source.guid, draft.details.variables)
    for name, why in missing.items():
        keeps = "keep that of the existing content" if name in has else "leave it unset"
        text = f"no value of {name}: {why}"
        if is_stop:
            draft.find("value-missing", "?", f"{text}; or {keeps}: {_UNSET}")
        elif name in has:
            draft.inform("value-kept", f"{name} keeps the value of the existing content: {why}")
        else:
            draft.inform("value-missing", f"{text}; set it by hand")
    if not is_stop:
        kept = [name for name in draft.details.variables if name not in missing or name in has]
        draft.change_details(variables=tuple(kept))
    if replaced := sorted((set(draft.details.variables) & has) - set(missing)):
        draft.inform(
            "values-replaced",
            f"the values of {', '.join(replaced)} are replaced, which undo cannot take back",
        )

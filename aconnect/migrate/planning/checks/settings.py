"""Which settings are carried: what the destination knows, and what was asked for."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.draft import Draft

_RUN_AS: Final = ("run_as", "run_as_current_user", "service_account_name")
_OFF_HOST: Final = (
    "amd_gpu_limit",
    "cpu_limit",
    "cpu_request",
    "memory_limit",
    "memory_request",
    "nvidia_gpu_limit",
    "service_account_name",
)


def check_settings(draft: Draft) -> None:
    """Leave out settings that the destination lacks, or that are carried only if asked for."""
    source, destination = draft.context.source, draft.context.destination
    settings = dict(draft.source.settings)
    if not draft.options.run_as:
        _drop(draft, settings, _RUN_AS, "carried only with run_as=True (--run-as)")
    if not (source.is_off_host and destination.is_off_host):
        _drop(draft, settings, _OFF_HOST, "not both servers run content in Kubernetes")
    if destination.content_fields:
        unknown = tuple(settings.keys() - destination.content_fields)
        _drop(draft, settings, unknown, "the destination's version does not know it")
    draft.change(settings=settings)


def check_lock(draft: Draft) -> None:
    """Skip locked content, if that was asked for."""
    if draft.source.locked and draft.options.policies.locked == "skip":
        draft.find("locked", "-", "it is locked on the source")


def _drop(draft: Draft, settings: dict[str, object], names: tuple[str, ...], why: str) -> None:
    for name in sorted(names):
        if settings.pop(name, None) is not None:
            draft.inform("setting-left-out", f"{name} is left out: {why}")

"""Which settings are carried: what the destination knows, and what was asked for."""

from __future__ import annotations

from typing import Any, Final

from aconnect.migrate.planning.draft import Draft, is_administrator, policy

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
_PROCESSES: Final = (
    "connection_timeout",
    "idle_timeout",
    "init_timeout",
    "load_factor",
    "max_conns_per_process",
    "max_processes",
    "min_processes",
    "read_timeout",
)
LIMITED: Final = frozenset(
    {*_OFF_HOST, "max_processes", "min_processes"} - {"service_account_name"}
)
"""The settings for which a server has limits, which no operation returns."""
_DOCUMENTS: Final = frozenset({"jupyter-static", "quarto-static", "rmd-static", "static"})
"""The kinds of content that has no processes."""


def check_settings(draft: Draft) -> None:
    """Leave out settings that the destination lacks, or that are carried only if asked for."""
    context = draft.context
    settings = dict(draft.source.settings)
    if not draft.options.run_as:
        _drop(draft, settings, _RUN_AS, "carried only with run_as=True (--run-as)")
    if not (context.source.is_off_host and context.destination.is_off_host):
        _drop(draft, settings, _OFF_HOST, "not both servers run content in Kubernetes")
    if draft.source.app_mode in _DOCUMENTS:
        _drop(draft, settings, _PROCESSES, f"{draft.source.app_mode} content has no processes")
    unknown = tuple(filter(context.lacks, settings))
    _drop(draft, settings, unknown, "the destination's version does not know it")
    draft.change(settings=settings)
    _check_accounts(draft, settings)


def _check_accounts(draft: Draft, settings: dict[str, Any]) -> None:
    """Say what nobody can check about the accounts that content runs as."""
    accounts = [name for name in _RUN_AS if settings.get(name)]
    for name in accounts:
        if name == "run_as_current_user":
            draft.inform("run-as", "it runs as the user who views it, as on the source")
        else:
            text = f"{name} is {settings[name]!r}, which the destination must have: it is not known"
            draft.inform("run-as", text)
    if accounts and not is_administrator(draft.context.destination):
        draft.find(
            "not-administrator",
            "!",
            f"only administrators can set {', '.join(accounts)}; use the key of one for the "
            "destination, or plan without run_as (--run-as)",
        )


def check_lock(draft: Draft) -> None:
    """Skip locked content, if that was asked for."""
    if not draft.source.locked:
        if draft.context.lacks("locked_message"):
            # It may be left of a lock that was taken off.
            draft.change(locked_message=None)
        return
    if draft.source.locked_message in {draft.options.lock_source} - {None}:
        # An earlier migration has locked it, and not for what it is on the destination.
        draft.change(locked=False, locked_message=None)
    elif draft.options.policies.locked == "skip":
        text = f"it is locked on the source: skipped; to carry it: {policy('locked', 'as-is')}"
        draft.find("locked", "-", text)
    elif draft.context.lacks("locked"):
        draft.change(locked=False, locked_message=None)
        draft.inform("setting-left-out", "the lock is left out: the destination's version has none")


def _drop(draft: Draft, settings: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in sorted(names):
        # What is off would be off without it as well.
        if settings.pop(name, False) is not False:
            draft.inform("setting-left-out", f"{name} is left out: {why}")


def check_schedules(draft: Draft) -> None:
    """List the schedules, which no server takes."""
    for schedule in draft.source.schedules:
        draft.inform("schedule", f"set this schedule by hand: {schedule}")

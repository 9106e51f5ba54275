"""The system data that a simulated server begins with, and its execution environments.

The rest is in `seeding`.
"""

from datetime import timedelta

from aconnect.testing.connect.progress import CheckState, Run
from aconnect.testing.connect.resources import guid_of, new_environment, new_service_token
from aconnect.testing.connect.state import SYSTEM_CHECKS, State


def add_environments(state: State, users: list[str]) -> None:
    """Add one environment for all, and one for the second user that a file manages."""
    versions = (("4.4.2", "3.12.7"), ("4.3.3", "3.11.10"))
    for i, (r, python) in enumerate(versions):
        guid = guid_of("environment", i)
        state.environments[guid] = new_environment(
            guid,
            state.next_number("environment"),
            f"ghcr.io/rstudio/content-base:r{r}-py{python}-ubuntu2204",
            state.seed.start,
            title=f"R {r} and Python {python}",
            managed_by="config" if i else None,
            r={"installations": [{"version": r, "path": f"/opt/R/{r}/bin/R"}]},
            python={"installations": [{"version": python, "path": "/opt/python/bin/python"}]},
        )
        state.environment_permissions[guid] = {}
    managed = guid_of("environment", 1)
    permission = guid_of("environment permission", 0)
    state.environment_permissions[managed][permission] = {
        "id": str(state.next_number("environment permission")),
        "guid": permission,
        "environment_guid": managed,
        "user_guid": users[1],
        "group_guid": None,
    }


def add_system(state: State) -> None:
    """Add caches, hosts, service accounts, a finished run of checks and a service token."""
    state.runtime_caches = [
        {"language": language, "version": version, "image_name": "Local"}
        for language, version in (
            ("Python", "3.11.10"),
            ("Python", "3.12.7"),
            ("R", "4.3.3"),
            ("R", "4.4.2"),
        )
    ]
    state.hosts = [
        {"hostname": "connect", "last_seen": None},
        {"hostname": "connect-retired", "last_seen": state.seed.start - timedelta(days=30)},
    ]
    state.service_accounts = {
        "enabled": True,
        "default": "default",
        "accounts": ["default", "connect-content"],
    }
    run = Run(SYSTEM_CHECKS, lambda _: None, started=state.seed.start)
    run.visible = len(SYSTEM_CHECKS.lines)
    run.end(0, "")
    number = str(state.next_number("check"))
    state.checks[number] = CheckState(number, "connect", run)
    token = guid_of("service token", 0)
    state.service_tokens[token] = new_service_token(
        token, "Name service", ["nameservice:read"], state.seed.start
    )

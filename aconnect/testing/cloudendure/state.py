"""The state of a simulated CloudEndure server: an account with users, projects and audit logs."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from aconnect.testing.wire import Call, Row

EPOCH = datetime(2021, 3, 1, tzinfo=UTC)
"""The time of the first audit log entry."""


@dataclass
class AccountState:
    """An account. Dictionaries are keyed by id; audit logs are in chronological order."""

    account: str = "account-1"
    users: dict[str, Row] = field(default_factory=dict[str, Row])
    passwords: dict[str, str] = field(default_factory=dict[str, str])
    """Passwords by user id."""
    invitations: dict[str, str] = field(default_factory=dict[str, str])
    """User ids by invitation token."""
    projects: dict[str, Row] = field(default_factory=dict[str, Row])
    machines: dict[str, dict[str, Row]] = field(
        default_factory=lambda: defaultdict[str, dict[str, Row]](dict)
    )
    """Machines by id, by project id."""
    audit_logs: dict[str, list[Row]] = field(
        default_factory=lambda: defaultdict[str, list[Row]](list)
    )
    """Audit log entries by project id."""
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """User id and XSRF token, by session cookie."""
    mails: list[str] = field(default_factory=list[str])
    """The names of the users that were sent a temporary access token."""
    rescans: list[str] = field(default_factory=list[str])
    """The ids of rescanned machines, one per rescan."""
    tokens: int = 0
    """The number of API tokens that have been replaced."""
    now: datetime = EPOCH + timedelta(days=1)
    """The current time of the server."""
    ends: Literal["[]", "[)", "(]", "()"] = "[]"
    """Which ends of a time window of the audit log are inclusive."""

    def add_user(self, username: str, password: str | None = None, **fields: object) -> Row:
        """Add a user; without a password, the user is invited and pending."""
        key = f"user-{len(self.users) + 1}"
        user: Row = {
            "id": key,
            "username": username,
            "status": "PENDING" if password is None else "CONFIRMED",
            "account": self.account,
            "roles": ["USER"],
            "settings": {},
            "apiToken": f"fake-token-of-{username}",
            "hasPassword": password is not None,
            "termsAccepted": password is not None,
            "selfLink": f"/api/latest/users/{key}",
            **fields,
        }
        self.users[key] = user
        if password is None:
            self.invitations[f"invitation-of-{username}"] = key
        else:
            self.passwords[key] = password
        return user

    def add_project(self, name: str, machines: int = 2) -> Row:
        """Add a project with a number of machines."""
        key = f"project-{len(self.projects) + 1}"
        project: Row = {
            "id": key,
            "name": name,
            "type": "DR",
            "usersIDs": [],
            "agentInstallationToken": f"fake-agent-token-of-{key}",
            "cloudCredentialsIDs": [],
            "licensesIDs": [],
            "features": {},
        }
        self.projects[key] = project
        for number in range(machines):
            self.add_machine(key, f"machine-{number + 1}")
        return project

    def add_machine(self, project: str, name: str, **fields: object) -> Row:
        """Add a machine that replicates to a project."""
        machines = self.machines[project]
        machine: Row = {
            "id": f"{project}-machine-{len(machines) + 1}",
            "sourceProperties": {
                "name": name,
                "os": "Linux",
                "memory": 1 << 33,
                "disks": [{"name": "/dev/sda1", "size": 1 << 36, "isExcluded": False}],
            },
            "replicationInfo": {"totalStorageBytes": 1 << 36, "replicatedStorageBytes": 1 << 36},
            "license": {"licenseId": "license-1"},
            "lifeCycle": {"agentInstallationDateTime": "2021-03-01T00:00:00+00:00"},
            "tags": [],
            "restoreServers": [],
            "replicationStatus": "STARTED",
            "replica": "",
            "isAgentInstalled": True,
            "replicationConfiguration": {"usePrivateIp": False, "bandwidthThrottling": 0},
            **fields,
        }
        machines[machine["id"]] = machine
        return machine

    def add_event(self, project: str, time: datetime, name: str = "machineLaunched") -> Row:
        """Add an entry to the audit log of a project."""
        log = self.audit_logs[project]
        entry: Row = {
            "timestamp": time.isoformat().replace("+00:00", "Z"),
            "username": "owner@example.com",
            "eventName": name,
            "description": f"Event {len(log) + 1}",
            "participatingMachines": [],
            "changedFields": [],
            "jobId": f"job-{len(log) + 1}",
        }
        log.append(entry)
        log.sort(key=time_of)
        return entry


def time_of(entry: Row) -> datetime:
    """Return the time of an audit log entry."""
    return datetime.fromisoformat(entry["timestamp"])


CloudEndureCall: TypeAlias = Call[AccountState]

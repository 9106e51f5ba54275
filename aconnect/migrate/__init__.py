"""From one Posit Connect server to another: content, and who and what it needs there."""

from aconnect.migrate.mapping.diffing import diff
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.guessing import guess_mapping
from aconnect.migrate.mapping.model import Mapping, Match, Problem, ValueSource
from aconnect.migrate.people.applying import ChangeOutcome, apply_changes
from aconnect.migrate.people.describing import (
    describe_environments,
    describe_groups,
    describe_users,
)
from aconnect.migrate.people.files import read_groups_csv, read_users_csv
from aconnect.migrate.people.model import (
    Change,
    DescribedEnvironment,
    DescribedGroup,
    DescribedUser,
)
from aconnect.migrate.people.syncing import (
    plan_environments,
    plan_groups,
    plan_users,
    sync_environments,
    sync_groups,
    sync_users,
)
from aconnect.migrate.planning.model import (
    Finding,
    Options,
    Plan,
    PlannedItem,
    Policies,
    Selection,
    ServerRef,
)
from aconnect.migrate.planning.planner import plan, refresh
from aconnect.migrate.planning.saving import load_plan, read_plan, save_plan
from aconnect.migrate.running.events import Event, Report, ReportItem
from aconnect.migrate.running.reports.saving import save_report
from aconnect.migrate.running.runner import Run, run
from aconnect.migrate.running.saved_run import SavedItem, SavedRun, read_journal
from aconnect.migrate.running.undoing import UndoneItem, undo
from aconnect.migrate.snapshots.comparing import Difference
from aconnect.migrate.snapshots.model import ContentDetails, ContentSnapshot, Snapshot
from aconnect.migrate.snapshots.reading import read_server
from aconnect.migrate.snapshots.saving import load_snapshot, save_snapshot
from aconnect.migrate.snapshots.servers import Diff, DiffRow

__all__ = [
    "Change",
    "ChangeOutcome",
    "ContentDetails",
    "ContentSnapshot",
    "DescribedEnvironment",
    "DescribedGroup",
    "DescribedUser",
    "Diff",
    "DiffRow",
    "Difference",
    "Event",
    "Finding",
    "Mapping",
    "Match",
    "Options",
    "Plan",
    "PlannedItem",
    "Policies",
    "Problem",
    "Report",
    "ReportItem",
    "Run",
    "SavedItem",
    "SavedRun",
    "Selection",
    "ServerRef",
    "Snapshot",
    "UndoneItem",
    "ValueSource",
    "apply_changes",
    "describe_environments",
    "describe_groups",
    "describe_users",
    "diff",
    "guess_mapping",
    "load_mapping",
    "load_plan",
    "load_snapshot",
    "plan",
    "plan_environments",
    "plan_groups",
    "plan_users",
    "read_groups_csv",
    "read_journal",
    "read_plan",
    "read_server",
    "read_users_csv",
    "refresh",
    "run",
    "save_plan",
    "save_report",
    "save_snapshot",
    "sync_environments",
    "sync_groups",
    "sync_users",
    "undo",
]

"""From one Posit Connect server to another: plan, run, undo, compare."""

from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.model import Mapping, Match, ValueSource
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

__all__ = [
    "Event",
    "Finding",
    "Mapping",
    "Match",
    "Options",
    "Plan",
    "PlannedItem",
    "Policies",
    "Report",
    "ReportItem",
    "Run",
    "SavedItem",
    "SavedRun",
    "Selection",
    "ServerRef",
    "UndoneItem",
    "ValueSource",
    "load_mapping",
    "load_plan",
    "plan",
    "read_journal",
    "read_plan",
    "refresh",
    "run",
    "save_plan",
    "save_report",
    "undo",
]

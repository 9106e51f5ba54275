"""The steps of an item, in their order.

Each is a function that can run again: what it has written before is looked up in the journal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aconnect.migrate.running.context import ItemRun
from aconnect.migrate.running.steps.building import activated, associated, checked, deployed
from aconnect.migrate.running.steps.completing import dressed, finished, locked, verified
from aconnect.migrate.running.steps.creating import configured, created, sourced
from aconnect.migrate.running.steps.source import granted, source_locked
from aconnect.migrate.running.steps.vanity import vanity

StepFunction = Callable[[ItemRun], Awaitable[None]]

STEP_FUNCTIONS: Final[dict[str, StepFunction]] = {
    "granted": granted,
    "created": created,
    "configured": configured,
    "sourced": sourced,
    "associated": associated,
    "deployed": deployed,
    "checked": checked,
    "activated": activated,
    "dressed": dressed,
    "finished": finished,
    "locked": locked,
    "vanity": vanity,
    "verified": verified,
    "source-locked": source_locked,
}

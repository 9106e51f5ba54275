"""What plans and reports say, for a reader of the command line, who has options, not arguments."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from aconnect._core.text import one_line
from aconnect.cli.output import redacted

# Messages name both: "plan with grant_self=True (--grant-self)".
_BOTH: Final = re.compile(r"(?:[a-z_]+=\S+(?: or \S+)?|\w+\(\)) \((--[^)]+)\)")
_REFRESH: Final = re.compile(r"(with )?--refresh\b")

DOING: Final = {
    "planned": "starting",
    "granted": "getting access",
    "created": "creating",
    "configured": "configuring",
    "sourced": "sending",
    "associated": "associating",
    "deployed": "building",
    "checked": "checking",
    "activated": "activating",
    "dressed": "tags, permissions",
    "finished": "finishing",
    "locked": "locking",
    "vanity": "vanity URL",
    "verified": "verifying",
    "source-locked": "completing",
}
"""What is done in a step, which is called by what it ends with."""


def for_command_line(text: str, plan: Path | None = None) -> str:
    """Return a message with the options only, on one line; `plan` is the file to plan again."""
    text = _BOTH.sub(r"\1", one_line(redacted(text)))
    return text if plan is None else _REFRESH.sub(f"with: {refresh_command(plan)}", text)


def refresh_command(plan: Path) -> str:
    """Return the command that plans stale items again."""
    return shlex.join(["aconnect", "migrate", "plan", "--refresh", str(plan)])

"""What plans and reports say, for a reader of the command line, who has options, not arguments."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from aconnect._core.text import one_line
from aconnect.cli.output import redacted

# Messages name both: "plan with grant_self=True (--grant-self)".
_BOTH: Final = re.compile(r"(?:[a-z_]+=\S+|[a-z]+(?:_[a-z]+)+|\w+\(\)) \((--[^)]+)\)")
_REFRESH: Final = re.compile(r"(with )?--refresh\b")


def doing(step: str) -> str:
    """Return what is done in a step of a migration, in words."""
    from aconnect.migrate.running.events import DOING

    return DOING.get(step, step)


def for_command_line(text: str, refresh: str | None = None) -> str:
    """Return a message with the options only, on one line; `refresh` is what plans again."""
    text = _BOTH.sub(r"\1", one_line(redacted(text)))
    return text if refresh is None else _REFRESH.sub(lambda _: f"with: {refresh}", text)


def refresh_command(plan: Path, journal: Path | None = None) -> str:
    """Return the command that plans stale items again; `journal` is that of the run."""
    words = ["aconnect", "migrate", "plan", "--refresh", str(plan)]
    if journal not in {None, plan.with_suffix(".db")}:
        words += ["--journal", str(journal)]
    return shlex.join(words)

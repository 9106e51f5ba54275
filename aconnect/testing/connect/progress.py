"""The progress of simulated tasks: scripts, runs, tasks and jobs.

Decides when a line of output appears and when a run ends. By default, a run advances with every
poll, so that tests do not have to wait. If the script has `seconds_per_line`, the run advances with
time instead. The effects of a finished run are decided by the function that is passed as `on_end`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from aconnect.testing.ranges import check_range
from aconnect.testing.wire import Row

Outcome: TypeAlias = Literal["ok", "fail", "hang"]
"""How a build ends: as its script says, with a failure, or never."""


def utc_now() -> datetime:
    """Return the current time as an aware datetime."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class BuildScript:
    """The output and the outcome of the runs that are started next."""

    lines: tuple[str, ...] = (
        "Building application...",
        "Using environment Local",
        "Restoring packages",
        "Packages restored",
        "Launching application...",
        "Completed application build",
    )
    lines_per_poll: int = 2
    """The number of lines that become visible with each poll."""
    quiet_polls: int = 0
    """The number of polls without output at the start."""
    seconds_per_line: float = 0.0
    """If positive, the run advances with time instead of with polls."""
    code: int = 0
    """The exit code; any value but 0 is a failure."""
    error: str = ""
    hang: bool = False
    """Whether the run never finishes after printing its lines."""

    def __post_init__(self) -> None:
        check_range("lines_per_poll", self.lines_per_poll, 1)
        check_range("quiet_polls", self.quiet_polls, 0)
        check_range("seconds_per_line", self.seconds_per_line, 0)

    def with_outcome(self, outcome: Outcome) -> "BuildScript":
        """Return the script of a run that ends in this way, before the last lines of this one."""
        if outcome == "ok":
            return self
        if outcome == "hang":
            return replace(self, lines=self.lines[:-1], hang=True)
        return self.failing("the simulated server fails this build on request")

    def failing(self, *reasons: str) -> "BuildScript":
        """Return the script of a run that fails with these reasons, one line each."""
        lines = (*self.lines[:-2], *(f"ERROR: {reason}" for reason in reasons))
        return replace(self, lines=lines, code=self.code or 1, hang=False)


def do_nothing(_: "Run") -> None:
    """Do nothing; for runs whose end has no effect."""


@dataclass(slots=True, eq=False)
class Run:
    """A run of a script, shared by its task and its job."""

    script: BuildScript
    on_end: Callable[["Run"], None]
    now: Callable[[], datetime] = utc_now
    visible: int = 0
    polls: int = 0
    finished: bool = False
    code: int = 0
    error: str = ""
    began: float = field(default_factory=time.monotonic)
    started: datetime = field(default_factory=utc_now)
    stamps: list[datetime] = field(default_factory=list[datetime])
    """The times at which the lines became visible."""

    @classmethod
    def ended(cls, script: BuildScript, time: datetime) -> "Run":
        """Create a run that finished before the server started."""
        run = cls(script, do_nothing, started=time)
        run.visible = len(script.lines)
        run.stamps = [time] * run.visible
        run.end(script.code, script.error)
        return run

    @property
    def timed(self) -> bool:
        return self.script.seconds_per_line > 0

    def poll(self) -> None:
        """Advance by one poll or, if the script is timed, to the current time."""
        if self.finished:
            return
        self.polls += 1
        script = self.script
        if self.timed:
            visible = int((time.monotonic() - self.began) / script.seconds_per_line)
        elif self.polls <= script.quiet_polls:
            return
        else:
            visible = self.visible + script.lines_per_poll
        visible = min(visible, len(script.lines))
        self.stamps.extend([self.now()] * (visible - self.visible))
        self.visible = visible
        if visible == len(script.lines) and not script.hang:
            self.end(script.code, script.error)

    def due(self) -> float | None:
        """Return the seconds until the next line of a timed run, or None if no line follows."""
        if self.finished or not self.timed or self.visible == len(self.script.lines):
            return None
        following = self.began + (self.visible + 1) * self.script.seconds_per_line
        return max(0.0, following - time.monotonic())

    def end(self, code: int, error: str) -> None:
        """Finish the run now, unless it has already finished."""
        if not self.finished:
            self.finished = True
            self.code = code
            self.error = error or ("" if code == 0 else f"exit status {code}")
            self.on_end(self)

    def output(self) -> list[str]:
        """Return the lines that are visible so far."""
        return list(self.script.lines[: self.visible])


@dataclass(slots=True, eq=False)
class TaskState:
    """A task, which is only available on the node that started it."""

    id: str
    node: int
    run: Run
    owner_guid: str
    result: Row | None = None


@dataclass(slots=True, eq=False)
class JobState:
    """A job and its log."""

    row: Row
    run: Run
    logged_error: Row | None = None
    scheduled: bool = False
    """Whether a schedule started the job."""

    def entries(self) -> list[Row]:
        """Return the visible entries of the log."""
        stamps = self.run.stamps
        return [
            {"source": "stderr" if i % 5 == 4 else "stdout", "timestamp": stamps[i], "data": line}
            for i, line in enumerate(self.run.output())
        ]


SYSTEM_CHECKS = BuildScript(
    lines=(
        "database/connection",
        "database/migrations",
        "python/version",
        "r/version",
        "mail/configuration",
    )
)
"""The system checks of a server, as `group/name`."""


@dataclass(slots=True, eq=False)
class CheckState:
    """A run of system checks; each line of its script is a check, as `group/name`.

    The exit code of the script is the number of failing checks, which are the last ones.
    """

    id: str
    hostname: str
    run: Run
    canceled: bool = False

    def row(self) -> Row:
        """Return the current state of the run."""
        results = self.results()
        failed = sum(not result["passed"] for result in results)
        if self.canceled:
            status = "canceled"
        elif self.run.finished:
            status = "done"
        else:
            status = "running" if self.run.polls else "requested"
        return {
            "id": self.id,
            "start_time": self.run.started,
            "hostname": self.hostname,
            "status": status,
            "passed": len(results) - failed,
            "failed": failed,
        }

    def results(self) -> list[Row]:
        """Return the results of the checks that have been run."""
        script = self.run.script
        passing = len(script.lines) - script.code
        rows: list[Row] = []
        for i, line in enumerate(self.run.output()):
            group, _, name = line.partition("/")
            rows.append(
                {
                    "group": {"name": group, "args": ""},
                    "test": {"name": name, "args": ""},
                    "passed": i < passing,
                    "output": f"ok {line}" if i < passing else f"not ok {line}",
                    "error": "" if i < passing else f"{line} did not succeed",
                }
            )
        return rows

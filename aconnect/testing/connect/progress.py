"""How simulated tasks advance: scripts, runs, tasks and jobs.

Decides when a line of output appears and when a run ends. By default a run advances with every
poll, so that tests never wait; a script with `seconds_per_line` advances with time instead. It
does not decide what a finished run changes: the caller that starts a run passes a function for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aconnect.testing.wire import Row


def utc_now() -> datetime:
    """Return the current time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class BuildScript:
    """The output of the runs started next, and how they end."""

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
    """The number of polls at the start without output."""
    seconds_per_line: float = 0.0
    """Advance by time instead of by poll."""
    code: int = 0
    """The exit code; anything but 0 is a failure."""
    error: str = ""
    hang: bool = False
    """Print the lines but never finish."""


def nothing(_: "Run") -> None:
    """Do nothing at the end of a run."""


@dataclass(slots=True, eq=False)
class Run:
    """A run in progress, shared by its task and its job."""

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

    @classmethod
    def ended(cls, script: BuildScript, time: datetime) -> "Run":
        """Return a run that finished before the server started."""
        run = cls(script, nothing, started=time)
        run.visible = len(script.lines)
        run.stamps = [time] * run.visible
        run.end(script.code, script.error)
        return run

    @property
    def timed(self) -> bool:
        return self.script.seconds_per_line > 0

    def poll(self) -> None:
        """Advance by one poll, or to the current time if the script is timed."""
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
        """Return the seconds until the next line of a timed run; None if there is none."""
        if self.finished or not self.timed or self.visible == len(self.script.lines):
            return None
        following = self.began + (self.visible + 1) * self.script.seconds_per_line
        return max(0.0, following - time.monotonic())

    def end(self, code: int, error: str) -> None:
        """Finish now."""
        if not self.finished:
            self.finished = True
            self.code = code
            self.error = error or ("" if code == 0 else f"exit status {code}")
            self.on_end(self)

    def output(self) -> list[str]:
        """Return the lines seen so far."""
        return list(self.script.lines[: self.visible])


@dataclass(slots=True, eq=False)
class TaskState:
    """A task; only the node that started it has it."""

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
    """Whether it was started by a schedule."""

    def entries(self) -> list[Row]:
        """Return the visible part of the log."""
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
"""The checks that a server runs on itself, as `group/name`."""


@dataclass(slots=True, eq=False)
class CheckState:
    """A run of system checks; each line of its script is a check, as `group/name`.

    The script's code is the number of the last checks that fail.
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
        """Return the results of the checks that have run."""
        script = self.run.script
        good = len(script.lines) - script.code
        found: list[Row] = []
        for i, line in enumerate(self.run.output()):
            group, _, name = line.partition("/")
            found.append(
                {
                    "group": {"name": group, "args": ""},
                    "test": {"name": name, "args": ""},
                    "passed": i < good,
                    "output": f"ok {line}" if i < good else f"not ok {line}",
                    "error": "" if i < good else f"{line} did not succeed",
                }
            )
        return found

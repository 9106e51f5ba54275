"""How simulated work advances: scripts, runs, tasks and jobs.

Decides when a line of output appears and when a run ends. By default a run advances with every
poll, so that tests never wait; a script with `seconds_per_line` advances with time instead. It
does not decide what a finished run changes: whoever starts a run gives it a function for that.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aconnect.testing.wire import Row


def utc_now() -> datetime:
    """Return the present time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class BuildScript:
    """What the next started runs put out, and how they end."""

    lines: tuple[str, ...] = (
        "Building application...",
        "Using environment Local",
        "Restoring packages",
        "Packages restored",
        "Launching application...",
        "Completed application build",
    )
    lines_per_poll: int = 2
    """How many lines a poll brings."""
    quiet_polls: int = 0
    """How many polls at the beginning bring nothing."""
    seconds_per_line: float = 0.0
    """Advance by time instead of by poll."""
    code: int = 0
    """Exit code; anything but 0 is a failure."""
    error: str = ""
    hang: bool = False
    """Put out the lines but never finish."""


def nothing(_: "Run") -> None:
    """End a run without consequences."""


@dataclass(slots=True, eq=False)
class Run:
    """One piece of work in progress, shared by its task and its job."""

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
        """Give a run that was over before the server began."""
        run = cls(script, nothing, started=time)
        run.visible = len(script.lines)
        run.stamps = [time] * run.visible
        run.end(script.code, script.error)
        return run

    @property
    def timed(self) -> bool:
        return self.script.seconds_per_line > 0

    def poll(self) -> None:
        """Advance by one poll, or to the present when the script is timed."""
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
        """Return the seconds until a timed run's next line; None if nothing comes by itself."""
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
    """A task, which only the node that started it knows."""

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
    """Whether a schedule started it, and nobody by hand."""

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
"""The tests that a server makes of itself, as `group/name`."""


@dataclass(slots=True, eq=False)
class CheckState:
    """A run of system checks; each line of its script is a test, written `group/name`.

    The script's code says how many of the last tests fail.
    """

    id: str
    hostname: str
    run: Run
    canceled: bool = False

    def row(self) -> Row:
        """Return the run as it is now."""
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
        """Return what the tests that have run say."""
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

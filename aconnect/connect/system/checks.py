"""System checks: the tests that a server makes of itself, run in the background."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, first_of, match_of, paged, total_of
from aconnect._client.paged import Paged
from aconnect._client.polling import Reloader, final_state
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class SystemCheckStatus(OpenEnum):
    """How far a run of checks is."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"


_ENDED: Final = frozenset({SystemCheckStatus.DONE, SystemCheckStatus.CANCELED})


class SystemCheckRun(ConnectBound, kw_only=True):
    """One run of the checks on one host."""

    id: Id = ""
    start_time: datetime | None = None
    hostname: str | None = None
    status: SystemCheckStatus | None = None
    passed: int | None = None
    """How many tests have passed so far."""
    failed: int | None = None
    """How many tests have failed so far."""

    async def refresh(self) -> SystemCheckRun:
        """Reload the run."""
        return await self.client.system.checks.get(self.id)

    async def wait(self, timeout: float | None = None) -> SystemCheckRun:
        """Wait until it is done or canceled, and give it as it is then.

        `timeout` in seconds; by default the client's polling policy says how long.
        """
        client = self.client
        checks = client.system.checks
        poller = Reloader(
            f"system check run {self.id}", self, checks.get, self.id, lambda run: run.has_ended
        )
        return await final_state(poller, client.channel, client.polling, timeout)

    @property
    def has_ended(self) -> bool:
        """Whether the run is done or canceled."""
        return self.status in _ENDED

    async def results(self) -> SystemCheckResults:
        """Get what each test has said so far."""
        return await self.client.system.checks.results(self.id)

    async def delete(self) -> None:
        """Delete the run with its results."""
        await self.client.system.checks.delete(self.id)


class SystemCheckTest(Model, kw_only=True):
    """The name of a test, or of a group of tests."""

    name: str = ""
    args: str | None = None


class SystemCheckResult(Model, kw_only=True):
    """What one test has said."""

    group: SystemCheckTest | None = None
    test: SystemCheckTest | None = None
    passed: bool | None = None
    output: str | None = None
    error: str | None = None
    """Empty if there is none."""


class SystemCheckResults(Model, kw_only=True):
    """A run of checks and what its tests have said."""

    run: SystemCheckRun | None = None
    results: list[SystemCheckResult] = []

    @property
    def failures(self) -> list[SystemCheckResult]:
        """The tests that have failed."""
        return [result for result in self.results if result.passed is False]


class SystemCheckCreateParams(TypedDict, total=False):
    """Where checks are to run; by default on the host that takes the call."""

    hostname: str | None


class SystemChecks(ConnectResource, name="system.checks"):
    """Runs of the checks that a server makes of itself."""

    @paged("/v1/system/checks", by=Unpaged(), role="administrator")
    def find(self) -> Paged[SystemCheckRun]:
        """List all runs that were requested."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("POST", "/v1/system/checks", role="administrator")
    async def create(self, **fields: Unpack[SystemCheckCreateParams]) -> SystemCheckRun:
        """Start a run, by default on the host that takes the call; `wait` for it."""
        ...

    @endpoint("GET", "/v1/system/checks/{id}")
    async def get(self, id: str) -> SystemCheckRun:  # noqa: A002  the vendor's noun
        """Get one run."""
        ...

    @endpoint("DELETE", "/v1/system/checks/{id}")
    async def delete(self, id: str) -> None:  # noqa: A002  as above
        """Delete a run with its results."""
        ...

    @endpoint("GET", "/v1/system/checks/{id}/results")
    async def results(self, id: str) -> SystemCheckResults:  # noqa: A002  as above
        """Get what the tests of a run have said so far."""
        ...

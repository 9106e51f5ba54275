"""System checks: the server's tests of itself, run in the background."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.polling import Reloader, final_state
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class SystemCheckStatus(OpenEnum):
    """The status of a run of checks."""

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
    """The number of tests that have passed so far."""
    failed: int | None = None
    """The number of tests that have failed so far."""

    async def refresh(self) -> SystemCheckRun:
        """Reload the run."""
        return await self.client.system.checks.get(self.id)

    async def wait(self, timeout: float | None = None) -> SystemCheckRun:
        """Wait until the run is done or canceled, and return its final state.

        `timeout` is in seconds, by default that of the client's polling policy.

        Raises:
            TaskLostError: The server no longer has the run.
            PollTimeoutError: The run did not end in time.
        """
        client = self.client
        checks = client.system.checks
        poller = Reloader(
            f"system check run {self.id}",
            self,
            checks.get,
            self.id,
            lambda run: None if run.status is None else run.has_ended,
        )
        return await final_state(poller, client.channel, client.polling, timeout)

    @property
    def has_ended(self) -> bool:
        """Whether the run is done or canceled."""
        return self.status in _ENDED

    async def results(self) -> SystemCheckResults:
        """Get the results of the tests so far."""
        return await self.client.system.checks.results(self.id)

    async def delete(self) -> None:
        """Delete the run with its results."""
        await self.client.system.checks.delete(self.id)


class SystemCheckTest(Model, kw_only=True):
    """The name of a test, or of a group of tests."""

    name: str = ""
    args: str | None = None


class SystemCheckResult(Model, kw_only=True):
    """The result of one test."""

    group: SystemCheckTest | None = None
    test: SystemCheckTest | None = None
    passed: bool | None = None
    output: str | None = None
    error: str | None = None
    """Empty if there is none."""


class SystemCheckResults(Model, kw_only=True):
    """A run of checks and the results of its tests."""

    run: SystemCheckRun | None = None
    results: list[SystemCheckResult] = []

    @property
    def failures(self) -> list[SystemCheckResult]:
        """The tests that have failed."""
        return [result for result in self.results if result.passed is False]


class SystemCheckCreateParams(TypedDict, total=False):
    """The host to run the checks on, by default the one that receives the request."""

    hostname: str | None


class SystemChecks(ConnectResource, name="system.checks"):
    """Runs of the server's checks of itself."""

    @paged("/v1/system/checks", by=Unpaged(), role="administrator")
    def find(self) -> Paged[SystemCheckRun]:
        """List all runs."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("POST", "/v1/system/checks", role="administrator")
    async def create(self, **fields: Unpack[SystemCheckCreateParams]) -> SystemCheckRun:
        """Start a run, by default on the host that receives the request; `wait` for it."""
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
        """Get the results of a run so far."""
        ...

"""Metrics of jobs, the summary of scheduled jobs, and the history of schedules."""

from datetime import timedelta

import pytest

from aconnect import Client, errors
from aconnect.connect import ExperimentalJobs, JobSummaryTotals
from aconnect.testing import Seed

SEED = Seed(jobs=60, queue=4, step=timedelta(hours=1))


@pytest.fixture
def seed():
    return SEED


@pytest.fixture
def report(server, client):
    """An item with scheduled rendering."""
    return client.content.handle(next(iter(server.state.schedules)))


async def test_metrics(report):
    """Metrics cover the run of the job, or a window whose ends are both inclusive."""
    job = await report.jobs.find().first()
    metrics = await job.metrics()
    assert (metrics.content_guid, metrics.job_key) == (report.guid, job.key)
    times = [sample.timestamp for sample in metrics.samples]
    assert (times[0], times[-1], len(times)) == (job.start_time, job.end_time, 7)
    assert {sample.process_id for sample in metrics.samples} == {int(job.pid)}
    assert all(0 <= sample.cpu_fraction <= 1 for sample in metrics.samples)
    part = await job.metrics(from_=times[2], to=times[4])
    assert part.samples == metrics.samples[2:5]
    assert (await job.metrics(from_=times[-1] + timedelta(seconds=1))).samples == []


async def test_metrics_that_are_not_collected(server, report):
    """Without metrics collection, there are no samples."""
    server.state.content[report.guid]["metrics_collection_enabled"] = False
    job = await report.jobs.find().first()
    assert (await job.metrics()).samples == []


async def test_a_window_has_a_direction(report):
    """A window that ends before it starts (138) or a time without a time zone is refused."""
    job = await report.jobs.find().first()
    with pytest.raises(errors.BadRequestError, match="138"):
        await job.metrics(from_=job.end_time, to=job.start_time)
    with pytest.raises(errors.InvalidArgumentError, match="zone"):
        await job.metrics(from_=job.start_time.replace(tzinfo=None))


async def test_summary(report, client):
    """Scheduled jobs are counted by outcome, in total and over time."""
    jobs = await report.jobs.find()
    failed = sum(job.exit_code != 0 for job in jobs)
    well = len(jobs) - failed
    summary = await ExperimentalJobs(client).summary()
    assert summary.totals == JobSummaryTotals(
        waiting=1, running=0, succeeded=well, failed=failed, skipped=0
    )
    assert summary.buckets is not None
    buckets = [bucket.to_dict() for bucket in summary.buckets]
    assert sum(bucket["failed"] for bucket in buckets) == failed > 0
    assert sum(bucket["succeeded"] for bucket in buckets) == well
    times = [bucket["timestamp"] for bucket in buckets]
    assert times == sorted(set(times))


async def test_summary_of_a_window(report, client):
    """Only jobs that started within a past window are counted, and none as waiting."""
    *_, third, second, first = await report.jobs.find()
    window = {"from_": second.start_time, "to": third.start_time}
    ended = [third, second]
    failed = sum(job.exit_code != 0 for job in ended)
    assert (await ExperimentalJobs(client).summary(**window)).totals == JobSummaryTotals(
        waiting=0, running=0, succeeded=2 - failed, failed=failed, skipped=0
    )
    nothing = await ExperimentalJobs(client).summary(to=first.start_time - timedelta(days=1))
    assert nothing.buckets == []


async def test_summary_for_publishers(server):
    """Publishers get the summary of their own content; viewers are refused."""
    async with Client(server.url, server.api_key_for("publisher")) as publisher:
        found = await ExperimentalJobs(publisher).summary()
        own = {item.guid async for item in publisher.content.find() if item.app_role == "owner"}
        scheduled = sum(job.scheduled for guid in own for job in server.state.jobs[guid].values())
        totals = found.to_dict()["totals"]
        assert totals["succeeded"] + totals["failed"] == scheduled > 0
    async with Client(server.url, server.api_key_for("viewer")) as viewer:
        with pytest.raises(errors.PermissionDeniedError):
            await ExperimentalJobs(viewer).summary()


async def test_schedule_history(report):
    """Each variant has its current schedule and its changes, newest first."""
    (found,) = await report.schedule.history()
    kinds = [change.change_type for change in found.history]
    assert kinds == ["updated", "created"]
    assert found.total_count == 2
    assert found.history[0].change_time > found.history[1].change_time
    assert found.current_schedule.schedule == found.history[0].new_schedule.schedule
    assert found.current_schedule.next_run > found.history[0].change_time
    assert found.history[0].user.username == "publisher"
    assert await report.schedule.history(variant=found.variant_key) == [found]
    with pytest.raises(errors.NotFoundError):
        await report.schedule.history(variant="none")


async def test_no_schedule(server, client):
    """Content without a schedule has no history."""
    guid = next(guid for guid in server.state.content if guid not in server.state.schedules)
    assert await client.content.handle(guid).schedule.history() == []

"""Checks run to their end, caches are deleted by tasks, and service tokens stay secret."""

from datetime import UTC, datetime, timedelta

import pytest

from aconnect import Client, RetryPolicy, errors
from aconnect.connect import SystemCheckRun, SystemCheckStatus, Task
from aconnect.testing import BuildScript, faults

TESTS = ("database/connection", "mail/send", "r/version")


@pytest.fixture
def server(server):
    server.state.check_script = BuildScript(lines=TESTS, lines_per_poll=1)
    return server


@pytest.fixture
async def client(server, clock):
    async with Client(
        server.url, server.api_key, clock=clock, retry=RetryPolicy(attempts=2)
    ) as client:
        yield client


async def test_check_runs_to_its_end(server, client):
    """`wait` polls a run without asking the server to hold the response."""
    run = await client.system.checks.create()
    assert (run.status, run.passed, run.hostname) == (SystemCheckStatus.REQUESTED, 0, "connect")
    server.requests.clear()
    done = await run.wait()
    assert (done.status, done.passed, done.failed) == (SystemCheckStatus.DONE, 3, 0)
    polls = [(request.path, request.query) for request in server.requests]
    assert polls == [(f"/v1/system/checks/{run.id}", {})] * len(TESTS)
    assert await run.refresh() == done


async def test_check_results(server, client):
    """The results name each check, and can be limited to the failed ones."""
    server.state.check_script = BuildScript(lines=TESTS, code=1)
    run = await (await client.system.checks.create(hostname="connect")).wait()
    assert (run.passed, run.failed) == (2, 1)
    results = await run.results()
    assert [f"{one.group.name}/{one.test.name}" for one in results.results] == list(TESTS)
    (failure,) = results.failures
    assert failure.test.name == "version"
    assert failure.error
    assert await results.run.refresh() == run


async def test_canceled_check(server, client):
    """A wait ends if the run is canceled."""
    run = await client.system.checks.create()
    server.state.checks[run.id].canceled = True
    assert (await run.wait()).status is SystemCheckStatus.CANCELED


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": 1}], ids=repr)
async def test_a_run_without_status(client, server, body):
    """A response without the status of a run is a failed poll; too many of them end the wait."""
    run = await client.system.checks.create()
    server.script(*[faults.status(200, body=body)] * 3, on="GET /v1/system/checks/*")
    assert (await run.wait()).status is SystemCheckStatus.DONE
    server.script(*[faults.status(200, body=body)] * 500, on="GET /v1/system/checks/*")
    with pytest.raises(errors.DecodeError, match="has ended"):
        await run.wait()
    server.clear_script()


async def test_check_in_trouble(server, client):
    """A series of transient failures does not end the wait."""
    run = await client.system.checks.create()
    server.script(*[faults.status(500)] * 5, on="GET /v1/system/checks/*")
    assert (await run.wait()).status is SystemCheckStatus.DONE


async def test_check_that_hangs(server, client, clock):
    """A wait that exceeds its timeout raises PollTimeoutError."""
    server.state.check_script = BuildScript(lines=TESTS, hang=True)
    run = await client.system.checks.create()
    began = clock.monotonic()
    with pytest.raises(errors.PollTimeoutError, match=f"run {run.id} was still running after 50 s"):
        await run.wait(timeout=50)
    assert 50 <= clock.monotonic() - began <= 51


async def test_deleted_check(client, clock):
    """A deleted run is not listed, and waiting for it raises TaskLostError."""
    run = await client.system.checks.create()
    await run.delete()
    assert run.id not in {one.id for one in await client.system.checks.find()}
    began = clock.monotonic()
    with pytest.raises(errors.TaskLostError, match=f"run {run.id}"):
        await run.wait()
    assert 30 <= clock.monotonic() - began <= 60


async def test_check_elsewhere(client):
    """A check on an unknown host raises NotFoundError."""
    with pytest.raises(errors.NotFoundError):
        await client.system.checks.create(hostname="nowhere")


async def test_unknown_status_does_not_end_the_wait(server, client):
    """An unknown status is kept, and does not end the wait."""
    assert SystemCheckRun(status=SystemCheckStatus("paused")).status == "paused"
    run = await client.system.checks.create()
    server.script(faults.status(200, body='{"id": "1", "status": "paused"}'), on="GET *checks/*")
    assert (await run.wait()).status is SystemCheckStatus.DONE


async def test_cache_goes_by_a_task(client):
    """A cache is deleted when its task ends; a dry run starts no task."""
    runtime = client.system.caches.runtime
    caches = await runtime.find()
    assert {(cache.language, cache.image_name) for cache in caches} == {
        ("Python", "Local"),
        ("R", "Local"),
    }
    assert await caches[0].delete(dry_run=True) is None
    dry_run: bool = len(caches) > 1
    assert await caches[0].delete(dry_run=dry_run) is None
    task = await caches[0].delete()
    assert isinstance(task, Task)
    assert await runtime.find() == caches
    assert (await task).finished
    assert await runtime.find() == caches[1:]


async def test_failed_deletion_of_a_cache(server, client):
    """A failed deletion keeps the cache and raises TaskFailedError."""
    server.state.build_script = BuildScript(code=1)
    caches = await client.system.caches.runtime.find()
    with pytest.raises(errors.TaskFailedError):
        await (await caches[0].delete())
    assert await client.system.caches.runtime.find() == caches


async def test_deletion_without_a_task(server, client):
    """A deletion for which the server starts no task raises an error."""
    cache = (await client.system.caches.runtime.find())[0]
    server.script(faults.status(200, body='{"task_id": null}'), on="DELETE *caches*")
    with pytest.raises(errors.AconnectError, match="started no task"):
        await cache.delete()


@pytest.mark.parametrize(
    ("cache", "kind", "code"),
    [
        (("Perl", "5.0.0", "Local"), errors.BadRequestError, 179),
        (("R", "", "Local"), errors.BadRequestError, 180),
        (("R", "1.0.0", "Local"), errors.NotFoundError, 4),
    ],
)
async def test_no_such_cache(client, cache, kind, code):
    """An invalid or missing cache is refused, even in a dry run."""
    language, version, image = cache
    with pytest.raises(kind) as caught:
        await client.system.caches.runtime.delete(
            language=language, version=version, image_name=image, dry_run=True
        )
    assert caught.value.code == code


async def test_documentation(client):
    """The documentation is the text that was written last; without any, it is not found."""
    documentation = client.system.documentation
    for call in (documentation.get, documentation.delete):
        with pytest.raises(errors.NotFoundError):
            await call()
    for content in ("# One", "# Two, über alles"):
        await documentation.put(content=content)
        assert (await documentation.get()).content == content
    assert (await documentation.get()).created_time is not None
    await documentation.delete()
    with pytest.raises(errors.NotFoundError):
        await documentation.get()


@pytest.mark.parametrize("content", ["", "x" * 500_001])
async def test_documentation_of_wrong_length(client, content):
    """Empty documentation and too long documentation are refused."""
    with pytest.raises(errors.BadRequestError) as caught:
        await client.system.documentation.put(content=content)
    assert caught.value.code == 255


async def test_hosts(server, client):
    """All hosts are listed, or only the active ones."""
    assert [host.hostname for host in await client.system.hosts()] == ["connect", "connect-retired"]
    (host,) = await client.system.hosts(active=True)
    assert (host.hostname, host.version) == ("connect", server.version)


async def test_service_accounts(client):
    """The service accounts of Kubernetes are listed, with the default."""
    found = await client.system.service_accounts()
    assert found.enabled is True
    assert found.default in found.accounts


async def test_key_of_a_service_token(client):
    """The key of a service token is returned once, is redacted, and cannot be used for this API."""
    expiry = datetime.now(UTC) + timedelta(days=1)
    token = await client.system.service_tokens.create(
        name="scim", scopes=["identity:manage"], expires_at=expiry
    )
    assert token.key
    assert token.key not in repr(token)
    assert "***" in repr(token)
    assert token.expires_at == expiry
    (found,) = [one for one in await client.system.service_tokens.find() if one.guid == token.guid]
    assert found.key is None
    assert "***" not in repr(found)
    async with Client(client.url, token.key) as other:
        with pytest.raises(errors.AuthenticationError):
            await other.me()
    await found.delete()
    assert token.guid not in {one.guid for one in await client.system.service_tokens.find()}


async def test_unused_service_token(server, client):
    """The last use of an unused token is None, although the server sends the year 1."""
    token = await client.system.service_tokens.create(name="new", scopes=["nameservice:read"])
    assert server.state.service_tokens[token.guid]["active_time"].year == 1
    assert token.active_time is None
    used = datetime(2026, 1, 31, tzinfo=UTC)
    server.state.service_tokens[token.guid]["active_time"] = used
    found = {one.guid: one.active_time for one in await client.system.service_tokens.find()}
    assert found[token.guid] == used


async def test_expired_service_token(server, client):
    """An expired token is not listed."""
    expiry = datetime.now(UTC) + timedelta(days=1)
    token = await client.system.service_tokens.create(
        name="x", scopes=["identity:manage"], expires_at=expiry
    )
    server.state.now = lambda: expiry
    assert token.guid not in {one.guid for one in await client.system.service_tokens.find()}


@pytest.mark.parametrize(
    "fields",
    [{"scopes": []}, {"scopes": ["everything"]}, {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}],
    ids=["no scope", "unknown scope", "past"],
)
async def test_useless_service_token(client, fields):
    """A service token without a valid scope, or with a past expiry, is refused."""
    with pytest.raises(errors.BadRequestError):
        await client.system.service_tokens.create(
            **{"name": "x", "scopes": ["identity:manage"], **fields}
        )


async def test_time_without_a_zone(server, client):
    """A time without a time zone is refused before anything is sent."""
    with pytest.raises(errors.InvalidArgumentError, match="expires_at"):
        await client.system.service_tokens.create(
            name="x",
            scopes=["identity:manage"],
            expires_at=datetime(2030, 1, 1),  # noqa: DTZ001
        )
    assert not server.requests


async def test_scopes(client):
    """The available scopes are listed with descriptions."""
    scopes = await client.system.service_tokens.scopes()
    assert {scope.name for scope in scopes} == {"identity:manage", "nameservice:read"}
    assert all(scope.description for scope in scopes)


@pytest.mark.parametrize("user", ["publisher", "viewer"])
async def test_the_system_is_for_administrators(server, user):
    """Other users may read only the documentation, and publishers also the service accounts."""
    server.state.documentation = {"content": "# Hello"}
    async with Client(server.url, server.api_key_for(user)) as client:
        system = client.system
        assert (await system.documentation.get()).content == "# Hello"
        if user == "publisher":
            assert (await system.service_accounts()).accounts
        for call in (
            system.hosts,
            system.checks.find,
            system.caches.runtime.find,
            system.service_tokens.find,
            system.documentation.delete,
        ):
            with pytest.raises(errors.PermissionDeniedError):
                await call()

"""Many items at once: one failure is one outcome, and a later run goes on with what is left."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from aconnect import Client
from aconnect.deploy import deploy
from aconnect.deploy.batch import batch
from aconnect.deploy.batch.selection import select_content
from aconnect.deploy.config.config import Config
from aconnect.deploy.config.specs import DeploySpec, read_specs
from aconnect.errors import (
    AuthenticationError,
    FileError,
    InvalidArgumentError,
    ResumeError,
)
from aconnect.testing import BuildScript, FakeConnect, Seed, faults

# Their outcomes have optional fields, which the tests read without checking them first.
build_all: Any = batch.build_all
redeploy_all: Any = batch.redeploy_all
deploy_all: Any = batch.deploy_all

ROOT = Path(__file__).parents[3]
SECRET = "the-value-of-a-variable"
NAMES = [f"site-{number}" for number in range(6)]


@pytest.fixture
async def server():
    async with FakeConnect(Seed(content=0)) as running:
        yield running


@pytest.fixture
def state(tmp_path):
    return tmp_path / "batch.state"


def site(folder, text="hello"):
    """Write a small site."""
    folder.mkdir()
    (folder / "index.html").write_text(text)
    manifest = {"version": 1, "metadata": {"appmode": "static"}, "files": {"index.html": {}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def specs(tmp_path):
    """Six directories, each with a name of its own."""
    return [
        DeploySpec(path=site(tmp_path / name, name), config=Config(name=name)) for name in NAMES
    ]


@pytest.fixture
async def items(client, folder):
    """Three items with an active bundle."""
    return [await (await deploy(client, folder, name=name)) for name in NAMES[:3]]


def statuses(outcomes):
    return {outcome.item.name: (outcome.item.state, outcome.item.step) for outcome in outcomes}


def deployed(server):
    """What is on the server, in a form that two servers can be compared by."""
    state = server.state
    return sorted(
        (row["name"], len(bundles), [bundle.row["active"] for bundle in bundles.values()])
        for guid, row in state.content.items()
        for bundles in [state.bundles.get(guid, {})]
    )


def builds_of(server):
    return server.count("POST", "/v1/content/*/build") + server.count(
        "POST", "/v1/content/*/deploy"
    )


async def each_outcome(running, act):
    """Do something after each item that ends."""
    async with aclosing(aiter(running)) as outcomes:
        async for _ in outcomes:
            act()


class Watch:
    """Counts what runs at the same time, whenever a batch reports anything."""

    def __init__(self, server):
        self._server = server
        self._steps = {}
        self.most = {"builds": 0, "transfers": 0}
        self.lines = []

    def __call__(self, item, line):
        self.lines.append(line)
        self._steps[item.key] = item.step
        jobs = [job for of in self._server.state.jobs.values() for job in of.values()]
        now = {
            "builds": sum(job.row["status"] == 0 for job in jobs),
            "transfers": sum(step in {"prepare", "upload"} for step in self._steps.values()),
        }
        self.most = {name: max(count, now[name]) for name, count in self.most.items()}


async def test_build_all(server, client, items, state):
    """Each item is built once, a bundle that is built already is followed, and no state is left."""
    before = builds_of(server)
    running = await items[0].build(items[0].bundle_id)
    outcomes = await build_all(client, select_content(client), state=state)
    assert statuses(outcomes) == dict.fromkeys(NAMES[:3], ("done", "build"))
    assert {outcome.value.guid for outcome in outcomes} == {item.guid for item in items}
    assert builds_of(server) == before + 3
    assert running.id
    assert not state.exists()


async def test_redeploy_all(server, client, items):
    """Each item gets the variables, and its active bundle is deployed again."""
    outcomes = await redeploy_all(client, items, env={"TOKEN": SECRET})
    assert statuses(outcomes) == dict.fromkeys(NAMES[:3], ("done", "verify"))
    bundles = {item.guid: item.bundle_id for item in items}
    for outcome in outcomes:
        item = outcome.item
        assert server.state.environment[outcome.item.guid] == {"TOKEN": SECRET}
        assert (item.bundle_id, item.url) == (bundles[item.guid], outcome.value.content_url)
        assert item.log_url.endswith("/logs")
        assert item.task_id


async def test_deploy_all(server, client, specs, state):
    """Each directory is deployed, and nothing is sent when they are deployed again."""
    outcomes = await deploy_all(client, specs, state=state)
    assert statuses(outcomes) == dict.fromkeys(NAMES, ("done", "activate"))
    once = deployed(server)
    assert [bundles for _, bundles, _ in once] == [1] * 6
    assert all(outcome.ok for outcome in await deploy_all(client, specs, state=state))
    assert deployed(server) == once
    assert not state.exists()


@pytest.mark.parametrize(("builds", "transfers"), [(1, 1), (2, 3)])
async def test_limits(server, client, specs, builds, transfers):
    """No more builds and transfers run at once than allowed, and no fewer."""
    server.state.build_script = BuildScript(quiet_polls=3)
    watch = Watch(server)
    await deploy_all(client, specs, builds=builds, transfers=transfers, on_progress=watch)
    assert watch.most == {"builds": builds, "transfers": transfers}


BROKEN = {
    "prepare": ("", None),
    "upload": ("POST /v1/content", faults.error(403, 22)),
    "upload bundle": ("POST /v1/content/*/bundles", faults.error(400, 38)),
    "build": ("POST /v1/content/*/deploy", faults.error(403, 22)),
}


@pytest.mark.parametrize("step", BROKEN)
async def test_one_directory_fails(server, client, specs, step):
    """Whatever fails for one directory, in whichever step, the others are deployed."""
    on, fault = BROKEN[step]
    if fault is None:
        (specs[2].path / "manifest.json").write_text("{")
    else:
        server.script(fault, on=on)
    outcomes = await deploy_all(client, specs)
    assert len(outcomes) == 6
    (failed,) = [outcome for outcome in outcomes if not outcome.ok]
    assert (failed.item.state, failed.item.step) == ("failed", step.split()[0])
    assert failed.item.error_type == type(failed.error).__name__
    assert failed.item.error == str(failed.error)
    assert sum(active == [True] for _, _, active in deployed(server)) == 5


async def test_missing_directory(client, specs):
    """A directory that does not exist is the failure of one item."""
    specs[0] = DeploySpec(path=specs[0].path / "missing", config=specs[0].config)
    failed = [outcome for outcome in await deploy_all(client, specs) if not outcome.ok]
    assert ["no directory" in outcome.item.error for outcome in failed] == [True]


FAILING = {
    "variables": lambda server, guid: server.script(
        faults.error(403, 22), on=f"PATCH /v1/content/{guid}/environment"
    ),
    "build": lambda server, guid: server.script(
        faults.error(403, 22), on=f"POST /v1/content/{guid}/deploy"
    ),
    "verify": lambda server, guid: server.state.content_status.update({guid: 502}),
}


@pytest.mark.parametrize("step", FAILING)
async def test_one_item_fails(server, client, items, step, state):
    """Whatever fails for one item, the others are deployed, and a later run repeats only this."""
    FAILING[step](server, items[1].guid)
    outcomes = await redeploy_all(client, items, env={"A": "b"}, state=state)
    assert statuses(outcomes)["site-1"] == ("failed", step)
    assert sum(outcome.ok for outcome in outcomes) == 2
    server.state.content_status.clear()
    before = builds_of(server)
    outcomes = await redeploy_all(client, env={"A": "b"}, state=state, retry=True)
    assert statuses(outcomes) == dict.fromkeys(NAMES[:3], ("done", "verify"))
    assert builds_of(server) == before + 1
    assert not state.exists()


async def test_locked_item(client, items):
    """The variables of content that cannot be deployed stay as they are."""
    await items[0].update(locked=True)
    outcomes = await redeploy_all(client, items, env={"A": "b"})
    assert [outcome.ok for outcome in outcomes].count(False) == 1
    assert [await item.environment_variables.find() for item in items] == [[], ["A"], ["A"]]


async def test_build_fails(server, client, items):
    """A failed build is reported without its log, which is at the given address."""
    server.state.build_script = BuildScript(lines=("Restoring", SECRET), code=1)
    for outcome in await build_all(client, items):
        assert outcome.item.error_type == "TaskFailedError"
        assert "code 1" in outcome.item.error
        assert SECRET not in outcome.item.error
        assert outcome.item.log_url.endswith("/logs")


async def test_unexpected_error(client, specs, monkeypatch):
    """Even an error that nobody has thought of is the failure of one item."""

    async def prepare(_, directory):
        raise ZeroDivisionError(f"in {directory.name}")

    monkeypatch.setattr(Config, "prepare", prepare)
    outcomes = await deploy_all(client, specs[:2])
    assert [outcome.item.error_type for outcome in outcomes] == ["ZeroDivisionError"] * 2


async def test_never_deployed(client):
    """Content without an active bundle cannot be built, and its error says what to do."""
    item = await client.content.create(name="empty")
    (outcome,) = await build_all(client, [item])
    assert "has no active bundle; deploy one of its bundles" in outcome.item.error


async def test_refused_for_a_while(server, client, specs):
    """A server that refuses requests for a while delays the batch, and nothing is done twice."""
    server.script(*[faults.status(429, retry_after=2)] * 30)
    outcomes = await deploy_all(client, specs)
    assert all(outcome.ok for outcome in outcomes)
    assert [bundles for _, bundles, _ in deployed(server)] == [1] * 6


async def test_key_is_refused(server, client, specs, state):
    """A key that is refused ends the batch, which can be continued with what is left."""
    server.script(*[faults.error(401, 30)] * 50, on="POST /v1/content/*/deploy")
    with pytest.raises(AuthenticationError) as caught:
        await deploy_all(client, specs, builds=2, transfers=2, state=state)
    (note,) = [note for note in caught.value.__notes__ if "are not done" in note]
    assert note == f"6 of 6 items are not done; retry=True goes on with them, from {state}"
    server.clear_script()
    assert all(each.ok for each in await deploy_all(client, specs, state=state, retry=True))
    assert [bundles for _, bundles, _ in deployed(server)] == [1] * 6


async def test_state_cannot_be_written(client, specs, state):
    """A state that is removed ends the batch with an error that names it."""
    running = deploy_all(client, specs, builds=1, state=state)
    with pytest.raises(FileError, match="was removed or replaced") as caught:
        await each_outcome(running, lambda: state.unlink(missing_ok=True))
    assert "items are not done" in caught.value.__notes__[-1]


async def test_state_on_a_full_disk(client, items, state):
    """A full disk ends the batch instead of being the failure of each item."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(FileError, match="cannot write") as caught:
            # No file can grow any more, not even the journal of the database.
            await each_outcome(
                build_all(client, items, builds=1, state=state),
                lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1])),
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.__notes__[-1].startswith("2 of 3 items are not done")


async def test_cancelled(server, client, specs, state):
    """After a cancellation the state says what is open, and a later run completes it."""
    async with aclosing(aiter(deploy_all(client, specs, builds=1, state=state))) as outcomes:
        async for _ in outcomes:
            break
    with pytest.raises(InvalidArgumentError, match="5 of 6 items have not ended"):
        await deploy_all(client, specs, state=state)
    planned = await deploy_all(client, specs, state=state, retry=True).plan()
    assert [item.state for item in planned].count("done") == 1
    assert all(outcome.ok for outcome in await deploy_all(client, specs, state=state, retry=True))
    assert deployed(server) == [(name, 1, [True]) for name in NAMES]


CHILD = """
import asyncio, sys
from aconnect import Client
from aconnect.deploy.batch.batch import deploy_all
from aconnect.deploy.config.specs import read_specs

async def main(url, key, file):
    async with Client(url, api_key=key) as client:
        def on_progress(item, line):
            print(item.step, flush=True)
        await deploy_all(client, read_specs(file), builds=2, state=file + ".state",
                         on_progress=on_progress)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("news", [1, 7, 14, 25, 40, 70])
@pytest.mark.usefixtures("specs")
async def test_killed(server, client, tmp_path, news):
    """A process that is killed at any moment leaves nothing that is then made twice."""
    file = tmp_path / "deploy.toml"
    file.write_text("".join(f'[[deploy]]\npath = "{n}"\nname = "{n}"\n' for n in NAMES))
    process: Any = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, server.url, server.api_key, str(file)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    for _ in range(news):
        await process.stdout.readline()
    process.kill()
    await process.communicate()
    state = f"{file}.state"
    # It may have been faster.
    retry = await asyncio.to_thread(os.path.exists, state)
    outcomes = await deploy_all(client, read_specs(file), state=state, retry=retry)
    assert all(outcome.ok for outcome in outcomes)
    assert deployed(server) == [(name, 1, [True]) for name in NAMES]
    assert not await asyncio.to_thread(os.path.exists, state)


async def test_two_at_once(client, items, state):
    """A second batch with the same state is refused, and the first one is not disturbed."""
    async with aclosing(aiter(build_all(client, items, state=state))) as outcomes:
        await anext(outcomes)
        with pytest.raises(InvalidArgumentError, match="another process is writing"):
            await build_all(client, items, state=state)
        assert [outcome.ok async for outcome in outcomes] == [True, True]


async def test_second_process(client, items, state):
    """A state that another process has open is refused."""
    code = "import sys; from pathlib import Path\n"
    code += "from aconnect.deploy.batch.state import BatchState\n"
    code += "with BatchState(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    process: Any = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(state)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    await process.stdout.readline()
    with pytest.raises(InvalidArgumentError, match="another process is writing"):
        await build_all(client, items, state=state)
    await process.communicate(b"")
    assert all(outcome.ok for outcome in await build_all(client, items, state=state))


async def test_cancelled_while_opening(client, items, state):
    """A batch that is cancelled at any moment of its beginning releases its state."""
    for turns in range(12):
        task = asyncio.ensure_future(build_all(client, items, state=state).plan())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert len(await build_all(client, items, state=state).plan()) == 3
        assert not state.exists()


async def failed_state(client, server, items, state):
    """Leave a state behind in which one item has failed."""
    server.script(faults.error(403, 22), on="POST /v1/content/*/deploy")
    await redeploy_all(client, items, env={"A": SECRET}, state=state)
    assert state.exists()


async def test_damaged(client, server, items, state):
    """A damaged state, or a file that is none, is refused and kept."""
    await failed_state(client, server, items, state)
    data = state.read_bytes()
    for damaged in (b"no database" * 100, data[:100] + bytes(1000) + data[1100:], data[:5000]):
        state.write_bytes(damaged)
        with pytest.raises(ResumeError, match="cannot be read"):
            await redeploy_all(client, env={"A": SECRET}, state=state, retry=True)
        assert state.read_bytes() == damaged
    state.unlink()
    with sqlite3.connect(state) as other:
        other.execute("CREATE TABLE precious (text TEXT)")
    other.close()
    with pytest.raises(ResumeError, match="something else"):
        await build_all(client, items, state=state)
    assert state.exists()


async def test_other_run(client, server, items, state):
    """A state of another action, server or set of variables is refused, and says what it is."""
    await failed_state(client, server, items, state)
    with pytest.raises(InvalidArgumentError, match=r"state of redeploy on .* not build on"):
        await build_all(client, state=state, retry=True)
    with pytest.raises(InvalidArgumentError, match=r"other variables \(A\)"):
        await redeploy_all(client, env={"B": "c"}, state=state, retry=True)
    async with FakeConnect() as other, Client(other.url, api_key=other.api_key) as elsewhere:
        with pytest.raises(InvalidArgumentError, match="choose another state="):
            await redeploy_all(elsewhere, env={"A": "b"}, state=state, retry=True)
    # Each of its items has ended, so a new run may begin.
    assert all(outcome.ok for outcome in await build_all(client, items, state=state))


async def test_nothing_to_retry(client, state):
    """Where there is no earlier run, there is nothing to go on with."""
    with pytest.raises(InvalidArgumentError, match="no run to go on with"):
        await build_all(client, state=state, retry=True)
    assert not state.exists()


async def test_arguments(client, items, specs):
    """Arguments that contradict each other are refused at once."""
    for call in (
        lambda: build_all(client),
        lambda: build_all(client, items, retry=True, state="x"),
        lambda: build_all(client, retry=True),
        lambda: build_all(client, items, builds=0),
        lambda: deploy_all(client, specs, transfers=0),
        lambda: deploy_all(client, [*specs, specs[0]]),
    ):
        with pytest.raises(InvalidArgumentError):
            call()


async def test_no_secrets(client, server, items, state):
    """No value of a variable is stored or reported, wherever the server repeats it."""
    server.state.build_script = BuildScript(lines=(f"TOKEN={SECRET}",), code=1, error=SECRET)
    watch = Watch(server)
    outcomes = await redeploy_all(
        client, items, env={"TOKEN": SECRET}, state=state, on_progress=watch
    )
    assert [outcome.item.state for outcome in outcomes] == ["failed"] * 3
    assert "TOKEN=***" in watch.lines
    assert SECRET not in repr([outcome.item for outcome in outcomes])
    assert SECRET.encode() not in state.read_bytes()


async def test_plan(server, client, items, state):
    """A plan lists the items, and neither changes anything nor leaves a state."""
    before = len(server.requests)
    planned = await build_all(client, items, state=state).plan()
    assert [(item.name, item.state) for item in planned] == [
        (name, "pending") for name in NAMES[:3]
    ]
    assert len(server.requests) == before
    assert not state.exists()


async def test_changed_declaration(server, client, specs, state):
    """A later run does again what is declared in another way, and what is new."""
    manifest = specs[1].path / "manifest.json"
    valid = manifest.read_text()
    manifest.write_text("{")
    await deploy_all(client, specs[:3], state=state)
    manifest.write_text(valid)
    specs[0] = DeploySpec(
        path=specs[0].path, config=Config(name="site-0", settings={"title": "Changed"})
    )
    before = builds_of(server)
    outcomes = await deploy_all(client, specs[:4], state=state, retry=True)
    assert all(outcome.ok for outcome in outcomes)
    # Only the third one is skipped; drafts are built, and then activated.
    assert [outcome.item.name for outcome in outcomes if outcome.value is None] == ["site-2"]
    assert builds_of(server) - before == 1 + 2 * 2
    assert "Changed" in {row["title"] for row in server.state.content.values()}


async def test_selection(server, client, items):
    """Content is selected by tag, owner and text, which must all match."""
    tag = await client.tags.ensure_tag_path("Department/Finance/Accounts")
    await items[0].tags.add(tag)
    await items[1].tags.add(tag)
    async with Client(server.url, server.api_key_for("publisher")) as other:
        theirs = await other.content.create(name="site-9")
        owner = await other.me()

    async def names(**arguments):
        return [item.name async for item in select_content(client, **arguments)]

    assert await names() == ["site-0", "site-1", "site-2", "site-9"]
    assert await names(tag=tag) == ["site-0", "site-1"]
    assert await names(tag=tag.parent_id, query="SITE-1") == ["site-1"]
    assert await names(owner=owner) == [theirs.name]
    assert await names(owner=owner.guid, tag=tag.id) == []


async def test_all_failed(server, client, items):
    """Content is selected if its newest build has failed, whatever other jobs it has."""
    selection = select_content(client, all_failed=True)
    assert await selection == []
    server.state.build_script = BuildScript(code=1)
    for item in items[:2]:
        await (await item.build(item.bundle_id)).wait()
    for job in server.state.jobs[items[0].guid].values():
        # A process for visitors is no build.
        if job.row["exit_code"]:
            server.state.jobs[items[2].guid]["visit"] = job
            break
    assert [item.name for item in await selection][:2] == ["site-0", "site-1"]
    server.state.build_script = BuildScript()
    assert all(outcome.ok for outcome in await build_all(client, selection))
    assert await selection == []


async def test_specs(tmp_path, server, client, monkeypatch):
    """A table of `deploy.toml` wins over the directory, and that over the defaults."""
    monkeypatch.setenv("TOKEN", SECRET)
    site(tmp_path / "one")
    site(tmp_path / "two")
    (tmp_path / "two" / "pyproject.toml").write_text(
        '[tool.aconnect.deploy]\nname = "second"\ntitle = "Own"\ndescription = "Own"'
    )
    file = tmp_path / "deploy.toml"
    file.write_text(
        """
        [defaults]
        title = "Default"
        secrets = ["TOKEN"]
        [[deploy]]
        path = "one"
        [[deploy]]
        path = "two"
        description = "Table"
        env = { MODE = "fast" }
        """
    )
    outcomes = await deploy_all(client, read_specs(file))
    assert {each.item.name: each.value.title for each in outcomes} == {
        "one": "Default",
        "second": "Own",
    }
    second = next(each.value for each in outcomes if each.value.name == "second")
    assert second.description == "Table"
    assert server.state.environment[second.guid] == {"TOKEN": SECRET, "MODE": "fast"}


async def test_secrets(client, specs, monkeypatch):
    """A secret that nobody has is an error; one that the content has already is kept."""
    specs = [DeploySpec(path=specs[0].path, config=Config(name="site-0", secrets=("TOKEN",)))]
    (outcome,) = await deploy_all(client, specs)
    assert "no value for TOKEN" in outcome.item.error
    monkeypatch.setenv("TOKEN", SECRET)
    (outcome,) = await deploy_all(client, specs)
    assert outcome.ok
    monkeypatch.delenv("TOKEN")
    (outcome,) = await deploy_all(client, specs)
    assert outcome.ok


async def test_warnings(client, tmp_path):
    """What was left out of a directory is said."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("hello")
    (folder / ".env").write_text(f"TOKEN={SECRET}")
    (outcome,) = await deploy_all(client, [DeploySpec(path=folder)])
    assert ".env" in " ".join(outcome.item.warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "declares nothing"),
        ("deploy = 3", "must be"),
        ("[[deploy]]", "has no key 'path'"),
        ('[[deploy]]\npath = "a"\nnme = "b"', "did you mean 'name'"),
        ('[defaults]\nnme = "b"\n[[deploy]]\npath = "a"', "did you mean 'name'"),
        ('[defaults]\nname = "b"\n[[deploy]]\npath = "a"', "only one item can have"),
        ('[default]\ntitle = "b"\n[[deploy]]\npath = "a"', "did you mean 'defaults'"),
        ('[[deploy]]\npath = "a"\n[[deploy]]\npath = "a"', "both deployed to"),
        ('[[deploy]]\npath = "a"\nname = "c"\n[[deploy]]\npath = "b"\nname = "c"', "both deployed"),
    ],
)
def test_bad_specs(tmp_path, text, message):
    """A file with a mistake is refused as a whole, with what is wrong."""
    file = tmp_path / "deploy.toml"
    file.write_text(text)
    with pytest.raises(InvalidArgumentError, match=message):
        read_specs(file)

"""Plans in files: what was reviewed is what is run."""

import json

import pytest

from aconnect import Client
from aconnect.errors import FileError, InvalidArgumentError
from aconnect.migrate import load_plan, save_plan
from tests.migrate.planning.samples import content, planned


@pytest.fixture
async def clients():
    async with (
        Client("https://source.example", "a") as src,
        Client("https://destination.example", "b") as dst,
    ):
        yield src, dst


@pytest.fixture
async def path(tmp_path):
    """A plan in a file."""
    plan = planned(content(settings={"load_factor": 0.5}, title="Sälés"), content("b", "bob"))
    return await save_plan(plan, tmp_path / "plan.json")


async def test_a_plan_is_read_as_it_was_written(tmp_path, clients):
    """A plan from a file equals the plan, and has the clients that it is given."""
    plan = planned(content(settings={"load_factor": 1.0, "max_processes": 3}, locked=True))
    path = await save_plan(plan, tmp_path / "plan.json")
    loaded = await load_plan(str(path), *clients)
    assert loaded == plan
    assert loaded.clients == clients
    first = path.read_bytes()
    await save_plan(loaded, path)
    assert path.read_bytes() == first


async def test_the_layout_of_a_file_means_nothing(path, clients):
    """A file that a tool has formatted otherwise is the same plan."""
    plan = await load_plan(path, *clients)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8"))), "utf-8")
    assert await load_plan(path, *clients) == plan


def _changed(values, change):
    change(values)
    return values


DAMAGES = {
    "shortened": (lambda text: text[:-20], "is not a plan of a migration"),
    "empty": (lambda _: "", "is not a plan of a migration"),
    "text": (lambda _: "hello", "is not a plan of a migration"),
    "list": (lambda _: "[]", "is not a plan of a migration"),
    "other": (lambda _: '{"a": 1}', "is not a plan of a migration"),
    "deep": (lambda _: "[" * 100_000, "is not a plan of a migration"),
    "later": (
        lambda text: text.replace('"aconnect_plan": 1', '"aconnect_plan": 2'),
        "in format 2 instead of 1; use that version, or plan again",
    ),
    "format-only": (lambda _: '{"aconnect_plan": 1}', "is damaged"),
    "wrong-type": (lambda text: text.replace('"number": 1', '"number": "one"'), "is damaged"),
    "unknown-sign": (lambda text: text.replace('"sign": "+"', '"sign": "#"', 1), "is damaged"),
    "other-owner": (
        lambda text: text.replace("dst-alice-guid", "dst-bob-guid"),
        "was changed since it was written",
    ),
    "item-removed": (
        lambda text: json.dumps(
            _changed(json.loads(text), lambda values: values["plan"]["items"].pop())
        ),
        "was changed since it was written",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_files(path, clients, damage):
    """A file that is not what was written is refused with its path and a reason."""
    change, part = DAMAGES[damage]
    text = path.read_text("utf-8")
    path.write_text(change(text), "utf-8")
    assert path.read_text("utf-8") != text
    with pytest.raises(InvalidArgumentError) as caught:
        await load_plan(path, *clients)
    assert part in str(caught.value)
    assert str(path) in str(caught.value)


async def test_files_that_cannot_be_used(tmp_path, clients):
    """A missing file and a folder are errors with the path."""
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(InvalidArgumentError, match="cannot read"):
            await load_plan(path, *clients)
    with pytest.raises((InvalidArgumentError, FileError), match="cannot write"):
        await save_plan(planned(content()), tmp_path)


def test_a_plan_without_clients():
    """A plan that was not read for two servers says how to get one."""
    with pytest.raises(InvalidArgumentError, match="load_plan"):
        _ = planned(content()).clients

"""Files are written atomically, and an interrupted collection resumes without losing a row."""

import asyncio
import csv
import io
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from aconnect import Client
from aconnect._client.derived import matching
from aconnect.errors import (
    AuthenticationError,
    ConnectionLostError,
    DecodeError,
    FileError,
    InvalidArgumentError,
    PageLoopError,
    ResumeError,
)
from aconnect.export import Collected, Window, collect, select
from aconnect.export.parts import PartFile, Source
from aconnect.export.sinks import JsonLines
from aconnect.testing import faults

ROWS = 530
SIZE = 50
PAGES = 11
VISITS = "GET /v1/instrumentation/content/visits"


@pytest.fixture
def visits(client):
    return client.instrumentation.visits().page_size(SIZE)


@pytest.fixture
async def expected(visits):
    return b"".join([bytes(row) + b"\n" async for row in visits.raw()])


def left(path):
    return sorted(p.name for p in path.parent.iterdir())


async def test_json_lines(visits, expected, tmp_path):
    """Rows are written as received; each page is reported; no other file is left."""
    seen: list[Collected] = []
    path = tmp_path / "visits.jsonl"
    done = await collect(visits, path, progress=seen.append)
    assert path.read_bytes() == expected
    assert (done.rows, done.pages, done.size, done.resumed) == (ROWS, PAGES, len(expected), 0)
    assert [each.pages for each in seen] == list(range(1, PAGES + 1))
    assert left(path) == ["visits.jsonl"]


async def test_csv(visits, tmp_path):
    """CSV has one line per row, with the values of the models."""
    path = tmp_path / "visits.csv"
    await collect(visits, path, format="csv")
    read = list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    rows = await visits
    assert [r["id"] for r in read] == [row.id for row in rows]
    assert [r["rendering_id"] for r in read] == [row.rendering_id or "" for row in rows]
    assert [msgspec.convert(r["time"], type(rows[0].time)) for r in read] == [r.time for r in rows]


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
@pytest.mark.parametrize("saving", [True, False])
async def test_crash(visits, tmp_path, crashes, format_, saving, request):
    """After a crash on any page, the next run completes the same file."""
    if saving:
        request.getfixturevalue("saves_each_page")
    whole = tmp_path / "a"
    await collect(visits, whole, format=format_, progress=crashes)
    resumed = set()
    for folder in crashes.states:
        done = await collect(visits, folder / "a", format=format_)
        resumed.add(done.resumed)
        assert (folder / "a").read_bytes() == whole.read_bytes()
        assert left(done.path) == ["a"]
    assert resumed == ({*range(SIZE, ROWS, SIZE), ROWS} if saving else {0})


@pytest.mark.parametrize("scope", ["asyncio", "anyio"])
@pytest.mark.parametrize("turns", range(0, 60, 7))
async def test_cancelled(visits, expected, tmp_path, scope, turns):
    """After a cancellation, there is a complete file or a resumable part, never half a row."""
    path = tmp_path / "a"
    seen: list[Collected] = []
    if scope == "asyncio":
        task = asyncio.create_task(collect(visits, path, progress=seen.append))
        for _ in range(turns * 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    else:

        def stop(done):
            seen.append(done)
            if done.pages == turns % PAGES:
                group.cancel()

        with anyio.CancelScope() as group:
            await collect(visits, path, progress=stop)
    if path.exists():
        assert path.read_bytes() == expected
        return
    done = await collect(visits, path)
    assert done.resumed >= (seen[-1].rows if seen else 0)
    assert path.read_bytes() == expected


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ([faults.reset()] * 5, ConnectionLostError),
        ([faults.login_page()], DecodeError),
        ([faults.truncated_json()], DecodeError),
    ],
)
async def test_server_fails(server, visits, expected, tmp_path, fault, error):
    """If the server fails, the error says what is kept, and the next run completes the file."""
    path = tmp_path / "a"
    server.script(*[faults.slow_headers(0)] * 4, *fault, on=VISITS)
    with pytest.raises(error) as caught:
        await collect(visits, path)
    assert caught.value.__notes__ == [f"200 rows are kept in {path}.part; repeat it to resume."]
    server.assert_script_used()
    before = server.count("GET", "/v1/instrumentation/content/visits")
    done = await collect(visits, path)
    assert (done.rows, done.resumed) == (ROWS, 200)
    assert server.count("GET", "/v1/instrumentation/content/visits") - before == PAGES - 4
    assert path.read_bytes() == expected


async def test_nothing_came(server, visits, tmp_path):
    """If not a single page was received, no file is left behind."""
    server.state.keys.clear()
    with pytest.raises(AuthenticationError) as caught:
        await collect(visits, tmp_path / "a")
    assert not getattr(caught.value, "__notes__", [])
    assert not list(tmp_path.iterdir())


@pytest.fixture
async def broken_off(server, visits, tmp_path):
    """A collection that was interrupted after 200 rows."""
    path = tmp_path / "a"
    server.script(*[faults.slow_headers(0)] * 4, faults.login_page(), on=VISITS)
    with pytest.raises(DecodeError):
        await collect(visits, path)
    return path


@pytest.mark.parametrize("what", ["query", "format", "keep", "where", "damaged", "short"])
async def test_not_the_same(client, visits, expected, broken_off, what):
    """A part file that does not match raises ResumeError and is kept; `restart` replaces it."""
    path, mark = broken_off, broken_off.with_name("a.part.json")
    paged = visits
    more: dict[str, Any] = {}
    if what == "query":
        paged = client.instrumentation.visits(min_data_version=0).page_size(SIZE)
    elif what == "format":
        more = {"format": "csv"}
    elif what == "keep":
        more = {"keep": lambda rows: rows}
    elif what == "where":
        paged = visits.where(lambda row: row is not None)
    elif what == "damaged":
        mark.write_text("{")
    else:
        os.truncate(f"{path}.part", 10)
    kept = mark.read_bytes(), path.with_name("a.part").read_bytes()
    with pytest.raises(ResumeError, match="restart"):
        await collect(paged, path, **more)
    assert (mark.read_bytes(), path.with_name("a.part").read_bytes()) == kept
    done = await collect(visits, path, restart=True)
    assert (done.resumed, path.read_bytes()) == (0, expected)


async def test_another_value_of_a_filter(visits, expected, tmp_path):
    """A filter of the client belongs to the query: one with another value resumes no other."""
    path = tmp_path / "a"

    def stop(done):
        raise BrokenPipeError(f"{done.pages}")

    with pytest.raises(FileError):
        await collect(matching(visits, data_version=3), path, progress=stop)
    with pytest.raises(ResumeError, match="restart"):
        await collect(matching(visits, data_version=2).raw(), path)
    done = await collect(matching(visits, data_version=3).raw(), path)
    assert done.resumed == SIZE
    assert path.read_bytes() == expected


async def test_another_page_size(client, broken_off, expected):
    """The page size can change between runs."""
    done = await collect(client.instrumentation.visits().page_size(7), broken_off)
    assert (done.resumed, broken_off.read_bytes()) == (200, expected)


async def test_lost_checkpoint(visits, broken_off, expected):
    """A part file without its checkpoint is replaced."""
    broken_off.with_name("a.part.json").unlink()
    done = await collect(visits, broken_off)
    assert (done.resumed, broken_off.read_bytes()) == (0, expected)


async def test_exists(server, visits, tmp_path):
    """An existing file is replaced only with `overwrite=True`; otherwise nothing is fetched."""
    path = tmp_path / "a"
    path.write_text("mine")
    with pytest.raises(InvalidArgumentError, match="exists already"):
        await collect(visits, path)
    assert (path.read_text(), server.requests, left(path)) == ("mine", [], ["a"])
    await collect(visits, path, overwrite=True)
    assert path.read_text().count("\n") == ROWS


async def test_unwritable(server, visits, tmp_path):
    """A folder that is not writable raises an error before anything is fetched."""
    (tmp_path / "file").write_text("")
    for folder in ("file", "absent"):
        with pytest.raises(InvalidArgumentError, match="cannot write"):
            await collect(visits, tmp_path / folder / "a")
    assert server.requests == []


async def test_two_processes(visits, tmp_path):
    """Two processes cannot write the same part file; the second raises an error."""
    source = Source(server="", query="", format="jsonl")
    first = PartFile(tmp_path / "a", source, JsonLines())
    first.open(restart=False, overwrite=False)
    with pytest.raises(InvalidArgumentError, match="another process"):
        await collect(visits, tmp_path / "a")
    first.close()
    assert not list(tmp_path.iterdir())


@contextmanager
def full_disk(size):
    """Let no file grow beyond a size, as a full disk would."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
@pytest.mark.parametrize("share", [0.03, 0.2, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("saving", [True, False])
async def test_full_disk(visits, tmp_path, format_, share, saving, request):
    """If the disk is full, the error names exactly the rows that the next run resumes with."""
    if saving:
        request.getfixturevalue("saves_each_page")
    whole = await collect(visits, tmp_path / "whole", format=format_)
    with (
        full_disk(int(whole.size * share)),
        pytest.raises(FileError, match="cannot write") as caught,
    ):
        await collect(visits, tmp_path / "a", format=format_)
    done = await collect(visits, tmp_path / "a", format=format_)
    hint = f"{done.resumed} rows are kept in {tmp_path / 'a'}.part; repeat it to resume."
    assert getattr(caught.value, "__notes__", []) == ([hint] if done.resumed else [])
    assert done.path.read_bytes() == whole.path.read_bytes()


async def test_repeated_cursor(server, visits, expected, tmp_path):
    """After pages that never end, the advice is to start again, and not to resume as well."""
    path = tmp_path / "a"
    server.script(*[faults.repeated_cursor()] * 2, on=VISITS)
    with pytest.raises(PageLoopError, match="Start again") as caught:
        await collect(visits, path)
    note = f"Do not resume from {path}.part: start again with restart=True"
    assert caught.value.__notes__ == [note]
    assert (await collect(visits, path, restart=True)).rows == ROWS
    assert path.read_bytes() == expected


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("overwrite", [True, False])
async def test_second_process_at_the_end(
    server, visits, expected, tmp_path, monkeypatch, moment, overwrite
):
    """A process that starts while another one completes the file does not damage it."""
    path, replace = tmp_path / "a", Path.replace
    seen: list[str] = []

    async def second():
        async with Client(server.url, api_key=server.api_key) as client:
            query = client.instrumentation.visits().page_size(SIZE)
            await collect(query, path, overwrite=overwrite)

    def interrupted(self, target):
        # In the thread of the first collection.
        if Path(target) != path or seen:
            return replace(self, target)
        seen.append("completed")
        if moment == "after":
            replace(self, target)
        try:
            asyncio.run(second())
        except InvalidArgumentError as error:
            seen[0] = str(error)
        return replace(self, target) if moment == "before" else path

    monkeypatch.setattr(Path, "replace", interrupted)
    await collect(visits, path)
    if moment == "before":
        assert "another process" in seen[0]
    elif overwrite:
        assert seen == ["completed"]
    else:
        assert "exists already" in seen[0]
    assert path.read_bytes() == expected
    assert left(path) == ["a"]


async def test_replaced_part(visits, tmp_path):
    """A partial file that was removed and started again elsewhere is left alone."""
    part, mark = tmp_path / "a.part", tmp_path / "a.part.json"

    def restart(done):
        if done.pages == 3:
            part.unlink()
            part.write_text("other")
            mark.write_text("other")

    with pytest.raises(FileError, match="removed or replaced"):
        await collect(visits, tmp_path / "a", progress=restart)
    assert (part.read_text(), mark.read_text()) == ("other", "other")
    assert left(part) == ["a.part", "a.part.json"]


async def test_created_meanwhile(server, visits, expected, tmp_path):
    """A file that somebody else creates during the collection is kept, and so are the rows."""
    path = tmp_path / "a"
    with pytest.raises(InvalidArgumentError, match="exists already") as caught:
        await collect(visits, path, progress=lambda _: path.write_text("other"))
    assert "530 rows are kept" in caught.value.__notes__[0]
    assert path.read_text() == "other"
    path.unlink()
    before = len(server.requests)
    await collect(visits, path)
    assert (path.read_bytes(), len(server.requests)) == (expected, before)


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": True},
        {"size": 0},
        {"rows": 100},
        {"token": None},
        {"began": "2020-01-01T00:00:00Z"},
    ],
)
async def test_edited_checkpoint(visits, expected, broken_off, changes):
    """A checkpoint that was changed is refused; it would complete a wrong file."""
    mark = broken_off.with_name("a.part.json")
    mark.write_text(json.dumps({**json.loads(mark.read_text()), **changes}))
    with pytest.raises(ResumeError, match=r"it was changed.*restart=True"):
        await collect(visits, broken_off)
    done = await collect(visits, broken_off, restart=True)
    assert (done.resumed, broken_off.read_bytes()) == (0, expected)


@pytest.mark.parametrize("name", ["x" * 245, "x" * 300, "a\0b"])
async def test_impossible_names(visits, tmp_path, name):
    """A name that the file system refuses is a typed error, and leaves nothing behind."""
    with pytest.raises(InvalidArgumentError, match="cannot write"):
        await collect(visits, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["visits", "shiny-usage", "hits", "audit-logs"])
@pytest.mark.parametrize("format_", ["jsonl", "csv"])
async def test_nothing_in_the_window(client, tmp_path, kind, format_):
    """An empty window creates a file without rows."""
    window = Window(to=datetime(1999, 1, 1, tzinfo=UTC))
    selected = await select(client, kind, window)
    done = await collect(selected.paged, tmp_path / "a", keep=selected.keep, format=format_)
    assert done.rows == 0
    assert len(done.path.read_text().splitlines()) == (format_ == "csv")

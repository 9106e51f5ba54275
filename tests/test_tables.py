"""`records`: rows as dicts, with names beside the ids."""

import asyncio
import logging
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import cast

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, strategies as st

from aconnect import NO_RETRY, Client, records
from aconnect.collect import visits as collected_visits
from aconnect.connect import (
    ContentHit,
    ContentItem,
    ContentOwner,
    ContentVisit,
    Job,
    Permission,
    PrincipalType,
    ShinyUsage,
    Tag,
    User,
    Variant,
)
from aconnect.errors import BadRequestError, InvalidArgumentError, ServerError
from aconnect.testing import FakeConnect, Seed, faults
from tests.core.test_model import MODELS, instances

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
async def server():
    async with FakeConnect(Seed(visits=1200, shiny_usage=30, hits=5)) as server:
        yield server


@pytest.fixture
async def client(server):
    async with Client(server.url, server.api_key) as client:
        yield client


def lists_requested(server):
    """Return how often names were listed, by path."""
    paths = (request.path.partition("/v1/")[2].partition("?")[0] for request in server.requests)
    return Counter(path for path in paths if path in {"content", "users", "groups"})


def running():
    """Return the tasks that request names."""
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("names of")}


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
async def test_all_attributes_are_columns(kind):
    """Without fields, a record is `to_dict()` with the computed attributes behind it."""
    examples = []

    @given(instances(kind))
    def collect(value):
        examples.append(value)

    collect()
    for value, record in zip(examples, await records(examples), strict=True):
        data = value.to_dict()
        assert list(record)[: len(data)] == list(data)
        assert {name: record[name] for name in data} == data
        assert all(record[name] == getattr(value, name) for name in record.keys() - data.keys())


async def test_computed_attributes():
    """What an object computes of its fields is a column too; what makes requests is not."""
    (job,) = await records([Job(key="k")])
    assert job["is_active"] is False
    (user,) = await records([User(guid="g")])
    assert not user.keys() & {"content", "groups", "keys", "client"}


async def test_frames(client):
    """Pandas and Polars make a frame of what is awaited, with times as times."""
    table = await records(client.instrumentation.usage(), "time", "content_title", names=client)
    assert len(table) == 1230
    frame = pd.DataFrame(table)
    assert list(frame.columns) == ["time", "content_title"]
    assert frame["time"].min() == BEGIN
    assert pl.DataFrame(table).schema["time"] == pl.Datetime("us", "UTC")


async def test_names(server, client):
    """Titles and user names are joined to rows of several types, by one list each."""
    titles = {item.guid: item.title for item in await client.content.find()}
    people = {user.guid: user.username for user in await client.users.find()}
    rows = await client.instrumentation.usage()
    server.requests.clear()
    usage = client.instrumentation.usage()
    table = await records(usage, "time", "username", "content_title", names=client)
    assert lists_requested(server) == {"content": 1, "users": 1}
    assert table == [
        {
            "time": row.time,
            "username": people.get(row.user_guid),
            "content_title": titles[row.content_guid],
        }
        for row in rows
    ]
    assert None in {row["username"] for row in table}, "anonymous visitors are tested"


async def test_names_beside_all_columns(client):
    """Without fields, the names for all ids of the rows follow the other columns."""
    visit = (await records(client.instrumentation.visits().take(1), names=client))[0]
    assert list(visit)[-3:] == ["content_title", "content_name", "username"]
    item = (await records(client.content.find().take(1), names=client))[0]
    assert list(item)[-1] == "owner_username"
    user = (await records(client.users.find().take(1), names=client))[0]
    assert list(user) == list(User.__struct_fields__)


@pytest.mark.parametrize(
    ("fields", "lists"),
    [
        (["time"], {}),
        (["time", "content_guid"], {}),
        (["content_name"], {"content": 1}),
        (["username"], {"users": 1}),
        ([], {"content": 1, "users": 1}),
    ],
)
async def test_only_lists_that_are_needed(server, client, fields, lists):
    """A list is requested if a column needs it, once, and not before the rows are."""
    table = records(client.instrumentation.usage(), *fields, names=client)
    assert not server.requests
    await table.take(3)
    assert lists_requested(server) == lists


async def test_names_of_principals(client):
    """The names of permissions are those of users and of groups."""
    user, group = (await client.users.find())[1], (await client.groups.find())[0]
    rows = [
        Permission(principal_guid=user.guid, principal_type=PrincipalType.USER),
        Permission(principal_guid=group.guid, principal_type=PrincipalType.GROUP),
        Permission(principal_guid="gone"),
    ]
    table = await records(rows, "principal_name", names=client)
    assert [row["principal_name"] for row in table] == [user.username, group.name, None]


async def test_a_name_that_the_row_has(server, client):
    """A name that the server itself sends is not looked up."""
    rows = [Variant(content_guid="g", content_title="Own", content_name="own")]
    table = await records(rows, "content_title", names=client)
    assert table == [{"content_title": "Own"}]
    assert not server.requests


async def test_content_without_a_title(client):
    """The name stands for a missing title, and a deleted item has neither."""
    item = await client.content.create(name="untitled-item")
    rows = [ContentVisit(content_guid=item.guid), ContentVisit(content_guid="gone")]
    table = await records(rows, "content_title", "content_name", names=client)
    assert table == [
        {"content_title": "untitled-item", "content_name": "untitled-item"},
        {"content_title": None, "content_name": None},
    ]


async def test_a_key_that_may_not_list(server, client, caplog):
    """Names that the key may not list are None, which is logged; the rows are there."""
    server.script(faults.error(403, 22), on="GET /v1/users")
    with caplog.at_level(logging.WARNING, "aconnect"):
        table = await records(client.instrumentation.visits(), "id", "username", names=client)
    assert len(table) == 1200
    assert {row["username"] for row in table} == {None}
    assert "no names of users" in caplog.text


async def test_names_that_cannot_be_requested(server, client):
    """Any other failure of the names is raised: a table without them would look complete."""
    server.script(faults.error(500, 1), faults.error(500, 1), on="GET /v1/users")
    once = client.with_options(retry=NO_RETRY)
    with pytest.raises(ServerError):
        await records(client.instrumentation.visits(), "username", names=once)


async def test_rows_that_cannot_be_requested(server, client):
    """The failure of the rows is raised, and the lists of names stop with it."""
    server.script(faults.error(400, 1), on="GET /v1/instrumentation/content/visits")
    server.script(faults.error(400, 1), on="GET /v1/users")
    with pytest.raises(BadRequestError, match="visits"):
        await records(client.instrumentation.visits(), names=client)
    assert not running()


async def test_leaving_early(client):
    """A stream that is left early stops everything behind it."""
    table = records(client.instrumentation.visits(), names=client)
    async with aclosing(aiter(table)) as rows:
        async for row in rows:
            assert row["id"] == "1"
            break
    assert not running()


async def test_cancelling(server, client):
    """Who waits for a table can be cancelled while the names are requested; they stop with it."""
    server.script(faults.slow_headers(30), on="GET /v1/users")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await records(client.instrumentation.visits(), names=client)
    assert not running()


async def test_streaming_requests_pages_as_they_are_needed(server, client):
    """Streaming holds a page at a time, also with names."""
    async with aclosing(aiter(records(client.instrumentation.visits(), names=client))) as rows:
        for _ in range(500):
            await anext(rows)
        pages = [one for one in server.requests if "visits" in one.path]
        assert len(pages) == 1
        await anext(rows)
        assert len([one for one in server.requests if "visits" in one.path]) == 2


@pytest.mark.parametrize(
    ("kind", "field", "hint"),
    [
        (ContentItem, "titel", "did you mean title"),
        (ContentItem, "owner.usernam", "did you mean owner.username"),
        (ContentItem, "owner.username.x", "owner"),
        (ContentItem, "title.x", "did you mean title"),
        (ContentItem, "included_tags.name", "included_tags"),
        (ContentItem, "content_title", "names=client"),
        (User, "keys", "pass one of"),
        (User, "", "did you mean"),
    ],
)
async def test_unknown_fields(server, client, kind, field, hint):
    """A field that no row has is refused at once, with a suggestion, if the type is known."""
    query = client.users.find() if kind is User else client.content.find()
    with pytest.raises(InvalidArgumentError, match=hint):
        records(query, field)
    with pytest.raises(InvalidArgumentError, match=hint):
        records([kind()], field)
    with pytest.raises(InvalidArgumentError, match=hint):
        await records(iter([kind()]), field)
    assert not server.requests


async def test_a_name_without_its_id(client):
    """A name is refused if the rows do not have the id for it."""
    with pytest.raises(InvalidArgumentError, match="'content_title', which is not a field"):
        records(client.users.find(), "content_title", names=client)


async def test_fields_of_some_rows(client):
    """A field of one of several types is None in the rows of the others."""
    table = await records(client.instrumentation.usage(), "variant_key", "ended")
    assert {row["ended"] for row in table[:1200]} == {None}
    assert {row["variant_key"] for row in table[1200:]} == {None}
    with pytest.raises(InvalidArgumentError, match="did you mean ended"):
        records(client.instrumentation.usage(), "endet")
    with pytest.raises(InvalidArgumentError, match="ended"):
        records(client.instrumentation.visits(), "ended")


async def test_rows_of_a_list(client):
    """A field that a later row of a list has is a column, with None in the other rows."""
    visit, session = ContentVisit(), ShinyUsage(ended=BEGIN)
    assert await records([visit, session], "ended") == [{"ended": None}, {"ended": BEGIN}]
    with pytest.raises(InvalidArgumentError, match="did you mean ended"):
        records([visit, session], "endet")
    usage = await client.instrumentation.usage()
    assert {row["ended"] for row in await records(usage, "ended")} > {None}


async def test_dotted_fields():
    """A dot leads into an object or a dict; None stays None."""
    items = [ContentItem(owner=ContentOwner(username="a")), ContentItem()]
    assert [row["owner.username"] for row in await records(items, "owner.username")] == ["a", None]
    people = [User(preferences={"theme": {"dark": True}}), User()]
    table = await records(people, "preferences.theme.dark", "preferences.none.such")
    assert table == [
        {"preferences.theme.dark": True, "preferences.none.such": None},
        {"preferences.theme.dark": None, "preferences.none.such": None},
    ]


async def test_objects_in_columns():
    """A column of objects has dicts, as `to_dict` does."""
    owner = ContentOwner(guid="o")
    items = [ContentItem(owner=owner, included_tags=[Tag(id="1")])]
    (row,) = await records(items, "owner", "included_tags")
    assert row == {"owner": owner.to_dict(), "included_tags": [Tag(id="1").to_dict()]}


async def test_dicts(client):
    """Dicts are rows too: those of a list have the keys of all; ids get names."""
    guid = (await client.content.find())[0].guid
    rows = [{"a": 1}, {"b": [ContentOwner()], "content_guid": guid}]
    assert await records(rows, "a") == [{"a": 1}, {"a": None}]
    table = await records(rows, names=client)
    keys = ["a", "b", "content_guid", "content_title", "content_name"]
    assert [list(row) for row in table] == [keys] * 2
    assert [row["content_name"] for row in table] == [None, "content-0000"]
    assert table[1]["b"] == [ContentOwner().to_dict()]
    with pytest.raises(InvalidArgumentError, match="pass one of a, b, content_guid"):
        records(rows, "c.d")


async def test_dicts_of_a_stream():
    """Dicts of a stream have the keys of the first one and their own."""
    rows = [{"a": 1}, {"b": 2}]
    assert await records(iter(rows)) == [{"a": 1}, {"a": None, "b": 2}]
    with pytest.raises(InvalidArgumentError, match="pass one of a"):
        await records(iter(rows), "b")


async def test_any_source(client):
    """Lists, generators, asynchronous generators and results of other helpers are tables."""
    users = await client.users.find()
    expected = [user.to_dict() for user in users]

    async def stream():
        for user in users:
            yield user

    for source in (users, tuple(users), iter(users), stream(), client.users.find()):
        assert await records(source) == expected
    assert await records([]) == []
    assert await records(client.users.find().where(lambda _: False)) == []
    assert await records(records(users, "guid")) == [{"guid": user.guid} for user in users]


@pytest.mark.parametrize("rows", [[1], ["x"], [None], [[User()]], "text"], ids=repr)
async def test_what_is_no_row(rows):
    """Anything else is refused, by name."""
    with pytest.raises(InvalidArgumentError, match=r"rows, models and dicts|must be a list"):
        await records(rows)


async def test_rows_that_the_server_sends_as_dicts(client):
    """A query whose items are dicts is a table too."""
    examples = await client.examples.find()
    assert examples
    assert await records(client.examples.find()) == examples


async def test_frames_whose_columns_begin_with_none():
    """Both libraries make a frame of rows of which many have no value before one has."""
    rows = [ContentVisit()] * 150 + [ShinyUsage(ended=BEGIN)]
    table = await records(rows, "ended")
    frame = pl.DataFrame(table, infer_schema_length=None)
    assert (frame["ended"].null_count(), frame["ended"][-1]) == (150, BEGIN)
    assert pd.DataFrame(table)["ended"].iloc[-1] == BEGIN


async def test_raw_rows_and_batches(client):
    """JSON as it was received is refused at once; so are the batches of a collection."""
    with pytest.raises(InvalidArgumentError, match="not Raw"):
        records(client.users.find().raw())
    with pytest.raises(InvalidArgumentError, match="not Batch"):
        await records(collected_visits(client))


async def test_arguments_in_another_form(client):
    """A list of fields, a client in the place of a field, and a query without () are refused."""
    for arguments, said in (
        ((client.users.find(), ["username"]), r"\['username'\]; pass names of fields"),
        ((client.users.find(), client), "pass names of fields"),
        ((client.users.find,), "query must be a list or another iterable, not method"),
        ((await client.me(),), "not User"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            records(*arguments)


async def test_names_of_another_client(client):
    """Only a client of Connect has these names."""
    with pytest.raises(InvalidArgumentError, match="client of Connect"):
        records(client.users.find(), names=cast("Client", "client"))


@given(st.datetimes(timezones=st.just(UTC)) | st.none(), st.none() | st.just(timedelta(hours=1)))
def test_one_time_for_all_usage(time, length):
    """Every row of usage has `time`, beside the name that the server uses."""
    ended = None if time is None or length is None or time.year > 9000 else time + length
    for row in (
        ContentVisit(time=time),
        ShinyUsage(started=time, ended=ended),
        ContentHit(timestamp=time),
    ):
        assert row.time == time
        assert ("time" in row.to_dict()) is isinstance(row, ContentVisit)


async def test_the_time_of_usage_is_a_column(client):
    """Tables of usage have one column with the time of each row."""
    for row in await records(client.instrumentation.usage()):
        assert row["time"] == row.get("started", row["time"])
    hit = (await records(client.instrumentation.hits()))[0]
    assert hit["time"] == hit["timestamp"]
    assert await client.metrics.shiny_usage.find_by(
        time=BEGIN
    ) == await client.metrics.shiny_usage.find_by(started=BEGIN)

"""Swapping vanity URLs: both paths change places, or nothing changes, or the error says what."""

import asyncio

import pytest

from aconnect import Client, errors
from aconnect._core.events import CallStarted
from aconnect.testing import FakeConnect, VirtualClock
from tests.faulting import FAULTS, Unharmed
from tests.test_cancellation import Interrupted

BEFORE = {"both": ("/blue/", "/green/"), "one": ("/blue/", None), "other": (None, "/green/")}


async def furnished(server, client, before):
    """Create two items with these paths, and a third one with another."""
    guids = [(await client.content.create(name=name)).guid for name in ("one", "other", "third")]
    for guid, path in zip(guids, (*before, "/third/"), strict=True):
        if path is not None:
            await client.content.handle(guid).vanity.put(path=path)
    server.requests.clear()
    return guids


def paths(server, guids):
    """Return the paths of content, as the server has them."""
    rows = server.state.vanities
    return tuple(rows[guid]["path"] if guid in rows else None for guid in guids)


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
async def test_swap(server, client, before):
    """The two paths change places, also if one has none; what they have then is returned."""
    one, other, third = await furnished(server, client, before)
    after = before[::-1]
    assert await client.vanities.swap(client.content.handle(one), other) == after
    assert paths(server, (one, other, third)) == (*after, "/third/")
    assert await client.vanities.swap(one, other) == before
    assert paths(server, (one, other, third)) == (*before, "/third/")


async def test_nothing_to_swap(server, client):
    """Content without vanity URLs, or the same content twice, is refused without a change."""
    one, other, _ = await furnished(server, client, (None, None))
    for pair in ((one, other), (one, one.upper())):
        with pytest.raises(errors.InvalidArgumentError):
            await client.vanities.swap(*pair)
    assert server.count("PUT", "*") == 0


async def test_the_path_of_the_other_is_never_free(server, client):
    """The path of the other always leads to one of them; the first one is free only once."""
    one, other, _ = await furnished(server, client, BEFORE["both"])
    seen = []

    def see(event):
        if isinstance(event, CallStarted):
            seen.append(paths(server, (one, other)))

    client.subscribe(see)
    await client.vanities.swap(one, other)
    assert all("/green/" in each for each in seen)
    assert [each for each in seen if "/blue/" not in each] == [("/green/", None)]


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("times", [1, 30], ids=["once", "for long"])
async def test_any_fault_of_any_request(before, fault, times):
    """Swapped, or as before, or the error says what each has and how it gets back what it had."""
    number = 0
    while True:
        async with FakeConnect() as server:
            key = server.api_key
            async with Client(server.url, key, clock=VirtualClock()) as client:
                one, other, third = await furnished(server, client, before)
                server.script(*[Unharmed()] * number, *[fault] * times)
                error = None
                try:
                    await client.vanities.swap(one, other)
                except errors.AconnectError as raised:
                    error = raised
                is_over = number >= len(server.requests)
                check(server, (one, other), before, error)
                assert paths(server, [third]) == ("/third/",)
        if is_over:
            break
        number += 1
    assert number >= 4


def check(server, guids, before, error):
    """Check that the paths are swapped or as before, or that the error says what is left."""
    now = paths(server, guids)
    if error is None:
        assert now == before[::-1]
        return
    text = "\n".join(getattr(error, "__notes__", []))
    assert server.api_key not in text
    for guid, path, old in zip(guids, now, before, strict=True):
        if path != old:
            has = f"the vanity URL {path}" if path else "no vanity URL"
            assert f"{guid} has {has} now" in text or f"{guid} has now could not be read" in text
            call = f"put(path={old!r})" if old else "delete()"
            assert f"handle({guid!r}).vanity.{call}" in text


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
async def test_cancellation_at_any_moment(before):
    """A cancelled swap is complete, or nothing has changed, and nothing goes on afterwards."""
    for at in range(1, 1000):
        async with FakeConnect() as server:
            async with Client(server.url, server.api_key) as client:
                one, other, _ = await furnished(server, client, before)
                work = Interrupted(client.vanities.swap(one, other), at)

                async def run(work=work):
                    return await work

                task = asyncio.create_task(run())
                await asyncio.wait([task])
                requests = len(server.requests)
                assert paths(server, (one, other)) in (before, before[::-1])
                assert client.in_flight == 0
            assert len(server.requests) == requests
        if work.suspensions < at:
            break
        assert task.cancelled()
    assert at > 2


def when_started(client, number, change):
    """Make a change on the server before one of the client's requests, counted from 1."""
    count = 0

    def see(event):
        nonlocal count
        if isinstance(event, CallStarted):
            count += 1
            if count == number:
                change()

    client.subscribe(see)


@pytest.mark.parametrize("path", ["/blue/", "/blue/below/"])
async def test_others_keep_the_path_that_they_have_taken_meanwhile(server, client, path):
    """A third item takes the free path, or one below it: it keeps it, and the error says so."""
    one, other, third = await furnished(server, client, BEFORE["both"])
    row = {"content_guid": third, "path": path, "created_time": server.state.now()}
    when_started(client, 5, lambda: server.state.vanities.update({third: row}))
    with pytest.raises(errors.ConflictError) as caught:
        await client.vanities.swap(one, other)
    assert paths(server, (one, other, third)) == (None, "/green/", path)
    check(server, (one, other), BEFORE["both"], caught.value)


async def test_a_path_that_others_took_before_is_not_taken_back(server, client):
    """If the other's path was given to a third item after it was read, nothing is changed."""
    one, other, third = await furnished(server, client, BEFORE["both"])

    def give():
        del server.state.vanities[other]
        server.state.vanities[third].update(path="/green/")

    when_started(client, 3, give)
    with pytest.raises(errors.ConflictError) as caught:
        await client.vanities.swap(one, other)
    assert paths(server, (one, other, third)) == ("/blue/", None, "/green/")
    assert "others have changed a vanity URL" in caught.value.__notes__[-1]


@pytest.mark.parametrize("own", [0, 1])
async def test_a_key_that_may_not_change_one_of_them(server, own):
    """Nothing is changed, whichever of the two the key may not change."""
    async with Client(server.url, server.api_key) as client:
        guids = (await furnished(server, client, BEFORE["both"]))[:2]
    state = server.state
    state.content[guids[own]]["owner_guid"] = state.known_user("publisher")["guid"]
    state.content[guids[1 - own]]["access_type"] = "logged_in"
    before = {guid: dict(row) for guid, row in state.vanities.items()}
    async with Client(server.url, server.api_key_for("publisher")) as client:
        with pytest.raises(errors.PermissionDeniedError):
            await client.vanities.swap(*guids)
    assert {g: r["path"] for g, r in before.items()} == {
        g: r["path"] for g, r in state.vanities.items()
    }


async def test_content_that_does_not_exist(server, client):
    """The vanity URL is not moved to content that does not exist."""
    one, _, _ = await furnished(server, client, BEFORE["one"])
    missing = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(errors.NotFoundError):
        await client.vanities.swap(one, missing)
    assert paths(server, [one]) == ("/blue/",)

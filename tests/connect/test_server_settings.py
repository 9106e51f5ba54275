"""The server's settings and usage, as typed objects."""

from datetime import timedelta

import pytest

from aconnect import Client
from aconnect.testing import FakeConnect, Seed

SEED = Seed(visits=30, shiny_usage=20, hits=10, users=5)


@pytest.fixture
def seed():
    return SEED


async def test_settings(client):
    """Installed versions and public settings are returned."""
    nodejs = await client.server_settings.nodejs()
    assert (nodejs.enabled, nodejs.installations[0].version) == (True, "22.11.0")
    tensorflow = await client.server_settings.tensorflow()
    assert tensorflow.installations[0].cluster_name == "Local"
    public = await client.server_settings.public()
    assert (public.system_display_name, public.self_registration) == ("Posit Connect", False)
    assert "connect" in (public.prohibited_usernames or [])


async def test_time_zones(client):
    """Time zones have a name and an offset."""
    zones = {zone.timezone: zone.offset for zone in await client.timezones.find()}
    assert (zones["UTC"], zones["Asia/Kolkata"]) == ("+00:00", "+05:30")


async def test_features(client):
    """Each feature reports whether it has been used."""
    item = await client.content.find_one()
    assert item is not None
    before = {feature.name: feature.used for feature in await client.feature_usage.find()}
    await item.tags.add("3")
    after = {feature.name: feature.used for feature in await client.feature_usage.find()}
    assert (before["tags"], after["tags"]) == (False, True)


async def test_active_users(server, client):
    """Active users are counted by time window and role."""
    now = server.state.now()
    days = {"admin": 0, "publisher": 3, "viewer": 20}
    for row in server.state.users.values():
        row["active_time"] = now - timedelta(days=days.get(row["username"], 1000))
    windows = (await client.metrics.active_users()).windows
    counts = {name: (w.total, w.admin, w.publisher, w.viewer) for name, w in windows.items()}
    assert counts == {
        "1d": (1, 1, 0, 0),
        "7d": (2, 1, 1, 0),
        "30d": (3, 1, 1, 1),
        "365d": (3, 1, 1, 1),
    }


async def test_usage_by_its_other_names(client):
    """`client.metrics` returns the rows of `client.instrumentation`, under posit-sdk's names."""
    start, end = SEED.start + SEED.step * 5, SEED.start + SEED.step * 9
    window = {"from_": start, "to": end}
    usage, metrics = client.instrumentation, client.metrics
    visits = await metrics.visits.find(start=start, end=end)
    assert visits == await usage.visits(**window)
    assert len(visits) == 5
    sessions = await metrics.shiny_usage.find(start=start, end=end)
    assert sessions == await usage.shiny_usage(**window)
    hits = await metrics.hits.find(start=start, end=end)
    assert hits == await usage.hits(**window)
    assert await metrics.usage.find(start=start, end=end) == [*visits, *sessions]
    assert await metrics.visits.find_one(start=start) == visits[0]
    assert await metrics.shiny_usage.find_one(start=start, end=end) == sessions[0]
    assert await metrics.hits.find_one(start=start) == hits[0]
    assert await metrics.usage.find_one(start=start) == visits[0]
    guid = visits[0].content_guid
    of_one = await metrics.visits.find(content_guid=guid)
    assert of_one == [visit for visit in await usage.visits() if visit.content_guid == guid]
    old = await metrics.visits.find(min_data_version=0)
    assert len(old) == SEED.visits + SEED.old_rows


async def test_usage_of_sessions_only():
    """Without visits, `usage.find_one` returns the first Shiny session."""
    async with (
        FakeConnect(Seed(shiny_usage=3)) as server,
        Client(server.url, server.api_key) as client,
    ):
        assert await client.metrics.usage.find_one() == await client.metrics.shiny_usage.find_one()
        assert await client.metrics.visits.find_one() is None

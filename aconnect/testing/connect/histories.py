"""The rows of the high-volume series: visits, Shiny sessions, audit entries and hits.

Decides the fields of row `i` of each, from tables of `PERIOD` choices. The same seed makes the same
rows, so the tables are drawn once for all servers with as many users and content items.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from aconnect.testing.connect.series import PERIOD, Series
from aconnect.testing.connect.state import Seed
from aconnect.testing.connect.versions import Features, aged
from aconnect.testing.wire import Row

ACTIONS: dict[str, str] = {
    "user_login": "User logged in",
    "add_application": "Content item created",
    "deploy_application": "Content item deployed",
    "edit_content_settings": "Content settings changed",
    "add_user": "User created",
    "edit_user": "User changed",
    "add_group": "Group created",
    "add_group_member": "User added to a group",
    "add_tag": "Tag created",
    "api_key_created": "API key created",
}
"""Audit actions and their descriptions."""

_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "python-requests/2.32.3",
)
_LONGEST_SESSION = timedelta(hours=1)

_Build = Callable[[int, datetime], Row]


class _Views(NamedTuple):
    """Which user visited which item, and with which user agent."""

    items: list[int]
    users: list[int | None]
    """None for anonymous visitors."""
    agents: list[int]


class _Draws(NamedTuple):
    """The choices of all series, as indexes of users, items, user agents and actions."""

    visits: _Views
    session_items: list[int]
    session_users: list[int | None]
    session_lengths: list[timedelta]
    actors: list[int]
    actions: list[int]
    hits: _Views


@lru_cache(maxsize=8)
def _draws(users: int, content: int) -> _Draws:
    random = Random(20250101)

    def some(size: int) -> list[int]:
        return random.choices(range(size), k=PERIOD)

    def visitors() -> list[int | None]:
        """Choose users, one in eight of them anonymous."""
        return [
            None if random.random() < 1 / 8 else random.choice(range(users)) for _ in range(PERIOD)
        ]

    return _Draws(
        visits=_Views(some(content), visitors(), some(len(_AGENTS))),
        session_items=some(content),
        session_users=visitors(),
        session_lengths=[timedelta(seconds=random.randint(1, 3600)) for _ in range(PERIOD)],
        actors=some(users),
        actions=some(len(ACTIONS)),
        hits=_Views(some(content), visitors(), some(len(_AGENTS))),
    )


def _series(
    seed: Seed,
    count: int,
    build: _Build,
    *,
    data_version: int = 0,
    time_field: str = "time",
    longest: timedelta = timedelta(0),
) -> Series:
    return Series(
        build,
        count=count,
        old=seed.old_rows if data_version and count else 0,
        start=seed.start,
        step=seed.step,
        burst=seed.burst,
        data_version=data_version,
        time_field=time_field,
        longest=longest,
    )


def visits(seed: Seed, users: Sequence[str], content: Sequence[str], features: Features) -> Series:
    """Return the visits of content that is rendered or served."""
    items, visitors, agents = _draws(len(users), len(content)).visits

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        item, visitor = items[k], visitors[k]
        rendered = item % 2 == 1
        row = {
            "id": str(i + 1),
            "content_guid": content[item],
            "user_guid": None if visitor is None else users[visitor],
            "variant_key": f"var{item}" if rendered else None,
            "time": time,
            "rendering_id": str(item * 10 + 7) if rendered else None,
            "bundle_id": str(item + 1),
            "path": "/",
            "data_version": 3,
            "user_agent": _AGENTS[agents[k]],
        }
        return row if features.modern_fields else aged("visit", row, features)

    return _series(seed, seed.visits, build, data_version=3)


def shiny_usage(seed: Seed, users: Sequence[str], content: Sequence[str]) -> Series:
    """Return the sessions of interactive content, the last of which is still open."""
    drawn = _draws(len(users), len(content))
    items, visitors, lengths = drawn.session_items, drawn.session_users, drawn.session_lengths
    last = seed.shiny_usage - 1

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        visitor = visitors[k]
        return {
            "content_guid": content[items[k]],
            "user_guid": None if visitor is None else users[visitor],
            "started": time,
            "ended": None if i == last else time + lengths[k],
            "data_version": 1,
        }

    return _series(
        seed,
        seed.shiny_usage,
        build,
        data_version=1,
        time_field="started",
        longest=_LONGEST_SESSION,
    )


def audit_logs(
    seed: Seed, users: Sequence[str], content: Sequence[str], name: Callable[[int], str]
) -> Series:
    """Return the entries of the audit log; `name` returns the name of a user."""
    drawn = _draws(len(users), len(content))
    actors, actions = drawn.actors, drawn.actions
    names = list(ACTIONS)

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        actor, action = actors[k], names[actions[k]]
        return {
            "id": str(i + 1),
            "time": time,
            "user_id": str(actor + 1),
            "user_guid": users[actor],
            "user_description": f"{name(actor)} ({name(actor)}@example.com)",
            "action": action,
            "event_description": ACTIONS[action],
        }

    return _series(seed, seed.audit_logs, build)


def hits(seed: Seed, users: Sequence[str], content: Sequence[str]) -> Series:
    """Return the requests to content."""
    items, visitors, agents = _draws(len(users), len(content)).hits

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        visitor = visitors[k]
        return {
            "id": i + 1,
            "user_guid": None if visitor is None else users[visitor],
            "content_guid": content[items[k]],
            "timestamp": time,
            "data": {
                "path": "/",
                "query": None,
                "user_agent": _AGENTS[agents[k]],
                "sec_fetch_dest": "document",
                "sec_fetch_site": "same-origin",
            },
        }

    return _series(seed, seed.hits, build, time_field="timestamp")

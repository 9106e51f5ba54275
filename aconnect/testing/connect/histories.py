"""The rows of the high-volume series: visits, Shiny sessions, audit log entries and hits.

Decides the values of row `i` of each series, based on tables of `PERIOD` random choices. The same
seed produces the same rows, so servers with the same number of users and content items share the
tables.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from aconnect.testing.connect.series import PERIOD, Series
from aconnect.testing.connect.state import Seed
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

_USER_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "python-requests/2.32.3",
)
_LONGEST_SESSION = timedelta(hours=1)

_Build = Callable[[int, datetime], Row]


class _Views(NamedTuple):
    """Views of content: the indexes of the item, the user and the user agent of each."""

    items: list[int]
    users: list[int | None]
    """None for an anonymous visitor."""
    agents: list[int]


class _Choices(NamedTuple):
    """The random choices of all series, as indexes of users, items, user agents and actions."""

    visits: _Views
    session_items: list[int]
    session_users: list[int | None]
    session_lengths: list[timedelta]
    actors: list[int]
    actions: list[int]
    hits: _Views


@lru_cache(maxsize=8)
def _choices(users: int, content: int) -> _Choices:
    random = Random(20250101)

    def indexes(size: int) -> list[int]:
        """Choose indexes of a sequence with `size` items."""
        return random.choices(range(size), k=PERIOD)

    def visitors() -> list[int | None]:
        """Choose visitors, of whom one in eight is anonymous."""
        return [
            None if random.random() < 1 / 8 else random.choice(range(users)) for _ in range(PERIOD)
        ]

    return _Choices(
        visits=_Views(indexes(content), visitors(), indexes(len(_USER_AGENTS))),
        session_items=indexes(content),
        session_users=visitors(),
        session_lengths=[timedelta(seconds=random.randint(1, 3600)) for _ in range(PERIOD)],
        actors=indexes(users),
        actions=indexes(len(ACTIONS)),
        hits=_Views(indexes(content), visitors(), indexes(len(_USER_AGENTS))),
    )


def _series(
    seed: Seed,
    count: int,
    build: _Build,
    *,
    data_version: int = 0,
    time_field: str = "time",
    longest: timedelta = timedelta(0),
    open_offsets: Sequence[int] | None = None,
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
        open_offsets=open_offsets,
    )


def visits(seed: Seed, users: Sequence[str], content: Sequence[str]) -> Series:
    """Return the series of visits to content that is rendered or served."""
    items, visitors, agents = _choices(len(users), len(content)).visits

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        item, visitor = items[k], visitors[k]
        rendered = item % 2 == 1
        return {
            "id": str(i + 1),
            "content_guid": content[item],
            "user_guid": None if visitor is None else users[visitor],
            "variant_key": f"var{item}" if rendered else None,
            "time": time,
            "rendering_id": str(item * 10 + 7) if rendered else None,
            "bundle_id": str(item + 1),
            "path": "/",
            "data_version": 3,
            "user_agent": _USER_AGENTS[agents[k]],
        }

    return _series(seed, seed.visits, build, data_version=3)


def shiny_usage(seed: Seed, users: Sequence[str], content: Sequence[str]) -> Series:
    """Return the series of sessions of interactive content.

    The last session is still open, and so is the seed's share of the others.
    """
    choices = _choices(len(users), len(content))
    items, visitors, lengths = choices.session_items, choices.session_users, choices.session_lengths
    last = seed.shiny_usage - 1
    random = Random(20250102)
    still_open = frozenset(random.sample(range(PERIOD), round(seed.open_sessions * PERIOD)))

    def build(i: int, time: datetime) -> Row:
        k = i % PERIOD
        visitor = visitors[k]
        return {
            "content_guid": content[items[k]],
            "user_guid": None if visitor is None else users[visitor],
            "started": time,
            "ended": None if i == last or k in still_open else time + lengths[k],
            "data_version": 1,
        }

    return _series(
        seed,
        seed.shiny_usage,
        build,
        data_version=1,
        time_field="started",
        longest=_LONGEST_SESSION,
        open_offsets=sorted(still_open),
    )


def audit_logs(
    seed: Seed, users: Sequence[str], content: Sequence[str], name: Callable[[int], str]
) -> Series:
    """Return the series of audit log entries; `name` returns the name of a user by index."""
    choices = _choices(len(users), len(content))
    actors, actions = choices.actors, choices.actions
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
    """Return the series of requests to content."""
    items, visitors, agents = _choices(len(users), len(content)).hits

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
                "user_agent": _USER_AGENTS[agents[k]],
                "sec_fetch_dest": "document",
                "sec_fetch_site": "same-origin",
            },
        }

    return _series(seed, seed.hits, build, time_field="timestamp")

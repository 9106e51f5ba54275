"""Rows of the canned series server, encoded once: how they lie in time, and their bytes.

A page of any cut is one slice of the bytes, so that the server takes next to no time for it.
"""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from random import Random
from typing import Literal, get_args

import msgspec

Shape = Literal["uniform", "business_hours", "burst", "growth", "empty_years", "fortnight"]
"""How the rows of a series are distributed in time."""

SHAPES: tuple[Shape, ...] = get_args(Shape)

Kind = Literal["visits", "shiny_usage", "hits", "audit_logs"]

SESSION = timedelta(hours=1)
"""The length of each Shiny session, so that those which overlap a window are one slice as well."""

_SECOND = 10**9
_DAY = 86_400 * _SECOND
_YEAR = 365 * _DAY
_START = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) * _SECOND
_REPEAT = 4096
_CHUNK = 5_000
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"


def period(shape: Shape) -> tuple[datetime, datetime]:
    """Return the start of the rows, and a time after the last one."""
    days = {"growth": 5 * 365, "empty_years": 11 * 365, "fortnight": 14}.get(shape, 365)
    start = datetime.fromtimestamp(_START // _SECOND, UTC)
    return start, start + timedelta(days=days + 1)


def times(shape: Shape, rows: int) -> array[int]:
    """Return the times of the rows in ascending order, in nanoseconds since 1970."""
    place, fraction = _SHAPES[shape], Random(1).random  # noqa: S311  no cryptography here
    # Up to a millisecond later, so that the fractions have nine digits.
    return array(
        "q",
        sorted(
            _START + int(place((i + 0.5) / rows)) + int(fraction() * 1_000_000) for i in range(rows)
        ),
    )


def end_of(shape: Shape, rows: int, count: int) -> datetime:
    """Return a time between row number `count` and the next one, to end a query there."""
    if count == rows:
        return period(shape)[1]
    moments = times(shape, rows)
    middle = (moments[count - 1] + moments[count]) // 2
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=middle // 1000)


def _business_hours(x: float) -> float:
    # 260 days from Monday to Friday, from 8 to 18 o'clock. 2015 began with a Thursday.
    number, part = divmod(x * 260, 1)
    week, day = divmod(number, 5)
    return (4 + week * 7 + day) * _DAY + (8 + 10 * part) * 3600 * _SECOND


def _burst(x: float) -> float:
    """Return a time that is in the same hour for nine of ten rows."""
    middle = _YEAR / 2
    if 0.05 <= x < 0.95:
        return middle + (x - 0.05) / 0.9 * 3600 * _SECOND
    return x / 0.05 * middle if x < 0.05 else middle + (x - 0.95) / 0.05 * middle


def _empty_years(x: float) -> float:
    number, part = divmod(x * 50, 1)
    return (_filled_days()[int(number)] + part) * _DAY


@cache
def _filled_days() -> list[int]:
    """Return 50 days of 11 years."""
    return sorted(Random(11).sample(range(11 * 365), 50))  # noqa: S311


_SHAPES: dict[Shape, Callable[[float], float]] = {
    "uniform": lambda x: x * _YEAR,
    "business_hours": _business_hours,
    "burst": _burst,
    # The density grows with the fourth power of time.
    "growth": lambda x: x**0.2 * 5 * _YEAR,
    "empty_years": _empty_years,
    # As many rows a day as a large server has.
    "fortnight": lambda x: x * 14 * _DAY,
}


class Rows:
    """The encoded rows of a series in one order, separated by commas."""

    def __init__(self, kind: Kind, moments: array[int], *, ascending: bool) -> None:
        self.ascending = ascending
        self._offsets = array("Q", [0])
        with tempfile.TemporaryFile() as file:
            for encoded in _encoded(kind, moments, ascending=ascending):
                for row in encoded:
                    self._offsets.append(self._offsets[-1] + len(row) + 1)
                file.write(b",".join(encoded) + b",")
            file.flush()
            # Of a file, so that ten million rows are no burden on the memory.
            self._bytes = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def slice(self, begin: int, end: int) -> memoryview:
        """Return the rows from number `begin` to `end`, counted in this order."""
        return self._bytes[self._offsets[begin] : max(0, self._offsets[end] - 1)]


def _encoded(kind: Kind, moments: array[int], *, ascending: bool) -> Iterator[list[bytes]]:
    """Yield the encoded rows in portions; the id is the number of a row in ascending order."""
    encode = {"visits": _visit, "shiny_usage": _session, "hits": _hit, "audit_logs": _action}[kind]
    count = len(moments)
    numbers = iter(range(count) if ascending else range(count - 1, -1, -1))
    while portion := list(islice(numbers, _CHUNK)):
        yield [encode(number, moments[number]).encode() for number in portion]


def _visit(number: int, time: int) -> str:
    before, after = _visit_parts()[number % _REPEAT]
    return f'{{"id":"{number}",{before},"time":"{_text(time)}",{after}}}'


def _session(number: int, time: int) -> str:
    before, _ = _visit_parts()[number % _REPEAT]
    started, ended = _text(time), _text(time + int(SESSION.total_seconds()) * _SECOND)
    return f'{{{before},"started":"{started}","ended":"{ended}","data_version":1}}'


def _hit(number: int, time: int) -> str:
    before, data = _hit_parts()[number % _REPEAT]
    return f'{{"id":{number},{before},"timestamp":"{_text(time)}",{data}}}'


def _action(number: int, time: int) -> str:
    return f'{{"id":"{number}","time":"{_text(time)}",{_action_parts()[number % _REPEAT]}}}'


def _text(time: int) -> str:
    seconds, nanoseconds = divmod(time, _SECOND)
    day, second = divmod(seconds, 86_400)
    minute, second = divmod(second, 60)
    return f"{_day(day)}T{minute // 60:02}:{minute % 60:02}:{second:02}.{nanoseconds:09}Z"


@cache
def _day(number: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)).strftime("%Y-%m-%d")


def _guid(random: Random) -> str:
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _fields(**fields: object) -> str:
    return msgspec.json.encode(fields).decode()[1:-1]


def _visitors() -> Iterator[tuple[Random, int, dict[str, object]]]:
    """Yield who visits what; one visitor in eight is anonymous."""
    random = Random(1)  # noqa: S311
    users = [_guid(random) for _ in range(500)]
    content = [_guid(random) for _ in range(2000)]
    for _ in range(_REPEAT):
        item = random.randrange(len(content))
        user = random.choice(users) if random.random() > 1 / 8 else None
        yield random, item, {"content_guid": content[item], "user_guid": user}


@cache
def _visit_parts() -> list[tuple[str, str]]:
    """Return what is before and after the time of visits."""
    parts = []
    for random, item, who in _visitors():
        rendered = item % 2 == 1
        after = _fields(
            variant_key=f"var{item}" if rendered else None,
            rendering_id=str(item * 10 + 7) if rendered else None,
            bundle_id=str(item + 1),
            path="/",
            data_version=3,
            user_agent=_AGENT.format(random.randrange(100, 140)),
        )
        parts.append((_fields(**who), after))
    return parts


@cache
def _hit_parts() -> list[tuple[str, str]]:
    return [
        (
            _fields(user_guid=who["user_guid"], content_guid=who["content_guid"]),
            _fields(
                data={
                    "path": "/",
                    "query": None,
                    "user_agent": _AGENT.format(random.randrange(100, 140)),
                    "sec_fetch_dest": "document",
                    "sec_fetch_site": "same-origin",
                }
            ),
        )
        for random, _, who in _visitors()
    ]


@cache
def _action_parts() -> list[str]:
    return [
        _fields(
            user_id=str(item),
            user_guid=who["user_guid"],
            user_description=f"Full Name {item} (user{item}@example.com)",
            action=random.choice(("deploy_application", "user_login", "add_user")),
            event_description=f"Deployed content item number {item} to the server",
        )
        for random, item, who in _visitors()
    ]

"""Collected data: the same rows each time, in a folder."""

import json
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

Rows = dict[str, list[dict[str, Any]]]

HOSTILE = "</script><img src=x onerror=alert(1)><!--"
START = datetime(2026, 1, 5, tzinfo=UTC)


def guid(kind: int, number: int) -> str:
    return f"{number:04x}{kind:04x}-0000-4000-8000-{number:012x}"


def as_text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def make_rows(visits: int = 300, days: int = 28) -> Rows:
    """Return rows of all datasets; the first content item is hostile, the last one is unused."""
    source = random.Random(11)
    content = [
        {
            "guid": guid(1, i),
            "title": HOSTILE if i == 0 else f"Report {i}",
            "name": f"report-{i}",
            "owner_guid": guid(2, 0),
            "app_mode": "shiny" if i % 2 else "static",
            "bundle_id": str(i + 1),
        }
        for i in range(30)
    ]
    users = [
        {"guid": guid(2, i), "username": f"user{i}", "first_name": "Ana", "last_name": f"Silva {i}"}
        for i in range(25)
    ]

    def event(time_field: str) -> dict[str, Any]:
        time = START + timedelta(seconds=source.randrange(days * 86400))
        user = guid(2, source.randrange(25)) if source.random() < 0.9 else None
        return {
            "content_guid": guid(1, source.randrange(29)),
            "user_guid": user,
            time_field: as_text(time),
        }

    sessions = [event("started") for _ in range(visits // 3)]
    for session in sessions:
        ended = datetime.fromisoformat(session["started"]) + timedelta(
            seconds=source.lognormvariate(6, 1.5)
        )
        session["ended"] = as_text(ended) if source.random() < 0.9 else None
    return {
        "visits": [event("time") for _ in range(visits)],
        "shiny_usage": sessions,
        "hits": [event("timestamp") for _ in range(visits)],
        "audit_logs": [
            {**event("time"), "action": f"action_{source.randrange(6)}"} for _ in range(50)
        ],
        "content": content,
        "users": users,
    }


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as `aconnect collect` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def rows() -> Rows:
    return make_rows()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Mapping[str, Iterable[Mapping[str, Any]]]], Path]:
    """Write datasets into a folder, as JSON lines."""

    def write(rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Path:
        for dataset, each in rows.items():
            write_lines(tmp_path / "usage" / f"{dataset}.jsonl", each)
        return tmp_path / "usage"

    return write

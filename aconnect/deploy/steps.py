"""What a deployment reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

StepName = Literal[
    "created",
    "found",
    "settings",
    "environment",
    "tags",
    "unchanged",
    "uploaded",
    "repository",
    "building",
    "built",
    "integrations",
    "verified",
    "activating",
    "activated",
]


class Step(Struct, frozen=True):
    """Something that a deployment has done, or begins to do."""

    name: StepName
    text: str
    """What happened, in a few words; it has no secrets."""


OnStep = Callable[[Step], None]


def ignore(_: Step) -> None:
    """Do nothing."""

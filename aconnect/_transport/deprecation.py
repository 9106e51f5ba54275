"""Warnings about deprecated operations, at the line of the caller."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Final

# What runs between a call and its caller: streams are context managers, a retry runs below
# tenacity, and above a task there is only what started its loop.
_BETWEEN: Final = frozenset({"aconnect", "asyncio", "contextlib", "tenacity"})


def warn_caller(message: str) -> None:
    """Issue a DeprecationWarning that points to the line of the caller's code."""
    # The one way to the frames that is not slow, and documented.
    frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    level = 2
    while frame.f_back is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DeprecationWarning, stacklevel=level)


def _package(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]

"""Files that take their final name when they are complete, and keep it after a power failure."""

from __future__ import annotations

import os
from pathlib import Path


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable, such as after a rename."""
    if os.name == "nt":  # Windows cannot open a folder, and writes names through.
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def publish(staged: Path, target: Path) -> None:
    """Rename a complete, synced and closed file atomically; replace what has its name."""
    staged.replace(target)
    fsync_folder(target.parent)

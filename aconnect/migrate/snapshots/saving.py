"""Snapshots in files, to compare a server with what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from aconnect._client.files import reason, replacing
from aconnect._client.threads import in_thread
from aconnect._core import decoding
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.snapshots.model import Snapshot

_FORMAT: Final = 1


class _File(msgspec.Struct, kw_only=True):
    """What is in a file."""

    aconnect_snapshot: int
    """The format; a later version of this library may write another one."""
    server: Snapshot


async def save_snapshot(snapshot: Snapshot, path: str | Path) -> Path:
    """Write a snapshot to a file as JSON, atomically, and return its path.

    Raises:
        InvalidArgumentError: The file cannot be written.
        FileError: The disk is full.
    """
    return await in_thread(_write, snapshot, Path(path))


async def load_snapshot(path: str | Path) -> Snapshot:
    """Read a snapshot that `save_snapshot` has written.

    Raises:
        InvalidArgumentError: The file cannot be read, or is not a snapshot.
    """
    return await in_thread(_read, Path(path))


def _write(snapshot: Snapshot, path: Path) -> Path:
    encoded = msgspec.json.encode(_File(aconnect_snapshot=_FORMAT, server=snapshot))
    with replacing(path) as file:
        file.write(msgspec.json.format(encoded, indent=1))
    return path


def _read(path: Path) -> Snapshot:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"cannot read {str(path)!r}: {reason(error)}") from error
    try:
        values = msgspec.json.decode(data, type=dict[str, Any])
    except decoding.FAILURES as error:
        raise InvalidArgumentError(
            f"{str(path)!r} is not a snapshot of a server: {error}; it may be damaged"
        ) from error
    if values.get("aconnect_snapshot", _FORMAT) != _FORMAT:
        raise InvalidArgumentError(
            f"{str(path)!r} was written by another version of aconnect, in format "
            f"{values['aconnect_snapshot']!r} instead of {_FORMAT}; take the snapshot again"
        )
    try:
        return msgspec.convert(values, _File).server
    except decoding.FAILURES as error:
        raise InvalidArgumentError(
            f"{str(path)!r} is not a snapshot of a server, or is damaged: {error}; take it again"
        ) from error

"""Plans in files: what was reviewed is what is run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect._client.files import reason, replacing
from aconnect._client.threads import in_thread
from aconnect._core import decoding
from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.planning.model import Plan

_FORMAT: Final = 1


class _File(Struct, kw_only=True):
    """What is in a file."""

    aconnect_plan: int
    """The format; a later version of this library may write another one."""
    sha256: str
    """Of the plan."""
    plan: Plan


async def save_plan(plan: Plan, path: str | Path) -> Path:
    """Write a plan to a file as JSON, atomically, and return its path. It has no secrets.

    Raises:
        InvalidArgumentError: The file cannot be written.
        FileError: The disk is full.
    """
    return await in_thread(_write, plan, Path(path))


async def load_plan(path: str | Path, source: Client, destination: Client) -> Plan:
    """Read a plan that `save_plan` has written, and set its clients.

    Raises:
        InvalidArgumentError: The file cannot be read, is not a plan, was written by another version
            of the library, or was changed since.
    """
    plan = await in_thread(read_plan, Path(path))
    return plan.bind(source, destination)


def _write(plan: Plan, path: Path) -> Path:
    file = _File(aconnect_plan=_FORMAT, sha256=_digest(plan), plan=plan)
    encoded = msgspec.json.encode(file, order="deterministic")
    with replacing(path) as stream:
        stream.write(msgspec.json.format(encoded, indent=1) + b"\n")
    return path


def read_plan(path: str | Path) -> Plan:
    """Read a plan without clients, such as to know its servers; `Plan.bind` sets them. Blocks.

    Raises:
        InvalidArgumentError: As `load_plan`.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"cannot read {str(path)!r}: {reason(error)}") from error
    try:
        values = msgspec.json.decode(data, type=dict[str, Any])
        version = msgspec.convert(values.get("aconnect_plan"), int)
    except decoding.FAILURES as error:
        raise InvalidArgumentError(
            f"{str(path)!r} is not a plan of a migration: {error}; it may be damaged"
        ) from error
    if version != _FORMAT:
        raise InvalidArgumentError(
            f"{str(path)!r} was written by another version of aconnect, in format {version} "
            f"instead of {_FORMAT}; use that version, or plan again"
        )
    try:
        file = msgspec.convert(values, _File)
    except decoding.FAILURES as error:
        raise InvalidArgumentError(f"{str(path)!r} is damaged: {error}; plan again") from error
    if file.sha256 != _digest(file.plan):
        raise InvalidArgumentError(
            f"{str(path)!r} was changed since it was written, and what is run must be what was "
            "planned; change the mapping or the options, and plan again"
        )
    return file.plan


def _digest(plan: Plan) -> str:
    return hashlib.sha256(msgspec.json.encode(plan, order="deterministic")).hexdigest()

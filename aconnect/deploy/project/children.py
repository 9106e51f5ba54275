"""Child processes that get one request, return one answer, and never outlive the call.

Decides how long they may run and how much of what they write is kept.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from subprocess import DEVNULL, PIPE
from typing import Final, TypeVar

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from msgspec import Struct

from aconnect._core.redaction import HIDDEN
from aconnect._core.text import clean, one_line
from aconnect.errors import InspectionError

_MOST_OUTPUT: Final = 64 << 20
"""Of standard output, in bytes; a longer one is cut, and then is no JSON."""
_MOST_LOG: Final = 64 << 10
"""Of the end of standard error, in bytes."""
_CLOSING: Final = 5.0
"""Seconds for the pipes of a killed process to close."""
_LINES: Final = 8

T = TypeVar("T")
_USERINFO: Final = re.compile(r"(?<=://)[^/\s@]+@")
_LOGGED: Final = re.compile(
    r"^\[(?:WARNING|ERROR|CRITICAL)\] \S+ |^\s*(?:warning|error): ?", re.IGNORECASE
)


class Finished(Struct, frozen=True):
    """A process that has ended."""

    command: tuple[str, ...]
    code: int
    """Its exit code; negative if a signal ended it."""
    output: bytes
    log: bytes
    """The end of what it wrote to standard error."""

    def answer(self, kind: type[T]) -> T:
        """Return what it wrote, or raise `ValueError` with what is wrong with it."""
        if self.code != 0:
            raise ValueError(f"the process ended with {_exit(self.code)}")
        try:
            return msgspec.json.decode(self.output, type=kind)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ValueError(
                f"the process wrote {len(self.output)} bytes that are not a valid answer: {error}"
            ) from error

    def last_lines(self) -> str:
        """Return the last lines of its log in one, for a message."""
        lines = [line for line in map(one_line, self._text().splitlines()) if line]
        return " | ".join(lines[-_LINES:])

    def warnings(self) -> tuple[str, ...]:
        """Return the warnings in its log, each without the indentation of its lines."""
        found: list[str] = []
        is_warning = False
        for line in self._text().splitlines():
            if (start := _LOGGED.match(line)) is not None:
                found.append(line[start.end() :].strip())
                is_warning = True
            elif is_warning and line.startswith(" " * 8):
                found[-1] += _continued(found[-1], line.strip())
            else:
                is_warning = False
        return tuple(dict.fromkeys(filter(None, found)))

    def shown(self, text: str) -> str:
        """Return a text of the process in one line, without passwords of addresses."""
        return one_line(_USERINFO.sub(f"{HIDDEN}@", text))

    def _text(self) -> str:
        return clean(_USERINFO.sub(f"{HIDDEN}@", self.log.decode("utf-8", "replace")))


def _continued(text: str, line: str) -> str:
    """Return what a further line adds to a text; rsconnect-python ends few with a full stop."""
    is_sentence = line[:1].isupper() and not text.endswith((".", ",", ":"))
    return f". {line}" if is_sentence else f" {line}"


def _exit(code: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"exit code {code}"


async def run_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    request: bytes | None = None,
) -> Finished:
    """Run a process, send it a request as one line, and return what it wrote.

    It is killed, with the processes that it started, if the caller is cancelled. Its standard input
    stays open as long as this process lives.

    Raises:
        InspectionError: It cannot be run, or did not end in time.
    """
    try:
        process = await anyio.open_process(
            command,
            stdin=DEVNULL if request is None else PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise InspectionError(f"cannot run {command[0]}: {error.strerror or error}") from error
    output, log = bytearray(), bytearray()
    is_done = False
    try:
        with anyio.move_on_after(timeout):
            async with anyio.create_task_group() as group:
                group.start_soon(_send, process.stdin, request)
                group.start_soon(_receive, process.stdout, output)
                group.start_soon(_receive_end, process.stderr, log)
                await process.wait()
            is_done = True
    finally:
        with anyio.CancelScope(shield=True):
            if not is_done:
                _kill(process)
                # To their end, because pipes that are still open are not closed by the event loop.
                # It comes at once, unless a process has left the group.
                with anyio.move_on_after(_CLOSING):
                    await _receive_end(process.stdout, bytearray())
                    await _receive_end(process.stderr, log)
            await process.aclose()
    code = process.returncode
    finished = Finished(tuple(command), 0 if code is None else code, bytes(output), bytes(log))
    if not is_done:
        lines = finished.last_lines()
        raise InspectionError(
            f"{' '.join(command)} did not end within {timeout:g} s, and was killed; pass a longer "
            "timeout= or find out what it waits for"
            + (f"; its last output was: {lines}" if lines else "")
        )
    return finished


async def _send(stream: ByteSendStream | None, request: bytes | None) -> None:
    if stream is None or request is None:
        return
    # If it does not read, its exit code or its answer says why.
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await stream.send(request + b"\n")


async def _receive(stream: ByteReceiveStream | None, into: bytearray) -> None:
    """Keep the beginning of a stream, and read it to its end."""
    if stream is not None:
        async for chunk in stream:
            into += chunk[: _MOST_OUTPUT - len(into)]


async def _receive_end(stream: ByteReceiveStream | None, into: bytearray) -> None:
    """Keep the end of a stream."""
    if stream is not None:
        async for chunk in stream:
            into += chunk
            del into[:-_MOST_LOG]


def _kill(process: Process) -> None:
    """Kill a process and those that it started."""
    # macOS does not permit it if only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            # It leads a group of its own, which others may be in after it has ended.
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

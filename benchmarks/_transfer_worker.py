"""Sends or receives bytes in a new process, and prints what that took.

The argument is a transfer as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import msgspec
from msgspec import Struct

from benchmarks._measuring import Span, timed
from benchmarks._peak import peak_bytes
from benchmarks._server import ROOT

_BLOCK = bytes(256 * 1024)
_PATH = "/__api__/v1/content/x/bundles"


Side = Literal["aconnect", "aiohttp"]
What = Literal["upload", "checked upload", "download"]
"""A checked upload is compared with a known MD5 while it is sent."""


class Transfer(Struct, frozen=True, kw_only=True):
    """What to transfer to or from a server, and how."""

    url: str
    size: int
    """In bytes, a multiple of 256 KiB."""
    side: Side
    what: What
    uvloop: bool = False


class Cost(Struct, frozen=True):
    """What it took, after a transfer of one block."""

    span: Span
    growth: int
    """Of the peak memory, in bytes."""


Work = Callable[[int], Awaitable[None]]


async def transfer_in_process(transfer: Transfer) -> Cost:
    """Make a transfer in a new process."""
    command = [
        sys.executable,
        "-m",
        "benchmarks._transfer_worker",
        msgspec.json.encode(transfer).decode(),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed; its error is above")
    return msgspec.json.decode(told, type=Cost)


async def _blocks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // len(_BLOCK)):
        yield _BLOCK


def _md5(size: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for _ in range(size // len(_BLOCK)):
        digest.update(_BLOCK)
    return digest.hexdigest()


async def _with_aconnect(transfer: Transfer, measure: Callable[[Work], Awaitable[Cost]]) -> Cost:
    from aconnect import Client

    md5 = {size: _md5(size) for size in (len(_BLOCK), transfer.size)}
    async with Client(transfer.url, api_key="fake") as client:
        bundles = client.content.handle("x").bundles

        async def upload(size: int) -> None:
            known = md5[size] if transfer.what == "checked upload" else None
            await bundles.create(lambda: _blocks(size), size=size, md5=known)

        async def download(size: int) -> None:
            received = 0
            async with client.stream(bundles.download, str(size)) as response:
                async for chunk in response:
                    received += len(chunk)
            _check(received, size)

        return await measure(download if transfer.what == "download" else upload)


async def _by_hand(transfer: Transfer, measure: Callable[[Work], Awaitable[Cost]]) -> Cost:
    import aiohttp

    md5 = {size: _md5(size) for size in (len(_BLOCK), transfer.size)}
    async with aiohttp.ClientSession(transfer.url, headers={"Authorization": "Key k"}) as session:

        async def checked(size: int) -> AsyncIterator[bytes]:
            digest = hashlib.md5(usedforsecurity=False)
            async for block in _blocks(size):
                await asyncio.to_thread(digest.update, block)
                yield block
            if digest.hexdigest() != md5[size]:
                raise RuntimeError("another MD5")

        async def upload(size: int) -> None:
            data = checked(size) if transfer.what == "checked upload" else _blocks(size)
            headers = {"Content-Length": str(size), "Content-Type": "application/gzip"}
            async with session.post(_PATH, data=data, headers=headers) as response:
                await response.json()

        async def download(size: int) -> None:
            received = 0
            async with session.get(f"{_PATH}/{size}/download") as response:
                async for chunk in response.content.iter_any():
                    received += len(chunk)
            _check(received, size)

        return await measure(download if transfer.what == "download" else upload)


def _check(received: int, size: int) -> None:
    if received != size:
        raise RuntimeError(f"{received} bytes came of {size}")


async def _transfer(transfer: Transfer) -> Cost:
    async def measure(work: Work) -> Cost:
        # The first one includes one-time costs: imports, connections, buffers.
        await work(len(_BLOCK))
        before = peak_bytes()
        span = await timed(lambda: work(transfer.size))()
        return Cost(span, peak_bytes() - before)

    return await {"aconnect": _with_aconnect, "aiohttp": _by_hand}[transfer.side](transfer, measure)


def main() -> None:
    """Make the transfer."""
    transfer = msgspec.json.decode(sys.argv[1], type=Transfer)
    factory = importlib.import_module("uvloop").new_event_loop if transfer.uvloop else None
    with asyncio.Runner(loop_factory=factory) as runner:
        print(msgspec.json.encode(runner.run(_transfer(transfer))).decode())


if __name__ == "__main__":
    main()

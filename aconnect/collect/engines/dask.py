"""Jobs on the workers of a Dask scheduler; needs the extra `dask`.

Dask may run a task twice, or forget that it ended, when a worker is lost. Jobs allow for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from aconnect.collect.engines import Job, ManifestEntry
from aconnect.errors import ConnectionFailedError, MissingExtraError, WorkerError

if TYPE_CHECKING:
    from distributed import Client

_CONNECT: Final = 30.0
"""Seconds to wait for the scheduler, and for the first worker."""


class _Failure(Struct, frozen=True):
    """Why a job failed, and where."""

    error: str
    worker: str


def run_text(text: str) -> str:
    """Carry out a job on a worker; both the job and the result are JSON text.

    A plain function, so that it runs in a thread and not in the event loop of the worker.
    """
    from distributed import get_worker  # noqa: PLC0415  an extra

    from aconnect.collect.distributed import run_job  # noqa: PLC0415  needed on workers only
    from aconnect.errors import AconnectError  # noqa: PLC0415

    try:
        result: Any = run_job(msgspec.json.decode(text, type=Job))
    except AconnectError as error:
        result = _Failure(f"{type(error).__name__}: {error}", get_worker().address)
    return msgspec.json.encode(result).decode()


class DaskEngine:
    """Runs jobs on Dask workers.

    Args:
        client: A Dask client of this event loop (`asynchronous=True`).
        slots: How many jobs run at once; see `connected`.
    """

    run_text: Callable[[str], str] = staticmethod(run_text)
    """What is submitted."""

    def __init__(self, client: Client, slots: int) -> None:
        self.slots: int = slots
        self._client: Any = client
        self._numbers = count()
        self._failed_on: defaultdict[str, set[str]] = defaultdict(set)

    async def run(self, job: Job) -> ManifestEntry:
        """Run a job on a worker where it has not failed, if there is one.

        Raises:
            WorkerError: It failed, or workers were lost again and again.
        """
        future: Any = self._client.submit(
            self.run_text,
            msgspec.json.encode(job).decode(),
            # Each attempt is a task of its own, which the scheduler has not forgotten yet.
            key=f"{job.id}.{next(self._numbers)}",
            pure=False,
            retries=0,
            workers=await self._other_workers(job),
        )
        try:
            text = await future
        except Exception as error:
            raise WorkerError(f"{type(error).__name__}: {error}") from error
        finally:
            # A result that is kept is computed again when its worker is lost.
            future.release()
        result = msgspec.json.decode(text, type=dict[str, Any])
        if "error" in result:
            failure = msgspec.convert(result, _Failure)
            self._failed_on[job.id].add(failure.worker)
            raise WorkerError(f"{failure.error} (on {failure.worker})")
        return msgspec.json.decode(text, type=ManifestEntry)

    async def _other_workers(self, job: Job) -> list[str] | None:
        """Return the workers where a job has not failed; None if all will do."""
        failed = self._failed_on.get(job.id)
        if not failed:
            return None
        return sorted(set(await _threads(self._client)) - failed) or None


async def _threads(client: Any) -> dict[str, int]:
    """Return the number of threads of each worker."""
    return dict(await client.nthreads())


@asynccontextmanager
async def connected(scheduler: str) -> AsyncGenerator[DaskEngine, None]:
    """Connect to a Dask scheduler, and yield an engine with as many slots as workers have threads.

    How connections are secured is read from Dask's own configuration.

    Args:
        scheduler: Its address, such as `tcp://scheduler:8786` or `tls://scheduler:8786`.

    Raises:
        MissingExtraError: Dask is not installed.
        ConnectionFailedError: The scheduler does not respond, or it has no workers.
    """
    try:
        import distributed  # noqa: PLC0415  an extra
    except ImportError as error:
        raise MissingExtraError(
            "running jobs on Dask needs the package distributed; install it: "
            "pip install 'aconnect[dask]'"
        ) from error
    try:
        open_client: Any = distributed.Client
        client: Any = await open_client(
            scheduler, asynchronous=True, timeout=_CONNECT, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise ConnectionFailedError(
            f"cannot connect to the Dask scheduler {scheduler}: {error}; check its address"
        ) from error
    try:
        try:
            await client.wait_for_workers(1, timeout=_CONNECT)
        except TimeoutError as error:
            raise ConnectionFailedError(
                f"the Dask scheduler {scheduler} has no workers; start some"
            ) from error
        yield DaskEngine(client, sum((await _threads(client)).values()))
    finally:
        await client.close()

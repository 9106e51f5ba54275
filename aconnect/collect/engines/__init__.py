"""What other machines are given to do, and what they return: plain JSON values.

A module for each scheduler; importing this package imports none of them.
"""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from msgspec import Struct

from aconnect.collect.strategies import Tally
from aconnect.collect.units import Unit
from aconnect.errors import InvalidArgumentError

PAGES: Final = 200
"""How many pages a job reads at most; what is left is returned as other jobs."""
SUFFIX: Final = ".attempt"
"""The ending of the files with the rows of jobs, which nobody takes for those of a format."""
_FILE: Final = re.compile(r"[\w.-]+" + re.escape(SUFFIX))


class Job(Struct, frozen=True, kw_only=True):
    """A part of a run that any machine can carry out. It contains no secret."""

    id: str
    """The same for the same part of a run."""
    server: str
    """The alias of the server, by which a machine finds its address and its key."""
    address: str
    """The address of its API, for comparison; requests go to the address that the machine has."""
    dataset: str
    filters: dict[str, Any] = {}
    strategy: str
    """How the rows are fetched."""
    unit: Unit
    """The window to ask for, the claim within it, and the token after which its pages continue."""
    pages: int = PAGES
    """How many pages to read at most."""
    page_size: int | None = None
    limit: int = 1
    """How many pages to request at once."""
    rate: float | None = None
    """The most requests per second."""
    staging: str
    """The folder or the URL that the rows are written to."""


class ManifestEntry(Struct, frozen=True, kw_only=True):
    """What one attempt of a job has written."""

    job: str
    """The id of the job."""
    file: str
    """The name of the file in the staging folder."""
    size: int
    """In bytes."""
    rows: int
    rest: tuple[Unit, ...] = ()
    """What is left of the job, because it has read as many pages as it may."""
    tally: Tally

    def __post_init__(self) -> None:
        if not (_FILE.fullmatch(self.file) and self.file.startswith(f"{self.job}.")):
            raise InvalidArgumentError(
                f"{self.file!r} is not the file of an attempt of job {self.job!r}"
            )


class Engine(Protocol):
    """Where jobs run."""

    @property
    def slots(self) -> int:
        """How many jobs can run at once."""
        ...

    async def run(self, job: Job) -> ManifestEntry | None:
        """Make one more attempt of a job; return None if the job is left to be run later.

        Raises:
            WorkerError: The attempt failed.
        """
        ...

"""Lock files: the exact Python packages that content runs with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Final

from aconnect._client.bound import ChannelOwner, Scope
from aconnect._client.files import atomic_file
from aconnect._client.signature import FromResponse
from aconnect._core.message import Response
from aconnect._core.model import Model

_PYTHON: Final = re.compile(r"python=(\d+(?:\.\d+)*)")


class Lockfile(FromResponse, Model, kw_only=True):
    """A `requirements.txt.lock`, from which pip or uv create the same environment elsewhere."""

    response_type: ClassVar[Any] = str

    generated_by: str | None = None
    """What generated it, such as `connect; python=3.11.4`."""
    python_version: str | None = None
    """The version of Python it is for; None if the server does not report it."""
    text: str = ""

    @classmethod
    def from_response(
        cls,
        value: str,
        response: Response,
        client: ChannelOwner,
        scope: Scope,
        *,
        optional: bool = False,
    ) -> Lockfile:
        """Return the lock file for the text of a response and its `Generated-By` header."""
        del client, scope, optional
        generated_by = response.headers.get("Generated-By")
        match = _PYTHON.search(generated_by or "")
        return cls(generated_by=generated_by, python_version=match and match[1], text=value)

    async def write(self, path: str | Path) -> Path:
        """Write the text to a file, atomically, and return its path."""
        async with atomic_file(Path(path)) as file:
            await file.write(self.text.encode())
        return Path(path)

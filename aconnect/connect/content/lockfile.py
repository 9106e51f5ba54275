"""Lock files: the exact Python packages that content runs with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from aconnect._client.files import atomic_file
from aconnect._core.message import Response
from aconnect._core.model import Model

_PYTHON: Final = re.compile(r"python=(\d+(?:\.\d+)*)")


class Lockfile(Model, kw_only=True):
    """A `requirements.txt.lock`, from which pip or uv make the same environment elsewhere."""

    wire: ClassVar[type[str]] = str

    generated_by: str | None = None
    """What made it, such as `connect; python=3.11.4`."""
    python_version: str | None = None
    """The version of Python it is for; None where the server does not say."""
    text: str = ""

    @classmethod
    def build(
        cls,
        wire: str,
        response: Response,
        client: Any,
        scope: Mapping[str, Any],
        *,
        optional: bool = False,
    ) -> Lockfile:
        """Make it from the text of an answer and its `Generated-By` header."""
        del client, scope, optional
        said = response.headers.get("Generated-By")
        match = _PYTHON.search(said or "")
        return cls(generated_by=said, python_version=match and match[1], text=wire)

    async def write(self, path: str | Path) -> Path:
        """Write the text to a file; it is there as a whole or not at all."""
        async with atomic_file(Path(path)) as file:
            await file.write(self.text.encode())
        return Path(path)

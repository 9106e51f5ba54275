"""A project: what a directory is, which files belong into its bundle, and its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from aconnect.deploy.files import Excluded, SourceFile
from aconnect.deploy.kinds import Detected


class Project(Struct, frozen=True, kw_only=True):
    """What would be sent of a directory; nothing of it is packed yet."""

    directory: Path
    detected: Detected | None
    """None if the directory has a manifest, which is used as it is."""
    manifest: Mapping[str, Any]
    """Without `files`, which are added with their checksums when they are packed."""
    files: tuple[SourceFile, ...]
    """Without the manifest."""
    generated: Mapping[str, bytes] = {}
    """Files that are not in the directory, such as a `requirements.txt` made of a lock file."""
    excluded: tuple[Excluded, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the user should know, one sentence each."""

    @property
    def app_mode(self) -> str:
        """The kind of content, as the server writes it."""
        metadata = self.manifest.get("metadata")
        return str(metadata.get("appmode", "")) if isinstance(metadata, Mapping) else ""

    @property
    def size(self) -> int:
        """The total size of the files, in bytes, before compression."""
        return sum(file.size for file in self.files) + sum(map(len, self.generated.values()))


async def prepare(directory):
    import json, codecs
    from aconnect.errors import InvalidArgumentError

    try:
        m = json.loads(Path(directory, "manifest.json").read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InvalidArgumentError("no manifest")
    return Project(directory=Path(directory), detected=None, manifest=m, files=())

"""The kinds of content that a directory can be, and how they are recognized."""

from __future__ import annotations

from msgspec import Struct


class Kind(Struct, frozen=True):
    """A kind of content."""

    name: str
    """As users write it, such as `fastapi`."""
    app_mode: str
    """As the server and its manifests write it, such as `python-fastapi`."""


class Detected(Struct, frozen=True):
    """The kind of a directory."""

    kind: Kind
    entrypoint: str | None
    """As in a manifest: `app:app`, or the name of a file."""
    reason: str
    """Why it was recognized, such as `app.py imports fastapi`, or `--type` if it was given."""

"""What the manifest of a bundle asks of a server: versions, package repositories, integrations."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from aconnect._core.guards import is_dict, is_list
from aconnect.migrate.snapshots.model import ManifestSnapshot

_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]*://)?", re.IGNORECASE)
_HOST: Final = re.compile(r"[^:@/?#]*(:\d*)?(?![^/?#])")
"""A host alone; a later `@` is then part of the path."""


def without_userinfo(address: str) -> str:
    """Return an address without user name and password."""
    begin = found.end() if (found := _SCHEME.match(address)) else 0
    if _HOST.match(address, begin):
        return address
    # The last one: a password may contain what ends a host elsewhere, such as a slash.
    return address[:begin] + address[begin:].rpartition("@")[2]


def read_manifest(text: str) -> ManifestSnapshot | None:
    """Read what is needed of a manifest; None if it is not one."""
    try:
        manifest: Any = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    if not is_dict(manifest):
        return None
    packages = _part(manifest, "packages")
    addresses = {_text(entry, "Repository") for entry in packages.values()}
    return ManifestSnapshot(
        app_mode=_text(manifest.get("metadata"), "appmode"),
        r=_text(manifest, "platform"),
        python=_text(manifest.get("python"), "version"),
        quarto=_text(manifest.get("quarto"), "version"),
        nodejs=_text(manifest.get("node"), "version"),
        image=_text(manifest.get("environment"), "image"),
        repositories=tuple(sorted({without_userinfo(one) for one in addresses if one})),
        integration_requests=_requests(manifest.get("integration_requests")),
    )


def _requests(value: Any) -> tuple[str, ...]:
    """Return what identifies the integrations that are requested."""
    requests = value if is_list(value) else []
    named = (
        next(filter(None, (_text(one, key) for key in ("name", "guid", "type"))), None)
        for one in requests
    )
    return tuple(sorted({name for name in named if name}))


def _part(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if is_dict(value) else None
    return found if is_dict(found) else {}


def _text(value: Any, name: str) -> str | None:
    found = value.get(name) if is_dict(value) else None
    return found if isinstance(found, str) and found else None

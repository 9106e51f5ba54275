"""The certificate authorities in a file, trusted instead of those of the system."""

from __future__ import annotations

import ssl
from pathlib import Path

from aconnect.errors import InvalidArgumentError


def trusting(path: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in a PEM file, and no others.

    Raises:
        InvalidArgumentError: The file cannot be read, or has no certificates.
    """
    try:
        # Certificates are ASCII; the mark that Windows writes, and comments around them, are not.
        text = path.read_bytes().decode("ascii", "ignore")
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        # An empty text would mean the authorities of the system.
        return ssl.create_default_context(cadata=text or "empty")
    except ssl.SSLError as error:
        raise InvalidArgumentError(
            f"{path} has no certificates in PEM format, which begin with "
            "-----BEGIN CERTIFICATE-----"
        ) from error

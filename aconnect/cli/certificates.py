"""The certificate authorities that a command trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

import click


def trusting(path: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in a PEM file, and no others."""
    try:
        # Certificates are ASCII; the mark that Windows writes, and comments around them, are not.
        text = path.read_bytes().decode("ascii", "ignore")
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        # An empty text would mean the authorities of the system.
        return ssl.create_default_context(cadata=text or "empty")
    except ssl.SSLError as error:
        raise click.UsageError(
            f"{path} has no certificates in PEM format, which begin with "
            "-----BEGIN CERTIFICATE-----"
        ) from error

"""Files that may contain a secret, recognized by their names and, if need be, by what is in them.

A bundle can be downloaded by everybody who may edit the content, and stays on the server. So these
files are left out unless they are asked for.
"""

from __future__ import annotations

import re
from typing import Final

_VARIABLES: Final = "may contain a secret: environment variables"
_CREDENTIALS: Final = "may contain a secret: credentials"
_KEY: Final = "may contain a secret: a private key"

_FOLDERS: Final = {".aws", ".azure", ".gnupg", ".kube", ".ssh"}
_NAMES: Final = (
    (re.compile(r"\.env(\..+)?(?<!\.example)(?<!\.sample)(?<!\.template)"), _VARIABLES),
    (re.compile(r"\.envrc|\.renviron"), _VARIABLES),
    (re.compile(r"[._]netrc|\.pgpass|\.pypirc|\.git-credentials|credentials\.json"), _CREDENTIALS),
    (re.compile(r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?"), _KEY),
    (re.compile(r".*\.(key|p12|pfx|jks|keystore|kdbx|ppk)"), _KEY),
)
# The content decides about these. A file of a service account has two kilobytes; the certificates
# of an authority, with a key at the end, may have some hundred.
_CONTENTS: Final = (
    (re.compile(r".*\.pem"), re.compile(rb"PRIVATE KEY"), 1 << 20, _KEY),
    (re.compile(r".*\.json"), re.compile(rb'"private_key"\s*:\s*"-----BEGIN'), 1 << 14, _KEY),
    (re.compile(r"\.npmrc"), re.compile(rb"_auth|_password"), 1 << 16, _CREDENTIALS),
)


def secret_by_name(name: str, *, is_folder: bool) -> str | None:
    """Return why a file or folder may be secret, or None."""
    parts = name.lower().rsplit("/", 2)
    if is_folder:
        return _CREDENTIALS if parts[-1] in _FOLDERS else None
    if parts[-2:] == [".streamlit", "secrets.toml"]:
        return _CREDENTIALS
    return next((why for pattern, why in _NAMES if pattern.fullmatch(parts[-1])), None)


def secret_by_content(name: str, path: str) -> str | None:
    """Return why a file may be secret, or None; reads a few files, by their names."""
    name = name.lower().rsplit("/", 1)[-1]
    for pattern, content, most, why in _CONTENTS:
        if pattern.fullmatch(name):
            with open(path, "rb") as file:  # noqa: PTH123  a path as text, for speed
                return why if content.search(file.read(most)) else None
    return None

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

# In an address: a password, or a token instead of a user; what begins with `$` is a variable.
_PASSWORD: Final = rb"://(?:[^/\s:@\"'$]{20,}|[^/\s:@\"']*:[^/\s:@\"'$][^/\s@\"']*)@"

_FOLDERS: Final = {
    *(".aws", ".azure", ".gnupg", ".kaggle", ".kube", ".rsconnect-python", ".secrets"),
    *(".snowflake", ".ssh"),
}
_TEMPLATE: Final = re.compile(r"(.*\.)?(dist|example|sample|template)(\.env)?")
_NAMES: Final = (
    (re.compile(r".*\.env|\.(env|renviron)\..+|\.envrc|\.renviron"), _VARIABLES),
    (
        re.compile(
            r"[._]netrc|\.(pgpass|my\.cnf|pypirc|git-credentials|htpasswd|dockercfg"
            r"|dockerconfigjson|boto|s3cfg|databrickscfg|vault-token|httr-oauth)|kaggle\.json"
            r"|client_secret.*\.json|(application_default_)?credentials\.json"
            r"|\.?secrets\.(json|toml|ya?ml)|.*\.(tfstate|tfvars)(\..+)?"
        ),
        _CREDENTIALS,
    ),
    (re.compile(r"id_(rsa|dsa|ecdsa|ed25519)[^.]*"), _KEY),
    (re.compile(r".*\.(key|p8|p12|pfx|jks|keystore|keytab|kdbx|ovpn|ppk)"), _KEY),
)
# The content decides about these. A file of a service account has two kilobytes; the certificates
# of an authority, with a key at the end, may have some hundred.
_PRIVATE: Final = rb"-----BEGIN [A-Z ]*PRIVATE KEY"
_CONTENTS: Final = (
    (re.compile(r".*\.(pem|crt|cer|asc)"), re.compile(_PRIVATE), 1 << 20, _KEY),
    (re.compile(r"[^.]+|.*key.*\.txt"), re.compile(_PRIVATE), 1 << 14, _KEY),
    (
        re.compile(r".*\.json"),
        re.compile(
            rb'"private_key"\s*:\s*"-----BEGIN'
            rb'|"(client_secret|refresh_token|auth)"\s*:\s*"[^"\s]{16}'
        ),
        1 << 14,
        _CREDENTIALS,
    ),
    (
        re.compile(r"\.(npmrc|condarc|yarnrc\.yml)|pip\.(conf|ini)|uv\.toml"),
        re.compile(rb"_auth|_password|AuthToken|" + _PASSWORD),
        1 << 16,
        _CREDENTIALS,
    ),
    (
        re.compile(r"\.?rprofile(\.site)?"),
        re.compile(rb"[A-Z_]*(PAT|TOKEN|KEY|SECRET|PASSWORD|PWD)[\"']?\s*(=|<-)\s*[\"'][^\"'\s]"),
        1 << 16,
        _VARIABLES,
    ),
)
# Lists of packages are needed, so a password in one is a warning and does not leave it out.
_REQUIREMENTS: Final = re.compile(
    r".*requirements.*\.(txt|in)|pyproject\.toml|(uv|poetry|pdm|renv|package-lock)\.(lock|json)"
)


def secret_in(name: str, path: str) -> str | None:
    """Return why a file may be secret, by its name, its folders or what is in it, or None."""
    parts = name.split("/")
    folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
    for folder in folders:
        if why := secret_by_name(folder, is_folder=True):
            return why
    return secret_by_name(name, is_folder=False) or secret_by_content(name, path)


def secret_by_name(name: str, *, is_folder: bool) -> str | None:
    """Return why a file or folder may be secret, or None."""
    parts = name.lower().rsplit("/", 2)
    if is_folder:
        return _CREDENTIALS if parts[-1] in _FOLDERS else None
    if parts[-2:] == [".streamlit", "secrets.toml"]:
        return _CREDENTIALS
    if _TEMPLATE.fullmatch(parts[-1]):
        return None
    return next((why for pattern, why in _NAMES if pattern.fullmatch(parts[-1])), None)


def secret_by_content(name: str, path: str) -> str | None:
    """Return why a file may be secret, or None; reads a few files, by their names."""
    name = name.lower().rsplit("/", 1)[-1]
    for pattern, content, most, why in _CONTENTS:
        if pattern.fullmatch(name):
            with open(path, "rb") as file:  # noqa: PTH123  a path as text, for speed
                return why if content.search(file.read(most)) else None
    return None


def password_warning(name: str) -> str:
    """Return what the user should know about a list of packages with a password."""
    return (
        f"{name} has a password in an address, which everybody can read who may download the "
        "bundle; let an administrator configure the repository on the server instead"
    )


def has_password(name: str, path: str) -> bool:
    """Return whether a list of packages has a password in the address of a repository."""
    if not _REQUIREMENTS.fullmatch(name.lower().rsplit("/", 1)[-1]):
        return False
    with open(path, "rb") as file:  # noqa: PTH123  a path as text, for speed
        return re.search(_PASSWORD, file.read(1 << 20)) is not None

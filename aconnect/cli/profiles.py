"""Profiles: servers by name, in a configuration file.

The file never contains a key. A profile says where its key is: in an environment variable, in a
file, or in the keyring of the operating system.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import click
from msgspec import Struct

from aconnect._client.keyring import SERVICE, account, stored_key
from aconnect.cli.options import decode_text, read_secret
from aconnect.cli.output import echo_error
from aconnect.cli.running import Failure

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

CONFIG_VARIABLE: Final = "ACONNECT_CONFIG"
PROFILE_VARIABLE: Final = "ACONNECT_PROFILE"
NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_SECRETS: Final = frozenset({"api_key", "key", "token", "password", "client_secret"})


class Profile(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to reach a server, and where its key is."""

    name: str
    service: Literal["connect", "looker", "authentik", "cloudendure"] = "connect"
    server: str
    client_id: str | None = None
    """Looker's client id."""
    api_key_env: str | None = None
    """An environment variable with the key."""
    api_key_file: str | None = None
    """A file with the key."""
    keyring: bool = False
    """Whether the key is in the keyring."""
    proxy: str | None = None
    cacert: str | None = None
    insecure: bool = False

    def key(self) -> str | None:
        """Return the key, or None if the profile does not say where it is."""
        if self.api_key_file is not None:
            path = config_path().parent / Path(self.api_key_file).expanduser()
            try:
                return read_secret(path.read_bytes(), str(path))
            except OSError as error:
                raise click.UsageError(
                    f"cannot read the key of profile {self.name!r}: {path}: "
                    f"{error.strerror or error}"
                ) from error
        if self.api_key_env is not None:
            key = os.environ.get(self.api_key_env, "").strip()
            if not key:
                raise click.UsageError(
                    f"the key of profile {self.name!r} is read from {self.api_key_env}, which is "
                    "not set"
                )
            return key
        return stored_key(self.name, self.server) if self.keyring else None

    @property
    def where(self) -> str:
        """Where the key is, for a message."""
        if self.keyring:
            return "in the keyring"
        if self.api_key_file is not None:
            return f"in {config_path().parent / self.api_key_file}"
        return f"read from {self.api_key_env or 'CONNECT_API_KEY'}"

    def store(self, key: str) -> None:
        """Save the key in the keyring."""
        keyring = _keyring()
        try:
            keyring.set_password(SERVICE, self._account, key)
        except keyring.errors.KeyringError as error:
            raise click.UsageError(
                f"the keyring did not save the key: {error}; pass --store file to save it in a "
                "file that only you can read"
            ) from error

    def forget(self) -> None:
        """Delete the key from where `aconnect login` saved it; a file of your own is kept."""
        if self.keyring:
            keyring = _keyring()
            try:
                keyring.delete_password(SERVICE, self._account)
            except keyring.errors.PasswordDeleteError:
                pass  # it is not there
            except keyring.errors.KeyringError as error:
                echo_error(
                    f"Warning: the key of profile {self.name!r} may still be in the keyring, which "
                    f"did not delete it: {error}"
                )
        elif self.api_key_file == own_key_file(self.name):
            (config_path().parent / own_key_file(self.name)).unlink(missing_ok=True)

    def is_stored_like(self, other: Profile) -> bool:
        """Return True if the keys of both profiles are in the same place."""
        if self.keyring or other.keyring:
            return self.keyring and other.keyring and self._account == other._account
        return self.api_key_file == other.api_key_file

    @property
    def _account(self) -> str:
        return account(self.name, self.server)


def own_key_file(name: str) -> str:
    """Return the name of the file beside the configuration that `aconnect login` saves a key in."""
    return f"{name}.key"


def config_path() -> Path:
    """Return the configuration file: ACONNECT_CONFIG, or the user's by the platform's rules."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen)
    from platformdirs import user_config_path

    return user_config_path("aconnect", appauthor=False) / "config.toml"


def default_name() -> str | None:
    """Return the name of the default profile, or None if there is none."""
    name = _read().unwrap().get("default")
    return None if name is None else str(name)


def names() -> list[str]:
    """Return the names of all profiles."""
    return list(cast("dict[str, object]", _read().unwrap().get("profiles", {})))


def find(name: str) -> Profile | None:
    """Return a profile by its name, or None if there is none, or none that is valid."""
    try:
        return load(name)
    except click.UsageError:
        return None


def load(name: str) -> Profile:
    """Return a profile by its name."""
    profiles = cast("dict[str, object]", _read().unwrap().get("profiles", {}))
    if name not in profiles:
        defined = ", ".join(profiles)
        raise click.UsageError(
            f"{config_path()} has no profile {name!r}"
            + (f"; it has {defined}" if defined else "; create one with: aconnect login NAME")
        )
    return _profile(name, profiles[name])


def _profile(name: str, values: object) -> Profile:
    import msgspec

    where = f"profile {name!r} of {config_path()}"
    if not isinstance(values, dict):
        raise click.UsageError(f"{where} is not a table; write [profiles.{name}]")
    fields = cast("dict[str, object]", values)
    if secret := _SECRETS.intersection(fields):
        raise click.UsageError(
            f"{where} contains {min(secret)}; keys are never read from the configuration. Remove "
            "it, and set api_key_file, api_key_env or keyring instead"
        )
    try:
        return msgspec.convert({**fields, "name": name}, Profile)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"{where} is invalid: {error}") from error


def save(profile: Profile, *, default: bool) -> None:
    """Write a profile into the configuration; the rest of the file is unchanged."""
    import tomlkit

    table = tomlkit.table()
    for field in profile.__struct_fields__:
        value = getattr(profile, field)
        if field != "name" and value not in {None, False}:
            table[field] = value
    with _changing() as document:
        profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        profiles[profile.name] = table
        if default or "default" not in document:
            document["default"] = profile.name


def remove(name: str) -> None:
    """Remove a profile from the configuration."""
    with _changing() as document:
        profiles: Any = document["profiles"]
        del profiles[name]
        if document.unwrap().get("default") == name:
            del document["default"]


def write_key(name: str, key: str) -> str:
    """Save a key in a file that only the user can read, and return its name."""
    path = config_path().parent / own_key_file(name)
    _replace(path, key + "\n")
    return path.name


def _read() -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = config_path()
    try:
        document = tomlkit.parse(decode_text(path.read_bytes(), str(path)))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except TOMLKitError as error:
        raise click.UsageError(f"{path} is not valid TOML: {error}") from error
    values = document.unwrap()
    if not isinstance(values.get("profiles", {}), dict):
        raise click.UsageError(f"{path} is invalid: profiles is not a table")
    if not isinstance(values.get("default", ""), str):
        raise click.UsageError(f"{path} is invalid: default is not the name of a profile")
    return document


@contextmanager
def _changing() -> Generator[TOMLDocument, None, None]:
    """Read the configuration, and write it after the block; other processes wait that long."""
    # A link to the file stays one.
    path = config_path().resolve()
    with ExitStack() as stack:
        # Not on Windows, nor where the folder cannot be opened, which the writing reports.
        with suppress(ImportError, OSError):
            import fcntl

            path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(path.parent, os.O_RDONLY)
            stack.callback(os.close, folder)
            fcntl.flock(folder, fcntl.LOCK_EX)
        document = _read()
        yield document
        # The address of a proxy may contain a password.
        _replace(path, document.as_string())


def _replace(path: Path, text: str) -> None:
    """Write a file that only the user can read, atomically."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode())
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise Failure(f"cannot write {path}: {error.strerror or error}") from error


def _keyring() -> Any:
    try:
        import keyring
    except ImportError:
        raise click.UsageError(
            "the keyring needs the package keyring; install it: pip install 'aconnect[keyring]', "
            "or pass --store file"
        ) from None
    return keyring


def has_keyring() -> bool:
    """Return True if the operating system has a keyring that works without asking."""
    try:
        import keyring
        from keyring.backends import fail
    except ImportError:
        return False
    return not isinstance(keyring.get_keyring(), fail.Keyring)

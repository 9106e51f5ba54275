"""Keys in the keyring of the operating system, where `aconnect login` saves them."""

from __future__ import annotations

from typing import Final

from aconnect.errors import InvalidArgumentError, MissingExtraError

SERVICE: Final = "aconnect"
"""The service under which they are saved."""


def account(name: str, address: str) -> str:
    """Return the user name under which the key of a server is saved."""
    # With the server, so that a changed address does not receive the key of another one.
    return f"{name} {address}"


def stored_key(name: str, address: str) -> str:
    """Return the key of a server that was saved under a name.

    Raises:
        InvalidArgumentError: There is none, or the keyring cannot be read.
        MissingExtraError: The package keyring is not installed.
    """
    try:
        import keyring  # noqa: PLC0415  an extra
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError(
            "the keyring needs the package keyring; install it: pip install 'aconnect[keyring]'"
        ) from None
    try:
        key = keyring.get_password(SERVICE, account(name, address))
    except KeyringError as error:
        raise InvalidArgumentError(
            f"cannot read the key of {name!r} from the keyring: {error}"
        ) from error
    if not key:
        raise InvalidArgumentError(
            f"the keyring has no key for {name!r} and {address}; save one with: "
            f"aconnect login {name} --server {address}"
        )
    return key

"""The environment variables of Looker's own SDK, read as it reads them.

Its file `looker.ini` is not read: credentials are used only where a script or its environment names
them.
"""

from __future__ import annotations

import os
from typing import Final

from aconnect._transport.options import Connection, Timeout
from aconnect.errors import InvalidArgumentError

PREFIX: Final = "LOOKERSDK_"

_TRUE: Final = frozenset({"yes", "y", "true", "t", "1"})
_FALSE: Final = frozenset({"no", "n", "false", "f", "0"})


def variable(name: str) -> str:
    """Return a variable without quotes around its value; empty if it is not set."""
    return os.environ.get(PREFIX + name, "").strip().strip("\"'")


def with_variables(connection: Connection) -> Connection:
    """Return the options of a connection, and what the variables determine if none does."""
    chosen = connection.copy()
    verify, seconds = variable("VERIFY_SSL").lower(), variable("TIMEOUT")
    if verify and chosen.get("ssl") is None and chosen.get("insecure_tls") is None:
        if verify not in _TRUE | _FALSE:
            raise InvalidArgumentError(
                f"{PREFIX}VERIFY_SSL is {verify!r}; set it to true or false, or remove it"
            )
        chosen["insecure_tls"] = verify in _FALSE
    if seconds and chosen.get("timeout") is None:
        try:
            # As there: for connecting, and for each wait for data.
            chosen["timeout"] = Timeout(connect=int(seconds), read=int(seconds))
        except ValueError as error:
            raise InvalidArgumentError(
                f"{PREFIX}TIMEOUT is {seconds!r}; set it to a number of seconds such as 120, or "
                "remove it"
            ) from error
    return chosen

"""Several servers at once, as a file declares them.

Decides how a server is reached and how much it may be asked. A file never contains a key: it says
where the key is. Servers do not depend on each other, so one that fails does not stop the others.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from aconnect._client.certificates import trusting
from aconnect._client.files import reason
from aconnect._client.keyring import stored_key
from aconnect._client.lazy import LazySequence
from aconnect._core.guards import is_dict
from aconnect._core.text import decode_text
from aconnect.collect.datasets import check_content_filter, collection_of, dataset_name
from aconnect.collect.options import EventOptions, options_of
from aconnect.collect.outputs import Format, Output
from aconnect.collect.progress import Progress, RunReport
from aconnect.concurrency import amap
from aconnect.connect import Client
from aconnect.errors import AconnectError, InvalidArgumentError

_ALIAS: Final = re.compile(r"[A-Za-z0-9_-]+")
_SECRETS: Final = frozenset({"api_key", "key", "token", "password", "secret", "client_secret"})


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One server: how to reach it, where its key is, and how much it may be asked."""

    alias: str
    """Its name, also that of its folder: `server=ALIAS`."""
    address: str
    api_key_env: str | None = None
    """An environment variable with the key."""
    keyring: bool = False
    """Whether the key is in the keyring, as `aconnect login ALIAS --server ADDRESS` saves it."""
    in_flight: int | None = None
    """How many pages are requested at once."""
    max_rate: float | None = None
    """The most requests per second."""
    cacert: str | None = None
    """A PEM file with the certificates to trust instead of the system's."""
    proxy: str | None = None
    """An HTTP proxy."""
    datasets: tuple[str, ...] | None = None
    """What is collected from it; by default what is asked of the fleet."""

    def __post_init__(self) -> None:
        if not _ALIAS.fullmatch(self.alias):
            raise InvalidArgumentError(
                f"{self.alias!r} is no alias of a server: use letters, digits, - and _"
            )
        if bool(self.api_key_env) is self.keyring:
            raise InvalidArgumentError(
                f"server {self.alias!r} must say where its key is: set either api_key_env, the "
                "name of an environment variable, or keyring = true"
            )
        if "@" in self.address or "?" in self.address:
            raise InvalidArgumentError(
                f"the address of server {self.alias!r} contains more than an address, perhaps a "
                "password: leave out what is before @ and after ?"
            )
        limits = {"in_flight": self.in_flight, "max_rate": self.max_rate}
        options_of(cast("EventOptions", {k: v for k, v in limits.items() if v is not None}))
        for name in self.datasets or ():
            dataset_name(name)

    def key(self) -> str:
        """Return the key.

        Raises:
            InvalidArgumentError: It is not where it should be.
        """
        if self.api_key_env is None:
            return stored_key(self.alias, self.address)
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise InvalidArgumentError(
                f"the key of server {self.alias!r} is read from {self.api_key_env}, which is not "
                "set"
            )
        return key

    def client(self, **keywords: Any) -> Client:
        """Return a client of it.

        Args:
            **keywords: More arguments of the client, such as `timeout`.

        Raises:
            InvalidArgumentError: The key is missing, or an argument is invalid.
        """
        chosen: dict[str, Any] = {"proxy": self.proxy}
        if self.cacert is not None:
            chosen["ssl"] = trusting(Path(self.cacert).expanduser())
        return Client(self.address, self.key(), **chosen | keywords)


class ServerReport(Struct, frozen=True, kw_only=True):
    """What was collected from one server."""

    alias: str
    address: str
    reports: tuple[RunReport, ...]
    """Of each dataset that was collected."""
    error: AconnectError | None = None
    """What has ended it before the end."""


class Fleet:
    """Several servers, to collect the same from."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers: tuple[Server, ...] = tuple(servers)
        if not self.servers:
            raise InvalidArgumentError("there is no server; declare one as [servers.ALIAS]")

    @classmethod
    def read(cls, path: str | Path) -> Fleet:
        """Read the declaration of servers from a TOML file, with a table `[servers.ALIAS]` each.

        Raises:
            InvalidArgumentError: The file cannot be read, is invalid, or contains a key.
        """
        path = Path(path)
        try:
            document = tomllib.loads(decode_text(path.read_bytes()))
        except OSError as error:
            raise InvalidArgumentError(f"cannot read {path}: {reason(error)}") from error
        except ValueError as error:
            # Its context would contain the file.
            raise InvalidArgumentError(f"{path} is not valid TOML: {error}") from None
        tables = document.pop("servers", {})
        if document or not is_dict(tables) or not tables:
            more = f", not {min(document)}" if document else ""
            raise InvalidArgumentError(f"{path} must contain tables [servers.ALIAS]{more}")
        return cls([_server(path, alias, fields) for alias, fields in tables.items()])

    def collect(
        self,
        datasets: Sequence[str],
        output: Output | str | Path,
        *,
        format: Format | None = None,  # noqa: A002  as on the command line
        client: Callable[[Server], Client] = Server.client,
        on_progress: Callable[[Server, Progress], None] | None = None,
        on_report: Callable[[Server, RunReport], None] | None = None,
        **keywords: Any,
    ) -> LazySequence[ServerReport]:
        """Collect from all servers at once; yield the report of each as it ends.

        The datasets of a server are collected one after the other, and the first failure ends this
        server. Its files are below `server=ALIAS`.

        Args:
            datasets: Their names, for servers that do not say which.
            output: A folder, or the address of an object store.
            format: How to write them; by default JSON lines, or Parquet in an object store.
            client: Creates the client of a server.
            on_progress: Called in the event loop after each page, so it must not block.
            on_report: Called after each dataset.
            **keywords: Options as of `collect.visits`.

        Raises:
            InvalidArgumentError: An argument is invalid; raised at once.
        """
        if not isinstance(output, Output):
            output = Output.parse(str(output), format)
        jobs = [(server, output.below(f"server={server.alias}")) for server in self.servers]
        options = {key: value for key, value in keywords.items() if key != "content_guid"}
        options_of(cast("EventOptions", options))
        for name in datasets:
            dataset_name(name)
        if keywords.get("content_guid") is not None:
            for name in {name for server in self.servers for name in server.datasets or datasets}:
                check_content_filter(name)

        async def one(job: tuple[Server, Output]) -> ServerReport:
            server, folder = job
            reports: list[RunReport] = []
            error: AconnectError | None = None
            try:
                async with client(server) as opened:
                    for name in server.datasets or datasets:
                        chosen = _limited(keywords, server, on_progress)
                        report = await _collected(opened, name, folder, chosen)
                        reports.append(report)
                        if on_report is not None:
                            on_report(server, report)
            except AconnectError as caught:
                error = caught
            return ServerReport(
                alias=server.alias, address=server.address, reports=tuple(reports), error=error
            )

        return amap(one, jobs, limit=len(jobs), ordered=False)


async def _collected(
    client: Client, name: str, output: Output, keywords: dict[str, Any]
) -> RunReport:
    collection = collection_of(client, name, **keywords)
    named = ("from_", "to", "since_last", "content_guid")
    window = {key: keywords[key] for key in named if key in keywords}
    return await collection.into(output.sink(collection.dataset, **window))


def _limited(
    keywords: dict[str, Any],
    server: Server,
    on_progress: Callable[[Server, Progress], None] | None,
) -> dict[str, Any]:
    """Return the options for a server: its own limits come first."""
    chosen = dict(keywords)
    for name in ("in_flight", "max_rate"):
        if (own := getattr(server, name)) is not None:
            chosen[name] = own
    if on_progress is not None:
        chosen["on_progress"] = partial(on_progress, server)
    return chosen


def _server(path: Path, alias: str, fields: Any) -> Server:
    where = f"server {alias!r} of {path}"
    if not is_dict(fields):
        raise InvalidArgumentError(f"{where} is not a table; write [servers.{alias}]")
    if secret := _SECRETS.intersection(fields):
        raise InvalidArgumentError(
            f"{where} contains {min(secret)}; keys are never read from this file. Remove it, and "
            "set api_key_env, the name of an environment variable, or keyring = true"
        )
    try:
        server = msgspec.convert({**fields, "alias": alias}, Server)
    except msgspec.ValidationError as error:
        # What a value's own check raised says more than where it was.
        cause = error.__cause__
        text = cause if isinstance(cause, InvalidArgumentError) else error
        raise InvalidArgumentError(f"{where} is invalid: {text}") from None
    if server.cacert is not None:
        # Beside the file, wherever the program is started.
        with suppress(RuntimeError):
            cacert = path.parent / Path(server.cacert).expanduser()
            server = msgspec.structs.replace(server, cacert=str(cacert))
    return server
